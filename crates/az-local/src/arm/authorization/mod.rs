//! `Microsoft.Authorization`: role definitions, role assignments and what they come to, at any scope.

mod custom_roles;
mod locks;
mod permissions;
mod role_assignments;
mod role_definitions;
mod role_view;
mod scope;

use super::call::Call;
use super::error::Error;
use super::not_emulated;
use super::path::ProviderPath;
use crate::ground::wire::Response;
use http::{Method, StatusCode};
use serde_json::json;

/// Answers a call at the scope that the path names.
pub(crate) fn route(call: &Call<'_>, provider: &ProviderPath) -> Result<Response, Error> {
    if call.path.subscription.is_some() {
        call.known_subscription()?;
    }
    let words: Vec<String> = provider
        .segments
        .iter()
        .map(|word| word.to_ascii_lowercase())
        .collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["roledefinitions"] => role_definitions::list(call),
        ["roledefinitions", id] => role_definitions::route(call, id),
        ["roleassignments"] => role_assignments::list(call),
        ["roleassignments", _] => role_assignments::route(call, provider.name(0)),
        ["locks"] => locks::list(call),
        ["locks", _] => locks::route(call, provider.name(0)),
        ["permissions"] if call.method() == Method::GET => permissions::list(call),
        // Nobody can deny anything here: deny assignments are made by Azure's own services alone.
        ["denyassignments"] if call.method() == Method::GET => {
            call.authorize(
                &call.path.scope,
                "Microsoft.Authorization/denyAssignments/read",
            )?;
            Ok(Response::json(StatusCode::OK, &json!({"value": []})))
        }
        _ => Err(not_emulated::resource_type(
            "Microsoft.Authorization",
            &provider.types(),
        )),
    }
}
