//! What could not be done on the way to a machine.

use std::fmt::{self, Display, Formatter};

/// What could not be done, for the caller to read.
pub(super) struct Failed(String);

impl Display for Failed {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Says what was tried.
pub(super) trait Tried<T> {
    fn tried(self, what: impl Display) -> Result<T, Failed>;
}

impl<T, E: Display> Tried<T> for Result<T, E> {
    fn tried(self, what: impl Display) -> Result<T, Failed> {
        self.map_err(|error| Failed(format!("{what}: {error}")))
    }
}
