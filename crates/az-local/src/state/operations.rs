//! Long-running operations.

use super::document::{Document, Index};
use super::due::stamp;
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
    /// Why it failed, if it did: `code` and `message`.
    #[serde(default)]
    pub(crate) error: Option<Value>,
    /// `Failed` or `Canceled`, where it does not succeed: known from its beginning.
    #[serde(default)]
    pub(crate) fate: Option<String>,
    /// Whether something that takes its own time has to end it: by `ends` it has failed.
    #[serde(default)]
    pub(crate) awaited: bool,
}

impl Operation {
    pub(crate) const BY_END: Index<Operation> = Index::new("ends");
}

impl Document for Operation {
    const KIND: &'static str = "operation";
    const COLUMNS: &'static [&'static str] = &["ends"];
    fn key(&self) -> String {
        self.id.clone()
    }
    fn columns(&self) -> Vec<Option<String>> {
        vec![Some(stamp(self.ends))]
    }
}
