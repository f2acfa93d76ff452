//! The metadata service of a virtual machine (IMDS).
//!
//! <https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token>

use crate::{bounded_retry::Trouble, managed_identity_id::ManagedIdentityId};
use azure_core::http::{Method, Request, Url};
use std::time::Duration;

/// Where it is on every virtual machine.
pub(super) const ENDPOINT: &str = "http://169.254.169.254/metadata/identity/oauth2/token";

const VERSION: &str = "2018-02-01";

/// The longest that one token is asked for, waiting and all: an update of the service may take 70 s.
pub(super) const TOTAL: Duration = Duration::from_secs(110);

/// Its updates (410) end within 70 s; 404, 429 and all of 5xx pass sooner. After how long is as MSAL for .NET has it, in its
/// `docs/imds_retry_based_on_errors.md`, and how often as Azure's SDK for Go (`setIMDSRetryOptionDefaults`):
/// <https://github.com/AzureAD/microsoft-authentication-library-for-dotnet/commit/5fcc057c08fbb8cf4fe7a231558557be398dddaa>
pub(super) fn rule(trouble: Trouble, retry: u32) -> Option<Duration> {
    match trouble {
        Trouble::Status(410) => (retry < 7).then_some(Duration::from_secs(10)),
        Trouble::Status(404 | 408 | 429 | 500..=599) => {
            (retry < 5).then(|| Duration::from_secs(1 << retry))
        }
        Trouble::BrokenOff | Trouble::NoAnswer => {
            (retry < 3).then(|| Duration::from_secs(1 << retry))
        }
        Trouble::Status(_) => None,
    }
}

/// The query that names an identity, for this service and for the agent of Azure Arc.
pub(super) fn add_query(url: &mut Url, version: &str, resource: &str, id: &ManagedIdentityId) {
    let mut query = url.query_pairs_mut();
    query
        .append_pair("api-version", version)
        .append_pair("resource", resource);
    match id {
        ManagedIdentityId::SystemAssigned => &mut query,
        ManagedIdentityId::ClientId(id) => query.append_pair("client_id", id),
        ManagedIdentityId::ObjectId(id) => query.append_pair("object_id", id),
        ManagedIdentityId::ResourceId(id) => query.append_pair("msi_res_id", id),
    };
}

pub(super) fn request(endpoint: &Url, resource: &str, id: &ManagedIdentityId) -> Request {
    let mut url = endpoint.clone();
    add_query(&mut url, VERSION, resource, id);
    let mut request = Request::new(url, Method::Get);
    request.insert_header("metadata", "true");
    request
}
