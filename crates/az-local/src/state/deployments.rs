//! Template deployments.

use super::document::Document;
use super::transaction::{StateError, Transaction};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use time::OffsetDateTime;

/// A deployment that was accepted.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Deployment {
    pub(crate) id: String,
    /// Where the deployment itself is kept, for one at a subscription.
    pub(crate) location: Option<String>,
    pub(crate) tags: Option<Value>,
    /// What a GET answers once it has ended.
    pub(crate) properties: Map<String, Value>,
    pub(crate) template: Value,
    pub(crate) operation: String,
    /// What was done for each resource.
    pub(crate) steps: Vec<Value>,
    #[serde(with = "time::serde::rfc3339")]
    pub(crate) began: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    pub(crate) ends: OffsetDateTime,
    pub(crate) error: Option<Value>,
}

impl Document for Deployment {
    const KIND: &'static str = "deployment";
    fn key(&self) -> String {
        self.id.to_ascii_lowercase()
    }
}

/// Forgets at most `most` deployments at a scope that goes. Says how many.
pub(crate) fn forget(tx: &Transaction<'_>, scope: &str, most: usize) -> Result<usize, StateError> {
    let prefix = format!("{}/providers/", scope.to_ascii_lowercase());
    tx.delete_below::<Deployment>(&prefix, most)
}
