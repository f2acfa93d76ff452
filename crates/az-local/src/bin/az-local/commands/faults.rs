//! `az-local faults …`

use super::shared::{print_json, random_seed, read};
use crate::cli::FaultsCommand;
use crate::failure::Failure;
use az_local::{Chaos, Client, Command};
use serde_json::Value;
use std::process::ExitCode;

/// Asks the running instance for it, and prints the faults that there are then.
pub(super) fn run(client: &Client, command: FaultsCommand) -> Result<ExitCode, Failure> {
    let asked = match command {
        FaultsCommand::Set { file } => Command::Faults {
            text: read(&file)?,
            replace: true,
        },
        FaultsCommand::Add { file } => Command::Faults {
            text: read(&file)?,
            replace: false,
        },
        FaultsCommand::Chaos { rate, seed } => Command::Chaos(Chaos {
            rate,
            seed: seed.unwrap_or_else(random_seed),
        }),
        FaultsCommand::List => Command::FaultsList,
        FaultsCommand::Clear => Command::FaultsClear,
    };
    print_json(&client.ask::<Value>(asked)?)
}
