//! Why a folder, or a file in it, cannot be used.

use std::io;
use std::path::PathBuf;

/// Why a folder cannot be used.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each variant's message says what it is")]
pub enum FolderError {
    #[error("an az-local is already running on {}", .0.display())]
    InUse(PathBuf),
    #[error(
        "{} belongs to another user (uid {owner}); an instance's folder must be your own: name another one with --data-dir",
        path.display()
    )]
    NotOwn { path: PathBuf, owner: u32 },
    #[error(
        "{0} can be written by others than you (mode {mode:04o}), so what is in it may not be yours; if you trust it, \
         `chmod 700 {0}`, else name another folder with --data-dir",
        path.display()
    )]
    Shared { path: PathBuf, mode: u32 },
    #[error(
        "everybody can write to {} (mode {mode:04o}, not sticky) and so put a folder in the place of yours: name a folder \
         elsewhere with --data-dir, or `chmod +t` that one",
        path.display()
    )]
    Unguarded { path: PathBuf, mode: u32 },
    #[error(
        "{} is {what}, and not a file of your own that az-local may write to: take it away, or name another place",
        path.display()
    )]
    NotPlain { path: PathBuf, what: &'static str },
    #[error("{}: {source}{}", path.display(), advice(source))]
    Io { path: PathBuf, source: io::Error },
}

/// What to do about an error that says nothing of it.
fn advice(source: &io::Error) -> &'static str {
    match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "; make room there",
        io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => {
            "; an instance writes to its folder: name another one with --data-dir"
        }
        _ => "",
    }
}

impl FolderError {
    /// An input or output error on `path`.
    pub fn at(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> FolderError {
        let path = path.into();
        move |source| FolderError::Io { path, source }
    }
}
