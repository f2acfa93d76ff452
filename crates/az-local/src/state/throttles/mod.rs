//! How many requests services take from one caller: buckets of tokens. They are in memory and go with the process.

mod bucket;

use bucket::Bucket;
pub(crate) use bucket::Limit;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use time::OffsetDateTime;

/// How many buckets are kept of those that were taken from lately; as many again are kept of those before.
const MOST_BUCKETS: usize = 4096;

/// After how long a bucket that nobody takes from is full, and is not kept any more (nanoseconds).
const IDLE: i128 = Limit::LONGEST as i128 * 1_000_000_000;

/// What a bucket is for: a service, a kind of request, a caller, … Of its name no more than a hash is kept, so that a long
/// one takes no memory. Of a million names two have the same hash once in 37 million times.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key(u64);

/// A bucket is empty: the request is one too many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Empty;

/// The throttles of an instance.
#[derive(Debug, Default)]
pub(crate) struct Throttles {
    /// Whether there are any: without, a request pays for a look at this.
    on: AtomicBool,
    hasher: RandomState,
    live: Mutex<Live>,
}

/// Buckets in two generations: those that were taken from lately, and those that were before. What is in neither is full.
#[derive(Debug, Default)]
struct Live {
    young: HashMap<Key, Bucket>,
    old: HashMap<Key, Bucket>,
    /// When the young ones began.
    since: i128,
    /// How many requests are being answered at the moment, where that is limited.
    inside: HashMap<Key, u32>,
}

/// A request that is being answered, and counts as one until this is dropped.
#[derive(Debug)]
pub(crate) struct Inside<'a> {
    throttles: &'a Throttles,
    key: Key,
}

impl Throttles {
    /// With or without.
    pub(crate) fn new(on: bool) -> Self {
        Throttles {
            on: AtomicBool::new(on),
            ..Throttles::default()
        }
    }

    /// Whether there are any.
    pub(crate) fn are_on(&self) -> bool {
        self.on.load(Ordering::Acquire)
    }

    /// The key of what a bucket is for.
    pub(crate) fn key(&self, parts: &[&str]) -> Key {
        Key(self.hasher.hash_one(parts))
    }

    /// Takes a token out of each of these buckets, or none at all; tells how many are left in each.
    ///
    /// # Errors
    /// One of them is empty.
    pub(crate) fn take<const N: usize>(
        &self,
        now: OffsetDateTime,
        wanted: [(Limit, Key); N],
    ) -> Result<[u32; N], Empty> {
        let now = now.unix_timestamp_nanos();
        let mut live = self.live();
        live.turn(now);
        for (limit, key) in wanted {
            if live.bucket(key, limit, now).tokens() == 0 {
                return Err(Empty);
            }
        }
        Ok(wanted.map(|(limit, key)| {
            let bucket = live.bucket(key, limit, now);
            bucket.take();
            bucket.tokens()
        }))
    }

    /// Counts a request as one that is being answered, unless there are as many as there may be.
    pub(crate) fn enter(&self, key: Key, most: u32) -> Option<Inside<'_>> {
        let mut live = self.live();
        let count = live.inside.entry(key).or_default();
        if *count >= most {
            return None;
        }
        *count += 1;
        Some(Inside {
            throttles: self,
            key,
        })
    }

    fn live(&self) -> MutexGuard<'_, Live> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Live {
    /// Lets the young ones be the old ones when their time has come, or when there are too many of them: callers beyond that
    /// begin with full buckets again.
    fn turn(&mut self, now: i128) {
        if now - self.since >= IDLE || self.young.len() >= MOST_BUCKETS {
            self.old = std::mem::take(&mut self.young);
            self.since = now;
        }
    }

    fn bucket(&mut self, key: Key, limit: Limit, now: i128) -> &mut Bucket {
        let bucket = match self.young.entry(key) {
            Entry::Occupied(there) => there.into_mut(),
            Entry::Vacant(place) => {
                let before = self.old.remove(&key);
                place.insert(before.unwrap_or_else(|| Bucket::full(limit, now)))
            }
        };
        bucket.refill(limit, now);
        bucket
    }
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        let mut live = self.throttles.live();
        if let Entry::Occupied(mut count) = live.inside.entry(self.key) {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::Duration;

    const READS: Limit = Limit::new(250, 25);
    const GLOBAL: Limit = Limit::new(3750, 375);

    #[test]
    fn a_request_takes_of_all_its_buckets_or_of_none() {
        let throttles = Throttles::new(true);
        let now = OffsetDateTime::UNIX_EPOCH;
        let shared = throttles.key(&["all"]);
        let take = |who: &str, now| {
            let own = throttles.key(&["reads", who]);
            throttles.take(now, [(READS, own), (GLOBAL, shared)])
        };
        for left in (0..250).rev() {
            assert_eq!(take("a", now), Ok([left, left + 3500]));
        }
        assert_eq!(take("a", now), Err(Empty));
        assert_eq!(take("b", now), Ok([249, 3499]));
        assert_eq!(take("a", now + Duration::milliseconds(40)), Ok([0, 3513]));
    }

    #[test]
    fn a_hundred_thousand_callers_take_no_more_memory_than_some() {
        let throttles = Throttles::new(true);
        let mut now = OffsetDateTime::UNIX_EPOCH;
        for number in 0..100_000 {
            let key = throttles.key(&["reads", &number.to_string()]);
            assert_eq!(throttles.take(now, [(READS, key)]), Ok([249]));
            let live = throttles.live();
            assert!(live.young.len() <= MOST_BUCKETS && live.old.len() <= MOST_BUCKETS);
            assert!(live.young.capacity() <= 4 * MOST_BUCKETS);
        }
        // Who goes on asking is not forgotten for those who come and go within their number.
        let steady = throttles.key(&["reads", "steady"]);
        let mut admitted = 0;
        for number in 0..2 * MOST_BUCKETS {
            let key = throttles.key(&["other", &number.to_string()]);
            let _ = throttles.take(now, [(READS, key)]);
            admitted += usize::from(throttles.take(now, [(READS, steady)]).is_ok());
        }
        assert_eq!(admitted, 250);
        // All others are full by then, and go.
        for _ in 0..2 {
            now += Duration::seconds(i64::from(Limit::LONGEST));
            assert!(throttles.take(now, [(READS, steady)]).is_ok());
        }
        let live = throttles.live();
        assert_eq!((live.young.len(), live.old.len()), (1, 0));
    }

    #[test]
    fn so_many_are_answered_at_a_time() {
        let throttles = Throttles::new(true);
        let machine = throttles.key(&["machine"]);
        let inside: Vec<_> = (0..5).map(|_| throttles.enter(machine, 5)).collect();
        assert!(inside.iter().all(Option::is_some));
        assert!(throttles.enter(machine, 5).is_none());
        assert!(throttles.enter(throttles.key(&["other"]), 5).is_some());
        drop(inside);
        assert!(throttles.enter(machine, 5).is_some());
        assert!(throttles.live().inside.is_empty());
    }
}
