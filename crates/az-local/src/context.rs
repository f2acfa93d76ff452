//! What a service is handed with each request.

use crate::machine::scripts::Script;
use crate::state::Transaction;
use crate::wire::Caller;
use std::cell::RefCell;
use time::{Duration, OffsetDateTime};

/// The knobs of an instance: each deliberate awkwardness has one.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub(crate) struct Knobs {
    /// How long a long-running operation takes (milliseconds of the instance's clock).
    pub(crate) operation_ms: i64,
    /// `x-ms-retry-after-ms` on operations that still run (milliseconds).
    pub(crate) retry_after_ms: i64,
    /// From a role assignment's creation until it is effective (milliseconds).
    pub(crate) role_delay_ms: i64,
    /// From a principal's creation until role assignments can name it (milliseconds).
    pub(crate) principal_delay_ms: i64,
    /// Lifetime of access tokens (seconds).
    pub(crate) token_lifetime_s: i64,
}

impl Default for Knobs {
    fn default() -> Self {
        Knobs {
            operation_ms: 150,
            retry_after_ms: 100,
            role_delay_ms: 300,
            principal_delay_ms: 150,
            token_lifetime_s: 86_399,
        }
    }
}

impl Knobs {
    /// How long a long-running operation takes.
    pub(crate) fn operation(&self) -> Duration {
        Duration::milliseconds(self.operation_ms)
    }
}

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
    pub(crate) keys: &'a crate::entra::keys::SigningKeys,
    /// For the request log.
    pub(crate) caller: RefCell<Caller>,
    /// The machines that this request takes down; what runs there ends once that is kept.
    pub(crate) ended: RefCell<Vec<EndedMachine>>,
    /// The scripts that this request gives to machines; they run once that is kept.
    pub(crate) scripts: RefCell<Vec<Script>>,
}

/// A machine that went down.
#[derive(Clone, Debug)]
pub(crate) struct EndedMachine {
    pub(crate) vm_id: String,
    /// Whether it does not come back.
    pub(crate) gone: bool,
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
