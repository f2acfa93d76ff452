//! What a service is handed with each request.

use super::effects::{EndedMachine, Script};
use crate::ground::wire::Caller;
use crate::state::Transaction;
use crate::state::knobs::Knobs;
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
    /// Signs and checks tokens.
    pub(crate) keys: &'a crate::state::signing_keys::SigningKeys,
    /// For the request log.
    pub(crate) caller: RefCell<Caller>,
    /// The machines that this request takes down; what runs there ends once that is kept.
    pub(crate) ended: RefCell<Vec<EndedMachine>>,
    /// The scripts that this request gives to machines; they run once that is kept.
    pub(crate) scripts: RefCell<Vec<Script>>,
}

impl Context<'_> {
    /// Notes that a machine goes down.
    pub(crate) fn machine_ends(&self, vm_id: &str, gone: bool) {
        self.ended.borrow_mut().push(EndedMachine {
            vm_id: vm_id.to_owned(),
            gone,
        });
    }
}
