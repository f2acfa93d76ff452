//! What a service is handed with each request.

use super::effects::{Effects, EndedMachine};
use crate::ground::wire::Caller;
use crate::state::authority::Authority;
use crate::state::faults::OperationEnd;
use crate::state::knobs::Knobs;
use crate::state::signing_keys::SigningKeys;
use crate::state::{StateError, Transaction};
use std::cell::RefCell;
use time::OffsetDateTime;

/// One request's view of the instance. All reads and writes of one request are one transaction,
/// committed before the answer leaves, so what was acknowledged is kept.
pub(crate) struct Context<'a> {
    pub(crate) tx: &'a Transaction<'a>,
    /// The instance's time when the request was taken up, the same for the whole request.
    pub(crate) now: OffsetDateTime,
    /// The computer's own time, by which clients stamp what they sign (assertions). It is `now`
    /// until someone moves the instance's clock.
    pub(crate) client_now: OffsetDateTime,
    pub(crate) knobs: &'a Knobs,
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
