//! `az-local run -- COMMAND…`

use super::shared::{runtime, server_options};
use super::surroundings::Surroundings;
use crate::cli::StartOptions;
use crate::failure::Failure;
use az_local::{Environment, Folder, FolderError, Server};
use rustix::process::{Pid, Signal, kill_process};
use std::ffi::{OsStr, OsString};
use std::fs::Permissions;
use std::io::IsTerminal;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{ExitCode, ExitStatus};
use std::time::Duration;
use tokio::process::{Child, Command};
use tokio::signal::unix::{Signal as SignalStream, SignalKind, signal};

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
        let server = Server::start(folder, &server_options(options, persistent)).await?;
        let environment = server.environment()?.beside(around.java.as_deref());
        let mut child = spawn(environment, program, arguments)?;
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

/// The signals that end a program. Here they are for the command: az-local ends after it.
struct Signals {
    interrupt: SignalStream,
    terminate: SignalStream,
    hang_up: SignalStream,
    quit: SignalStream,
}

impl Signals {
    fn listen() -> Result<Self, Failure> {
        let listen = |kind| signal(kind).map_err(Failure::Signals);
        Ok(Signals {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
            hang_up: listen(SignalKind::hangup())?,
            quit: listen(SignalKind::quit())?,
        })
    }

    /// Waits for the command's end and passes signals on to it.
    async fn wait_for(&mut self, child: &mut Child) -> std::io::Result<ExitStatus> {
        // Ctrl-C on a terminal reaches the command by itself: passed on, it would count twice.
        let on_terminal = std::io::stdin().is_terminal() || std::io::stderr().is_terminal();
        loop {
            let pid = child
                .id()
                .and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
            let signal = tokio::select! {
                status = child.wait() => return status,
                _ = self.interrupt.recv() => (!on_terminal).then_some(Signal::INT),
                _ = self.quit.recv() => (!on_terminal).then_some(Signal::QUIT),
                _ = self.terminate.recv() => Some(Signal::TERM),
                _ = self.hang_up.recv() => Some(Signal::HUP),
            };
            if let (Some(pid), Some(signal)) = (pid, signal) {
                // One that has just ended needs no signal.
                let _ = kill_process(pid, signal);
            }
        }
    }
}

/// The command's status; for one that a signal ended, 128 and the signal's number, as shells say it.
fn exit_code(status: ExitStatus) -> ExitCode {
    let code = status
        .code()
        .or_else(|| status.signal().map(|number| 128 + number))
        .unwrap_or(1);
    ExitCode::from(u8::try_from(code).unwrap_or(1))
}
