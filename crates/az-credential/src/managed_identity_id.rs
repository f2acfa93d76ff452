//! Which managed identity is meant.

use std::fmt;

/// A managed identity of the machine or service that the program runs on.
///
/// Not every source of managed identities takes every kind:
///
/// | | client id | object id | resource id |
/// |---|---|---|---|
/// | virtual machine, App Service | yes | yes | yes |
/// | Azure Arc, if its agent can | yes | yes | yes |
/// | Azure Machine Learning | yes | no | no |
/// | Cloud Shell, Service Fabric | no | no | no |
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ManagedIdentityId {
    /// The machine's own identity, or what the source takes where none is named.
    #[default]
    SystemAssigned,
    /// The user-assigned one with this client id.
    ClientId(String),
    /// The user-assigned one with this object id (principal id).
    ObjectId(String),
    /// The user-assigned one with this Azure resource id.
    ResourceId(String),
}

impl ManagedIdentityId {
    /// The id, where there is one.
    pub(crate) fn value(&self) -> Option<&str> {
        match self {
            ManagedIdentityId::SystemAssigned => None,
            ManagedIdentityId::ClientId(id)
            | ManagedIdentityId::ObjectId(id)
            | ManagedIdentityId::ResourceId(id) => Some(id),
        }
    }
}

/// As `client id 'x'`.
impl fmt::Display for ManagedIdentityId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ManagedIdentityId::SystemAssigned => f.write_str("the system-assigned identity"),
            ManagedIdentityId::ClientId(id) => write!(f, "client id '{id}'"),
            ManagedIdentityId::ObjectId(id) => write!(f, "object id '{id}'"),
            ManagedIdentityId::ResourceId(id) => write!(f, "resource id '{id}'"),
        }
    }
}
