//! Misbehaviour on demand: which requests meet a fault, and which. It is in memory and goes with the process.

pub(crate) mod answers;
mod chaos;
mod file;
mod rule;

pub use chaos::Chaos;
pub use file::FaultsError;
pub(crate) use file::read;
pub(crate) use rule::{Action, Asked, Breach, OperationEnd, Rule, Twist};

use serde_json::{Value, json};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The faults of an instance.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    /// Whether there are any: without, a request pays for a look at this.
    any: AtomicBool,
    live: Mutex<Live>,
}

#[derive(Debug, Default)]
struct Live {
    rules: Vec<Counted>,
    chaos: Option<Chaos>,
    counts: chaos::Counts,
}

/// A fault, and how often it was met.
#[derive(Debug)]
struct Counted {
    rule: Rule,
    /// Requests that fit.
    fitting: u64,
    /// Those of them that it was done to.
    met: u64,
    /// When the first of them came.
    since: Option<Instant>,
}

/// A fault that a request meets.
#[derive(Clone, Debug)]
pub(crate) struct Met {
    pub(crate) name: String,
    pub(crate) action: Action,
}

impl Faults {
    /// Those of a file in place of what there is.
    pub(crate) fn set(&self, rules: Vec<Rule>) {
        let mut live = self.live();
        live.rules.clear();
        self.extend(live, rules);
    }

    /// Those of a file after what there is.
    pub(crate) fn add(&self, rules: Vec<Rule>) {
        self.extend(self.live(), rules);
    }

    /// Faults at random, or no more of them.
    pub(crate) fn set_chaos(&self, chaos: Option<Chaos>) {
        let mut live = self.live();
        live.counts = chaos::Counts::default();
        live.chaos = chaos.filter(|chaos| chaos.rate > 0.0);
        self.note(&live);
    }

    /// No more of anything.
    pub(crate) fn clear(&self) {
        let mut live = self.live();
        *live = Live::default();
        self.note(&live);
    }

    /// What there is, and how often it was met.
    pub(crate) fn list(&self) -> Value {
        let live = self.live();
        let rules: Vec<Value> = live
            .rules
            .iter()
            .map(|one| json!({"name": one.rule.name, "fitting": one.fitting, "met": one.met}))
            .collect();
        json!({"chaos": live.chaos, "faults": rules})
    }

    /// The fault that a request meets, if any.
    pub(crate) fn meet(&self, asked: impl FnOnce() -> Asked) -> Option<Met> {
        if !self.any.load(Ordering::Acquire) {
            return None;
        }
        let asked = asked();
        let mut live = self.live();
        let found = live.first(&asked, |action| !matches!(action, Action::Certificate(_)));
        found.or_else(|| {
            let Live { chaos, counts, .. } = &mut *live;
            let (name, action) = chaos.as_ref()?.meet(&asked, counts)?;
            Some(Met { name, action })
        })
    }

    /// For how long from now the certificate of a host is to be valid, where that is not for long.
    pub(crate) fn certificate(&self, asked: impl FnOnce() -> Asked) -> Option<Duration> {
        if !self.any.load(Ordering::Acquire) {
            return None;
        }
        let is_certificate = |action: &Action| matches!(action, Action::Certificate(_));
        match self.live().first(&asked(), is_certificate)?.action {
            Action::Certificate(time) => Some(time),
            _ => None,
        }
    }

    fn extend(&self, mut live: MutexGuard<'_, Live>, rules: Vec<Rule>) {
        live.rules.extend(rules.into_iter().map(|rule| Counted {
            rule,
            fitting: 0,
            met: 0,
            since: None,
        }));
        self.note(&live);
    }

    fn note(&self, live: &Live) {
        let any = !live.rules.is_empty() || live.chaos.is_some();
        self.any.store(any, Ordering::Release);
    }

    fn live(&self) -> MutexGuard<'_, Live> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Live {
    /// The first fault with such an action that is met; each that fits counts.
    fn first(&mut self, asked: &Asked, is_such: impl Fn(&Action) -> bool) -> Option<Met> {
        let mut found = None;
        for one in &mut self.rules {
            if !is_such(&one.rule.action) || !one.rule.requests.fit(asked) {
                continue;
            }
            one.fitting += 1;
            let since = *one.since.get_or_insert_with(Instant::now);
            let nth = one.fitting;
            let draw = || chaos::share(chaos::mix(nth));
            if found.is_none() && one.rule.when.is_now(nth, since, draw) {
                one.met += 1;
                found = Some(Met {
                    name: one.rule.name.clone(),
                    action: one.rule.action.clone(),
                });
            }
        }
        found
    }
}
