//! `Microsoft.Network`.

pub(crate) mod network_interfaces;
pub(crate) mod network_security_groups;
pub(crate) mod public_ip_addresses;
pub(crate) mod virtual_networks;

use super::call::Call;
use super::error::Error;
use super::path::Provider;
use crate::ground::wire::Response;
use crate::state::Resource;
use serde_json::Value;

/// What is not a tracked type of its own: subnets and rules, which are part of their parents.
pub(crate) fn route(
    call: &Call<'_>,
    provider: &Provider,
    words: &[&str],
) -> Result<Option<Response>, Error> {
    match words {
        ["virtualnetworks", _, "subnets", ..] => {
            virtual_networks::subnets(call, provider).map(Some)
        }
        ["networksecuritygroups", _, "securityrules", ..] => {
            network_security_groups::rules(call, provider).map(Some)
        }
        _ => Ok(None),
    }
}

/// All resources of a type in the caller's subscription.
fn all(call: &Call<'_>, kind: &str) -> Result<Vec<Resource>, Error> {
    let prefix = format!(
        "/subscriptions/{}/",
        call.subscription().to_ascii_lowercase()
    );
    let mut found: Vec<Resource> = call.cx.tx.list(&prefix)?;
    found.retain(|resource| resource.kind == kind);
    Ok(found)
}

/// The `id` member of an object at a pointer.
fn id_at<'a>(value: &'a Value, pointer: &str) -> Option<&'a str> {
    value
        .pointer(pointer)
        .and_then(|linked| linked.get("id"))
        .and_then(Value::as_str)
}

fn invalid_reference(id: &str, from: &str) -> Error {
    Error::bad_request(
        "InvalidResourceReference",
        format!(
            "Resource {id} referenced by resource {from} was not found. Please make sure that the referenced resource \
             exists, and that both resources are in the same region."
        ),
    )
}
