//! How much of something each of many may have: what one takes is not taken from the others.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// As much for each.
pub(crate) struct Quotas {
    each: usize,
    used: Mutex<HashMap<String, Weak<Semaphore>>>,
}

impl Quotas {
    pub(crate) fn new(each: usize) -> Self {
        Quotas {
            each,
            used: Mutex::default(),
        }
    }

    /// What one has.
    pub(crate) fn of(&self, name: &str) -> Quota {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        // Those that nobody uses any more have nothing taken.
        used.retain(|_, quota| quota.strong_count() > 0);
        if let Some(quota) = used.get(name).and_then(Weak::upgrade) {
            return Quota(quota);
        }
        let quota = Arc::new(Semaphore::new(self.each));
        used.insert(name.to_owned(), Arc::downgrade(&quota));
        Quota(quota)
    }
}

/// What one of them has.
#[derive(Clone)]
pub(crate) struct Quota(Arc<Semaphore>);

/// One that was taken, until it is dropped.
pub(crate) struct Taken {
    _permit: OwnedSemaphorePermit,
}

impl Quota {
    /// Takes one more; none where all are taken.
    pub(crate) fn take(&self) -> Option<Taken> {
        let permit = Arc::clone(&self.0).try_acquire_owned().ok()?;
        Some(Taken { _permit: permit })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_its_own_and_gets_back_what_it_gives_back() {
        let quotas = Quotas::new(2);
        let (a, b) = (quotas.of("a"), quotas.of("b"));
        let first = a.take().expect("the first");
        let _second = quotas.of("a").take().expect("the second");
        assert!(a.take().is_none());
        assert!(b.take().is_some());
        drop(first);
        assert!(quotas.of("a").take().is_some());
    }
}
