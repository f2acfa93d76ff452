//! What a service is handed with each request.

use super::effects::{Effects, EndedMachine};
use crate::ground::wire::Caller;
use crate::state::authority::Authority;
use crate::state::faults::OperationEnd;
use crate::state::knobs::Knobs;
use crate::state::signing_keys::SigningKeys;
use crate::state::throttles::Throttles;
use crate::state::{StateError, Transaction};
use std::cell::RefCell;
use time::{Duration, OffsetDateTime};

/// One request's view of the instance. All reads and writes of one request are one transaction,
/// committed before the answer leaves, so what was acknowledged is kept.
pub(crate) struct Context<'a> {
    pub(crate) tx: &'a Transaction<'a>,
    /// The instance's time when the request was taken up, the same for the whole request.
    pub(crate) now: OffsetDateTime,
    /// The same without what a higher speed of the clock has added: tokens go by it, as their holders' clocks do.
    pub(crate) wall_now: OffsetDateTime,
    /// The computer's own time, by which clients stamp what they sign (assertions). It is `now`
    /// until someone moves the instance's clock.
    pub(crate) client_now: OffsetDateTime,
    /// How many times as fast as the computer's clock the instance's runs.
    pub(crate) speed: u32,
    pub(crate) knobs: &'a Knobs,
    /// How many requests are taken.
    pub(crate) throttles: &'a Throttles,
    /// Vouches for the instance.
    pub(crate) authority: &'a Authority,
    /// Signs and checks tokens.
    pub(crate) keys: &'a SigningKeys,
    /// How an operation that the request begins is to end, where it is not to succeed.
    pub(crate) operation_end: Option<&'a OperationEnd>,
    /// For the request log.
    pub(crate) caller: RefCell<Caller>,
    /// What is to be done once the request's writes are kept.
    pub(crate) effects: RefCell<Effects>,
}

impl Context<'_> {
    /// What `Retry-After` tells a client, which waits by its own clock: the time that passes there meanwhile, in whole
    /// seconds. They are at least one: az takes 0 for none, and waits for 30.
    pub(crate) fn retry_after(&self, time: Duration) -> i64 {
        self.milliseconds(time)
            .saturating_add(999)
            .div_euclid(1000)
            .max(1)
    }

    /// The same in milliseconds, which may be none.
    pub(crate) fn milliseconds(&self, time: Duration) -> i64 {
        let speed = i64::from(self.speed.max(1));
        let milliseconds = time.whole_milliseconds().max(0) as i64;
        milliseconds.saturating_add(speed - 1).div_euclid(speed)
    }

    /// Notes that a machine goes down.
    pub(crate) fn machine_ends(&self, vm_id: &str, gone: bool) {
        self.effects.borrow_mut().ended.push(EndedMachine {
            vm_id: vm_id.to_owned(),
            gone,
        });
    }

    /// Runs `work`; what it wrote and asked for is undone when it returns `Err`, and the request goes on either way.
    pub(crate) fn attempt<R, E>(
        &self,
        work: impl FnOnce() -> Result<R, E>,
    ) -> Result<Result<R, E>, StateError> {
        self.within_savepoint(work, Result::is_ok)
    }

    /// Runs `work` and undoes what it wrote and asked for.
    pub(crate) fn trial<R>(&self, work: impl FnOnce() -> R) -> Result<R, StateError> {
        self.within_savepoint(work, |_| false)
    }

    fn within_savepoint<R>(
        &self,
        work: impl FnOnce() -> R,
        keep: impl Fn(&R) -> bool,
    ) -> Result<R, StateError> {
        let before = self.effects.borrow().len();
        let result = self.tx.within_savepoint(work, &keep)?;
        if !keep(&result) {
            self.effects.borrow_mut().truncate(before);
        }
        Ok(result)
    }
}
