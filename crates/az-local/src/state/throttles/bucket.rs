//! A bucket of tokens: each request takes one, and they come back at a steady rate
//! (<https://learn.microsoft.com/azure/azure-resource-manager/management/request-limits-and-throttling>).

/// The parts that a token is counted in: as many as a second has nanoseconds, so that what comes back in any time is whole.
const PARTS: u64 = 1_000_000_000;

/// How many requests are taken at once, and how many a second for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limit {
    pub(super) capacity: u32,
    pub(super) per_second: u32,
}

impl Limit {
    /// The longest that an empty bucket takes to be full (seconds).
    pub(super) const LONGEST: u32 = 20;

    /// A limit; its bucket is full again within [`Limit::LONGEST`].
    pub(crate) const fn new(capacity: u32, per_second: u32) -> Self {
        assert!(capacity > 0 && capacity <= per_second * Limit::LONGEST);
        Limit {
            capacity,
            per_second,
        }
    }

    fn full(self) -> u64 {
        u64::from(self.capacity) * PARTS
    }
}

/// A bucket, as it was when it was last looked at.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bucket {
    parts: u64,
    /// Nanoseconds since 1970.
    at: i128,
}

impl Bucket {
    /// One that nobody has taken from.
    pub(super) fn full(limit: Limit, now: i128) -> Self {
        Bucket {
            parts: limit.full(),
            at: now,
        }
    }

    /// Puts in what has come back. A clock that was put back brings nothing, and takes nothing.
    pub(super) fn refill(&mut self, limit: Limit, now: i128) {
        let passed = u64::try_from(now - self.at).unwrap_or(0);
        let back = passed.saturating_mul(u64::from(limit.per_second));
        self.parts = self.parts.saturating_add(back).min(limit.full());
        self.at = self.at.max(now);
    }

    /// How many tokens are in it.
    pub(super) fn tokens(&self) -> u32 {
        u32::try_from(self.parts / PARTS).unwrap_or(u32::MAX)
    }

    /// Takes one, which must be there.
    pub(super) fn take(&mut self) {
        self.parts = self.parts.saturating_sub(PARTS);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECOND: i128 = 1_000_000_000;

    fn admitted(bucket: &mut Bucket, limit: Limit, now: i128) -> bool {
        bucket.refill(limit, now);
        let there = bucket.tokens() > 0;
        if there {
            bucket.take();
        }
        there
    }

    #[test]
    fn an_empty_bucket_fills_exactly() {
        let limit = Limit::new(250, 25);
        let mut bucket = Bucket::full(limit, 0);
        assert_eq!(
            (0..300).filter(|_| admitted(&mut bucket, limit, 0)).count(),
            250
        );
        // A twenty-fifth of a second brings one, a nanosecond less none.
        assert!(!admitted(&mut bucket, limit, SECOND / 25 - 1));
        assert!(admitted(&mut bucket, limit, SECOND / 25));
        assert!(!admitted(&mut bucket, limit, SECOND / 25));
        bucket.refill(limit, SECOND / 25 + 10 * SECOND);
        assert_eq!(bucket.tokens(), 250);
        bucket.refill(limit, 1000 * SECOND);
        assert_eq!(bucket.tokens(), 250);
    }

    #[test]
    fn a_clock_that_was_put_back_changes_nothing() {
        let limit = Limit::new(5, 5);
        let mut bucket = Bucket::full(limit, 100 * SECOND);
        bucket.take();
        bucket.refill(limit, 0);
        assert_eq!(bucket.tokens(), 4);
        bucket.refill(limit, 100 * SECOND);
        assert_eq!(bucket.tokens(), 4);
    }

    proptest! {
        /// However requests come: in no window are more admitted than the bucket holds and what comes back in the window.
        #[test]
        fn no_window_admits_more_than_it_may(
            per_second in 1u32..400,
            seconds in 1u32..=20,
            gaps in prop::collection::vec(0i64..400_000_000, 1..200),
        ) {
            let limit = Limit::new(per_second * seconds, per_second);
            let mut bucket = Bucket::full(limit, 0);
            let mut now = 0;
            let mut times = Vec::new();
            for gap in gaps {
                now += i128::from(gap);
                // As many at once as are let in, at most twice what it holds.
                for _ in 0..limit.capacity * 2 {
                    if !admitted(&mut bucket, limit, now) {
                        break;
                    }
                    times.push(now);
                }
            }
            let most = |from: i128, to: i128| {
                i128::from(limit.capacity) + (to - from) * i128::from(per_second) / SECOND
            };
            for (first, from) in times.iter().enumerate().step_by(1 + times.len() / 50) {
                for (last, to) in times.iter().enumerate().skip(first) {
                    prop_assert!((last - first + 1) as i128 <= most(*from, *to));
                }
            }
        }

        /// Looking at a bucket in between changes nothing: what comes back is exact.
        #[test]
        fn what_comes_back_does_not_depend_on_who_looks(
            gaps in prop::collection::vec(0i64..3_000_000_000, 1..50),
        ) {
            let limit = Limit::new(200, 10);
            let empty = || {
                let mut bucket = Bucket::full(limit, 0);
                (0..200).for_each(|_| bucket.take());
                bucket
            };
            let (mut watched, mut alone, mut now) = (empty(), empty(), 0);
            for gap in gaps {
                now += i128::from(gap);
                watched.refill(limit, now);
            }
            alone.refill(limit, now);
            prop_assert_eq!(watched.parts, alone.parts);
        }
    }
}
