//! `az-local principal`: who is in the directory.

use super::shared::{print_json, read};
use crate::cli::{NewPrincipal, PrincipalCommand};
use crate::failure::Failure;
use az_local::Client;
use az_local::Command as Ask;
use serde_json::Value;
use std::path::PathBuf;
use std::process::ExitCode;

pub(super) fn run(client: &Client, command: PrincipalCommand) -> Result<ExitCode, Failure> {
    let asked = match command {
        PrincipalCommand::List { tenant } => Ask::Principals { tenant },
        PrincipalCommand::Add { new, tenant } => match new {
            NewPrincipal::User {
                name,
                display_name,
                password_file,
            } => Ask::AddUser {
                tenant,
                name,
                display_name,
                password: password_file.map(read_password).transpose()?,
            },
            NewPrincipal::Group { name, members } => Ask::AddGroup {
                tenant,
                name,
                members,
            },
            NewPrincipal::Member { group, members } => Ask::AddMembers {
                tenant,
                group,
                members,
            },
        },
    };
    print_json(&client.ask::<Value>(asked)?)
}

/// The first line.
fn read_password(path: PathBuf) -> Result<String, Failure> {
    let text = read(&path)?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
}
