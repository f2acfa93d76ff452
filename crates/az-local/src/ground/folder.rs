//! An instance's folder: one instance at a time, readable by its user alone.

pub use super::folder_error::FolderError;
use super::private_files::remove_drafts;
pub use super::private_files::{make_private, open_private, write_private};
use std::fs::{self, File, Metadata, TryLockError};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long a folder's lock is waited for: one that was killed holds it until the system has taken
/// the process apart.
const LOCK_TIMEOUT: Duration = Duration::from_secs(2);

/// The folder that an instance keeps its files in, locked while this value lives.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    _lock: File,
}

impl Folder {
    /// Opens a folder, made if it is missing, and locks it.
    pub fn open(path: &Path) -> Result<Self, FolderError> {
        make_own(path)?;
        let path = path.canonicalize().map_err(FolderError::at(path))?;
        match lock(&path)? {
            Some(lock) => {
                remove_drafts(&path);
                remove_drafts(&path.join("ssh"));
                Ok(Folder { path, _lock: lock })
            }
            None => Err(FolderError::InUse(path)),
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

    /// The same certificates for the JVM, PKCS#12.
    pub(crate) fn trust_store(&self) -> PathBuf {
        self.path.join("ca-bundle.p12")
    }

    /// The database, made empty and private if it is missing.
    pub(crate) fn database(&self) -> Result<PathBuf, FolderError> {
        let path = self.path.join("state.db");
        let file = open_private(&path)?;
        if file.metadata().is_ok_and(|there| there.len() == 0) {
            // The names of a new database and of its folder outlive a power failure, as all that is kept in it.
            for folder in [Some(self.path.as_path()), self.path.parent()]
                .into_iter()
                .flatten()
            {
                let synced = File::open(folder).and_then(|folder| folder.sync_all());
                synced.map_err(FolderError::at(folder))?;
            }
        }
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

    /// What a machine that runs apart has written.
    pub(crate) fn machine_disk(&self, vm_id: &str) -> PathBuf {
        self.machines().join(vm_id).join("disk")
    }

    /// What machines that run apart begin with.
    pub(crate) fn machine_image(&self) -> PathBuf {
        self.path.join("image")
    }

    /// What a host has, as long as it is there.
    pub(crate) fn host(&self, id: &str) -> PathBuf {
        self.hosts().join(id)
    }
}

impl Folder {
    fn hosts(&self) -> PathBuf {
        self.path.join("hosts")
    }

    /// Removes what hosts had: none outlives its instance.
    pub(crate) fn remove_hosts(&self) {
        // What cannot be removed harms nobody: no host is there twice.
        let _ = fs::remove_dir_all(self.hosts());
    }

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

/// Locks a folder until the file is closed; none where another process has held it for two seconds.
pub fn lock(folder: &Path) -> Result<Option<File>, FolderError> {
    let path = folder.join("lock");
    let lock = open_private(&path)?;
    let deadline = Instant::now() + LOCK_TIMEOUT;
    loop {
        match lock.try_lock() {
            Ok(()) => return Ok(Some(lock)),
            Err(TryLockError::WouldBlock) if Instant::now() < deadline => {
                std::thread::sleep(Duration::from_millis(5));
            }
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(source)) => return Err(FolderError::Io { path, source }),
        }
    }
}

/// Refuses a folder in which others than its user may have put what is there; one that is missing is good. Nothing in it
/// is read, and nothing is written.
pub fn check_own(path: &Path) -> Result<(), FolderError> {
    check_way(path)?;
    match fs::metadata(path) {
        Ok(metadata) => check_metadata(path, &metadata),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(source) => Err(FolderError::at(path)(source)),
    }
}

/// Makes an instance's folder for its user alone, whatever the umask is. One that is there and that others may read is
/// closed to them; one that others may write, or that is another user's, is refused.
pub fn make_own(path: &Path) -> Result<(), FolderError> {
    check_own(path)?;
    make_private(path)?;
    // Held open, so that what is checked is what is closed.
    let folder = File::open(path).map_err(FolderError::at(path))?;
    let metadata = folder.metadata().map_err(FolderError::at(path))?;
    check_metadata(path, &metadata)?;
    if metadata.mode() & 0o777 != 0o700 {
        folder
            .set_permissions(fs::Permissions::from_mode(0o700))
            .map_err(FolderError::at(path))?;
    }
    Ok(())
}

fn check_metadata(path: &Path, metadata: &Metadata) -> Result<(), FolderError> {
    let path = path.to_owned();
    if metadata.uid() != rustix::process::geteuid().as_raw() {
        let owner = metadata.uid();
        return Err(FolderError::NotOwn { path, owner });
    }
    if metadata.mode() & 0o022 != 0 {
        let mode = metadata.mode() & 0o7777;
        return Err(FolderError::Shared { path, mode });
    }
    Ok(())
}

/// Checks what leads to a folder: nobody but its user and root may have laid a symbolic link on the way, and no folder on
/// it may let everybody replace what is in it. (A folder's owner and group can do that, too; what they put there is
/// theirs, and refused for that.)
fn check_way(path: &Path) -> Result<(), FolderError> {
    let path = std::path::absolute(path).map_err(FolderError::at(path))?;
    let own = rustix::process::geteuid().as_raw();
    for part in path.ancestors() {
        match fs::symlink_metadata(part) {
            Ok(link) if link.is_symlink() && ![0, own].contains(&link.uid()) => {
                let (path, owner) = (part.to_owned(), link.uid());
                return Err(FolderError::NotOwn { path, owner });
            }
            _ => {}
        }
    }
    let there = path.ancestors().find_map(|part| part.canonicalize().ok());
    let there = there.unwrap_or_default();
    // The folder itself has its own check.
    let itself = path.canonicalize().is_ok();
    for above in there.ancestors().skip(usize::from(itself)) {
        let metadata = fs::metadata(above).map_err(FolderError::at(above))?;
        let mode = metadata.mode() & 0o7777;
        if mode & 0o1002 == 0o002 {
            let path = above.to_owned();
            return Err(FolderError::Unguarded { path, mode });
        }
    }
    Ok(())
}
