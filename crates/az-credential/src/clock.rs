//! What time it is, as something that a test can set.

use azure_core::time::OffsetDateTime;
use std::fmt;

/// Tells the time. Programs take [`SystemClock`]; a test hands in one that it moves.
pub trait Clock: Send + Sync + fmt::Debug {
    /// The time now, in UTC.
    fn now(&self) -> OffsetDateTime;
}

/// The computer's own clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> OffsetDateTime {
        OffsetDateTime::now_utc()
    }
}
