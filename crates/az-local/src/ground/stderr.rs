//! What is said on standard error.

use super::shown::escaped;
use std::fmt::Display;
use std::io::{self, Write};

/// Says a line, whatever is in it. Where nobody reads it any more, nothing is lost: `eprintln!` would panic.
pub fn say(line: impl Display) {
    let line = escaped(&line.to_string());
    let _ = writeln!(io::stderr(), "az-local: {line}");
}

/// Says again what another process has said, as it stands.
pub fn repeat(text: &str) {
    let _ = io::stderr().write_all(text.as_bytes());
}
