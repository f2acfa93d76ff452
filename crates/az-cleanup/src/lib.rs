//! Deletes resource groups; deletes, recovers and purges key vaults and their secrets: step 5 of the tutorial.
#![forbid(unsafe_code)]

mod all;
mod cli;
mod group;
mod keyvault;
mod secret;

use az_core::cli::{Failure, Session};
use cli::{Cli, Command, Group, Keyvault};
use serde_json::Value;
use std::process::ExitCode;

/// The whole program: its command line, what it does, its exit status.
pub fn main() -> ExitCode {
    az_core::cli::main(run)
}

/// The command line, of which the manual's pages are made.
pub fn command() -> clap::Command {
    <Cli as clap::CommandFactory>::command()
}

async fn run(cli: Cli, session: Session) -> Result<(), Failure> {
    let result = match cli.command {
        Command::Group(Group::Delete {
            name,
            force,
            no_wait,
        }) => {
            group::delete_command(&session, &name, &force, no_wait).await?;
            Value::Null
        }
        Command::Keyvault(Keyvault::Delete {
            name,
            resource_group,
            no_wait,
        }) => {
            keyvault::delete(&session, &name, resource_group.as_ref(), no_wait).await?;
            Value::Null
        }
        Command::Keyvault(Keyvault::Purge(args)) => {
            keyvault::purge_command(&session, &args).await?;
            Value::Null
        }
        Command::Keyvault(Keyvault::Recover(args)) => keyvault::recover(&session, &args).await?,
        Command::Keyvault(Keyvault::ListDeleted) => keyvault::list_deleted(&session).await?,
        Command::Secret(command) | Command::Keyvault(Keyvault::Secret(command)) => {
            return secret::run(&session, &command).await;
        }
        Command::All {
            resource_group,
            force,
        } => all::run(&session, &resource_group, &force).await?,
    };
    session.print(&result)
}
