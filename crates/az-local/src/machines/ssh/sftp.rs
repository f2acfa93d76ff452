//! The file transfer server: what `sftp`, and `scp` since OpenSSH 9, speak on a machine. It is a program of its own, as
//! sshd's is, that talks on standard input and output.
//!
//! Protocol version 3 (draft-ietf-secsh-filexfer-02) with those extensions of OpenSSH that its clients use
//! (PROTOCOL in its source).

use russh_sftp::protocol::{
    Attrs, Data, File as Entry, FileAttributes, Handle, Name, OpenFlags, Packet, Status,
    StatusCode, Version,
};
use russh_sftp::server::{Handler, StatusReply};
use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, futimens, utimensat};
use std::collections::HashMap;
use std::fs::{self, File, OpenOptions, Permissions, ReadDir};
use std::io;
use std::os::unix::fs::{
    DirBuilderExt, FileExt, OpenOptionsExt, PermissionsExt, chown, fchown, symlink,
};
use std::path::{Component, Path, PathBuf};
use tokio::io::{AsyncRead, AsyncWrite, join};
use tokio::sync::oneshot;

/// Most files that a client has open at a time.
const MOST_OPEN: usize = 512;

/// Most that is answered to one read (bytes).
const LONGEST_READ: u32 = 256 * 1024;

/// Entries of a folder that are answered at once.
const ENTRIES: usize = 100;

/// Serves standard input and output until they are closed. Relative paths begin at `home`.
pub async fn serve(home: PathBuf) {
    serve_on(home, join(tokio::io::stdin(), tokio::io::stdout())).await;
}

/// Serves a stream until it ends.
pub(crate) async fn serve_on<S>(home: PathBuf, stream: S)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (served, ended) = oneshot::channel();
    let server = Server {
        home,
        open: HashMap::new(),
        last: 0,
        _served: served,
    };
    russh_sftp::server::run(stream, server).await;
    // The server lives until its stream ends.
    let _ = ended.await;
}

enum Open {
    File { file: File, appends: bool },
    Folder { entries: ReadDir, path: PathBuf },
}

struct Server {
    home: PathBuf,
    open: HashMap<String, Open>,
    last: u64,
    _served: oneshot::Sender<()>,
}

fn refused(error: &io::Error) -> StatusReply {
    let code = match error.kind() {
        io::ErrorKind::NotFound => StatusCode::NoSuchFile,
        io::ErrorKind::PermissionDenied => StatusCode::PermissionDenied,
        io::ErrorKind::UnexpectedEof => StatusCode::Eof,
        _ => StatusCode::Failure,
    };
    code.with_message(error.to_string())
}

fn done(id: u32) -> Status {
    Status {
        id,
        status_code: StatusCode::Ok,
        error_message: "Ok".to_owned(),
        language_tag: "en".to_owned(),
    }
}

fn one(id: u32, path: &Path) -> Name {
    Name {
        id,
        files: vec![Entry::dummy(path.to_string_lossy())],
    }
}

impl Server {
    fn path(&self, path: &str) -> PathBuf {
        // An absolute path takes the place of the home folder's.
        self.home.join(path)
    }

    fn keep(&mut self, id: u32, open: Open) -> Result<Handle, StatusReply> {
        if self.open.len() >= MOST_OPEN {
            return Err(StatusCode::Failure.with_message("too many open files"));
        }
        self.last += 1;
        let handle = self.last.to_string();
        self.open.insert(handle.clone(), open);
        Ok(Handle { id, handle })
    }

    fn file(&self, handle: &str) -> Result<(&File, bool), StatusReply> {
        match self.open.get(handle) {
            Some(Open::File { file, appends }) => Ok((file, *appends)),
            _ => Err(StatusCode::Failure.with_message("no such open file")),
        }
    }
}

/// The absolute path without `.`, `..` and, as far as it exists, without links.
pub(crate) fn real_path(path: &Path) -> PathBuf {
    if let Ok(real) = path.canonicalize() {
        return real;
    }
    let mut real = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                real.pop();
            }
            Component::CurDir => {}
            other => real.push(other),
        }
    }
    match (real.parent(), real.file_name()) {
        (Some(parent), Some(name)) => parent
            .canonicalize()
            .map_or(real.clone(), |parent| parent.join(name)),
        _ => real,
    }
}

/// What attributes are set on.
enum Target<'a> {
    Path(&'a Path),
    File(&'a File),
}

/// Sets what a client gives of size, owner, permissions and times. A file need not be readable for that.
fn set_attributes(attributes: &FileAttributes, target: &Target<'_>) -> io::Result<()> {
    if let Some(size) = attributes.size {
        match target {
            Target::Path(path) => OpenOptions::new().write(true).open(path)?.set_len(size)?,
            Target::File(file) => file.set_len(size)?,
        }
    }
    if let Some(mode) = attributes.permissions {
        let permissions = Permissions::from_mode(mode & 0o7777);
        match target {
            Target::Path(path) => fs::set_permissions(path, permissions)?,
            Target::File(file) => file.set_permissions(permissions)?,
        }
    }
    if let (Some(accessed), Some(modified)) = (attributes.atime, attributes.mtime) {
        let time = |seconds: u32| Timespec {
            tv_sec: seconds.into(),
            tv_nsec: 0,
        };
        let times = Timestamps {
            last_access: time(accessed),
            last_modification: time(modified),
        };
        match target {
            Target::Path(path) => utimensat(CWD, *path, &times, AtFlags::empty())?,
            Target::File(file) => futimens(file, &times)?,
        }
    }
    if let (Some(user), Some(group)) = (attributes.uid, attributes.gid) {
        match target {
            Target::Path(path) => chown(path, Some(user), Some(group))?,
            Target::File(file) => fchown(file, Some(user), Some(group))?,
        }
    }
    Ok(())
}

/// The strings of an extension's data (RFC 4251, 5).
fn strings(mut data: &[u8]) -> Option<Vec<String>> {
    let mut found = Vec::new();
    while !data.is_empty() {
        let (length, rest) = data.split_first_chunk::<4>()?;
        let (text, rest) = rest.split_at_checked(u32::from_be_bytes(*length) as usize)?;
        found.push(String::from_utf8(text.to_vec()).ok()?);
        data = rest;
    }
    Some(found)
}

impl Handler for Server {
    type Error = StatusReply;

    fn unimplemented(&self) -> Self::Error {
        StatusCode::OpUnsupported.into()
    }

    async fn init(&mut self, _: u32, _: HashMap<String, String>) -> Result<Version, Self::Error> {
        let mut version = Version::new();
        for name in [
            "posix-rename@openssh.com",
            "hardlink@openssh.com",
            "fsync@openssh.com",
            "expand-path@openssh.com",
        ] {
            version.extensions.insert(name.to_owned(), "1".to_owned());
        }
        Ok(version)
    }

    async fn open(
        &mut self,
        id: u32,
        name: String,
        flags: OpenFlags,
        attributes: FileAttributes,
    ) -> Result<Handle, Self::Error> {
        let mut options = OpenOptions::from(flags);
        options.mode(attributes.permissions.unwrap_or(0o666) & 0o7777);
        let path = self.path(&name);
        let file = options.open(&path).map_err(|error| refused(&error))?;
        // A folder can be opened to be read as a file; reading it then fails, which says less.
        if file.metadata().is_ok_and(|there| there.is_dir()) {
            return Err(StatusCode::Failure.with_message("is a directory"));
        }
        let appends = flags.contains(OpenFlags::APPEND);
        self.keep(id, Open::File { file, appends })
    }

    async fn close(&mut self, id: u32, handle: String) -> Result<Status, Self::Error> {
        match self.open.remove(&handle) {
            Some(_) => Ok(done(id)),
            None => Err(StatusCode::Failure.with_message("no such open file")),
        }
    }

    async fn read(
        &mut self,
        id: u32,
        handle: String,
        offset: u64,
        length: u32,
    ) -> Result<Data, Self::Error> {
        let (file, _) = self.file(&handle)?;
        let mut data = vec![0; length.min(LONGEST_READ) as usize];
        let read = file
            .read_at(&mut data, offset)
            .map_err(|error| refused(&error))?;
        if read == 0 && length > 0 {
            return Err(StatusCode::Eof.into());
        }
        data.truncate(read);
        Ok(Data { id, data })
    }

    async fn write(
        &mut self,
        id: u32,
        handle: String,
        offset: u64,
        data: Vec<u8>,
    ) -> Result<Status, Self::Error> {
        let (mut file, appends) = self.file(&handle)?;
        let written = if appends {
            io::Write::write_all(&mut file, &data)
        } else {
            file.write_all_at(&data, offset)
        };
        written.map(|()| done(id)).map_err(|error| refused(&error))
    }

    async fn lstat(&mut self, id: u32, path: String) -> Result<Attrs, Self::Error> {
        let there = fs::symlink_metadata(self.path(&path)).map_err(|error| refused(&error))?;
        Ok(Attrs {
            id,
            attrs: FileAttributes::from(&there),
        })
    }

    async fn stat(&mut self, id: u32, path: String) -> Result<Attrs, Self::Error> {
        let there = fs::metadata(self.path(&path)).map_err(|error| refused(&error))?;
        Ok(Attrs {
            id,
            attrs: FileAttributes::from(&there),
        })
    }

    async fn fstat(&mut self, id: u32, handle: String) -> Result<Attrs, Self::Error> {
        let (file, _) = self.file(&handle)?;
        let there = file.metadata().map_err(|error| refused(&error))?;
        Ok(Attrs {
            id,
            attrs: FileAttributes::from(&there),
        })
    }

    async fn setstat(
        &mut self,
        id: u32,
        path: String,
        attributes: FileAttributes,
    ) -> Result<Status, Self::Error> {
        let path = self.path(&path);
        set_attributes(&attributes, &Target::Path(&path))
            .map(|()| done(id))
            .map_err(|error| refused(&error))
    }

    async fn fsetstat(
        &mut self,
        id: u32,
        handle: String,
        attributes: FileAttributes,
    ) -> Result<Status, Self::Error> {
        let (file, _) = self.file(&handle)?;
        set_attributes(&attributes, &Target::File(file))
            .map(|()| done(id))
            .map_err(|error| refused(&error))
    }

    async fn opendir(&mut self, id: u32, path: String) -> Result<Handle, Self::Error> {
        let path = self.path(&path);
        let entries = fs::read_dir(&path).map_err(|error| refused(&error))?;
        self.keep(id, Open::Folder { entries, path })
    }

    async fn readdir(&mut self, id: u32, handle: String) -> Result<Name, Self::Error> {
        let Some(Open::Folder { entries, path }) = self.open.get_mut(&handle) else {
            return Err(StatusCode::Failure.with_message("no such open folder"));
        };
        let mut files = Vec::new();
        for entry in entries.by_ref().take(ENTRIES) {
            let name = entry.map_err(|error| refused(&error))?.file_name();
            // One that has gone meanwhile is not there.
            if let Ok(there) = fs::symlink_metadata(path.join(&name)) {
                files.push(Entry::new(
                    name.to_string_lossy(),
                    FileAttributes::from(&there),
                ));
            }
        }
        if files.is_empty() {
            return Err(StatusCode::Eof.into());
        }
        Ok(Name { id, files })
    }

    async fn remove(&mut self, id: u32, path: String) -> Result<Status, Self::Error> {
        fs::remove_file(self.path(&path))
            .map(|()| done(id))
            .map_err(|error| refused(&error))
    }

    async fn mkdir(
        &mut self,
        id: u32,
        path: String,
        attributes: FileAttributes,
    ) -> Result<Status, Self::Error> {
        fs::DirBuilder::new()
            .mode(attributes.permissions.unwrap_or(0o777) & 0o7777)
            .create(self.path(&path))
            .map(|()| done(id))
            .map_err(|error| refused(&error))
    }

    async fn rmdir(&mut self, id: u32, path: String) -> Result<Status, Self::Error> {
        fs::remove_dir(self.path(&path))
            .map(|()| done(id))
            .map_err(|error| refused(&error))
    }

    async fn realpath(&mut self, id: u32, path: String) -> Result<Name, Self::Error> {
        Ok(one(id, &real_path(&self.path(&path))))
    }

    /// Version 3 does not replace a file that is there; the extension `posix-rename` does.
    async fn rename(&mut self, id: u32, from: String, to: String) -> Result<Status, Self::Error> {
        let to = self.path(&to);
        if fs::symlink_metadata(&to).is_ok() {
            return Err(StatusCode::Failure.with_message("a file of the new name is there"));
        }
        fs::rename(self.path(&from), to)
            .map(|()| done(id))
            .map_err(|error| refused(&error))
    }

    async fn readlink(&mut self, id: u32, path: String) -> Result<Name, Self::Error> {
        let target = fs::read_link(self.path(&path)).map_err(|error| refused(&error))?;
        Ok(one(id, &target))
    }

    /// OpenSSH sends the target first, against the draft (PROTOCOL, 4.1); so do those that follow it.
    async fn symlink(
        &mut self,
        id: u32,
        target: String,
        link: String,
    ) -> Result<Status, Self::Error> {
        symlink(target, self.path(&link))
            .map(|()| done(id))
            .map_err(|error| refused(&error))
    }

    async fn extended(
        &mut self,
        id: u32,
        request: String,
        data: Vec<u8>,
    ) -> Result<Packet, Self::Error> {
        let words = strings(&data).ok_or(StatusCode::BadMessage)?;
        let status = |result: io::Result<()>| match result {
            Ok(()) => Ok(Packet::Status(done(id))),
            Err(error) => Err(refused(&error)),
        };
        match (request.as_str(), words.as_slice()) {
            ("posix-rename@openssh.com", [from, to]) => {
                status(fs::rename(self.path(from), self.path(to)))
            }
            ("hardlink@openssh.com", [from, to]) => {
                status(fs::hard_link(self.path(from), self.path(to)))
            }
            ("fsync@openssh.com", [handle]) => status(self.file(handle)?.0.sync_all()),
            ("expand-path@openssh.com", [path]) => {
                let path = match path.strip_prefix('~') {
                    Some("") => self.home.clone(),
                    Some(rest) if rest.starts_with('/') => {
                        self.home.join(rest.trim_start_matches('/'))
                    }
                    Some(_) => return Err(StatusCode::NoSuchFile.with_message("no such user")),
                    None => self.path(path),
                };
                Ok(Packet::Name(one(id, &real_path(&path))))
            }
            _ => Err(self.unimplemented()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn paths_lose_their_dots_also_where_nothing_is() {
        let folder = tempfile::tempdir().expect("a folder");
        let home = folder.path().canonicalize().expect("a path");
        for (path, real) in [
            (".", ""),
            ("new", "new"),
            ("./a/../new", "new"),
            ("a/./b", "a/b"),
        ] {
            assert_eq!(real_path(&home.join(path)), home.join(real), "{path}");
        }
        assert_eq!(real_path(Path::new("/../x-y-z")), Path::new("/x-y-z"));
    }

    proptest! {
        #[test]
        fn any_extension_data_is_read_or_refused(data in proptest::collection::vec(any::<u8>(), 0..64)) {
            strings(&data);
        }

        #[test]
        fn strings_are_read_as_they_were_written(words in proptest::collection::vec(".{0,12}", 0..4)) {
            let mut data = Vec::new();
            for word in &words {
                data.extend((word.len() as u32).to_be_bytes());
                data.extend(word.as_bytes());
            }
            prop_assert_eq!(strings(&data), Some(words));
        }
    }
}
