//! `az-local vm`: virtual machines, from the inside.

use super::shared::print_json;
use crate::cli::VmCommand;
use crate::failure::Failure;
use az_local::Client;
use az_local::Command as Ask;
use az_local::Environment;
use az_local::make_private;
use serde_json::Value;
use std::ffi::{OsStr, OsString};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitCode};

/// Variables of the caller's that a command needs anywhere, and that carry no credential.
const PASSED_ON: [&str; 12] = [
    "PATH",
    "TERM",
    "COLORTERM",
    "NO_COLOR",
    "LANG",
    "LANGUAGE",
    "LC_ALL",
    "LC_CTYPE",
    "LC_MESSAGES",
    "TZ",
    "USER",
    "SHELL",
];

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
    for name in ["HOME", "AZURE_CONFIG_DIR"] {
        if let Some(folder) = environment.get(name) {
            make_private(Path::new(folder))?;
        }
    }
    let mut prepared = Command::new(program);
    prepared.args(arguments).env_clear();
    for name in PASSED_ON {
        if let Some(value) = std::env::var_os(name) {
            prepared.env(name, value);
        }
    }
    prepared.envs(environment.set.iter().map(|(name, value)| (name, value)));
    for variable in variables {
        let (name, value) = variable
            .split_once('=')
            .filter(|(name, _)| !name.is_empty())
            .ok_or_else(|| Failure::Variable(variable.clone()))?;
        prepared.env(name, value);
    }
    if let Some(home) = environment.get("HOME") {
        prepared.current_dir(home);
    }
    let source = prepared.exec();
    Ok(Failure::Command {
        command: program.to_string_lossy().into_owned(),
        source,
    })
}
