//! Finding the instance that a command is for.
//!
//! One that is named (`--data-dir`, `AZ_LOCAL_DIR`) is that one. Else it is the one that runs: in the user's default
//! folder, or in a folder that was named at its start, which is noted in the default folder. Where several run, none is
//! chosen silently.

use super::surroundings::Surroundings;
use crate::failure::Failure;
use az_local::{Client, ControlError};
use az_local::{FolderError, check_own, lock, make_own, make_private, write_private};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use uuid::Uuid;

/// An instance's folder, and whether someone named it.
pub(super) struct Place {
    pub(super) path: PathBuf,
    pub(super) named: bool,
}

/// Where an instance is to be.
pub(super) fn place(flag: Option<PathBuf>, around: &Surroundings) -> Result<Place, Failure> {
    match flag.or_else(|| around.instance.clone()) {
        Some(path) => Ok(Place { path, named: true }),
        None => Ok(Place {
            path: default_folder(around)?,
            named: false,
        }),
    }
}

fn default_folder(around: &Surroundings) -> Result<PathBuf, Failure> {
    let local_state = |home: &PathBuf| home.join(".local").join("state");
    let parent = around
        .runtime
        .clone()
        .or_else(|| around.state.clone())
        .or_else(|| around.home.as_ref().map(local_state));
    Ok(parent.ok_or(Failure::NoFolder)?.join("az-local"))
}

/// The instance that a command is for.
pub(super) fn find(flag: Option<PathBuf>, around: &Surroundings) -> Result<Client, Failure> {
    let place = place(flag, around)?;
    if place.named {
        return Ok(Client::find(&place.path)?);
    }
    let (mut running, unusable) = Notes::of(around)?.running()?;
    match Client::find(&place.path) {
        Ok(client) => running.insert(0, client),
        Err(ControlError::NotRunning(_)) => {}
        Err(error) => return Err(error.into()),
    }
    if running.len() > 1 {
        let folders = running.iter().map(|client| client.folder().to_owned());
        return Err(Failure::Several(folders.collect()));
    }
    running
        .pop()
        .ok_or_else(|| unusable.unwrap_or(ControlError::NotRunning(place.path)))
        .map_err(Failure::from)
}

/// The notes in the user's default folder of the instances that run in other ones: a file each, which holds the
/// folder's path. Whoever changes them holds the folder's lock.
pub(super) struct Notes {
    default: PathBuf,
    folder: PathBuf,
}

impl Notes {
    pub(super) fn of(around: &Surroundings) -> Result<Self, Failure> {
        let default = default_folder(around)?;
        let folder = default.join("instances");
        Ok(Notes { default, folder })
    }

    /// Notes an instance that runs in `folder`, an absolute path.
    pub(super) fn add(&self, folder: &Path) -> Result<(), FolderError> {
        make_own(&self.default)?;
        make_private(&self.folder)?;
        check_own(&self.folder)?;
        if self.default.canonicalize().is_ok_and(|own| own == folder) {
            return Ok(());
        }
        let Some(_lock) = lock(&self.folder)? else {
            return Err(FolderError::InUse(self.folder.clone()));
        };
        let path = folder.as_os_str().as_bytes();
        let name = Uuid::new_v5(&Uuid::NAMESPACE_URL, path).to_string();
        write_private(&self.folder.join(name), path)
    }

    /// The instances that run, and why one cannot be asked that may. Drops the notes of those that are no more.
    pub(super) fn running(&self) -> Result<(Vec<Client>, Option<ControlError>), FolderError> {
        check_own(&self.default)?;
        check_own(&self.folder)?;
        let mut running = Vec::new();
        let mut unusable = None;
        if !self.folder.is_dir() {
            return Ok((running, unusable));
        }
        // An instance is noted when it can be asked, and under the lock: what cannot be asked now is no more.
        let lock = lock(&self.folder)?;
        let entries = fs::read_dir(&self.folder).map_err(FolderError::at(&self.folder))?;
        for note in entries.flatten().map(|entry| entry.path()) {
            let is_note = |name: &OsStr| {
                name.to_str()
                    .is_some_and(|name| name.parse::<Uuid>().is_ok())
            };
            if !note.file_name().is_some_and(is_note) {
                continue;
            }
            // Another one may just have dropped it.
            let Ok(path) = fs::read(&note) else { continue };
            match Client::find(Path::new(OsStr::from_bytes(&path))) {
                Ok(client) => running.push(client),
                Err(
                    ControlError::NotRunning(_) | ControlError::Folder(FolderError::NotOwn { .. }),
                ) => {
                    if lock.is_some() {
                        // Left there, it is found to be of no use the next time.
                        let _ = fs::remove_file(&note);
                    }
                }
                Err(error) => unusable = Some(error),
            }
        }
        running.sort_by(|one, other| one.folder().cmp(other.folder()));
        Ok((running, unusable))
    }
}
