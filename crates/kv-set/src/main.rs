//! Writes secrets to a key vault: step 4 of the tutorial, and the tutorial's own program.
#![forbid(unsafe_code)]

fn main() -> std::process::ExitCode {
    kv_set::main()
}
