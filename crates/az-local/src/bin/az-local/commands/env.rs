//! `az-local env`

use super::shared::print;
use super::surroundings::Surroundings;
use crate::failure::{Failure, USAGE};
use az_local::Command as Ask;
use az_local::{Client, Environment, Shell};
use std::ffi::OsString;
use std::process::ExitCode;

/// What the shell says that reads the environment of a failed `env`, beside the reason, which `env` itself says.
const LED_NOWHERE: &str = "az-local: no local Azure here: this shell's proxy variables name a closed port now, so that no \
                           client reaches the real Azure instead; `az-local env` sets them anew";

/// Prints the environment of an instance. Where that fails, what it prints makes the shell that reads it fail, and leads
/// its clients nowhere: `eval` of nothing would succeed, and what follows would run on the real Azure.
pub(super) fn env(
    found: Result<Client, Failure>,
    shell: Shell,
    tenant: usize,
    around: &Surroundings,
) -> Result<ExitCode, Failure> {
    let java = around.java.as_deref();
    let asked = Ask::Environment { tenant };
    match found.and_then(|client| Ok(client.ask::<Environment>(asked)?)) {
        Ok(environment) => print(&environment.beside(java).lines(shell)),
        Err(failure) => {
            print_nobodys(shell, failure.status(), java)?;
            Err(failure)
        }
    }
}

fn print_nobodys(shell: Shell, status: u8, java: Option<&str>) -> Result<ExitCode, Failure> {
    let nobodys = Environment::of_nobody().beside(java);
    print(&nobodys.failing_lines(shell, LED_NOWHERE, status))
}

/// The same for an `env` whose arguments cannot be read. Prints nothing for another command.
pub(crate) fn misread(arguments: impl Iterator<Item = OsString>, around: &Surroundings) {
    let arguments: Vec<String> = arguments
        .map(|argument| argument.to_string_lossy().into_owned())
        .collect();
    let mut words = arguments.iter().map(String::as_str);
    let command = loop {
        match words.next() {
            Some("--data-dir") => _ = words.next(),
            Some(option) if option.starts_with('-') => {}
            word => break word,
        }
    };
    if command != Some("env") {
        return;
    }
    let mut shell = Shell::Sh;
    while let Some(word) = words.next() {
        let name = match word.strip_prefix("--shell") {
            Some("") => words.next(),
            Some(rest) => rest.strip_prefix('='),
            None => None,
        };
        shell = name.map_or(shell, Shell::called);
    }
    // Standard error has the reason; where standard output is closed, nobody reads.
    let _ = print_nobodys(shell, USAGE, around.java.as_deref());
}
