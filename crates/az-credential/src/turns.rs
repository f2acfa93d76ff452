//! Turns of those who want the same: one works, the others wait and share what came of it when it failed.

use std::sync::{Mutex as StdMutex, PoisonError};
use tokio::sync::{Mutex, MutexGuard};

/// A queue for one piece of work; `Q` is the question, `E` what came of it.
pub(crate) struct Turns<Q, E> {
    turn: Mutex<()>,
    /// How many have failed, and the latest failure.
    failed: StdMutex<(u64, Option<(Q, E)>)>,
}

/// The right to work, for who wants to know what failed meanwhile.
pub(crate) struct Turn<'a, E> {
    _guard: MutexGuard<'a, ()>,
    /// What came of the same question since the wait began.
    pub(crate) failure: Option<E>,
}

impl<Q: Clone + PartialEq, E: Clone> Turns<Q, E> {
    pub(crate) fn new() -> Self {
        Turns {
            turn: Mutex::new(()),
            failed: StdMutex::new((0, None)),
        }
    }

    /// Waits for the turn.
    pub(crate) async fn wait(&self, question: &Q) -> Turn<'_, E> {
        let seen = self.failed().0;
        let guard = self.turn.lock().await;
        let failed = self.failed();
        let failure = match &failed.1 {
            Some((same, failure)) if failed.0 > seen && same == question => Some(failure.clone()),
            _ => None,
        };
        drop(failed);
        Turn {
            _guard: guard,
            failure,
        }
    }

    /// Notes a failure, for those who wait; by who has the turn.
    pub(crate) fn fail(&self, question: Q, failure: E) {
        let mut failed = self.failed();
        *failed = (failed.0 + 1, Some((question, failure)));
    }

    fn failed(&self) -> std::sync::MutexGuard<'_, (u64, Option<(Q, E)>)> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
