//! An instance's folder: one instance at a time, readable by its user alone.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long a folder's lock is waited for: one that was killed holds it until the system has taken
/// the process apart.
const LOCK_TIMEOUT: Duration = Duration::from_secs(2);

/// Why a folder cannot be used.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each variant's message says what it is")]
pub enum FolderError {
    #[error("an az-local is already running on {}", .0.display())]
    InUse(PathBuf),
    #[error("{}: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
}

impl FolderError {
    /// An input or output error on `path`.
    pub fn at(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> FolderError {
        let path = path.into();
        move |source| FolderError::Io { path, source }
    }
}

/// The folder that an instance keeps its files in, locked while this value lives.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    _lock: File,
}

impl Folder {
    /// Opens a folder, made if it is missing, and locks it.
    pub fn open(path: &Path) -> Result<Self, FolderError> {
        make_private(path)?;
        let path = path.canonicalize().map_err(FolderError::at(path))?;
        let lock_path = path.join("lock");
        let lock = private_options()
            .truncate(false)
            .open(&lock_path)
            .map_err(FolderError::at(&lock_path))?;
        let deadline = Instant::now() + LOCK_TIMEOUT;
        loop {
            match lock.try_lock() {
                Ok(()) => return Ok(Folder { path, _lock: lock }),
                Err(TryLockError::WouldBlock) if Instant::now() < deadline => {
                    std::thread::sleep(Duration::from_millis(5));
                }
                Err(TryLockError::WouldBlock) => return Err(FolderError::InUse(path)),
                Err(TryLockError::Error(source)) => {
                    return Err(FolderError::Io {
                        path: lock_path,
                        source,
                    });
                }
            }
        }
    }

    /// The folder's absolute path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The certificate authority's certificate, PEM.
    pub(crate) fn authority(&self) -> PathBuf {
        self.path.join("ca.pem")
    }

    /// The system's root certificates and the instance's own, PEM.
    pub(crate) fn bundle(&self) -> PathBuf {
        self.path.join("ca-bundle.pem")
    }

    /// The database, made empty and private if it is missing.
    pub(crate) fn database(&self) -> Result<PathBuf, FolderError> {
        let path = self.path.join("state.db");
        private_options()
            .truncate(false)
            .open(&path)
            .map_err(FolderError::at(&path))?;
        Ok(path)
    }

    /// Where the client that calls from the desk keeps `name`: never the user's own sign-ins.
    pub(crate) fn client(&self, name: &str) -> PathBuf {
        self.path.join("client").join(name)
    }

    /// The home folder on a machine.
    pub(crate) fn machine_home(&self, vm_id: &str) -> PathBuf {
        self.machines().join(vm_id).join("home")
    }
}

impl Folder {
    fn machines(&self) -> PathBuf {
        self.path.join("machines")
    }

    /// Removes what a machine had.
    pub(crate) fn remove_machine(&self, vm_id: &str) {
        // What cannot be removed (a file of another user's) harms nobody: the next machine has another id.
        let _ = fs::remove_dir_all(self.machines().join(vm_id));
    }

    /// Removes what machines had that are not there any more: those of an instance whose state was in memory, or that was
    /// killed while it removed them.
    pub(crate) fn keep_machines(&self, vm_ids: &[String]) {
        let Ok(entries) = fs::read_dir(self.machines()) else {
            return;
        };
        for name in entries.flatten().map(|entry| entry.file_name()) {
            if let Some(name) = name.to_str()
                && !vm_ids.iter().any(|vm_id| vm_id == name)
            {
                self.remove_machine(name);
            }
        }
    }
}

/// Makes a folder, and those above it that are missing, for its user alone.
pub fn make_private(path: &Path) -> Result<(), FolderError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(FolderError::at(path))
}

fn private_options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).mode(0o600);
    options
}

/// Writes a whole file that only its user can read; readers see the old or the new content.
pub fn write_private(path: &Path, content: &[u8]) -> Result<(), FolderError> {
    let draft = path.with_extension("new");
    let write = || -> io::Result<()> {
        private_options()
            .truncate(true)
            .open(&draft)?
            .write_all(content)?;
        fs::rename(&draft, path)
    };
    write().map_err(FolderError::at(path))
}
