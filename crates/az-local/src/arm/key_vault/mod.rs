//! `Microsoft.KeyVault`, control plane.

pub(crate) mod deleted_vaults;
pub(crate) mod vaults;

use super::call::Call;
use super::error::Error;
use super::path::ProviderPath;
use super::resource_type::Provider;
use crate::ground::wire::Response;
use http::{Method, StatusCode};
use serde_json::json;

pub(crate) const PROVIDER: Provider = Provider {
    namespace: "Microsoft.KeyVault",
    types: &[&vaults::KIND],
    route,
};

/// What is not a tracked type of its own.
fn route(
    call: &Call<'_>,
    provider: &ProviderPath,
    words: &[&str],
) -> Result<Option<Response>, Error> {
    let response = match words {
        ["deletedvaults"] => deleted_vaults::list(call)?,
        ["deletedmanagedhsms"] => {
            call.authorize(
                &call.path.scope,
                "Microsoft.KeyVault/deletedManagedHsms/read",
            )?;
            Response::json(StatusCode::OK, &json!({"value": []}))
        }
        ["locations", location, "deletedvaults", _] => {
            deleted_vaults::get(call, location, provider.name(1))?
        }
        ["locations", location, "deletedvaults", _, "purge"] if call.method() == Method::POST => {
            deleted_vaults::purge(call, location, provider.name(1))?
        }
        ["locations", location, "operationresults", id] if call.method() == Method::GET => {
            deleted_vaults::purge_result(call, location, id)?
        }
        ["checknameavailability"] if call.method() == Method::POST => vaults::check_name(call)?,
        ["vaults", _, "accesspolicies", kind] if call.method() == Method::PUT => {
            vaults::access_policies(call, provider.name(0), kind)?
        }
        _ => return Ok(None),
    };
    Ok(Some(response))
}
