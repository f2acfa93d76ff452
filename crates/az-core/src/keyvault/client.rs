//! Azure's client for secrets, on the process's one HTTP client.

use super::address::Vault;
use crate::connection::Connection;
use azure_security_keyvault_secrets::{SecretClient, SecretClientOptions};

/// Whether the client sends a request again by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retries {
    /// A few times, as long as a person waits; for requests that change nothing.
    Some,
    /// Never; for requests that must not be done twice.
    None,
}

/// A client for a vault's secrets.
///
/// # Errors
/// The vault's address is none.
pub fn client(
    connection: &Connection,
    vault: &Vault,
    retries: Retries,
) -> azure_core::Result<SecretClient> {
    let retries = match retries {
        Retries::None => 0,
        Retries::Some => 3,
    };
    let options = SecretClientOptions {
        client_options: connection.client_options(&vault.url, retries),
        ..Default::default()
    };
    SecretClient::new(
        vault.url.as_str(),
        connection.credential.clone(),
        Some(options),
    )
}
