//! Azure's client for secrets, on the process's one HTTP client.

use super::Vault;
use crate::cli::{Failure, Session};
use azure_core::http::{ClientOptions, ExponentialRetryOptions, RetryOptions};
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
/// The session's credential or HTTP client cannot be made.
pub fn client(session: &Session, vault: &Vault, retries: Retries) -> Result<SecretClient, Failure> {
    let retry = match retries {
        Retries::None => RetryOptions::none(),
        Retries::Some => RetryOptions::exponential(ExponentialRetryOptions {
            max_retries: 3,
            ..Default::default()
        }),
    };
    let options = SecretClientOptions {
        client_options: ClientOptions {
            transport: Some(session.transport()?),
            retry,
            cloud: Some(session.cloud.configuration()),
            ..Default::default()
        },
        ..Default::default()
    };
    SecretClient::new(vault.url.as_str(), session.credential()?, Some(options))
        .map_err(super::failure)
}
