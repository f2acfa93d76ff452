//! Role assignments.

use super::resources::Resource;
use super::store::{Document, StateError, Transaction};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

/// A role given to a principal at a scope.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct RoleAssignment {
    /// Its id, in the case it was created with.
    pub(crate) id: String,
    pub(crate) scope: String,
    pub(crate) principal_id: String,
    pub(crate) principal_type: String,
    /// The definition's GUID.
    pub(crate) role: String,
    pub(crate) description: Option<String>,
    pub(crate) condition: Option<String>,
    pub(crate) condition_version: Option<String>,
    /// The object id of whoever made it.
    pub(crate) created_by: Option<String>,
    #[serde(with = "time::serde::rfc3339")]
    pub(crate) created: OffsetDateTime,
}

impl Document for RoleAssignment {
    const KIND: &'static str = "roleAssignment";
    fn key(&self) -> String {
        Resource::key_of(&self.id)
    }
}

impl RoleAssignment {
    /// The last segment of the id.
    pub(crate) fn name(&self) -> &str {
        self.id.rsplit('/').next().unwrap_or_default()
    }
}

/// Whether an assignment at `from` holds at `scope`: it is the same, or above.
pub(crate) fn reaches(from: &str, scope: &str) -> bool {
    let (from, scope) = (Resource::key_of(from), Resource::key_of(scope));
    match scope.strip_prefix(&from) {
        Some(rest) => rest.is_empty() || rest.starts_with('/') || from.is_empty(),
        None => false,
    }
}

/// Drops the assignments at a scope and below: what Azure does when a resource goes.
pub(crate) fn forget_scope(tx: &Transaction<'_>, scope: &str) -> Result<(), StateError> {
    for assignment in tx.list::<RoleAssignment>(&Resource::key_of(scope))? {
        if reaches(scope, &assignment.scope) {
            tx.delete::<RoleAssignment>(&assignment.key())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_reaches_down_by_segments() {
        assert!(reaches(
            "/subscriptions/s",
            "/subscriptions/S/resourceGroups/g"
        ));
        assert!(reaches("/", "/subscriptions/s"));
        assert!(reaches(
            "/subscriptions/s/resourceGroups/g",
            "/subscriptions/s/resourcegroups/G/"
        ));
        assert!(!reaches(
            "/subscriptions/s/resourceGroups/g",
            "/subscriptions/s/resourceGroups/gg"
        ));
        assert!(!reaches(
            "/subscriptions/s/resourceGroups/g",
            "/subscriptions/s"
        ));
    }
}
