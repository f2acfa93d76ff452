//! The identities of a machine
//! (<https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/overview>).

use crate::arm::call::Call;
use crate::arm::error::Error;
use crate::arm::managed_identity;
use crate::request::Context;
use crate::state::machine::{Identity, VirtualMachine};
use crate::state::people;
use crate::state::{Resource, ServicePrincipal, StateError};
use serde_json::{Map, Value, json};

/// What a machine's `identity` becomes when a request asks for `asked`. A PATCH merges the user-assigned ones, and
/// null takes one away; a PUT replaces them all.
pub(crate) fn change(
    call: &Call<'_>,
    machine: &str,
    old: Option<&Value>,
    asked: Option<&Value>,
    merge: bool,
) -> Result<Option<Value>, Error> {
    let Some(asked) = asked.filter(|asked| asked.is_object()) else {
        return Ok(old.cloned());
    };
    let words = words(asked)?;
    let wants = |word: &str| words.iter().any(|one| one == word);
    let old_user = old.and_then(|old| old["userAssignedIdentities"].as_object());
    let user = if wants("userassigned") {
        let kept = old_user.filter(|_| merge).cloned().unwrap_or_default();
        changed_user_assigned(call, machine, kept, asked)?
    } else {
        Map::new()
    };
    let system = system_assigned(call, machine, old, wants("systemassigned"))?;
    let kind = match (system.is_some(), !user.is_empty()) {
        (true, true) => "SystemAssigned, UserAssigned",
        (true, false) => "SystemAssigned",
        (false, true) => "UserAssigned",
        (false, false) => return Ok(None),
    };
    let mut identity = json!({"type": kind});
    if let Some(system) = system {
        identity["principalId"] = json!(system);
        identity["tenantId"] = json!(call.known_subscription()?.tenant_id);
    }
    if !user.is_empty() {
        identity["userAssignedIdentities"] = Value::Object(user);
    }
    Ok(Some(identity))
}

/// The kinds that `type` names, in lower case.
fn words(asked: &Value) -> Result<Vec<String>, Error> {
    let kinds = asked["type"].as_str().unwrap_or("None");
    let words: Vec<String> = kinds
        .split(',')
        .map(|word| word.trim().to_ascii_lowercase())
        .collect();
    let known = ["systemassigned", "userassigned", "none"];
    if words.iter().any(|word| !known.contains(&word.as_str()))
        || (words.len() > 1 && words.iter().any(|word| word == "none"))
    {
        return Err(Error::bad_request(
            "InvalidParameter",
            format!("The value '{kinds}' of parameter 'identity.type' is not valid."),
        )
        .target("identity.type"));
    }
    Ok(words)
}

/// The user-assigned identities: those that are kept, with what the request adds and takes away.
fn changed_user_assigned(
    call: &Call<'_>,
    machine: &str,
    mut user: Map<String, Value>,
    asked: &Value,
) -> Result<Map<String, Value>, Error> {
    let listed = asked["userAssignedIdentities"].as_object();
    for (id, value) in listed.into_iter().flatten() {
        let there = user
            .keys()
            .find(|key| key.eq_ignore_ascii_case(id))
            .cloned();
        match (value.is_null(), there) {
            (true, Some(key)) => {
                user.remove(&key);
            }
            (true, None) => {
                return Err(Error::bad_request(
                    "FailedIdentityOperation",
                    format!(
                        "Identity operation for resource '{machine}' failed with error 'The identity '{id}' is not assigned to the resource.'."
                    ),
                ));
            }
            (false, Some(_)) => {}
            (false, None) => {
                // Spelled as it was asked for: declarative clients compare it with what they set.
                let facts = user_assigned(call, machine, id)?;
                user.insert(id.clone(), facts);
            }
        }
    }
    if user.is_empty() {
        return Err(Error::bad_request(
            "InvalidParameter",
            "The identity type 'UserAssigned' needs at least one user-assigned identity.",
        )
        .target("identity.userAssignedIdentities"));
    }
    Ok(user)
}

/// The object id of the machine's own identity, which is made or goes where the request changes that.
fn system_assigned(
    call: &Call<'_>,
    machine: &str,
    old: Option<&Value>,
    wanted: bool,
) -> Result<Option<String>, Error> {
    let old = old.and_then(|old| old["principalId"].as_str());
    match (wanted, old) {
        (true, Some(id)) => Ok(Some(id.to_owned())),
        (true, None) => {
            let name = machine.rsplit('/').next().unwrap_or_default();
            let tenant = call.known_subscription()?.tenant_id;
            let made = managed_identity::new_principal(call.cx, &tenant, name, machine)?;
            Ok(Some(made.object_id))
        }
        (false, Some(id)) => {
            call.cx.tx.delete::<ServicePrincipal>(id)?;
            people::leave_groups(call.cx.tx, id)?;
            Ok(None)
        }
        (false, None) => Ok(None),
    }
}

/// A user-assigned identity that is to be assigned: it must be there, and the caller must be allowed to assign it.
fn user_assigned(call: &Call<'_>, machine: &str, id: &str) -> Result<Value, Error> {
    call.authorize_link(
        machine,
        "Microsoft.Compute/virtualMachines/write",
        id,
        "Microsoft.ManagedIdentity/userAssignedIdentities/assign/action",
    )?;
    let found = call
        .resource(id)?
        .filter(|resource| resource.kind == managed_identity::user_assigned_identities::KIND.name);
    let Some(found) = found else {
        let mut parts = id.split('/');
        let group = parts.by_ref().nth(4).unwrap_or_default().to_owned();
        let name = id.rsplit('/').next().unwrap_or_default();
        return Err(Error::resource_not_found(
            managed_identity::user_assigned_identities::KIND.name,
            name,
            Some(&group),
        ));
    };
    let facts = &found.body["properties"];
    Ok(json!({"principalId": facts["principalId"], "clientId": facts["clientId"]}))
}

/// The machine's own identity goes with it.
pub(crate) fn removed(cx: &Context<'_>, machine: &Resource) -> Result<(), StateError> {
    let identity = VirtualMachine::of(machine).identity();
    if let Some(own) = identity.and_then(Identity::system_assigned) {
        cx.tx.delete::<ServicePrincipal>(own)?;
        people::leave_groups(cx.tx, own)?;
    }
    Ok(())
}
