//! How a chain tells a credential that is not set up from one that was refused.

use crate::{chain_error::ChainError, error::CredentialError};
use azure_core::error::ErrorKind;
use std::error::Error;

/// A credential is not set up here, so the next one of a chain is asked.
///
/// The type says it, not the words: a credential of one's own returns this in its error, and every chain goes on after it.
///
/// ```
/// use az_credential::{CredentialUnavailable, is_unavailable};
///
/// let error = azure_core::Error::from(CredentialUnavailable::new("MY_TOKEN is not set"));
/// assert!(is_unavailable(&error));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct CredentialUnavailable {
    reason: String,
}

impl CredentialUnavailable {
    /// Says why it is not available, without secrets.
    pub fn new(reason: impl Into<String>) -> Self {
        CredentialUnavailable {
            reason: reason.into(),
        }
    }
}

impl From<CredentialUnavailable> for azure_core::Error {
    fn from(error: CredentialUnavailable) -> Self {
        azure_core::Error::new(ErrorKind::Credential, error)
    }
}

/// Whether an error says that a credential is not set up, and not that it was refused: a [`CredentialUnavailable`], or the
/// error of a chain whose members all say so, however deep in others.
pub fn is_unavailable(error: &azure_core::Error) -> bool {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if error.is::<CredentialUnavailable>() {
            return true;
        }
        if let Some(error) = error.downcast_ref::<CredentialError>() {
            return matches!(error, CredentialError::Unavailable { .. });
        }
        if let Some(error) = error.downcast_ref::<ChainError>() {
            return matches!(error, ChainError::Unavailable { .. });
        }
        cause = error.source();
    }
    false
}
