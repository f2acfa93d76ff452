//! What is asked of a host.

use crate::managed_identity::HostKind;
use serde::{Deserialize, Serialize};

/// Which host, and the identities that it has.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct HostOptions {
    /// What it is.
    pub kind: HostKind,
    /// Its name; its kind's where there is none.
    pub name: Option<String>,
    /// The resource group that its resource id names.
    pub group: Option<String>,
    /// Its subscription's id; the desk's first one where there is none.
    pub subscription: Option<String>,
    /// `system` for its own, and user-assigned ones by name, resource id or client id. In Cloud Shell a user.
    pub identities: Vec<String>,
    /// `NAMESPACE/NAME` of the pod's service account.
    pub service_account: Option<String>,
}
