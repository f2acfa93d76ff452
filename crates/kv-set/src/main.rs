//! Writes secrets to a key vault: step 4 of the tutorial, and the tutorial's own program.
#![forbid(unsafe_code)]

/// Whatever is freed is wiped, be it ours, the HTTP client's or TLS's: a secret or a token lives no longer than its use.
#[global_allocator]
static WIPED: zeroizing_alloc::ZeroAlloc<std::alloc::System> =
    zeroizing_alloc::ZeroAlloc(std::alloc::System);

fn main() -> std::process::ExitCode {
    kv_set::main()
}
