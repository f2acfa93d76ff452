//! What is said on standard error.

use super::{args::ErrorFormat, failure::Failure};
use crate::{concealed::without_secrets, shown::shown};
use std::fmt::Display;
use std::io::{self, Write};

/// Says a line, in letters that a terminal can be given and without the secrets that are known. Where nobody reads it any more, the exit status still tells: `eprintln!` would end the tool in a panic.
pub(super) fn say(line: impl Display) {
    let line = line.to_string();
    let _ = writeln!(io::stderr(), "{}", shown(&without_secrets(&line)));
}

/// Standard error for the log, by the same rules.
pub(super) struct Log;

impl Write for Log {
    fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(lines);
        io::stderr().write_all(shown(&without_secrets(&text)).as_bytes())?;
        Ok(lines.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

/// Says what went wrong, in the format that the user chose.
pub(super) fn report(tool: &str, failure: &Failure, format: ErrorFormat) {
    match format {
        ErrorFormat::Text => say(format_args!("{tool}: {failure}")),
        ErrorFormat::Json => say(failure.to_json(tool)),
    }
}
