//! Role assignments.

use super::document::{Document, Index, Range};
use super::resources::Resource;
use super::transaction::{StateError, Transaction};
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
    const COLUMNS: &'static [&'static str] = &["scope", "principal", "role"];
    fn key(&self) -> String {
        Resource::key_of(&self.id)
    }
    fn columns(&self) -> Vec<Option<String>> {
        vec![
            Some(Resource::key_of(&self.scope)),
            Some(RoleAssignment::principal_at(
                &self.principal_id,
                &self.scope,
            )),
            Some(self.role.to_ascii_lowercase()),
        ]
    }
}

impl RoleAssignment {
    pub(crate) const BY_SCOPE: Index<RoleAssignment> = Index::new("scope");
    /// `{principal}|{scope}`, in lower case.
    pub(crate) const BY_PRINCIPAL: Index<RoleAssignment> = Index::new("principal");

    /// The definition's GUID, in lower case.
    pub(crate) const BY_ROLE: Index<RoleAssignment> = Index::new("role");

    /// What stands in [`RoleAssignment::BY_PRINCIPAL`].
    pub(crate) fn principal_at(principal_id: &str, scope: &str) -> String {
        format!(
            "{}|{}",
            principal_id.to_ascii_lowercase(),
            Resource::key_of(scope)
        )
    }

    /// The last segment of the id.
    pub(crate) fn name(&self) -> &str {
        self.id.rsplit('/').next().unwrap_or_default()
    }
}

/// The scopes at which an assignment holds at `scope`: itself and those above it that can be named, in lower case.
pub(crate) fn chain(scope: &str) -> Vec<String> {
    let key = Resource::key_of(scope);
    let mut chain = vec![String::new()];
    let mut at = 0;
    let mut words = key.split('/').skip(1);
    while let Some(word) = words.next() {
        at += word.len() + 1;
        // `providers/{namespace}` is followed by types and names by turns, as is the beginning.
        if let Some(next) = words.next() {
            at += next.len() + 1;
        }
        if word != "providers" && at < key.len() {
            chain.push(key[..at].to_owned());
        }
    }
    if !key.is_empty() {
        chain.push(key);
    }
    chain
}

/// Drops at most `most` assignments at a scope and below: what Azure does when a resource goes. Says how many.
pub(crate) fn forget_scope(
    tx: &Transaction<'_>,
    scope: &str,
    most: usize,
) -> Result<usize, StateError> {
    let key = Resource::key_of(scope);
    let below = format!("{key}/");
    let mut gone = 0;
    for range in [
        Range::Equal(RoleAssignment::BY_SCOPE, key.as_str()),
        Range::Beginning(RoleAssignment::BY_SCOPE, below.as_str()),
    ] {
        for assignment in tx.page(&range, None, most - gone)?.items {
            tx.delete::<RoleAssignment>(&assignment.key())?;
            gone += 1;
        }
    }
    Ok(gone)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether an assignment at `from` holds at `scope`: it is the same, or above.
    fn reaches(from: &str, scope: &str) -> bool {
        let (from, scope) = (Resource::key_of(from), Resource::key_of(scope));
        match scope.strip_prefix(&from) {
            Some(rest) => rest.is_empty() || rest.starts_with('/') || from.is_empty(),
            None => false,
        }
    }

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

    #[test]
    fn the_chain_of_a_scope_holds_what_reaches_it() {
        let scope = "/subscriptions/S/resourceGroups/g/providers/Microsoft.KeyVault/vaults/kv";
        let chain = chain(scope);
        assert!(chain.iter().all(|above| reaches(above, scope)), "{chain:?}");
        for above in [
            "",
            "/subscriptions/s",
            "/subscriptions/s/resourcegroups/g",
            "/subscriptions/s/resourcegroups/g/providers/microsoft.keyvault/vaults/kv",
        ] {
            assert!(chain.iter().any(|one| one == above), "{above}");
        }
        assert_eq!(chain.len(), 4);
    }
}
