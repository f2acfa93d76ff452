//! Deletes resource groups; deletes, recovers and purges key vaults and their secrets: step 5 of the tutorial.
#![forbid(unsafe_code)]

/// Whatever is freed is wiped, be it ours, the HTTP client's or TLS's: a secret or a token lives no longer than its use.
#[global_allocator]
static WIPED: zeroizing_alloc::ZeroAlloc<std::alloc::System> =
    zeroizing_alloc::ZeroAlloc(std::alloc::System);

fn main() -> std::process::ExitCode {
    az_cleanup::main()
}
