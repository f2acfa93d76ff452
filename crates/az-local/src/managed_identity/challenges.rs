//! The secrets of Azure Arc's agent: each in a file of its own, good once.
//!
//! Clients read them in one folder only, so that what answers on the port cannot have any file of the server's sent to it:
//! the name must end in `.key`, and the file may have 4096 bytes
//! (`_validate_key_file` of Azure/azure-sdk-for-python, azure/identity/_credentials/azure_arc.py; MSAL's are the same).

use crate::ground::folder::{FolderError, make_private};
use crate::ground::secret::{random_secret, same};
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use uuid::Uuid;

/// Where clients look on Linux.
pub(crate) const FOLDER: &str = "/var/opt/azcmagent/tokens";

/// How many secrets wait to be used; when there are more, the oldest is good no more.
const MOST_OPEN: usize = 16;

/// How often the folder is made again before a file.
const TRIES: usize = 8;

struct Open {
    secret: String,
    path: PathBuf,
}

/// The secrets that a host has given out and that nobody has used.
pub(crate) struct Challenges {
    folder: PathBuf,
    open: Mutex<Vec<Open>>,
    /// Folders that were not there, from the outermost: they go when this does.
    made: Mutex<Vec<PathBuf>>,
}

impl Challenges {
    /// Secrets in a folder, which is made if it is missing. Writes one and takes it away, so that who may not is told now.
    pub(crate) fn in_folder(folder: &Path) -> io::Result<Self> {
        let challenges = Challenges {
            folder: folder.to_owned(),
            open: Mutex::default(),
            made: Mutex::default(),
        };
        let probe = challenges.make()?;
        challenges.drop_at(&probe);
        Ok(challenges)
    }

    /// Makes a secret, and says where it is.
    pub(super) fn make(&self) -> io::Result<PathBuf> {
        let secret = random_secret();
        let path = self.folder.join(format!("{}.key", Uuid::new_v4()));
        let mut file = self.create(&path)?;
        file.write_all(secret.as_bytes())
            .inspect_err(|_| remove(&path))?;
        let mut open = lock(&self.open);
        if open.len() >= MOST_OPEN {
            remove(&open.remove(0).path);
        }
        open.push(Open {
            secret,
            path: path.clone(),
        });
        Ok(path)
    }

    /// Whether this is one of the secrets, which then is one no more.
    pub(super) fn take(&self, secret: &str) -> bool {
        let mut open = lock(&self.open);
        match open.iter().position(|one| same(&one.secret, secret)) {
            Some(at) => {
                remove(&open.remove(at).path);
                true
            }
            None => false,
        }
    }

    fn drop_at(&self, path: &Path) {
        lock(&self.open).retain(|one| one.path != path);
        remove(path);
    }

    /// Makes an empty file in the folder. Another host on this computer may take the folder away at any time, if it made it
    /// and nothing is in it.
    fn create(&self, path: &Path) -> io::Result<File> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(0o600);
        for _ in 0..TRIES {
            self.make_folder()?;
            match options.open(path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                opened => return opened,
            }
        }
        options.open(path)
    }

    fn make_folder(&self) -> io::Result<()> {
        let missing: Vec<PathBuf> = self
            .folder
            .ancestors()
            .take_while(|one| !one.exists())
            .map(Path::to_owned)
            .collect();
        if !missing.is_empty() {
            make_private(&self.folder).map_err(|error| match error {
                FolderError::Io { source, .. } => source,
                other => io::Error::other(other),
            })?;
            lock(&self.made).extend(missing.into_iter().rev());
        }
        Ok(())
    }
}

impl Challenges {
    /// Takes away all files, and the folders that this made.
    pub(super) fn end(&self) {
        for one in lock(&self.open).drain(..) {
            remove(&one.path);
        }
        for folder in lock(&self.made).drain(..).rev() {
            // One that others use is not empty, and stays.
            let _ = std::fs::remove_dir(folder);
        }
    }
}

impl Drop for Challenges {
    fn drop(&mut self) {
        self.end();
    }
}

fn remove(path: &Path) {
    // One that is gone already harms nobody.
    let _ = std::fs::remove_file(path);
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_secret_is_good_once_and_its_file_goes_with_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let inner = folder.path().join("agent").join("tokens");
        let challenges = Challenges::in_folder(&inner).expect("secrets");
        let path = challenges.make().expect("a secret");
        assert_eq!(path.extension().and_then(|name| name.to_str()), Some("key"));
        let mode = std::fs::metadata(&path)
            .expect("a file")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
        let secret = std::fs::read_to_string(&path).expect("a secret");
        assert!(secret.len() <= 4096);
        assert!(!challenges.take("another"));
        assert!(challenges.take(&secret));
        assert!(!path.exists());
        assert!(!challenges.take(&secret));
        drop(challenges);
        assert!(!folder.path().join("agent").exists());
    }

    #[test]
    fn what_others_have_in_the_folder_stays() {
        let folder = tempfile::tempdir().expect("a folder");
        let inner = folder.path().join("tokens");
        let challenges = Challenges::in_folder(&inner).expect("secrets");
        let path = challenges.make().expect("a secret");
        std::fs::write(inner.join("other.key"), "theirs").expect("written");
        drop(challenges);
        assert!(!path.exists());
        assert!(inner.join("other.key").exists());
    }

    #[test]
    fn unused_secrets_are_bounded_in_number() {
        let folder = tempfile::tempdir().expect("a folder");
        let challenges = Challenges::in_folder(folder.path()).expect("secrets");
        let first = challenges.make().expect("a secret");
        let secret = std::fs::read_to_string(&first).expect("a secret");
        for _ in 0..MOST_OPEN {
            challenges.make().expect("a secret");
        }
        assert!(!first.exists());
        assert!(!challenges.take(&secret));
        let left = std::fs::read_dir(folder.path()).expect("a folder").count();
        assert_eq!(left, MOST_OPEN);
    }
}
