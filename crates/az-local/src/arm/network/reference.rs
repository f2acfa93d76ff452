//! References from one resource to another.

use crate::arm::call::Call;
use crate::arm::error::Error;
use crate::state::network::{Subnet, VirtualNetwork};
use serde_json::Value;

/// The type of virtual networks.
pub(super) const VIRTUAL_NETWORK: &str = "Microsoft.Network/virtualNetworks";

/// The type of network security groups.
pub(super) const SECURITY_GROUP: &str = "Microsoft.Network/networkSecurityGroups";

/// Refuses a request that refers to what is not there. The references are paths from the body, with `/` between names
/// and `*` for the items of arrays; `action` is what the caller does with `from`, and `at` where a part of a body stands
/// in the whole.
pub(super) fn require(
    call: &Call<'_>,
    (from, action): (&str, &str),
    (body, at): (&Value, &str),
    references: &[&str],
) -> Result<(), Error> {
    for (path, id) in named(body, at, references) {
        required(call, from, action, &path, id)?;
    }
    Ok(())
}

/// Refuses a request in which an id is none, of what is looked for elsewhere.
pub(super) fn check_ids(body: &Value, references: &[&str]) -> Result<(), Error> {
    for (path, id) in named(body, "", references) {
        check_id(id, &path)?;
    }
    Ok(())
}

fn named<'v>(body: &'v Value, at: &str, references: &[&str]) -> Vec<(String, &'v str)> {
    let mut found = Vec::new();
    for reference in references {
        let steps: Vec<&str> = reference.split('/').collect();
        ids(body, &steps, at.to_owned(), &mut found);
    }
    found
}

fn check_id(id: &str, path: &str) -> Result<(), Error> {
    match id.to_ascii_lowercase().starts_with("/subscriptions/") {
        true => Ok(()),
        false => Err(invalid_id(id, path)),
    }
}

fn required(call: &Call<'_>, from: &str, action: &str, path: &str, id: &str) -> Result<(), Error> {
    check_id(id, path)?;
    if let Some(there) = call.resource(id)? {
        if there.kind == SECURITY_GROUP {
            let join = format!("{SECURITY_GROUP}/join/action");
            call.authorize_link(from, action, id, &join)?;
        }
        return Ok(());
    }
    match find_subnet(call, id)? {
        Some(_) => Ok(()),
        None => Err(invalid_reference(id, from)),
    }
}

/// The ids at the end of a path, each with where it stands: `properties.subnets[0].properties.routeTable.id`.
fn ids<'v>(value: &'v Value, steps: &[&str], at: String, found: &mut Vec<(String, &'v str)>) {
    let Some((step, rest)) = steps.split_first() else {
        let id = value.get("id").and_then(Value::as_str);
        found.extend(id.map(|id| (format!("{at}.id"), id)));
        return;
    };
    if *step == "*" {
        for (index, item) in value.as_array().into_iter().flatten().enumerate() {
            ids(item, rest, format!("{at}[{index}]"), found);
        }
        return;
    }
    let at = match at.as_str() {
        "" => (*step).to_owned(),
        above => format!("{above}.{step}"),
    };
    if let Some(inner) = value.get(*step) {
        ids(inner, rest, at, found);
    }
}

/// ernestio/ernest issues 476 and 498
fn invalid_id(id: &str, path: &str) -> Error {
    Error::bad_request(
        "LinkedInvalidPropertyId",
        format!(
            "Property id '{id}' at path '{path}' is invalid. Expect fully qualified resource Id that start with \
             '/subscriptions/{{subscriptionId}}' or '/providers/{{resourceProviderNamespace}}/'."
        ),
    )
}

/// The `id` member of an object at a pointer.
pub(super) fn id_at<'a>(value: &'a Value, pointer: &str) -> Option<&'a str> {
    value
        .pointer(pointer)
        .and_then(|linked| linked.get("id"))
        .and_then(Value::as_str)
}

pub(super) fn invalid_reference(id: &str, from: &str) -> Error {
    Error::bad_request(
        "InvalidResourceReference",
        format!(
            "Resource {id} referenced by resource {from} was not found. Please make sure that the referenced resource \
             exists, and that both resources are in the same region."
        ),
    )
}

/// Two parts of one name in a request.
pub(super) fn duplicate_name(resource: &str, name: &str) -> Error {
    Error::bad_request(
        "DuplicateResourceName",
        format!("Resource {resource} has two child resources with the same name ({name})."),
    )
}

/// A subnet that something is put into.
pub(super) struct FoundSubnet {
    pub(super) id: String,
    pub(super) prefix: String,
}

/// The subnet with this id, from its network.
pub(super) fn find_subnet(call: &Call<'_>, id: &str) -> Result<Option<FoundSubnet>, Error> {
    let Some((network, name)) = Subnet::parts(id) else {
        return Ok(None);
    };
    let network = call
        .resource(network)?
        .filter(|there| there.kind == VIRTUAL_NETWORK);
    let subnet = network
        .as_ref()
        .and_then(|network| VirtualNetwork::of(network).subnet(name));
    Ok(subnet.and_then(|subnet| {
        Some(FoundSubnet {
            id: subnet.id()?.to_owned(),
            prefix: subnet.prefix()?.to_owned(),
        })
    }))
}
