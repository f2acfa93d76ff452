//! Secrets as they are kept.

use crate::state::store::Document;
use crate::state::store::StateError;
use crate::state::store::Transaction;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// One version of a secret.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct SecretVersion {
    /// The vault's name.
    pub(crate) vault: String,
    pub(crate) name: String,
    /// 32 hexadecimal digits.
    pub(crate) version: String,
    /// Orders the versions of a secret: each is greater than those before.
    pub(crate) number: u64,
    pub(crate) value: String,
    pub(crate) content_type: Option<String>,
    pub(crate) tags: Option<Map<String, Value>>,
    pub(crate) enabled: bool,
    /// Unix seconds, as all times here.
    pub(crate) not_before: Option<i64>,
    pub(crate) expires: Option<i64>,
    pub(crate) created: i64,
    pub(crate) updated: i64,
}

impl Document for SecretVersion {
    const KIND: &'static str = "secretVersion";
    fn key(&self) -> String {
        format!("{}{:020}", prefix(&self.vault, &self.name), self.number)
    }
}

/// A secret that was deleted; its versions stay until it is purged.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct DeletedSecret {
    pub(crate) vault: String,
    pub(crate) name: String,
    pub(crate) deleted: i64,
    pub(crate) purged_on: i64,
}

impl Document for DeletedSecret {
    const KIND: &'static str = "deletedSecret";
    fn key(&self) -> String {
        deleted_key(&self.vault, &self.name)
    }
}

/// The key of a deleted secret.
pub(crate) fn deleted_key(vault: &str, name: &str) -> String {
    format!(
        "{}/{}",
        vault.to_ascii_lowercase(),
        name.to_ascii_lowercase()
    )
}

/// What the keys of a secret's versions begin with.
pub(crate) fn prefix(vault: &str, name: &str) -> String {
    format!(
        "{}/{}/",
        vault.to_ascii_lowercase(),
        name.to_ascii_lowercase()
    )
}

/// Forgets all secrets of a vault.
pub(crate) fn forget(tx: &Transaction<'_>, vault: &str) -> Result<(), StateError> {
    let prefix = format!("{}/", vault.to_ascii_lowercase());
    for secret in tx.list::<SecretVersion>(&prefix)? {
        tx.delete::<SecretVersion>(&secret.key())?;
    }
    for secret in tx.list::<DeletedSecret>(&prefix)? {
        tx.delete::<DeletedSecret>(&secret.key())?;
    }
    Ok(())
}
