//! Key vaults, and those that were deleted.

use super::document::{Document, Index};
use super::resources::Resource;
pub(crate) use super::resources::VAULT as KIND;
use super::transaction::{StateError, Transaction};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use time::{Duration, OffsetDateTime};

/// The vault behind a host name, if there is one.
pub(crate) fn find_by_host(
    tx: &Transaction<'_>,
    host: &str,
) -> Result<Option<Resource>, StateError> {
    let name = host.split('.').next().unwrap_or_default();
    find_by_name(tx, name)
}

/// Names are unique in the whole cloud.
pub(crate) fn find_by_name(
    tx: &Transaction<'_>,
    name: &str,
) -> Result<Option<Resource>, StateError> {
    tx.find(Resource::BY_GLOBAL_NAME, &name.to_ascii_lowercase())
}

/// A vault's `properties`.
pub(crate) fn settings(vault: &Resource) -> Map<String, Value> {
    vault
        .body
        .get("properties")
        .and_then(Value::as_object)
        .cloned()
        .unwrap_or_default()
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

    pub(crate) fn properties(&self) -> &Value {
        self.vault.body.get("properties").unwrap_or(&Value::Null)
    }

    pub(crate) fn location(&self) -> &str {
        self.vault
            .body
            .get("location")
            .and_then(Value::as_str)
            .unwrap_or_default()
    }

    pub(crate) fn subscription(&self) -> &str {
        self.vault.id.split('/').nth(2).unwrap_or_default()
    }

    pub(crate) fn is_protected(&self) -> bool {
        self.properties()["enablePurgeProtection"] == true
    }

    pub(crate) fn purged_on(&self) -> OffsetDateTime {
        self.deleted
            + Duration::days(
                self.properties()["softDeleteRetentionInDays"]
                    .as_i64()
                    .unwrap_or(90),
            )
    }
}
