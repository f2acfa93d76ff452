//! Every way a command can fail, and its exit status.

use az_local::ControlError;
use az_local::FolderError;
use az_local::OpenError;
use az_local::Refusal;
use az_local::StartError;
use std::io;
use std::path::PathBuf;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error(transparent)]
    Start(#[from] StartError),
    #[error("an az-local is already running on {}; `az-local stop` ends it", .0.display())]
    Running(PathBuf),
    #[error("az-local ended before it was ready: {0}")]
    NotReady(String),
    #[error("az-local could not be started: the disk of {} is full; make room there", .0.display())]
    Full(PathBuf),
    #[error(transparent)]
    Control(#[from] ControlError),
    #[error(transparent)]
    Folder(#[from] FolderError),
    #[error("'{command}' could not be run: {source}")]
    Command { command: String, source: io::Error },
    #[error("a signal could not be awaited: {0}")]
    Signals(io::Error),
    #[error("az-local could not be started: {0}")]
    Spawn(io::Error),
    #[error("several az-local run: on {}. Say which one: --data-dir DIR, or AZ_LOCAL_DIR", list(.0))]
    Several(Vec<PathBuf>),
    #[error("neither HOME nor XDG_RUNTIME_DIR is set; say --data-dir")]
    NoFolder,
    #[error("--env takes NAME=VALUE, not '{0}'")]
    Variable(String),
    #[error("{}: {source}", path.display())]
    File { path: PathBuf, source: io::Error },
    #[error("a certificate could not be made: {0}")]
    Certificate(String),
    #[error("the instance's environment names no proxy")]
    NoProxy,
    #[error("no connection to {host}: {source}")]
    Connection { host: String, source: io::Error },
    #[error(
        "the connection could not be handed to ssh: {0}. Its configuration must say `ProxyUseFdpass yes`"
    )]
    HandOver(io::Error),
    #[error("standard output: {0}")]
    Output(io::Error),
}

fn list(folders: &[PathBuf]) -> String {
    let shown = folders.iter().map(|folder| folder.display().to_string());
    shown.collect::<Vec<_>>().join(", on ")
}

/// The exit status of what was asked for wrongly.
pub(crate) const USAGE: u8 = 2;

impl Failure {
    /// What is wrong with a folder, whoever found it.
    fn folder(&self) -> Option<&FolderError> {
        match self {
            Failure::Folder(error)
            | Failure::Control(ControlError::Folder(error))
            | Failure::Start(StartError::Folder(error))
            | Failure::Start(StartError::Open(OpenError::Folder(error))) => Some(error),
            _ => None,
        }
    }

    /// The exit status: 2 usage, 3 not found, 6 conflict, 7 gave up waiting, 126 and 127 as shells have them, else 1.
    pub(crate) fn status(&self) -> u8 {
        match self.folder() {
            Some(FolderError::InUse(_)) => return 6,
            Some(
                FolderError::NotOwn { .. }
                | FolderError::NotPlain { .. }
                | FolderError::Shared { .. }
                | FolderError::Unguarded { .. },
            ) => return USAGE,
            Some(FolderError::Io { .. }) | None => {}
        }
        match self {
            Failure::Control(ControlError::NotRunning(_)) => 3,
            Failure::Control(ControlError::Silent { .. }) => 7,
            Failure::Control(ControlError::Refused { reason, .. }) => match reason {
                Refusal::NotFound => 3,
                Refusal::Invalid => USAGE,
                Refusal::Failed => 1,
            },
            Failure::Running(_) | Failure::Start(StartError::Port { .. }) => 6,
            Failure::NoFolder | Failure::Several(_) | Failure::Variable(_) => USAGE,
            Failure::Start(StartError::Open(OpenError::Faults(_))) => USAGE,
            Failure::Command { source, .. } if source.kind() == io::ErrorKind::NotFound => 127,
            Failure::Command { .. } => 126,
            _ => 1,
        }
    }
}
