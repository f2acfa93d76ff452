//! The names of a vault's secrets, for completion and for suggestions.

use super::session::Session;
use crate::keyvault::{Repeatable, Vault, client, list_secrets};
use azure_security_keyvault_secrets::models::SecretProperties;
use futures::TryStreamExt;

/// The names, if the vault is there and may be listed.
pub(super) async fn secret_names(session: &Session, vault: &str) -> Option<Vec<String>> {
    let vault = Vault::named(&session.cloud, &vault.parse().ok()?);
    let client = client(&session.connection().ok()?, &vault, Repeatable::Reads).ok()?;
    let all = list_secrets(&client).ok()?;
    let all: Vec<SecretProperties> = all.try_collect().await.ok()?;
    let names = all.iter().filter_map(|secret| {
        let id = secret.id.as_deref()?;
        Some(id.rsplit('/').next()?.to_owned())
    });
    Some(names.collect())
}
