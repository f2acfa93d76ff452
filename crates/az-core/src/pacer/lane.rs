//! What the requests of one limit have left of it, and whether the service takes any.

use super::limits::Limit;
use az_credential::http::jittered;
use std::{collections::VecDeque, time::Duration};
use tokio::time::Instant;

/// The pauses after a refusal whose answer does not say how long: the first, and the longest, to which they double.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(8);
/// The least share of a limit that is left of it, whoever else uses it.
const LEAST_SHARE: f64 = 1.0 / 32.0;
/// How much of its limit a lane takes back in a second without a refusal.
const RECOVERS: f64 = 0.05;
/// The part of a bucket that is spared: from there on requests go the more slowly the fewer are left. One process is then
/// held at the rate at which they come back, with the bucket that full; several find a rate that they all can have without
/// knowing of each other, as each sees in its answers what is left.
const SPARED: f64 = 0.1;
/// How many requests go before the first answer says what others have left of a bucket.
const UNTIL_KNOWN: u32 = 4;

/// What the requests of one limit have left of it.
#[derive(Debug)]
pub(super) struct Lane {
    limit: Option<Limit>,
    /// Of a bucket: what is in it, and when a request was last taken out.
    tokens: f64,
    last: Option<Instant>,
    /// Of a window: when its requests were sent.
    sent: VecDeque<Instant>,
    /// How much of the limit is used: all of it, until a refusal shows that others use it too.
    share: f64,
    /// When the tokens and the share were last looked at.
    at: Instant,
    /// Of a bucket: whether an answer has said what is in it.
    is_known: bool,
    /// How many requests are under way.
    inside: u32,
    /// How many requests were sent.
    count: u64,
    /// None is sent until then.
    held: Option<Instant>,
    /// How many refusals there were one after the other, not counting those of requests that were under way at the first.
    refused: u32,
    /// When the last of them came.
    refused_at: Option<Instant>,
    /// The first request goes by itself.
    is_new: bool,
    /// One request finds out whether the service takes them, or takes them again.
    is_probing: bool,
}

/// A request that was sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sent {
    pub(super) at: Instant,
    pub(super) number: u64,
}

/// How long all wait after a request was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pause {
    pub(crate) time: Duration,
    /// Nobody was waiting before.
    pub(crate) is_news: bool,
}

/// What the next request is to do.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Next {
    /// It goes.
    Now {
        /// It is the first one, or that after a refusal, and the others wait for what becomes of it.
        is_probe: bool,
    },
    /// It looks again then.
    At(Instant),
    /// The service takes none until then.
    Held(Instant),
    /// It waits for what becomes of one that is under way.
    AfterAnother,
}

impl Lane {
    /// One of which nothing was used. With `first_alone` the first request is answered before others are sent.
    pub(super) fn new(limit: Option<Limit>, first_alone: bool, now: Instant) -> Self {
        Lane {
            is_new: first_alone,
            limit,
            tokens: match limit {
                Some(Limit::Bucket { capacity, .. }) => capacity,
                _ => 0.0,
            },
            last: None,
            sent: VecDeque::new(),
            share: 1.0,
            at: now,
            is_known: false,
            inside: 0,
            count: 0,
            held: None,
            refused: 0,
            refused_at: None,
            is_probing: false,
        }
    }

    /// What the next request is to do; its limit counts where it is paced.
    pub(super) fn next(&mut self, now: Instant, is_paced: bool) -> Next {
        self.pass(now);
        if let Some(until) = self.held {
            if until > now {
                return Next::Held(until);
            }
            self.held = None;
        }
        if self.refused > 0 || self.is_new {
            return match self.is_probing {
                true => Next::AfterAnother,
                false => Next::Now { is_probe: true },
            };
        }
        let is_bucket = matches!(self.limit, Some(Limit::Bucket { .. }));
        if is_paced && is_bucket && self.inside >= self.at_once() {
            return Next::AfterAnother;
        }
        let time = match self.limit {
            Some(limit) if is_paced => self.allows(limit, now),
            _ => now,
        };
        match time > now {
            true => Next::At(time),
            false => Next::Now { is_probe: false },
        }
    }

    /// How many requests may be under way: the fewer, the less is left of a bucket, as others may have as many under way.
    fn at_once(&self) -> u32 {
        match self.is_known {
            true => ((self.tokens / 2.0) as u32).max(1),
            false => UNTIL_KNOWN,
        }
    }

    /// When the limit allows the next request.
    fn allows(&mut self, limit: Limit, now: Instant) -> Instant {
        match limit {
            Limit::Bucket {
                capacity,
                per_second,
            } => {
                let spared = capacity * SPARED;
                let rate = per_second * self.share;
                if self.tokens < 1.0 {
                    return now + Duration::from_secs_f64((1.0 - self.tokens) / rate);
                }
                match self.last {
                    Some(last) if self.tokens < spared => {
                        last + Duration::from_secs_f64(spared / (self.tokens * rate))
                    }
                    _ => now,
                }
            }
            Limit::Window { most, time } => {
                while self.sent.front().is_some_and(|sent| *sent + time <= now) {
                    self.sent.pop_front();
                }
                let most = ((most as f64 * self.share) as usize).max(1);
                match self.sent.len().checked_sub(most) {
                    // The one that has to be out of the window before there is room.
                    Some(over) => self.sent[over] + time,
                    None => now,
                }
            }
        }
    }

    /// A request is sent; gives its number.
    pub(super) fn take(&mut self, now: Instant) -> u64 {
        self.count += 1;
        self.inside += 1;
        self.is_probing = self.refused > 0 || self.is_new;
        self.last = Some(now);
        match self.limit {
            Some(Limit::Bucket { .. }) => self.tokens = (self.tokens - 1.0).max(0.0),
            Some(Limit::Window { most, .. }) => {
                // Who goes unpaced counts nothing, and need not be remembered.
                if self.sent.len() > most {
                    self.sent.pop_front();
                }
                self.sent.push_back(now);
            }
            None => {}
        }
        self.count
    }

    /// A request is no longer under way.
    pub(super) fn left(&mut self, was_probe: bool) {
        self.inside = self.inside.saturating_sub(1);
        if was_probe {
            self.is_new = false;
            self.is_probing = false;
        }
    }

    /// The service took a request, and says how many more it takes, if it counted it.
    pub(super) fn answered(&mut self, one: Sent, now: Instant, remaining: Option<f64>) {
        self.pass(now);
        if self.refused_at.is_none_or(|refused| one.at >= refused) {
            self.refused = 0;
        }
        self.is_known = true;
        if let Some(Limit::Bucket { capacity, .. }) = self.limit {
            // Those that were sent after it were not counted by then. What the service did not count is given back.
            let after = u32::try_from(self.count - one.number).unwrap_or(u32::MAX);
            let left = remaining.map_or(self.tokens + 1.0, |left| left - f64::from(after));
            self.tokens = left.clamp(0.0, capacity);
        }
    }

    /// The service refused a request, and asks for such a pause, if it says. All wait for it.
    pub(super) fn refused(&mut self, one: Sent, now: Instant, asked: Option<Duration>) -> Pause {
        self.pass(now);
        // Those that were under way at a refusal are refused with it: that says nothing new.
        if self.refused_at.is_none_or(|refused| one.at >= refused) {
            self.refused += 1;
            self.refused_at = Some(now);
            self.share = (self.share / 2.0).max(LEAST_SHARE);
        }
        self.tokens = 0.0;
        let doubled = FIRST_PAUSE * (1 << (self.refused.max(1) - 1).min(10));
        let own = jittered(doubled.min(LONGEST_PAUSE));
        let time = own.max(asked.unwrap_or_default());
        let until = now.checked_add(time.min(FAR)).unwrap_or(now);
        let is_news = self.held.is_none_or(|held| held <= now);
        self.held = self.held.max(Some(until));
        Pause { time, is_news }
    }

    fn pass(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        self.at = self.at.max(now);
        if let Some(Limit::Bucket {
            capacity,
            per_second,
        }) = self.limit
        {
            self.tokens = (self.tokens + passed * per_second * self.share).min(capacity);
        }
        self.share = (self.share + passed * RECOVERS).min(1.0);
    }
}

/// A time that no clock need count beyond.
const FAR: Duration = Duration::from_secs(30 * 365 * 86_400);
