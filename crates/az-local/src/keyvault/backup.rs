//! Backups of secrets: a secret with all its versions, in a form that only the subscription it is from can restore
//! (<https://learn.microsoft.com/azure/key-vault/general/backup>).
//!
//! The form is that of Azure's own, as recorded in Azure/azure-sdk-for-js (sdk/keyvault/keyvault-secrets/recordings): a
//! length and a name, and JSON Web Encryption in its compact form. Azure's key is wrapped by one that nobody sees
//! (`RSA-OAEP-256`); here it is the instance's own (`dir`).

use super::access::Act;
use super::error::Error;
use super::secrets::{Call, check_name};
use crate::ground::wire::Response;
use crate::state::secrets::{self, SecretVersion};
use crate::state::{Range, backup_key};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::StatusCode;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom, SystemRandom};
use serde_json::{Value, json};

/// <https://learn.microsoft.com/azure/key-vault/general/service-limits#backup-keys-secrets-certificates>
const MOST_BACKED_UP: usize = 500;

/// What a secret's backup begins with: this name, after its length.
const FORM: &str = "AzureKeyVaultSecretBackupV1.microsoft.com";

impl Call<'_> {
    /// `POST /secrets/{name}/backup`
    pub(crate) fn backup(&self, name: &str) -> Result<Response, Error> {
        check_name(name)?;
        self.access.require(Act::Backup, Some(name))?;
        self.find(name, None)?;
        let below = secrets::prefix(self.vault(), name);
        let page = self
            .tx()
            .page::<SecretVersion>(&Range::Below(&below), None, MOST_BACKED_UP)?;
        if page.next.is_some() {
            return Err(Error::bad(
                "BackupFailed",
                format!(
                    "Secret {name} has more than {MOST_BACKED_UP} versions and cannot be backed up."
                ),
            ));
        }
        let content = serde_json::to_vec(&page.items).map_err(|error| internal(&error))?;
        let subscription = self.access.vault.subscription();
        let key = backup_key::find_or_make(self.tx(), subscription)?;
        let blob = seal(&key, subscription, content)
            .ok_or_else(|| internal(&"the backup could not be sealed"))?;
        Ok(Response::json(
            StatusCode::OK,
            &json!({"value": URL_SAFE_NO_PAD.encode(blob)}),
        ))
    }

    /// `POST /secrets/restore`
    pub(crate) fn restore(&self) -> Result<Response, Error> {
        self.access.require(Act::Restore, None)?;
        let body = self.body()?;
        let blob = body.get("value").and_then(Value::as_str);
        let blob = blob.ok_or_else(|| Error::bad("BadParameter", "Property value is required."))?;
        // Clients may or may not fill up the last group.
        let blob = URL_SAFE_NO_PAD.decode(blob.trim_end_matches('='));
        let blob = blob.map_err(|_| malformed())?;
        let sealed = sealed(&blob).ok_or_else(malformed)?;
        let key = backup_key::find(self.tx(), self.access.vault.subscription())?;
        let content = key
            .and_then(|key| open(&key, sealed))
            .ok_or_else(of_another)?;
        let mut versions: Vec<SecretVersion> =
            serde_json::from_slice(&content).map_err(|_| malformed())?;
        let last = versions.last().cloned().ok_or_else(malformed)?;
        self.refuse_taken(&last.name)?;
        if secrets::newest(self.tx(), self.vault(), &last.name)?.is_some() {
            return Err(Error::Other {
                status: 409,
                code: "Conflict",
                message: format!("A secret with the name {} already exists.", last.name),
            });
        }
        for version in &mut versions {
            version.vault = self.vault().to_owned();
            secrets::add(self.tx(), version)?;
        }
        Ok(Response::json(StatusCode::OK, &self.view(&last, false)))
    }
}

fn internal(error: &dyn ToString) -> Error {
    Error::Other {
        status: 500,
        code: "InternalError",
        message: error.to_string(),
    }
}

/// Recorded in Azure/azure-sdk-for-js, sdk/keyvault/keyvault-secrets/recordings (`malformed_backup_bytes`).
fn malformed() -> Error {
    Error::bad(
        "Malformed backup blob",
        "Backup blob contains invalid or corrupt version.",
    )
}

/// The words are those of Azure/azure-cli issue 8767; the code is not known.
fn of_another() -> Error {
    Error::bad("BadParameter", "Cannot decrypt backup blob.")
}

/// `FORM`, after its length, and the content as JSON Web Encryption (RFC 7516).
fn seal(key: &[u8; 32], subscription: &str, mut content: Vec<u8>) -> Option<Vec<u8>> {
    let header = json!({"kid": subscription, "alg": "dir", "enc": "A256GCM"});
    let header = URL_SAFE_NO_PAD.encode(header.to_string());
    let mut nonce = [0; NONCE_LEN];
    SystemRandom::new().fill(&mut nonce).ok()?;
    let tag = cipher(key)?
        .seal_in_place_separate_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::from(header.as_bytes()),
            &mut content,
        )
        .ok()?;
    let [nonce, content, tag] =
        [&nonce[..], &content, tag.as_ref()].map(|part| URL_SAFE_NO_PAD.encode(part));
    let mut blob = vec![u8::try_from(FORM.len()).ok()?];
    // No wrapped key: its part is empty.
    blob.extend_from_slice(format!("{FORM}{header}..{nonce}.{content}.{tag}").as_bytes());
    Some(blob)
}

/// What is sealed in a blob of a secret's backup.
fn sealed(blob: &[u8]) -> Option<&str> {
    let (length, rest) = blob.split_first()?;
    let rest = std::str::from_utf8(rest).ok()?.strip_prefix(FORM)?;
    (usize::from(*length) == FORM.len() && rest.split('.').count() == 5).then_some(rest)
}

fn open(key: &[u8; 32], sealed: &str) -> Option<Vec<u8>> {
    let parts: Vec<&str> = sealed.split('.').collect();
    let [header, _, nonce, content, tag] = parts.as_slice() else {
        return None;
    };
    let nonce: [u8; NONCE_LEN] = URL_SAFE_NO_PAD.decode(nonce).ok()?.try_into().ok()?;
    let mut content = URL_SAFE_NO_PAD.decode(content).ok()?;
    content.extend(URL_SAFE_NO_PAD.decode(tag).ok()?);
    let opened = cipher(key)?
        .open_in_place(
            Nonce::assume_unique_for_key(nonce),
            Aad::from(header.as_bytes()),
            &mut content,
        )
        .ok()?;
    Some(opened.to_vec())
}

fn cipher(key: &[u8; 32]) -> Option<LessSafeKey> {
    Some(LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_backup_opens_with_its_own_key_only_and_as_a_whole() {
        let blob = seal(&[1; 32], "s", b"content".to_vec()).expect("sealed");
        assert_eq!(blob[..42], *b")AzureKeyVaultSecretBackupV1.microsoft.com");
        assert!(!blob.windows(7).any(|part| part == b"content"));
        let inner = sealed(&blob).expect("the form");
        assert_eq!(open(&[1; 32], inner).as_deref(), Some(&b"content"[..]));
        assert_eq!(open(&[2; 32], inner), None);
        let changed = inner.replacen('e', "f", 1);
        assert_eq!(open(&[1; 32], &changed), None);
    }

    proptest! {
        #[test]
        fn no_blob_panics(mut blob in prop::collection::vec(any::<u8>(), 0..64), text in "[a-zA-Z0-9._-]{0,64}") {
            prop_assert!(sealed(&blob).is_none());
            blob.splice(0..0, [41]);
            let _ = sealed(&blob);
            let _ = open(&[1; 32], &text);
        }
    }
}
