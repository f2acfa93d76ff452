//! Key vaults, and those that were deleted.

use super::document::{Document, Index};
use super::resources::Resource;
pub(crate) use super::resources::VAULT as KIND;
use super::transaction::{StateError, Transaction};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use time::{Duration, OffsetDateTime};

/// The vault behind a host name, if there is one.
pub(crate) fn find_by_host(
    tx: &Transaction<'_>,
    host: &str,
) -> Result<Option<Resource>, StateError> {
    let name = host.split_once('.').map_or(host, |(name, _)| name);
    find_by_name(tx, name)
}

/// Names are unique in the whole cloud.
pub(crate) fn find_by_name(
    tx: &Transaction<'_>,
    name: &str,
) -> Result<Option<Resource>, StateError> {
    tx.find(Resource::BY_GLOBAL_NAME, &name.to_ascii_lowercase())
}

/// A kept vault, read by what its members mean.
#[derive(Clone, Copy)]
pub(crate) struct Vault<'a>(&'a Resource);

/// What one principal may do in a vault that goes by policies.
#[derive(Clone, Copy)]
pub(crate) struct AccessPolicy<'a>(&'a Value);

/// How long what is deleted can be brought back, where a vault says nothing of it (days).
const RETENTION: i64 = 90;

impl<'a> Vault<'a> {
    pub(crate) fn of(vault: &'a Resource) -> Self {
        Vault(vault)
    }

    /// The id of the tenant whose principals it takes. Every vault has one.
    pub(crate) fn tenant(self) -> Result<&'a str, StateError> {
        let tenant = self.0.property("tenantId").and_then(Value::as_str);
        tenant.ok_or_else(|| self.0.lacks("properties.tenantId"))
    }

    /// Whether roles decide; else the access policies do.
    pub(crate) fn goes_by_roles(self) -> bool {
        self.is_set("enableRbacAuthorization")
    }

    pub(crate) fn policies(self) -> impl Iterator<Item = AccessPolicy<'a>> {
        self.0.items("accessPolicies").iter().map(AccessPolicy)
    }

    /// Whether nothing in it can be purged before its time.
    pub(crate) fn is_protected(self) -> bool {
        self.is_set("enablePurgeProtection")
    }

    /// How long what is deleted can be brought back.
    pub(crate) fn retention(self) -> Duration {
        let days = self.0.property("softDeleteRetentionInDays");
        Duration::days(days.and_then(Value::as_i64).unwrap_or(RETENTION))
    }

    fn is_set(self, member: &str) -> bool {
        let value = self.0.property(member).and_then(Value::as_bool);
        value.unwrap_or(false)
    }
}

impl<'a> AccessPolicy<'a> {
    /// Whether it is this principal's.
    pub(crate) fn is_for(self, object_id: &str) -> bool {
        let own = self.0.get("objectId").and_then(Value::as_str);
        own.is_some_and(|own| own.eq_ignore_ascii_case(object_id))
    }

    /// What it allows with secrets.
    pub(crate) fn secrets(self) -> impl Iterator<Item = &'a str> {
        let words = self.0.pointer("/permissions/secrets");
        let words = words.and_then(Value::as_array).into_iter().flatten();
        words.filter_map(Value::as_str)
    }
}

/// A vault that was deleted.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct DeletedVault {
    /// The vault as it was.
    pub(crate) vault: Resource,
    #[serde(with = "time::serde::rfc3339")]
    pub(crate) deleted: OffsetDateTime,
    /// A purge is under way.
    pub(crate) purging: bool,
}

impl Document for DeletedVault {
    const KIND: &'static str = "deletedVault";
    const COLUMNS: &'static [&'static str] = &["subscription"];
    fn key(&self) -> String {
        self.vault.name().to_ascii_lowercase()
    }
    fn columns(&self) -> Vec<Option<String>> {
        vec![Some(self.vault.subscription().to_ascii_lowercase())]
    }
}

impl DeletedVault {
    pub(crate) const BY_SUBSCRIPTION: Index<DeletedVault> = Index::new("subscription");

    pub(crate) fn purged_on(&self) -> OffsetDateTime {
        self.deleted + Vault::of(&self.vault).retention()
    }
}
