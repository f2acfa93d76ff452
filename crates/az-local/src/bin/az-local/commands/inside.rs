//! A command that runs as if on a machine or another host: with its environment, and nothing of the desk's.

use crate::failure::Failure;
use az_local::{Environment, make_private};
use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::Command;

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

/// The command with the environment, the caller's own variables that do no harm, and those that the user gives.
pub(super) fn command(
    environment: &Environment,
    variables: &[String],
    program: &OsStr,
    arguments: &[OsString],
) -> Result<Command, Failure> {
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
    prepared.envs(given(variables)?);
    Ok(prepared)
}

/// The variables that the user gives, as names and values.
pub(super) fn given(variables: &[String]) -> Result<Vec<(String, String)>, Failure> {
    let pairs = variables.iter().map(|variable| {
        variable
            .split_once('=')
            .filter(|(name, _)| !name.is_empty())
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .ok_or_else(|| Failure::Variable(variable.clone()))
    });
    pairs.collect()
}
