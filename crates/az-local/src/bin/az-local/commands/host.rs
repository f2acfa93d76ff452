//! `az-local host`: hosts that give managed identities, other than virtual machines.

use super::child::{Signals, exit_code};
use super::inside;
use super::shared::print_json;
use crate::cli::{HostArguments, HostCommand};
use crate::failure::Failure;
use az_local::{Client, Command as Ask, Environment, HostOptions};
use serde_json::Value;
use std::ffi::{OsStr, OsString};
use std::process::ExitCode;
use tokio::io::AsyncReadExt;
use tokio::net::UnixStream;

pub(super) fn run(client: &Client, command: HostCommand) -> Result<ExitCode, Failure> {
    match command {
        HostCommand::Show { host } => {
            print_json(&client.ask::<Value>(Ask::HostIdentity(options(host)))?)
        }
        HostCommand::Exec {
            host,
            variables,
            program,
            arguments,
        } => {
            let asked = Ask::Host(options(host));
            let (environment, held): (Environment, _) = client.hold(asked)?;
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .map_err(Failure::Spawn)?;
            runtime.block_on(async {
                held.set_nonblocking(true).map_err(Failure::Spawn)?;
                let held = UnixStream::from_std(held).map_err(Failure::Spawn)?;
                execute(&environment, &variables, &program, &arguments, held).await
            })
        }
    }
}

fn options(host: HostArguments) -> HostOptions {
    HostOptions {
        kind: host.kind,
        name: host.name,
        group: host.resource_group,
        subscription: host.subscription,
        identities: host.identities,
        service_account: host.service_account,
    }
}

/// Runs the command while the host is there, and waits until nothing of the host is left.
async fn execute(
    environment: &Environment,
    variables: &[String],
    program: &OsStr,
    arguments: &[OsString],
    mut held: UnixStream,
) -> Result<ExitCode, Failure> {
    let mut signals = Signals::listen()?;
    let prepared = inside::command(environment, variables, program, arguments)?;
    let spawned = tokio::process::Command::from(prepared).spawn();
    let mut child = spawned.map_err(|source| Failure::Command {
        command: program.to_string_lossy().into_owned(),
        source,
    })?;
    let mut rest = [0; 1];
    let status = tokio::select! {
        status = signals.wait_for(&mut child) => Some(status.map_err(Failure::Spawn)?),
        // Nothing more is said on it: the instance has ended, and the host with it.
        _ = held.read(&mut rest) => None,
    };
    let Some(status) = status else {
        let _ = child.kill().await;
        return Ok(ExitCode::FAILURE);
    };
    // The instance closes its end when all is done. One that is gone has closed it, too.
    let (mut from, to) = held.into_split();
    drop(to);
    let _ = from.read(&mut rest).await;
    Ok(exit_code(status))
}
