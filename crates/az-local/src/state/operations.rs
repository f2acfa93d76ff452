//! Long-running operations, and what is due when they end.

use super::store::Document;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use time::OffsetDateTime;

/// An operation that was accepted.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Operation {
    pub(crate) id: String,
    /// `provisioningState` of the resource meanwhile, as `Creating`.
    pub(crate) state: String,
    #[serde(with = "time::serde::rfc3339")]
    pub(crate) started: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    pub(crate) ends: OffsetDateTime,
    /// What it gives, where it gives anything.
    #[serde(default)]
    pub(crate) output: Option<Value>,
    /// Whether something that takes its own time has to end it: by `ends` it has failed.
    #[serde(default)]
    pub(crate) awaited: bool,
}

impl Document for Operation {
    const KIND: &'static str = "operation";
    fn key(&self) -> String {
        self.id.clone()
    }
}

/// What is to be done when an operation ends.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Effect {
    /// A group goes, with all that is in it.
    DeleteGroup(String),
    /// A resource goes.
    DeleteResource(String),
    /// A deleted vault goes for good.
    PurgeVault(String),
}

/// An effect that waits for its operation's end.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Pending {
    pub(crate) operation: String,
    #[serde(with = "time::serde::rfc3339")]
    pub(crate) due: OffsetDateTime,
    pub(crate) effect: Effect,
}

impl Document for Pending {
    const KIND: &'static str = "pendingEffect";
    fn key(&self) -> String {
        self.operation.clone()
    }
}
