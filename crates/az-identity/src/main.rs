//! Creates managed identities and assigns them to virtual machines: step 2 of the tutorial.
#![forbid(unsafe_code)]

fn main() -> std::process::ExitCode {
    az_identity::main()
}
