//! `Microsoft.Authorization`: role definitions and role assignments, at any scope.

mod custom_roles;
mod role_assignments;
mod role_definitions;
mod role_view;

use super::call::Call;
use super::error::Error;
use super::path::ProviderPath;
use crate::ground::wire::Response;

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
        _ => Err(Error::new(
            404,
            "InvalidResourceType",
            format!(
                "The resource type '{}' could not be found in the namespace 'Microsoft.Authorization' for api version '{}'.",
                provider.types(),
                call.api_version
            ),
        )),
    }
}
