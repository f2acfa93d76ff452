//! Why there is no host.

use crate::ground::folder::FolderError;
use crate::ground::self_signed::SelfSignedError;
use crate::state::StateError;
use crate::state::signing_keys::KeyError;
use std::io;
use std::path::PathBuf;

/// Why there is no such host.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    #[error("there is no subscription '{0}'")]
    NoSubscription(String),
    #[error(
        "'{0}' is no name of a host or a resource group: letters, digits, '-', '_' and '.', at most 60"
    )]
    Name(String),
    #[error(
        "there is no user-assigned identity '{0}': give the name, resource id or client id of one that `az-identity list` shows"
    )]
    NoIdentity(String),
    #[error("several identities are called '{0}'; give a resource id or a client id")]
    SeveralIdentities(String),
    #[error("a {kind} host has {has}")]
    Identities {
        kind: &'static str,
        has: &'static str,
    },
    #[error("there is no user '{0}'; `az-local principal list` names those that there are")]
    NoUser(String),
    #[error("'{0}' is no service account: NAMESPACE/NAME, in lower-case letters, digits and '-'")]
    ServiceAccount(String),
    #[error("only a kubernetes host has a service account")]
    NoServiceAccount,
    #[error(
        "the identity '{0}' has 20 federated identity credentials, which is the maximum number"
    )]
    ManyCredentials(String),
    #[error(
        "clients read the secrets of Azure Arc in {0} only, and that folder cannot be written: {source}. Run az-local as \
         root, as CI does, or make the folder yours: sudo install -d -m 700 -o \"$USER\" {0}",
        path.display()
    )]
    ArcFolder { path: PathBuf, source: io::Error },
    #[error("Azure Arc's clients know the folder of its secrets on Linux and Windows only")]
    ArcOnlyLinux,
    #[error("no port for the host's endpoint: {0}")]
    Port(io::Error),
    #[error(transparent)]
    Certificate(#[from] SelfSignedError),
    #[error(transparent)]
    Folder(#[from] FolderError),
    #[error("{0}")]
    Directory(String),
    #[error(transparent)]
    State(#[from] StateError),
    #[error(transparent)]
    Key(#[from] KeyError),
}
