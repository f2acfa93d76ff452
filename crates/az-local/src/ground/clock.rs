//! The one clock of an instance. It runs with the computer's and can be moved forward.

use std::sync::atomic::{AtomicI64, Ordering};
use time::{Duration, OffsetDateTime};

/// Real time plus an offset. Everything that expires, completes or takes effect reads this clock.
#[derive(Debug, Default)]
pub(crate) struct Clock {
    offset_ms: AtomicI64,
}

impl Clock {
    /// A clock that is `offset` ahead of the computer's.
    pub(crate) fn ahead_by(offset: Duration) -> Self {
        Clock {
            offset_ms: AtomicI64::new(offset.whole_milliseconds() as i64),
        }
    }

    /// The instance's time, UTC.
    pub(crate) fn now(&self) -> OffsetDateTime {
        OffsetDateTime::now_utc() + self.offset()
    }

    /// How far the clock is ahead of the computer's.
    pub(crate) fn offset(&self) -> Duration {
        Duration::milliseconds(self.offset_ms.load(Ordering::SeqCst))
    }

    /// Moves the clock forward; it never goes back.
    pub(crate) fn advance(&self, by: Duration) {
        let ms = by.whole_milliseconds().max(0) as i64;
        self.offset_ms.fetch_add(ms, Ordering::SeqCst);
    }
}
