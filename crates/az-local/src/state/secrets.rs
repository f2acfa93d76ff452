//! Secrets of key vaults.

use super::document::{Document, Index, Range};
use super::due::{self, Effect};
use super::transaction::{StateError, Transaction};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use time::OffsetDateTime;

/// A secret that can be read: which of its versions is the newest.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Secret {
    /// The vault's name.
    pub(crate) vault: String,
    pub(crate) name: String,
    /// The newest version's number.
    pub(crate) newest: u64,
}

impl Document for Secret {
    const KIND: &'static str = "secret";
    fn key(&self) -> String {
        key_of(&self.vault, &self.name)
    }
}

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
    const COLUMNS: &'static [&'static str] = &["version"];
    fn key(&self) -> String {
        format!("{}{:020}", prefix(&self.vault, &self.name), self.number)
    }
    fn columns(&self) -> Vec<Option<String>> {
        let version = SecretVersion::version_of(&self.vault, &self.name, &self.version);
        vec![Some(version)]
    }
}

impl SecretVersion {
    /// `{vault}/{name}/{version}`, in lower case.
    pub(crate) const BY_VERSION: Index<SecretVersion> = Index::new("version");

    fn version_of(vault: &str, name: &str, version: &str) -> String {
        prefix(vault, name) + &version.to_ascii_lowercase()
    }
}

/// A secret that was deleted; its versions stay until it is purged.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct DeletedSecret {
    pub(crate) vault: String,
    pub(crate) name: String,
    pub(crate) deleted: i64,
    pub(crate) purged_on: i64,
    /// What is going on with it.
    #[serde(default)]
    pub(crate) busy: Option<Busy>,
}

/// What Key Vault does in its own time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Busy {
    /// Until this instant (milliseconds since 1970).
    Deleting(i64),
    /// Until what is due is done.
    Recovering,
    /// The same.
    Purging,
}

impl DeletedSecret {
    /// What is going on with it now.
    pub(crate) fn busy(&self, now: OffsetDateTime) -> Option<Busy> {
        let now = now.unix_timestamp_nanos() / 1_000_000;
        self.busy.filter(|busy| match busy {
            Busy::Deleting(until) => i128::from(*until) > now,
            Busy::Recovering | Busy::Purging => true,
        })
    }

    /// What is to be done when it is recovered.
    pub(crate) fn recovered(&self) -> Effect {
        Effect::RecoverSecret {
            vault: self.vault.clone(),
            name: self.name.clone(),
        }
    }

    /// What is to be done when its retention ends.
    pub(crate) fn purge(&self) -> Effect {
        Effect::PurgeSecret {
            vault: self.vault.clone(),
            name: self.name.clone(),
        }
    }
}

impl Document for DeletedSecret {
    const KIND: &'static str = "deletedSecret";
    fn key(&self) -> String {
        key_of(&self.vault, &self.name)
    }
}

/// The key of a secret, deleted or not.
pub(crate) fn key_of(vault: &str, name: &str) -> String {
    format!("{vault}/{name}").to_ascii_lowercase()
}

/// What the keys of a vault's secrets begin with.
pub(crate) fn all_of(vault: &str) -> String {
    format!("{}/", vault.to_ascii_lowercase())
}

/// What the keys of a secret's versions begin with.
pub(crate) fn prefix(vault: &str, name: &str) -> String {
    key_of(vault, name) + "/"
}

/// The newest version of a secret, deleted or not.
pub(crate) fn newest(
    tx: &Transaction<'_>,
    vault: &str,
    name: &str,
) -> Result<Option<SecretVersion>, StateError> {
    tx.last(&prefix(vault, name))
}

/// The version with this id.
pub(crate) fn version(
    tx: &Transaction<'_>,
    vault: &str,
    name: &str,
    version: &str,
) -> Result<Option<SecretVersion>, StateError> {
    let wanted = SecretVersion::version_of(vault, name, version);
    tx.find(SecretVersion::BY_VERSION, &wanted)
}

/// Keeps a new version, which becomes the newest.
pub(crate) fn add(tx: &Transaction<'_>, version: &SecretVersion) -> Result<(), StateError> {
    tx.put(version)?;
    tx.put(&Secret {
        vault: version.vault.clone(),
        name: version.name.clone(),
        newest: version.number,
    })
}

/// Deletes a secret so that it can be recovered until its retention ends.
pub(crate) fn delete(tx: &Transaction<'_>, secret: &DeletedSecret) -> Result<(), StateError> {
    tx.delete::<Secret>(&secret.key())?;
    tx.put(secret)?;
    let at = OffsetDateTime::from_unix_timestamp(secret.purged_on);
    let at = at.unwrap_or(OffsetDateTime::UNIX_EPOCH);
    due::note(tx, at, secret.purge())
}

/// Brings a deleted secret back.
pub(crate) fn recover(tx: &Transaction<'_>, vault: &str, name: &str) -> Result<(), StateError> {
    let secret: Option<DeletedSecret> = tx.get(&key_of(vault, name))?;
    let (Some(secret), Some(last)) = (secret, newest(tx, vault, name)?) else {
        return Ok(());
    };
    tx.delete::<DeletedSecret>(&secret.key())?;
    due::forget(tx, &secret.purge())?;
    tx.put(&Secret {
        vault: secret.vault.clone(),
        name: secret.name.clone(),
        newest: last.number,
    })
}

/// Forgets a deleted secret and at most `most` of its versions. Says whether all is gone.
pub(crate) fn purge(
    tx: &Transaction<'_>,
    vault: &str,
    name: &str,
    most: usize,
) -> Result<bool, StateError> {
    if tx.delete_below::<SecretVersion>(&prefix(vault, name), most)? == most {
        return Ok(false);
    }
    tx.delete::<DeletedSecret>(&key_of(vault, name))?;
    Ok(true)
}

/// Forgets at most `most` of what a vault holds. Says whether all is gone.
pub(crate) fn forget(tx: &Transaction<'_>, vault: &str, most: usize) -> Result<bool, StateError> {
    let prefix = all_of(vault);
    for secret in tx
        .page(&Range::<DeletedSecret>::Below(&prefix), None, most)?
        .items
    {
        due::forget(tx, &secret.purge())?;
    }
    let gone = [
        tx.delete_below::<SecretVersion>(&prefix, most)?,
        tx.delete_below::<Secret>(&prefix, most)?,
        tx.delete_below::<DeletedSecret>(&prefix, most)?,
    ];
    Ok(gone.iter().all(|gone| *gone < most))
}
