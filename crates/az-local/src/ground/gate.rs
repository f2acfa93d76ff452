//! Connections of whom nobody knows yet who they are: how many there are at a time, and for how long.
//!
//! Every user of this computer can connect to a port on loopback. What a stranger holds open must not keep those out who
//! can say who they are.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

/// Most strangers at a time.
const MOST: usize = 1024;

/// The share of the files that a process may open that strangers have at most.
const SHARE: usize = 4;

/// How long a stranger has to prove who it is. Clients send their first request at once.
const GRACE: Duration = Duration::from_secs(5);

/// How long a stranger is left in peace even where others wait: many that connect at once all get to speak.
const PATIENCE: Duration = Duration::from_millis(250);

/// Where strangers wait.
pub(crate) struct Gate {
    most: usize,
    patience: Duration,
    grace: Duration,
    waiting: Mutex<Waiting>,
    /// Told when a place is free.
    left: Notify,
}

#[derive(Default)]
struct Waiting {
    last: u64,
    /// By number: the oldest is first.
    all: BTreeMap<u64, Place>,
}

struct Place {
    since: Instant,
    turned_away: Arc<Notify>,
}

/// One connection of which nobody knows yet whose it is.
pub(crate) struct Stranger {
    gate: Arc<Gate>,
    number: u64,
    until: Instant,
    turned_away: Arc<Notify>,
    known: AtomicBool,
}

impl Gate {
    /// One for a process that may open as many files as this one.
    pub(crate) fn new() -> Arc<Self> {
        let files = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
        let files = files.and_then(|files| usize::try_from(files).ok());
        let most = files.map_or(MOST, |files| (files / SHARE).clamp(1, MOST));
        Self::of(most, PATIENCE, GRACE)
    }

    /// One with bounds of its own.
    pub(crate) fn of(most: usize, patience: Duration, grace: Duration) -> Arc<Self> {
        Arc::new(Gate {
            most,
            patience,
            grace,
            waiting: Mutex::default(),
            left: Notify::new(),
        })
    }

    /// Waits until there is room for one more. Where there is none, the one that has been there longest goes.
    pub(crate) async fn room(&self) {
        loop {
            let left = self.left.notified();
            let next = {
                let waiting = self.waiting();
                if waiting.all.len() < self.most {
                    return;
                }
                waiting
                    .all
                    .first_key_value()
                    .map(|(_, oldest)| oldest.since + self.patience)
            };
            let Some(next) = next else { return };
            if next <= Instant::now() {
                self.turn_oldest_away();
                return;
            }
            tokio::select! {
                () = left => {}
                () = sleep_until(next) => {}
            }
        }
    }

    /// Closes the connection that has been there longest, as where no more files can be opened.
    pub(crate) fn turn_oldest_away(&self) {
        if let Some((_, oldest)) = self.waiting().all.pop_first() {
            oldest.turned_away.notify_one();
        }
    }

    /// Lets one in.
    pub(crate) fn enter(self: &Arc<Self>) -> Stranger {
        let turned_away = Arc::new(Notify::new());
        let since = Instant::now();
        let mut waiting = self.waiting();
        waiting.last += 1;
        let number = waiting.last;
        let place = Place {
            since,
            turned_away: Arc::clone(&turned_away),
        };
        waiting.all.insert(number, place);
        Stranger {
            gate: Arc::clone(self),
            number,
            until: since + self.grace,
            turned_away,
            known: AtomicBool::new(false),
        }
    }

    fn leave(&self, number: u64) {
        if self.waiting().all.remove(&number).is_some() {
            self.left.notify_one();
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Stranger {
    /// It has proven who it is.
    pub(crate) fn is_known(&self) {
        if !self.known.swap(true, Ordering::Relaxed) {
            self.gate.leave(self.number);
        }
    }

    /// Comes back when the connection is to be closed: another one needs its place, or its time is up. Never for one that
    /// is known.
    pub(crate) async fn turned_away(&self) {
        tokio::select! {
            () = self.turned_away.notified() => {}
            () = sleep_until(self.until) => {}
        }
        if self.known.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        self.gate.leave(self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: Duration = Duration::from_millis(20);
    const LONG: Duration = Duration::from_secs(600);

    /// Whether a future is done without waiting.
    async fn done(future: impl Future<Output = ()>) -> bool {
        tokio::select! {
            biased;
            () = future => true,
            () = tokio::task::yield_now() => false,
        }
    }

    #[tokio::test]
    async fn the_oldest_goes_for_a_new_one_but_not_at_once() {
        let gate = Gate::of(2, SHORT, LONG);
        let (first, second) = (gate.enter(), gate.enter());
        assert!(!done(gate.room()).await);
        let before = Instant::now();
        gate.room().await;
        assert!(before.elapsed() >= SHORT / 2);
        let third = gate.enter();
        assert!(done(first.turned_away()).await);
        assert!(!done(second.turned_away()).await && !done(third.turned_away()).await);
    }

    #[tokio::test]
    async fn who_is_known_takes_no_place_and_is_never_turned_away() {
        let gate = Gate::of(1, LONG, SHORT);
        let known = gate.enter();
        known.is_known();
        assert!(done(gate.room()).await);
        let stranger = gate.enter();
        gate.turn_oldest_away();
        assert!(done(stranger.turned_away()).await);
        gate.turn_oldest_away();
        assert!(
            tokio::time::timeout(SHORT * 2, known.turned_away())
                .await
                .is_err()
        );
    }

    #[tokio::test]
    async fn a_place_is_free_again_when_its_stranger_goes_by_itself() {
        let gate = Gate::of(1, LONG, LONG);
        let stranger = gate.enter();
        let waiting = tokio::spawn({
            let gate = Arc::clone(&gate);
            async move { gate.room().await }
        });
        tokio::task::yield_now().await;
        drop(stranger);
        waiting.await.expect("no panic");
    }

    #[tokio::test]
    async fn a_strangers_time_is_up_after_a_while() {
        let gate = Gate::of(9, LONG, SHORT);
        let stranger = gate.enter();
        assert!(!done(stranger.turned_away()).await);
        let before = Instant::now();
        stranger.turned_away().await;
        assert!(before.elapsed() >= SHORT / 2);
    }
}
