//! Assigns roles: step 3 of the tutorial.
#![forbid(unsafe_code)]

fn main() -> std::process::ExitCode {
    az_role::main()
}
