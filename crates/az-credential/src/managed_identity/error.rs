//! Why a source of managed identities cannot be asked, or its answer not be used.

use super::source::ManagedIdentitySource;
use crate::{http::HttpError, managed_identity_id::ManagedIdentityId};
use azure_core::error::ErrorKind;
use std::path::PathBuf;

/// Why a source of managed identities cannot be asked, or its answer not be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ManagedIdentityError {
    /// The source has no such way of naming an identity.
    #[error("{host} does not take an identity by {id}{}", takes(.host))]
    UnsupportedId {
        /// The source.
        host: ManagedIdentitySource,
        /// What was named.
        id: ManagedIdentityId,
    },
    /// An identity is named, with nothing.
    #[error("the managed identity's id is empty")]
    EmptyId,
    /// A variable holds no address that can be used.
    #[error("{variable} holds no address{}", .reason)]
    Endpoint {
        /// The variable.
        variable: &'static str,
        /// What an address must have.
        reason: &'static str,
    },
    /// A managed identity's token is for one scope.
    #[error("a managed identity gives a token for one scope at a time, not for {0}")]
    Scopes(usize),
    /// `IDENTITY_SERVER_THUMBPRINT` is not the SHA-1 of a certificate.
    #[error("IDENTITY_SERVER_THUMBPRINT is not the SHA-1 thumbprint of a certificate")]
    Thumbprint,
    /// The HTTP client with the pinned certificate could not be made.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// The agent of Azure Arc gave no challenge to answer.
    #[error("the agent of Azure Arc did not answer with a challenge, but with {0}")]
    NoChallenge(u16),
    /// Its challenge names no file.
    #[error(
        "the challenge of the agent of Azure Arc names no file (WWW-Authenticate: Basic realm=...)"
    )]
    ChallengeWithoutFile,
    /// Its challenge names a file that is not to be read.
    #[error("the challenge of the agent of Azure Arc names '{}': {fault}", .path.display())]
    ChallengeFile {
        /// The file.
        path: PathBuf,
        /// Why it is not read.
        fault: ArcKeyFault,
    },
    /// The token may be of another identity than the one that was asked for.
    #[error(
        "the agent of Azure Arc did not confirm that its token is for {0}: it may be too old for user-assigned identities"
    )]
    NotConfirmed(ManagedIdentityId),
}

/// Why the file of a challenge is not read, or of no use.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArcKeyFault {
    /// This system has no agent of Azure Arc.
    #[error("there is no agent of Azure Arc for this system")]
    Platform,
    /// It is not a key.
    #[error("its name does not end in .key")]
    Extension,
    /// It is somewhere else than the agent's keys are.
    #[error("it is not in {}", .0.display())]
    Folder(PathBuf),
    /// It is larger than a key is.
    #[error("it is larger than {0} bytes")]
    Size(u64),
    /// It cannot be read.
    #[error("it cannot be read: {0}")]
    Unreadable(std::io::Error),
}

fn takes(host: &ManagedIdentitySource) -> &'static str {
    match host {
        ManagedIdentitySource::AzureMl => ", but by its client id only",
        // https://aka.ms/servicefabricmi
        ManagedIdentitySource::ServiceFabric => {
            ": the cluster's configuration says which one an application has"
        }
        _ => "",
    }
}

impl ManagedIdentityError {
    /// What to do about it.
    pub(crate) fn advice(&self) -> &'static str {
        match self {
            ManagedIdentityError::UnsupportedId { .. } | ManagedIdentityError::EmptyId => {
                "Name no identity (AZURE_CLIENT_ID), or by an id that is taken here."
            }
            ManagedIdentityError::Endpoint { .. } | ManagedIdentityError::Thumbprint => {
                "The host sets these variables: leave them as they are."
            }
            ManagedIdentityError::Scopes(_) => "Ask for a token for each scope.",
            ManagedIdentityError::Http(_) => "Check the certificates that the system trusts.",
            ManagedIdentityError::NoChallenge(_)
            | ManagedIdentityError::ChallengeWithoutFile
            | ManagedIdentityError::NotConfirmed(_) => {
                "Update the agent of Azure Arc ('azcmagent version')."
            }
            ManagedIdentityError::ChallengeFile {
                fault: ArcKeyFault::Unreadable(_),
                ..
            } => "Run as root, or as a member of the group 'himds'.",
            ManagedIdentityError::ChallengeFile { .. } => {
                "Check who answers at IDENTITY_ENDPOINT: the agent of Azure Arc names no such file."
            }
        }
    }
}

impl ManagedIdentityError {
    /// The error of a source that an error of Azure's pipeline wraps, however deep.
    pub fn find<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a Self> {
        let mut cause = Some(error);
        while let Some(error) = cause {
            if let Some(found) = error.downcast_ref::<Self>() {
                return Some(found);
            }
            cause = error.source();
        }
        None
    }
}

impl From<ManagedIdentityError> for azure_core::Error {
    fn from(error: ManagedIdentityError) -> Self {
        azure_core::Error::new(ErrorKind::Credential, error)
    }
}
