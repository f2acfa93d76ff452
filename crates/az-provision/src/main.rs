//! Creates and shows resource groups, virtual machines and key vaults: step 1 of the tutorial.
#![forbid(unsafe_code)]

fn main() -> std::process::ExitCode {
    az_provision::main()
}
