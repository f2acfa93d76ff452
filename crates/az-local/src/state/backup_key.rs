//! What the backups of an instance's secrets are sealed with.

use super::document::Document;
use super::transaction::{StateError, Transaction};
use crate::ground::secret::random_secret;
use ring::hmac;
use serde::{Deserialize, Serialize};

/// What all backups' keys of an instance are derived from; there is one document, made with the first backup.
#[derive(Serialize, Deserialize)]
pub(super) struct StoredBackupKey {
    secret: String,
}

impl StoredBackupKey {
    const KEY: &'static str = "backups";
}

impl Document for StoredBackupKey {
    const KIND: &'static str = "backupKey";
    fn key(&self) -> String {
        StoredBackupKey::KEY.to_owned()
    }
}

/// The key (256 bits) of a subscription's backups, if the instance has made one yet.
pub(crate) fn find(
    tx: &Transaction<'_>,
    subscription: &str,
) -> Result<Option<[u8; 32]>, StateError> {
    let stored = tx.get::<StoredBackupKey>(StoredBackupKey::KEY)?;
    Ok(stored.map(|stored| derive(&stored.secret, subscription)))
}

/// The same; it is made where there is none.
pub(crate) fn find_or_make(
    tx: &Transaction<'_>,
    subscription: &str,
) -> Result<[u8; 32], StateError> {
    if let Some(key) = find(tx, subscription)? {
        return Ok(key);
    }
    let stored = StoredBackupKey {
        secret: random_secret(),
    };
    tx.put(&stored)?;
    Ok(derive(&stored.secret, subscription))
}

fn derive(secret: &str, subscription: &str) -> [u8; 32] {
    let secret = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let mut key = [0; 32];
    let subscription = subscription.to_ascii_lowercase();
    key.copy_from_slice(hmac::sign(&secret, subscription.as_bytes()).as_ref());
    key
}
