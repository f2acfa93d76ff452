//! Creates and shows resource groups, virtual machines and key vaults: step 1 of the tutorial.
#![forbid(unsafe_code)]

/// Whatever is freed is wiped, be it ours, the HTTP client's or TLS's: a secret or a token lives no longer than its use.
#[global_allocator]
static WIPED: zeroizing_alloc::ZeroAlloc<std::alloc::System> =
    zeroizing_alloc::ZeroAlloc(std::alloc::System);

fn main() -> std::process::ExitCode {
    az_provision::main()
}
