//! Answers of a vault that are taken for a secret only if they are one.

use super::error::Odd;
use azure_core::{Error, error::ErrorKind};
use azure_security_keyvault_secrets::models::Secret;

/// The secret, if the answer names one: something on the way may answer in the vault's place.
///
/// # Errors
/// It has no id.
pub fn checked(secret: Secret) -> azure_core::Result<Secret> {
    match secret.id.as_deref() {
        Some(id) if id.contains("/secrets/") => Ok(secret),
        _ => Err(odd("the vault's answer is no secret")),
    }
}

/// The secret with its value, as a read of it answers.
///
/// # Errors
/// It has no id, or no value.
pub fn checked_value(secret: Secret) -> azure_core::Result<Secret> {
    let secret = checked(secret)?;
    match secret.value {
        Some(_) => Ok(secret),
        None => Err(odd("the vault's answer has no value")),
    }
}

fn odd(what: &'static str) -> Error {
    Error::new(ErrorKind::DataConversion, Odd(what))
}
