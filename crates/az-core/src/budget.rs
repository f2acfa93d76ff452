//! How long one command may take in all.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::time::{Instant, sleep_until};

/// A time as it is said to people: whole seconds, or less than one with a digit.
pub(crate) fn in_words(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    match seconds < 1.0 {
        true => format!("{seconds:.1} s"),
        false => format!("{seconds:.0} s"),
    }
}

/// The time that one command has (`--timeout`), for everything that it asks for and waits for. It begins with the first
/// request: what a person types, and what comes through a pipe, may take as long as it likes. Copies are the same time.
#[derive(Clone, Debug)]
pub struct Budget(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    total: Duration,
    /// None before it begins.
    end: Mutex<Option<Instant>>,
}

impl Budget {
    /// One that has not begun.
    pub fn new(total: Duration) -> Self {
        Budget(Arc::new(Inner {
            total,
            end: Mutex::new(None),
        }))
    }

    /// The whole of it.
    pub fn total(&self) -> Duration {
        self.0.total
    }

    /// What is left of it. It begins now, if it has not begun.
    pub fn left(&self) -> Duration {
        let end = *self.end().get_or_insert_with(|| after(self.total()));
        end.saturating_duration_since(Instant::now())
    }

    /// It begins anew with the next request: one of many things is done, or a person was asked something.
    pub fn renew(&self) {
        *self.end() = None;
    }

    /// Until nothing is left for this long.
    pub async fn is_spent_for(&self, time: Duration) {
        loop {
            let end = *self.end();
            match end {
                Some(end) if end + time <= Instant::now() => return,
                Some(end) => sleep_until(end + time).await,
                None => tokio::time::sleep(self.total().clamp(SHORTEST_LOOK, LONGEST_LOOK)).await,
            }
        }
    }

    fn end(&self) -> MutexGuard<'_, Option<Instant>> {
        self.0.end.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How often it is looked whether it has begun.
const SHORTEST_LOOK: Duration = Duration::from_millis(100);
const LONGEST_LOOK: Duration = Duration::from_secs(60);

/// A time from now; one that no clock can count ends in thirty years.
fn after(time: Duration) -> Instant {
    const FAR: Duration = Duration::from_secs(30 * 365 * 86_400);
    let now = Instant::now();
    now.checked_add(time.min(FAR)).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_begins_with_the_first_look_and_is_renewed() {
        let budget = Budget::new(Duration::from_secs(60));
        tokio::time::advance(Duration::from_secs(1000)).await;
        assert_eq!(budget.left(), Duration::from_secs(60));
        tokio::time::advance(Duration::from_secs(40)).await;
        assert_eq!(budget.left(), Duration::from_secs(20));
        budget.renew();
        tokio::time::advance(Duration::from_secs(30)).await;
        let started = Instant::now();
        assert_eq!(budget.left(), Duration::from_secs(60));
        budget.is_spent_for(Duration::from_secs(5)).await;
        assert_eq!(started.elapsed().as_secs(), 65);
        assert_eq!(budget.left(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn the_longest_time_is_none_too_long() {
        assert!(Budget::new(Duration::MAX).left() > Duration::from_secs(86_400 * 365));
    }
}
