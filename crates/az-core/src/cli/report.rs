//! What is said on standard error.

use super::{args::ErrorFormat, failure::Failure};
use crate::shown::shown;
use std::fmt::Display;
use std::io::{self, Write};

/// Says a line, in letters that a terminal can be given. Where nobody reads it any more, the exit status still tells: `eprintln!` would end the tool in a panic.
pub(super) fn say(line: impl Display) {
    let _ = writeln!(io::stderr(), "{}", shown(&line.to_string()));
}

/// Says what went wrong, in the format that the user chose.
pub(super) fn report(tool: &str, failure: &Failure, format: ErrorFormat) {
    match format {
        ErrorFormat::Text => say(format_args!("{tool}: {failure}")),
        ErrorFormat::Json => say(failure.to_json(tool)),
    }
}
