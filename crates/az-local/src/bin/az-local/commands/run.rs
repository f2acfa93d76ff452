//! `az-local run -- COMMAND…`

use super::child::{Signals, exit_code};
use super::shared::{open_more_files, runtime, server_options};
use super::surroundings::Surroundings;
use crate::failure::Failure;
use crate::start_options::StartOptions;
use az_local::{Environment, Folder, FolderError, Server};
use std::ffi::{OsStr, OsString};
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;
use tokio::process::{Child, Command};

/// Runs a command with an instance of its own: in a folder that goes with it, or in a named one.
pub(super) fn run(
    folder: Option<PathBuf>,
    options: &StartOptions,
    program: &OsStr,
    arguments: &[OsString],
    around: &Surroundings,
) -> Result<ExitCode, Failure> {
    let temporary = match folder {
        Some(_) => None,
        None => Some(
            tempfile::Builder::new()
                .prefix("az-local-")
                .permissions(Permissions::from_mode(0o700))
                .tempdir()
                .map_err(FolderError::at(std::env::temp_dir()))?,
        ),
    };
    let persistent = folder.is_some();
    let path = folder
        .or_else(|| {
            temporary
                .as_ref()
                .map(|temporary| temporary.path().to_owned())
        })
        .ok_or(Failure::NoFolder)?;
    let runtime = runtime()?;
    let (code, ended) = runtime.block_on(async {
        // Before the command starts: what comes from now on is for it.
        let mut signals = Signals::listen()?;
        let folder = Folder::open(&path)?;
        let server = Server::start(folder, &server_options(options, persistent)?).await?;
        let environment = server.environment()?.beside(around.java.as_deref());
        let mut child = spawn(environment, program, arguments)?;
        // Now that the command has been started, whose limit is its own.
        open_more_files();
        let (status, ended) = server
            .serve(async { signals.wait_for(&mut child).await })
            .await;
        let code = match status {
            Some(status) => exit_code(status.map_err(Failure::Spawn)?),
            // The instance was stopped under the command, which goes too.
            None => {
                let _ = child.kill().await;
                ExitCode::FAILURE
            }
        };
        Ok::<_, Failure>((code, ended))
    })?;
    runtime.shutdown_timeout(Duration::from_millis(200));
    drop(ended);
    Ok(code)
}

fn spawn(
    environment: Environment,
    program: &OsStr,
    arguments: &[OsString],
) -> Result<Child, Failure> {
    let mut prepared = Command::new(program);
    prepared.args(arguments);
    for name in &environment.unset {
        prepared.env_remove(name);
    }
    prepared.envs(environment.set);
    prepared.spawn().map_err(|source| Failure::Command {
        command: program.to_string_lossy().into_owned(),
        source,
    })
}
