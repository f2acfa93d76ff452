//! The tools, the scripts and other clients, each against a local Azure of its own. One program: it is linked once, and
//! what waits in one file leaves the processors to the others.

mod cleanup;
mod completion;
mod contracts;
mod defaults;
mod deployments;
mod doctor;
mod durability;
mod environment;
mod extensions;
mod foreign_links;
mod help;
mod identity;
mod machine;
mod machine_commands;
mod manual;
mod mistakes;
mod plan;
mod powershell;
mod principals;
mod progress;
mod provision;
mod regressions;
mod role;
mod run_again;
mod scripts;
mod secret;
mod secret_backups;
mod secret_habits;
mod secret_variables;
mod secret_versions;
mod ssh;
mod terraform;
mod token_cache;
mod tunnels;
mod wire;
