//! Why no credential gave a token.

use crate::name::CredentialName;
use azure_core::{error::ErrorKind, http::StatusCode};
use std::{fmt, sync::Arc};

/// No token could be had.
#[derive(Clone, Debug, thiserror::Error)]
pub enum CredentialError {
    /// `AZURE_TOKEN_CREDENTIALS` names no credential.
    #[error(
        "AZURE_TOKEN_CREDENTIALS is '{value}'; it takes dev, prod, or one of {}",
        CredentialName::ALL.map(CredentialName::as_str).join(", ")
    )]
    InvalidSelection {
        /// The variable's value.
        value: String,
    },
    /// `AZURE_TOKEN_CREDENTIALS` must be set ([`Options::require_token_credentials`](crate::Options)), and is not.
    #[error(
        "AZURE_TOKEN_CREDENTIALS must be set: to dev, prod, or one of {}",
        CredentialName::ALL.map(CredentialName::as_str).join(", ")
    )]
    SelectionRequired,
    /// No credential is left ([`Options::exclude`](crate::Options)).
    #[error("the chain has no credential: all that AZURE_TOKEN_CREDENTIALS leaves are excluded")]
    NothingSelected,
    /// No token came in time ([`Options::time_limit`](crate::Options)).
    #[error("no credential gave a token within {} s. Tried, in this order:{}", .limit.as_secs_f32(), lines(.attempts))]
    TimedOut {
        /// How long was waited.
        limit: std::time::Duration,
        /// What was tried and failed meanwhile, in order; the one after the last did not answer.
        attempts: Vec<Attempt>,
    },
    /// What is given as a tenant is none.
    #[error(transparent)]
    Tenant(#[from] crate::tenants::TenantError),
    /// The HTTP client could not be made.
    #[error(transparent)]
    Http(#[from] crate::http::HttpError),
    /// Nothing that could give a token is set up here.
    #[error("you are not signed in: no credential is available here. Tried, in this order:{}", lines(.attempts))]
    Unavailable {
        /// What was tried, in order.
        attempts: Vec<Attempt>,
    },
    /// A credential was found, and it was refused; those after it were not tried.
    #[error("a credential was found, but it gave no token. Tried, in this order:{}", lines(.attempts))]
    Refused {
        /// What was tried, in order; the last one was refused.
        attempts: Vec<Attempt>,
    },
}

/// One credential that was tried.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// Which.
    pub credential: CredentialName,
    /// What came of it.
    pub outcome: Outcome,
    cause: Option<Arc<azure_core::Error>>,
}

impl Attempt {
    pub(crate) fn new(credential: CredentialName, failure: Failure) -> Self {
        Attempt {
            credential,
            outcome: failure.outcome,
            cause: failure.cause,
        }
    }

    /// The error that the outcome tells of, where there was one: for who wants its type and not its words, as a
    /// [`ManagedIdentityError`](crate::ManagedIdentityError).
    pub fn cause(&self) -> Option<&azure_core::Error> {
        self.cause.as_deref()
    }
}

/// Two attempts with the same outcome are equal, whatever the error was.
impl PartialEq for Attempt {
    fn eq(&self, other: &Self) -> bool {
        (self.credential, &self.outcome) == (other.credential, &other.outcome)
    }
}

impl Eq for Attempt {}

/// An outcome with the error that it tells of.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) outcome: Outcome,
    cause: Option<Arc<azure_core::Error>>,
}

impl Failure {
    pub(crate) fn new(outcome: Outcome, cause: impl Into<azure_core::Error>) -> Self {
        Failure {
            outcome,
            cause: Some(Arc::new(cause.into())),
        }
    }
}

impl From<Outcome> for Failure {
    fn from(outcome: Outcome) -> Self {
        Failure {
            outcome,
            cause: None,
        }
    }
}

/// What came of trying one credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is not set up here.
    Unavailable {
        /// Why not.
        reason: String,
        /// How to set it up.
        advice: String,
    },
    /// It is set up, but gave no token.
    Refused {
        /// Why not.
        reason: String,
        /// How to mend it.
        advice: String,
        /// Nobody refused: the network did not reach whoever gives tokens.
        unreachable: bool,
    },
}

impl Outcome {
    /// Why there was no token.
    pub fn reason(&self) -> &str {
        let (Outcome::Unavailable { reason, .. } | Outcome::Refused { reason, .. }) = self;
        reason
    }

    /// What to do about it.
    pub fn advice(&self) -> &str {
        let (Outcome::Unavailable { advice, .. } | Outcome::Refused { advice, .. }) = self;
        advice
    }

    pub(super) fn unavailable(reason: impl Into<String>, advice: impl Into<String>) -> Self {
        Outcome::Unavailable {
            reason: reason.into(),
            advice: advice.into(),
        }
    }

    pub(super) fn refused(reason: impl Into<String>, advice: impl Into<String>) -> Self {
        Outcome::Refused {
            reason: reason.into(),
            advice: advice.into(),
            unreachable: false,
        }
    }

    /// The same outcome, noting whether the network is to blame for it.
    pub(super) fn caused_by(mut self, error: &azure_core::Error) -> Self {
        if let Outcome::Refused { unreachable, .. } = &mut self {
            let cause = answer(error).unwrap_or(error);
            *unreachable = matches!(cause.kind(), ErrorKind::Io | ErrorKind::Connection);
        }
        self
    }
}

/// One line: the name, why, what to do.
impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (reason, advice) = (self.outcome.reason(), self.outcome.advice());
        let stop = if reason.ends_with(['.', '!', '?']) {
            ""
        } else {
            "."
        };
        write!(f, "{}: {reason}{stop} {advice}", self.credential)
    }
}

fn lines(attempts: &[Attempt]) -> String {
    attempts
        .iter()
        .map(|attempt| format!("\n  {attempt}"))
        .collect()
}

impl CredentialError {
    /// Whether a credential was found, and the network did not reach whoever gives its tokens.
    pub fn is_unreachable(&self) -> bool {
        let CredentialError::Refused { attempts } = self else {
            return false;
        };
        let last = attempts.last().map(|attempt| &attempt.outcome);
        matches!(
            last,
            Some(Outcome::Refused {
                unreachable: true,
                ..
            })
        )
    }

    /// The status with which whoever gives tokens failed, where it says nothing of who asked (408, 429, 5xx): the same
    /// question may be answered later.
    pub fn passing_status(&self) -> Option<StatusCode> {
        let CredentialError::Refused { attempts } = self else {
            return None;
        };
        let cause = attempts.last()?.cause()?;
        match answer(cause).unwrap_or(cause).kind() {
            ErrorKind::HttpResponse { status, .. } if is_passing(*status) => Some(*status),
            _ => None,
        }
    }

    /// The credential's error that an error of Azure's pipeline wraps, however deep.
    pub fn find<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a CredentialError> {
        let mut cause = Some(error);
        while let Some(error) = cause {
            if let Some(found) = error.downcast_ref::<CredentialError>() {
                return Some(found);
            }
            cause = error.source();
        }
        None
    }
}

impl From<CredentialError> for azure_core::Error {
    fn from(error: CredentialError) -> Self {
        azure_core::Error::new(ErrorKind::Credential, error)
    }
}

/// Whether a status says nothing of who asks: the same question may be answered later.
pub(crate) fn is_passing(status: StatusCode) -> bool {
    matches!(u16::from(status), 408 | 429 | 500..)
}

/// What `azure_identity` says, on one line, without its own name and links around it.
pub(super) fn reason(error: &azure_core::Error) -> String {
    let cause = answer(error).unwrap_or(error);
    let text = match cause.kind() {
        ErrorKind::Io | ErrorKind::Connection => crate::http::root_cause(cause),
        _ => cause.to_string(),
    };
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The error inside the one that `azure_identity` wraps around everything.
pub(super) fn answer(error: &azure_core::Error) -> Option<&azure_core::Error> {
    let inner = error.downcast_ref::<azure_core::Error>()?;
    // Pipelines wrap transport errors once more ("retry policy expired").
    match inner.kind() {
        ErrorKind::HttpResponse { .. } => Some(inner),
        _ => Some(answer(inner).unwrap_or(inner)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_credential_has_one_line_with_reason_and_advice() {
        let attempts = vec![
            Attempt::new(
                CredentialName::Environment,
                Outcome::unavailable("AZURE_TENANT_ID is not set", "Set it.").into(),
            ),
            Attempt::new(
                CredentialName::ManagedIdentity,
                Outcome::refused("not assigned!", "Assign it.").into(),
            ),
        ];
        let error = azure_core::Error::from(CredentialError::Refused { attempts })
            .with_context("not retried");
        let text = CredentialError::find(&error).expect("found").to_string();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines[1],
            "  EnvironmentCredential: AZURE_TENANT_ID is not set. Set it."
        );
        assert_eq!(
            lines[2],
            "  ManagedIdentityCredential: not assigned! Assign it."
        );
    }

    #[test]
    fn reasons_lose_the_wrapping_around_them() {
        let inner = azure_core::Error::with_message(
            ErrorKind::Credential,
            "ERROR: Please run\n 'az login'.\n",
        );
        let error = azure_core::Error::with_error(
            ErrorKind::Credential,
            inner,
            "AzureCliCredential failed; visit x",
        );
        assert_eq!(reason(&error), "ERROR: Please run 'az login'.");
    }
}
