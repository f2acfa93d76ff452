//! The scopes that assignments and locks are on.

use crate::arm::call::Call;
use crate::arm::error::Error;
use crate::arm::group_scope;

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

/// The scope must exist: an assignment on nothing is refused.
pub(super) fn require_scope(call: &Call<'_>, scope: &str) -> Result<(), Error> {
    let is_resource =
        call.path.group.is_some() || scope.to_ascii_lowercase().contains("/providers/");
    if !is_resource || call.resource(holder_of(scope))?.is_some() {
        return Ok(());
    }
    if let Some(group) = &call.path.group {
        group_scope::require(call)?;
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
