//! What a role is, and the roles that a tenant has made itself.

use super::document::{Document, Index};
use super::transaction::{StateError, Transaction};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

/// A role definition.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct RoleDefinition {
    /// Its GUID.
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) permissions: Vec<Permission>,
}

/// What a role allows; one that has several allows what any of them does.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Permission {
    pub(crate) actions: Vec<String>,
    pub(crate) not_actions: Vec<String>,
    pub(crate) data_actions: Vec<String>,
    pub(crate) not_data_actions: Vec<String>,
    pub(crate) condition: Option<String>,
    pub(crate) condition_version: Option<String>,
}

/// A role that somebody has made.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct CustomRole {
    pub(crate) tenant_id: String,
    pub(crate) definition: RoleDefinition,
    /// Where it can be assigned, and below.
    pub(crate) assignable_scopes: Vec<String>,
    /// Object ids.
    pub(crate) created_by: String,
    pub(crate) updated_by: String,
    #[serde(with = "time::serde::rfc3339")]
    pub(crate) created: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    pub(crate) updated: OffsetDateTime,
}

impl CustomRole {
    pub(crate) const BY_TENANT: Index<CustomRole> = Index::new("tenant");
    /// `{tenant}/{name}`, in lower case.
    pub(crate) const BY_NAME: Index<CustomRole> = Index::new("name");

    /// What stands in [`CustomRole::BY_NAME`].
    pub(crate) fn name_in(tenant_id: &str, name: &str) -> String {
        format!("{tenant_id}/{}", name.to_lowercase())
    }

    fn key_of(tenant_id: &str, id: &str) -> String {
        format!("{tenant_id}|{}", id.to_ascii_lowercase())
    }

    /// The tenant's role with this GUID.
    pub(crate) fn find(
        tx: &Transaction<'_>,
        tenant_id: &str,
        id: &str,
    ) -> Result<Option<Self>, StateError> {
        tx.get(&CustomRole::key_of(tenant_id, id))
    }
}

impl Document for CustomRole {
    const KIND: &'static str = "customRole";
    const COLUMNS: &'static [&'static str] = &["tenant", "name"];
    fn key(&self) -> String {
        CustomRole::key_of(&self.tenant_id, &self.definition.id)
    }
    fn columns(&self) -> Vec<Option<String>> {
        vec![
            Some(self.tenant_id.clone()),
            Some(CustomRole::name_in(&self.tenant_id, &self.definition.name)),
        ]
    }
}
