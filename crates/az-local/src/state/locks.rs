//! Locks on what Resource Manager keeps.

use super::document::{Document, Index};
use super::resources::Resource;
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
