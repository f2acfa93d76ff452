//! Files and folders for their user alone, whatever the umask: made anew, and never through a link that somebody laid.

use super::folder_error::FolderError;
use rustix::fs::OFlags;
use std::fs::{self, DirBuilder, File, Metadata, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

/// What the name of a file begins and ends with that is not yet whole. What is between cannot be guessed.
const DRAFT: (&str, &str) = (".az-local-", ".new");

/// Makes a folder, and those above it that are missing, for its user alone.
pub fn make_private(path: &Path) -> Result<(), FolderError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(FolderError::at(path))
}

/// Writes a whole file that only its user can read; readers see the old or the new content, also after a power failure.
/// Where there was a link, the file takes its place.
pub fn write_private(path: &Path, content: &[u8]) -> Result<(), FolderError> {
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    let write = || -> io::Result<()> {
        let mut draft = tempfile::Builder::new()
            .prefix(DRAFT.0)
            .suffix(DRAFT.1)
            .permissions(Permissions::from_mode(0o600))
            .tempfile_in(folder)?;
        draft.write_all(content)?;
        draft.as_file().sync_all()?;
        draft.persist(path).map_err(|error| error.error)?;
        // The new name is kept with its folder.
        File::open(folder)?.sync_all()
    };
    write().map_err(FolderError::at(path))
}

/// Removes what a process that was killed had begun to write in a folder.
pub(super) fn remove_drafts(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for name in entries.flatten().map(|entry| entry.file_name()) {
        let is_draft = |name: &str| name.starts_with(DRAFT.0) && name.ends_with(DRAFT.1);
        if name.to_str().is_some_and(is_draft) {
            // One that stays is of no use to anybody, and harms nobody.
            let _ = fs::remove_file(folder.join(name));
        }
    }
}

/// Opens a file to read and to append to, made empty if it is missing. One that is there must be a plain file of the
/// user's with no other name, and is closed to others.
pub fn open_private(path: &Path) -> Result<File, FolderError> {
    let file = appending()
        .custom_flags(no_follow())
        .open(path)
        .map_err(|error| named(path, error))?;
    let there = file.metadata().map_err(FolderError::at(path))?;
    refuse_foreign(path, &there)?;
    if there.mode() & 0o7777 != 0o600 {
        file.set_permissions(Permissions::from_mode(0o600))
            .map_err(FolderError::at(path))?;
    }
    Ok(file)
}

/// Opens a file that the user named, to append to; a new one is the user's alone. A link is followed where nobody but the
/// user or root can have laid it (`/dev/stderr`), and a plain file must be the user's own.
pub(crate) fn open_named(path: &Path) -> Result<File, FolderError> {
    let opened = appending().custom_flags(no_follow()).open(path);
    let file = match opened {
        Err(error) if is_own_link(path) => {
            // What a link of one's own or root's leads to was meant, a terminal for example, which cannot be read.
            let mut through = OpenOptions::new();
            through.append(true).create(true).mode(0o600);
            through.open(path).map_err(|_| named(path, error))?
        }
        opened => opened.map_err(|error| named(path, error))?,
    };
    let there = file.metadata().map_err(FolderError::at(path))?;
    if there.is_file() {
        refuse_foreign(path, &there)?;
    }
    Ok(file)
}

fn appending() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).append(true).create(true).mode(0o600);
    options
}

fn no_follow() -> i32 {
    // The same bits, as the standard library takes them.
    OFlags::NOFOLLOW.bits().cast_signed()
}

fn is_own_link(path: &Path) -> bool {
    let own = rustix::process::geteuid().as_raw();
    fs::symlink_metadata(path)
        .is_ok_and(|there| there.is_symlink() && [0, own].contains(&there.uid()))
}

/// An error of opening, by what stands in the way.
fn named(path: &Path, source: io::Error) -> FolderError {
    let path = path.to_owned();
    match fs::symlink_metadata(&path) {
        Ok(there) if there.is_symlink() => FolderError::NotPlain {
            path,
            what: "a symbolic link",
        },
        Ok(there) if there.is_dir() => FolderError::NotPlain {
            path,
            what: "a folder",
        },
        _ => FolderError::Io { path, source },
    }
}

fn refuse_foreign(path: &Path, there: &Metadata) -> Result<(), FolderError> {
    let what = if there.uid() != rustix::process::geteuid().as_raw() {
        "another user's"
    } else if !there.is_file() {
        "no plain file"
    } else if there.nlink() > 1 {
        // What is written to it stands under that other name, too, which may be anywhere.
        "a file with a second name (a hard link)"
    } else {
        return Ok(());
    };
    let path = path.to_owned();
    Err(FolderError::NotPlain { path, what })
}
