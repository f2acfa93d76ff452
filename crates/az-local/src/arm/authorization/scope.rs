//! The scopes that assignments and locks are on.

use crate::arm::call::Call;
use crate::arm::error::Error;
use crate::arm::group_scope;
use serde_json::Value;

/// The resource that a scope is, or that holds it: what is in a vault is a scope whether it is there or not, since
/// Resource Manager does not know (<https://learn.microsoft.com/azure/key-vault/general/rbac-guide#secret-scope-role-assignment>).
fn holder_of(scope: &str) -> &str {
    let key = scope.to_ascii_lowercase();
    let Some(vault) = key.find("/providers/microsoft.keyvault/vaults/") else {
        return scope;
    };
    let within = ["/secrets/", "/keys/", "/certificates/"];
    let at = within
        .iter()
        .filter_map(|kind| Some(vault + key[vault..].find(kind)?))
        .min();
    at.map_or(scope, |at| &scope[..at])
}

/// The scope must exist, and not be on its way out: what is put on nothing is refused.
pub(super) fn require_scope(call: &Call<'_>, scope: &str) -> Result<(), Error> {
    if call.path.group.is_some() {
        let group = group_scope::require(call)?;
        group_scope::refuse_while_deleting(call, &group)?;
    }
    let is_resource =
        call.path.group.is_some() || scope.to_ascii_lowercase().contains("/providers/");
    if !is_resource || is_there(call, scope)? {
        return Ok(());
    }
    if let Some(group) = &call.path.group {
        let name = scope.rsplit('/').next().unwrap_or_default();
        let kind = scope
            .split("/providers/")
            .last()
            .and_then(|rest| rest.rsplit_once('/'))
            .map_or("", |(kind, _)| kind);
        return Err(Error::resource_not_found(kind, name, Some(group)));
    }
    Err(Error::new(
        404,
        "ResourceNotFound",
        format!("The scope '{scope}' was not found."),
    ))
}

/// Whether a scope is a resource, what a vault holds, or a part of a resource (a network's subnet).
fn is_there(call: &Call<'_>, scope: &str) -> Result<bool, Error> {
    if call.resource(holder_of(scope))?.is_some() {
        return Ok(true);
    }
    let Some((above, name)) = scope.rsplit_once('/') else {
        return Ok(false);
    };
    let Some((owner, list)) = above.rsplit_once('/') else {
        return Ok(false);
    };
    let Some(owner) = call.resource(owner)? else {
        return Ok(false);
    };
    let properties = owner.body.get("properties").and_then(Value::as_object);
    let mut lists = properties.into_iter().flatten();
    let parts = lists.find(|(member, _)| member.eq_ignore_ascii_case(list));
    let parts = parts.and_then(|(_, parts)| parts.as_array());
    let is_it = |part: &Value| {
        let own = part["name"].as_str();
        own.is_some_and(|own| own.eq_ignore_ascii_case(name))
    };
    Ok(parts.is_some_and(|parts| parts.iter().any(is_it)))
}
