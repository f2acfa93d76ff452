//! `az-local vm`: virtual machines, from the inside.

use super::inside;
use super::shared::print_json;
use crate::cli::VmCommand;
use crate::failure::Failure;
use az_local::Client;
use az_local::Command as Ask;
use az_local::Environment;
use serde_json::Value;
use std::ffi::{OsStr, OsString};
use std::os::unix::process::CommandExt;
use std::process::ExitCode;

pub(super) fn run(client: &Client, command: VmCommand) -> Result<ExitCode, Failure> {
    match command {
        VmCommand::List { subscription } => {
            print_json(&client.ask::<Value>(Ask::Machines { subscription })?)
        }
        VmCommand::Exec {
            resource_group,
            name,
            subscription,
            variables,
            program,
            arguments,
        } => {
            let asked = Ask::Machine {
                subscription,
                group: resource_group,
                name,
            };
            let environment: Environment = client.ask(asked)?;
            Err(execute(&environment, &variables, &program, &arguments)?)
        }
    }
}

/// Becomes the command. Comes back only when that fails.
fn execute(
    environment: &Environment,
    variables: &[String],
    program: &OsStr,
    arguments: &[OsString],
) -> Result<Failure, Failure> {
    let mut prepared = inside::command(environment, variables, program, arguments)?;
    if let Some(home) = environment.get("HOME") {
        prepared.current_dir(home);
    }
    let source = prepared.exec();
    Ok(Failure::Command {
        command: program.to_string_lossy().into_owned(),
        source,
    })
}
