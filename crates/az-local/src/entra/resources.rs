//! What tokens are issued for.

use super::authority::TOKEN_EXCHANGE;
use super::error::EntraError;
use crate::state::Tenant;

/// The resources that tokens are issued for, without trailing slashes: Azure's services that every
/// tenant has.
const RESOURCES: [&str; 12] = [
    "https://management.azure.com",
    "https://management.core.windows.net",
    "797f4846-ba00-4fd7-ba43-dac1f8f63013",
    "https://vault.azure.net",
    "cfa8b339-82a2-471a-a3c9-0fc0be7a4093",
    "https://graph.microsoft.com",
    "00000003-0000-0000-c000-000000000000",
    "https://graph.windows.net",
    "https://storage.azure.com",
    "https://database.windows.net",
    "https://servicebus.azure.net",
    TOKEN_EXCHANGE,
];

pub(super) fn require_resource(resource: &str, tenant: &Tenant) -> Result<(), EntraError> {
    if is_known_resource(resource) {
        return Ok(());
    }
    Err(EntraError::ResourceNotFound {
        resource: resource.to_owned(),
        directory: tenant.display_name.clone(),
    })
}

/// Whether tokens are issued for this resource.
pub(crate) fn is_known_resource(resource: &str) -> bool {
    let plain = resource.trim_end_matches('/');
    RESOURCES
        .iter()
        .any(|known| known.eq_ignore_ascii_case(plain))
}
