//! The file with the tokens: `tokens.json`, of mode 0600, in a folder of its own.
//!
//! Writers take turns by a lock and replace the file as a whole, so readers need no lock and never see half of it.

use super::{key::Key, sign_in::Stamp};
use serde::{Deserialize, Serialize};
use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{self, Read, Write},
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};
use zeroize::Zeroizing;

/// Of the file's layout. A file of another version counts as empty.
const VERSION: u32 = 1;

/// In bytes. A token has 2 to 4 KiB; what is larger than this is not our file.
const MOST: u64 = 4 << 20;

/// The longest wait for another writer, who needs milliseconds.
const WRITERS: Duration = Duration::from_secs(2);

/// Between two looks whether a lock is free.
const PAUSE: Duration = Duration::from_millis(10);

/// A token and what it is good for. Not `Debug`: it holds a token.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Entry {
    pub(super) key: Key,
    pub(super) sign_in: Stamp,
    /// In seconds since 1970.
    pub(super) expires_on: i64,
    pub(super) token: Zeroizing<String>,
}

#[derive(Deserialize)]
struct Content {
    version: u32,
    entries: Vec<Entry>,
}

/// The file, by its folder.
pub(super) struct TokenFile {
    folder: PathBuf,
}

/// Why a file is not read.
enum Unread {
    Missing,
    /// Ours, but others may read it: the tokens in it are not ours alone, and the next ones are written anew.
    Exposed,
    /// Not ours to read or replace; says what it is.
    Foreign(&'static str),
    Failed(io::Error),
}

impl TokenFile {
    pub(super) fn in_folder(folder: PathBuf) -> Self {
        TokenFile { folder }
    }

    pub(super) fn path(&self) -> PathBuf {
        self.folder.join("tokens.json")
    }

    /// What is in the file. One that is missing, damaged or not to be trusted counts as empty.
    pub(super) fn read(&self) -> Vec<Entry> {
        self.checked().unwrap_or_default()
    }

    /// Changes what is in the file, after all changes of others. Where that cannot be, nothing is changed.
    pub(super) async fn update(&self, change: impl FnOnce(&mut Vec<Entry>)) {
        let Some(_lock) = self.turn("tokens", WRITERS).await else {
            return;
        };
        let Some(before) = self.checked() else {
            return;
        };
        let mut entries = before.clone();
        change(&mut entries);
        if entries == before {
            return;
        }
        if let Err(error) = self.replace(&entries) {
            tracing::debug!(file = %self.path().display(), %error, "the tokens are not kept");
        }
    }

    /// A lock that the tools take turns at; `None` when it is not to be had within `patience`. Free again when dropped.
    pub(super) async fn turn(&self, name: &str, patience: Duration) -> Option<File> {
        let file = match self.open_lock(name) {
            Ok(file) => file,
            Err(error) => {
                tracing::debug!(folder = %self.folder.display(), %error, "no lock");
                return None;
            }
        };
        let since = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => return Some(file),
                Err(TryLockError::WouldBlock) if since.elapsed() < patience => {
                    tokio::time::sleep(PAUSE).await;
                }
                Err(error) => {
                    tracing::debug!(folder = %self.folder.display(), %error, "no lock");
                    return None;
                }
            }
        }
    }

    fn open_lock(&self, name: &str) -> io::Result<File> {
        let mut folder = std::fs::DirBuilder::new();
        folder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut folder, 0o700);
        folder.create(&self.folder)?;
        if !is_own(&self.folder.metadata()?) {
            self.warn_foreign("is in a folder that belongs to another user");
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        let mut options = private();
        options.write(true).create(true);
        options.open(self.folder.join(format!("{name}.lock")))
    }

    /// What is in the file; `None` where it is not ours to replace.
    fn checked(&self) -> Option<Vec<Entry>> {
        let path = self.path();
        match read(&path) {
            Ok(text) => match serde_json::from_slice::<Content>(&text) {
                Ok(content) if content.version == VERSION => Some(content.entries),
                Ok(_) => Some(Vec::new()),
                Err(error) => {
                    // The error's text has no part of the file but its position.
                    tracing::debug!(file = %path.display(), line = error.line(), "damaged, counts as empty");
                    Some(Vec::new())
                }
            },
            Err(Unread::Missing) => Some(Vec::new()),
            Err(Unread::Exposed) => {
                self.warn(
                    "could be read by other users and is not used: a new one takes its place",
                    "If they are not to be trusted, sign out ('az logout') and in again.",
                );
                Some(Vec::new())
            }
            Err(Unread::Foreign(what)) => {
                self.warn_foreign(what);
                None
            }
            Err(Unread::Failed(error)) => {
                tracing::debug!(file = %path.display(), %error, "not read");
                None
            }
        }
    }

    /// Says what is wrong with the file and what to do; once, whichever credentials use it.
    fn warn(&self, what: &str, advice: &str) {
        static WARNED: AtomicBool = AtomicBool::new(false);
        if !WARNED.swap(true, Ordering::Relaxed) {
            let path = self.path();
            tracing::warn!("the token cache {} {what}. {advice}", path.display());
        }
    }

    fn warn_foreign(&self, what: &str) {
        self.warn(
            &format!("{what} and is not used"),
            "Remove it, name another folder in AZ_TOKEN_CACHE_DIR, or set AZ_TOKEN_CACHE=off.",
        );
    }

    /// Puts a new file in the old one's place. Only for who holds the writers' lock.
    fn replace(&self, entries: &[Entry]) -> io::Result<()> {
        let new = self.folder.join("tokens.json.new");
        // what a writer left that did not come to its end
        if let Err(error) = std::fs::remove_file(&new)
            && error.kind() != io::ErrorKind::NotFound
        {
            return Err(error);
        }
        let written = private()
            .write(true)
            .create_new(true)
            .open(&new)
            .and_then(|mut file| file.write_all(&text(entries)?))
            .and_then(|()| std::fs::rename(&new, self.path()));
        if written.is_err() {
            let _ = std::fs::remove_file(&new);
        }
        written
    }
}

/// Puts a content in the file's place, reads it, writes what was read, and reads that: how many tokens there were before
/// and after. For the fuzzers.
///
/// # Panics
/// What was written is not what is read.
#[cfg(feature = "fuzzing")]
pub(crate) fn read_and_written(folder: &Path, content: &[u8]) -> io::Result<(usize, usize)> {
    let file = TokenFile::in_folder(folder.to_owned());
    match std::fs::remove_file(file.path()) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut options = private();
    let mut opened = options.write(true).create_new(true).open(file.path())?;
    opened.write_all(content)?;
    let before = file.read();
    file.replace(&before)?;
    let after = file.read();
    assert!(before == after, "the tokens are read as they were written");
    Ok((before.len(), after.len()))
}

/// The file's text, in memory that is wiped and does not move while it grows.
fn text(entries: &[Entry]) -> io::Result<Zeroizing<Vec<u8>>> {
    #[derive(Serialize)]
    struct Content<'a> {
        version: u32,
        entries: &'a [Entry],
    }
    // Beside the token an entry has a few names and digests.
    let size: usize = entries.iter().map(|entry| entry.token.len() + 4096).sum();
    let mut text = Zeroizing::new(Vec::with_capacity(size + 1024));
    serde_json::to_writer(
        &mut *text,
        &Content {
            version: VERSION,
            entries,
        },
    )?;
    Ok(text)
}

fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, Unread> {
    let file = match private().read(true).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(Unread::Missing),
        Err(_) if path.is_symlink() => {
            return Err(Unread::Foreign("is a link"));
        }
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            return Err(Unread::Foreign("may not be read"));
        }
        Err(error) => return Err(Unread::Failed(error)),
    };
    // Of the file that is open, so that none can be put in its place after the look.
    let metadata = file.metadata().map_err(Unread::Failed)?;
    if !metadata.is_file() {
        return Err(Unread::Foreign("is no plain file"));
    }
    if !is_own(&metadata) {
        return Err(Unread::Foreign("belongs to another user"));
    }
    if is_exposed(&metadata) {
        return Err(Unread::Exposed);
    }
    let mut text = Zeroizing::new(Vec::with_capacity(metadata.len().min(MOST) as usize + 1));
    file.take(MOST)
        .read_to_end(&mut text)
        .map_err(Unread::Failed)?;
    Ok(text)
}

/// Opens no link, waits for no pipe, and makes files that only their owner can read.
fn private() -> OpenOptions {
    #[cfg_attr(not(unix), expect(unused_mut))]
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    {
        use rustix::fs::OFlags;
        use std::os::unix::fs::OpenOptionsExt;
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
        options.mode(0o600).custom_flags(flags.bits() as i32);
    }
    options
}

#[cfg(unix)]
fn is_own(metadata: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    metadata.uid() == rustix::process::geteuid().as_raw()
}

#[cfg(unix)]
fn is_exposed(metadata: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    metadata.mode() & 0o077 != 0
}

/// On Windows the folder is in the user's profile, which others cannot read.
#[cfg(not(unix))]
fn is_own(_: &std::fs::Metadata) -> bool {
    true
}

#[cfg(not(unix))]
fn is_exposed(_: &std::fs::Metadata) -> bool {
    false
}
