//! Azure's client for secrets, on the process's one HTTP client.

use super::{address::Vault, up_front::UpFront};
use crate::{connection::Connection, resend::Repeatable};
use azure_security_keyvault_secrets::{SecretClient, SecretClientOptions};

/// A client for a vault's secrets, and which of its requests may be done twice.
///
/// # Errors
/// The vault's address is none.
pub fn client(
    connection: &Connection,
    vault: &Vault,
    repeatable: Repeatable,
) -> azure_core::Result<SecretClient> {
    let mut client_options = connection.client_options(&vault.url, repeatable);
    client_options
        .per_try_policies
        .push(UpFront::policy(connection));
    let options = SecretClientOptions {
        client_options,
        ..Default::default()
    };
    SecretClient::new(
        vault.url.as_str(),
        connection.credential.clone(),
        Some(options),
    )
}
