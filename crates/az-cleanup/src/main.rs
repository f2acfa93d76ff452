//! Deletes resource groups; deletes, recovers and purges key vaults and their secrets: step 5 of the tutorial.
#![forbid(unsafe_code)]

fn main() -> std::process::ExitCode {
    az_cleanup::main()
}
