//! Locks on what Resource Manager keeps.

use super::document::{Document, Index, Range};
use super::resources::Resource;
use super::transaction::{StateError, Transaction};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What a lock prevents, at its scope and below.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Level {
    /// Deletion.
    CanNotDelete,
    /// Every change, and every action.
    ReadOnly,
}

impl Level {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Level::CanNotDelete => "CanNotDelete",
            Level::ReadOnly => "ReadOnly",
        }
    }
}

/// Drops at most `most` locks at a scope and below, which is gone. Says how many.
pub(crate) fn forget_scope(
    tx: &Transaction<'_>,
    scope: &str,
    most: usize,
) -> Result<usize, StateError> {
    let key = Resource::key_of(scope);
    let below = format!("{key}/");
    let mut gone = 0;
    for range in [
        Range::Equal(Lock::BY_SCOPE, key.as_str()),
        Range::Beginning(Lock::BY_SCOPE, below.as_str()),
    ] {
        for lock in tx.page(&range, None, most - gone)?.items {
            tx.delete::<Lock>(&lock.key())?;
            gone += 1;
        }
    }
    Ok(gone)
}

/// A lock.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Lock {
    pub(crate) id: String,
    pub(crate) scope: String,
    pub(crate) level: Level,
    pub(crate) notes: Option<String>,
    /// The applications that it is of.
    pub(crate) owners: Option<Value>,
}

impl Lock {
    /// What it is on, by its key.
    pub(crate) const BY_SCOPE: Index<Lock> = Index::new("scope");

    /// The last segment of the id.
    pub(crate) fn name(&self) -> &str {
        self.id.rsplit('/').next().unwrap_or_default()
    }
}

impl Document for Lock {
    const KIND: &'static str = "lock";
    const COLUMNS: &'static [&'static str] = &["scope"];
    fn key(&self) -> String {
        Resource::key_of(&self.id)
    }
    fn columns(&self) -> Vec<Option<String>> {
        vec![Some(Resource::key_of(&self.scope))]
    }
}
