//! Why Graph refuses.

use super::filter::FilterError;
use crate::entra::token::TokenError;
use crate::state::StateError;

/// Why Graph refuses a request.
#[derive(Debug, thiserror::Error)]
pub(crate) enum GraphError {
    #[error(transparent)]
    Token(#[from] TokenError),
    #[error(transparent)]
    Filter(#[from] FilterError),
    #[error(
        "Resource '{0}' does not exist or one of its queried reference-property objects are not \
         present."
    )]
    NotFound(String),
    #[error("/me request is only valid with delegated authentication flow.")]
    NotDelegated,
    #[error("Resource not found for the segment '{0}'.")]
    UnknownSegment(String),
    #[error("Invalid version: {0}")]
    Version(String),
    #[error("Insufficient privileges to complete the operation.")]
    ReadOnly,
    #[error(
        "One or more added object references already exist for the following modified properties: 'members'."
    )]
    AlreadyMember,
    #[error("{0}")]
    Invalid(String),
    #[error("{0}")]
    BadRequest(&'static str),
    #[error(transparent)]
    State(#[from] StateError),
}
