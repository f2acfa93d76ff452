//! The one clock of an instance. It runs with the computer's or several times as fast, and can be moved forward.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Instant;
use time::{Duration, OffsetDateTime};

/// Three times in one reading, so that they fit each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reading {
    /// The instance's time. What takes time, and all that is said of when something was, goes by it.
    pub(crate) now: OffsetDateTime,
    /// The same without what a higher speed has added. Tokens go by it: a client holds one for as long as it was told by its
    /// own clock, which no speed makes faster.
    pub(crate) wall: OffsetDateTime,
    /// The computer's time.
    pub(crate) computer: OffsetDateTime,
}

/// How far a clock is ahead of the computer's, as it is kept over a restart (milliseconds).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ahead {
    /// What it was moved by.
    pub(crate) moved_ms: i64,
    /// What it has gained by running faster.
    pub(crate) gained_ms: i64,
}

/// Real time, what it was moved by, and what it gains. All that expires, completes or takes effect reads this clock.
#[derive(Debug)]
pub(crate) struct Clock {
    moved_ms: AtomicI64,
    /// What it had gained before.
    gained_ms: i64,
    speed: u32,
    started: Instant,
}

impl Clock {
    /// A clock that is that far ahead now, and runs so many times as fast as the computer's.
    pub(crate) fn ahead_by(ahead: Ahead, speed: u32) -> Self {
        Clock {
            moved_ms: AtomicI64::new(ahead.moved_ms),
            gained_ms: ahead.gained_ms,
            speed: speed.max(1),
            started: Instant::now(),
        }
    }

    /// What the time is.
    pub(crate) fn read(&self) -> Reading {
        let computer = OffsetDateTime::now_utc();
        let ahead = self.ahead();
        let wall = computer.saturating_add(Duration::milliseconds(ahead.moved_ms));
        Reading {
            now: wall.saturating_add(Duration::milliseconds(ahead.gained_ms)),
            wall,
            computer,
        }
    }

    /// The instance's time, UTC.
    pub(crate) fn now(&self) -> OffsetDateTime {
        self.read().now
    }

    /// How many times as fast as the computer's it runs.
    pub(crate) fn speed(&self) -> u32 {
        self.speed
    }

    /// How far the clock is ahead of the computer's.
    pub(crate) fn offset(&self) -> Duration {
        let ahead = self.ahead();
        Duration::milliseconds(ahead.moved_ms.saturating_add(ahead.gained_ms))
    }

    /// The same in its parts.
    pub(crate) fn ahead(&self) -> Ahead {
        // The computer's clock may be put back; what is gained goes by one that is not.
        let run = i64::try_from(self.started.elapsed().as_millis()).unwrap_or(i64::MAX);
        Ahead {
            moved_ms: self.moved_ms.load(Ordering::SeqCst),
            gained_ms: self.gained_ms.saturating_add(self.gain(run)),
        }
    }

    /// What is gained in such a time of the computer's.
    pub(crate) fn gain(&self, ms: i64) -> i64 {
        ms.saturating_mul(i64::from(self.speed) - 1)
    }

    /// Moves the clock forward; it never goes back.
    pub(crate) fn advance(&self, by: Duration) {
        let ms = by.whole_milliseconds().max(0) as i64;
        self.moved_ms.fetch_add(ms, Ordering::SeqCst);
    }
}

impl Default for Clock {
    fn default() -> Self {
        Clock::ahead_by(Ahead::default(), 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_the_computers_speed_nothing_is_gained() {
        let clock = Clock::default();
        clock.advance(Duration::hours(1));
        clock.advance(Duration::hours(-2));
        let Reading {
            now,
            wall,
            computer,
        } = clock.read();
        assert_eq!(now, wall);
        assert_eq!(now - computer, Duration::hours(1));
        assert_eq!(clock.offset(), Duration::hours(1));
    }

    #[test]
    fn a_faster_clock_gains_and_goes_on_where_it_was() {
        let fast = Clock::ahead_by(
            Ahead {
                moved_ms: 5000,
                gained_ms: 7000,
            },
            1000,
        );
        let before = fast.read();
        assert_eq!(before.wall - before.computer, Duration::seconds(5));
        assert!(before.now - before.wall >= Duration::seconds(7));
        while fast.started.elapsed() < std::time::Duration::from_millis(5) {
            std::thread::yield_now();
        }
        assert!(fast.read().now - before.now >= Duration::milliseconds(4000));
        let again = Clock::ahead_by(fast.ahead(), 1);
        assert!(again.now() >= before.now);
    }
}
