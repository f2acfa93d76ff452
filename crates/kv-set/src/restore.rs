//! Reading a secret's backup.

use crate::error::Error;
use std::{
    fs::File,
    io::{Read, stdin},
    path::Path,
};

/// More than any backup has, in bytes: 500 versions of 25 kB each, encrypted and in base64.
const LONGEST_BACKUP: u64 = 64 * 1024 * 1024;

/// A backup's bytes, as `az keyvault secret backup` and `kv-get --backup` write them; `-` is standard input.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, Error> {
    let unreadable = |reason| Error::File {
        flag: "--restore",
        path: path.display().to_string(),
        reason,
    };
    let mut bytes = Vec::new();
    let from: Box<dyn Read> = if path == Path::new("-") {
        Box::new(stdin().lock())
    } else {
        Box::new(File::open(path).map_err(unreadable)?)
    };
    from.take(LONGEST_BACKUP)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    if bytes.is_empty() {
        return Err(Error::NoBackup);
    }
    Ok(bytes)
}
