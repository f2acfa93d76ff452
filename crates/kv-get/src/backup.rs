//! A secret's backup in a file.

use az_core::cli::{Failure, Session, Status};
use std::{io::Write, path::Path};
use tempfile::NamedTempFile;

/// Where a backup goes.
pub(crate) struct Target<'a> {
    path: &'a Path,
    overwrite: bool,
}

impl<'a> Target<'a> {
    /// The file, which is not there yet unless it is to be replaced; `-` is standard output.
    ///
    /// # Errors
    /// It is there, or is no file.
    pub(crate) fn new(path: &'a Path, overwrite: bool) -> Result<Self, Failure> {
        let target = Target { path, overwrite };
        if path.is_dir() {
            return Err(Failure::usage(format!(
                "--backup '{}': it is a folder",
                path.display()
            )));
        }
        if !target.is_stdout() && !overwrite && path.symlink_metadata().is_ok() {
            return Err(target.is_there());
        }
        Ok(target)
    }

    fn is_stdout(&self) -> bool {
        self.path == Path::new("-")
    }

    fn is_there(&self) -> Failure {
        let message = format!(
            "--backup '{}': the file is there already",
            self.path.display()
        );
        Failure::new(Status::Conflict, message)
            .hint("Give another name, or --overwrite to replace it.")
    }

    /// Writes a backup: whole or not at all, for nobody else to read (mode 0600, which temporary files have).
    pub(crate) fn write(&self, session: &Session, backup: &[u8]) -> Result<(), Failure> {
        if self.is_stdout() {
            return session.print_raw(backup);
        }
        let failed = |error: std::io::Error| {
            Failure::new(
                Status::Failed,
                format!("--backup '{}': {error}", self.path.display()),
            )
        };
        let folder = match self.path.parent() {
            Some(folder) if folder != Path::new("") => folder,
            _ => Path::new("."),
        };
        let mut file = NamedTempFile::new_in(folder).map_err(failed)?;
        file.write_all(backup).map_err(failed)?;
        file.as_file().sync_all().map_err(failed)?;
        let kept = if self.overwrite {
            file.persist(self.path)
        } else {
            file.persist_noclobber(self.path)
        };
        match kept {
            Ok(_) => Ok(()),
            Err(error) if error.error.kind() == std::io::ErrorKind::AlreadyExists => {
                Err(self.is_there())
            }
            Err(error) => Err(failed(error.error)),
        }
    }
}
