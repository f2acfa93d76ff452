//! Reads secrets of a key vault: the tutorial's verification.
#![forbid(unsafe_code)]

fn main() -> std::process::ExitCode {
    kv_get::main()
}
