//! `az-local start`

use super::find::{Notes, Place};
use super::shared::{open_more_files, print, ready_line, runtime, server_options};
use crate::failure::Failure;
use crate::start_options::StartOptions;
use az_local::Command::Status;
use az_local::Server;
use az_local::stderr;
use az_local::{Client, ControlError};
use az_local::{Folder, FolderError, make_own, open_private};
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

/// Starts an instance on a folder.
pub(super) fn start(
    place: &Place,
    notes: Result<Notes, Failure>,
    options: &StartOptions,
    foreground: bool,
    detached: bool,
) -> Result<ExitCode, Failure> {
    let (path, persistent) = (place.path.as_path(), place.named);
    match Client::find(path).and_then(|client| client.ask::<Value>(Status)) {
        Ok(_) => return Err(Failure::Running(path.to_owned())),
        Err(ControlError::NotRunning(_)) => {}
        Err(error) => return Err(error.into()),
    }
    if !foreground {
        return background(path);
    }
    if detached {
        // A session of its own: the terminal's hang-up and Ctrl-C are not for it. It cannot fail in
        // a process that was just started, and where it does, the process runs all the same.
        let _ = rustix::process::setsid();
    }
    open_more_files();
    let runtime = runtime()?;
    let ended = runtime.block_on(async {
        let mut interrupt = signal(SignalKind::interrupt()).map_err(Failure::Signals)?;
        let mut terminate = signal(SignalKind::terminate()).map_err(Failure::Signals)?;
        let folder = Folder::open(path)?;
        if !persistent {
            forget_clients(&folder)?;
        }
        let server = Server::start(folder, &server_options(options, persistent)?).await?;
        if place.named
            && let Err(error) = note(&notes, server.folder())
        {
            stderr::say(format_args!(
                "other commands find this instance only with --data-dir or AZ_LOCAL_DIR: {error}"
            ));
        }
        print(&ready_line(&server))?;
        let (_, ended) = server
            .serve(async {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                }
            })
            .await;
        Ok::<_, Failure>(ended)
    })?;
    // What still runs has not been answered: nobody relies on it.
    runtime.shutdown_timeout(Duration::from_millis(200));
    if let (true, Ok(notes)) = (place.named, &notes) {
        // This one is no more. A note that stays is dropped by whoever reads it.
        let _ = notes.running();
    }
    // Now the folder is free: whoever asked for the end may know.
    drop(ended);
    Ok(ExitCode::SUCCESS)
}

fn note(notes: &Result<Notes, Failure>, folder: &Folder) -> Result<(), String> {
    let notes = notes.as_ref().map_err(Failure::to_string)?;
    notes.add(folder.path()).map_err(|error| error.to_string())
}

/// Sign-ins and machines' homes of an instance that is no more are of no use.
fn forget_clients(folder: &Folder) -> Result<(), Failure> {
    for name in ["client", "machines"] {
        let path = folder.path().join(name);
        match std::fs::remove_dir_all(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(FolderError::at(path)(error).into());
            }
            _ => {}
        }
    }
    Ok(())
}

/// Whether a folder's disk has no room left: what went wrong could not be said in its log either.
fn is_full(folder: &Path) -> bool {
    rustix::fs::statvfs(folder).is_ok_and(|disk| disk.f_bavail == 0)
}

/// Starts this program again, in the background, with the same arguments, and waits until it is
/// ready.
fn background(path: &Path) -> Result<ExitCode, Failure> {
    make_own(path)?;
    let log_path = path.join("server.log");
    let mut log = open_private(&log_path)?;
    let already = log
        .seek(SeekFrom::End(0))
        .map_err(FolderError::at(&log_path))?;
    let program = std::env::current_exe().map_err(Failure::Spawn)?;
    let mut child = Command::new(program)
        .args(std::env::args_os().skip(1))
        .args(["--foreground", "--detached"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(log.try_clone().map_err(FolderError::at(&log_path))?)
        .spawn()
        .map_err(Failure::Spawn)?;
    let mut line = String::new();
    if let Some(output) = child.stdout.take() {
        BufReader::new(output)
            .read_line(&mut line)
            .map_err(Failure::Spawn)?;
    }
    let mut said = String::new();
    let mut read = || {
        log.seek(SeekFrom::Start(already))
            .and_then(|_| log.read_to_string(&mut said))
            .map_err(FolderError::at(&log_path))
    };
    if !line.is_empty() {
        read()?;
        stderr::repeat(&said);
        return print(&line);
    }
    let status = child.wait().map_err(Failure::Spawn)?;
    read()?;
    match u8::try_from(status.code().unwrap_or(1)) {
        // It has said what is wrong in its own words.
        Ok(code) if !said.is_empty() => {
            stderr::repeat(&said);
            Ok(ExitCode::from(code))
        }
        _ if is_full(path) => Err(Failure::Full(path.to_owned())),
        _ => Err(Failure::NotReady(status.to_string())),
    }
}
