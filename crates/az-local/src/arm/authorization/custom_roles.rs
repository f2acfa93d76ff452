//! Roles that a tenant makes itself (<https://learn.microsoft.com/azure/role-based-access-control/custom-roles>).

use super::role_view::{TYPE, custom};
use crate::arm::call::Call;
use crate::arm::error::Error;
use crate::ground::wire::Response;
use crate::rbac::definitions;
use crate::state::role_assignments::RoleAssignment;
use crate::state::roles::{CustomRole, Permission, RoleDefinition};
use crate::state::{Document, Range, Resource};
use http::StatusCode;
use serde_json::{Map, Value};
use uuid::Uuid;

/// How many roles of its own a tenant may have
/// (<https://learn.microsoft.com/azure/role-based-access-control/custom-roles#custom-role-limits>).
pub(super) const MOST: usize = 5000;

/// The caller's tenant's role with this GUID.
pub(super) fn required(call: &Call<'_>, id: &str) -> Result<CustomRole, Error> {
    CustomRole::find(call.cx.tx, &call.principal.tenant_id, id)?.ok_or_else(|| missing(id))
}

pub(super) fn missing(id: &str) -> Error {
    Error::new(
        404,
        "RoleDefinitionDoesNotExist",
        // Without dashes, as role assignments are named in errors, too.
        format!(
            "The specified role definition with ID '{}' does not exist.",
            id.replace('-', "")
        ),
    )
}

/// Whether a role shows at a scope: where it can be assigned, and where `below` those that can be assigned below it.
pub(super) fn is_seen_at(role: &CustomRole, scope: &str, below: bool) -> bool {
    let reaches = |one: &String| reaches(one, scope) || below && reaches(scope, one);
    role.assignable_scopes.iter().any(reaches)
}

/// Whether a role can be assigned at a scope.
pub(super) fn is_assignable_at(role: &CustomRole, scope: &str) -> bool {
    let mut scopes = role.assignable_scopes.iter();
    scopes.any(|one| reaches(one, scope))
}

/// Whether a scope is another one or above it.
fn reaches(from: &str, scope: &str) -> bool {
    let (from, scope) = (Resource::key_of(from), Resource::key_of(scope));
    scope
        .strip_prefix(&from)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// `PUT {scope}/providers/Microsoft.Authorization/roleDefinitions/{id}`
pub(super) fn put(call: &Call<'_>, id: &str) -> Result<Response, Error> {
    let body = call.body()?;
    let asked = body.get("properties").and_then(Value::as_object);
    let asked = asked.cloned().unwrap_or_default();
    let scopes = texts(&asked, "assignableScopes");
    let tenant = call.principal.tenant_id.as_str();
    let there = CustomRole::find(call.cx.tx, tenant, id)?;
    // Who makes or changes a role must be allowed to at each scope where it is one, or will be.
    let old = there.iter().flat_map(|there| &there.assignable_scopes);
    for scope in scopes.iter().chain(old).chain([&call.path.scope]) {
        call.authorize(scope, &format!("{TYPE}/write"))?;
    }
    check_id(id)?;
    check_scopes(call, &scopes)?;
    let name = asked.get("roleName").and_then(Value::as_str);
    let name = name.filter(|name| !name.trim().is_empty()).ok_or_else(|| {
        Error::bad_request(
            "RoleDefinitionNameNullOrEmpty",
            "The role definition must have a name ('properties.roleName').",
        )
    })?;
    check_name(call, id, name)?;
    match &there {
        Some(there) => refuse_orphans(call, there, &scopes)?,
        None => check_count(call)?,
    }
    let permissions = permissions(&asked)?;
    let caller = call.principal.object_id.clone();
    let now = call.cx.now;
    let role = CustomRole {
        tenant_id: tenant.to_owned(),
        definition: RoleDefinition {
            id: id.to_ascii_lowercase(),
            name: name.to_owned(),
            description: asked
                .get("description")
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned(),
            permissions,
        },
        assignable_scopes: scopes,
        created_by: there
            .as_ref()
            .map_or_else(|| caller.clone(), |there| there.created_by.clone()),
        created: there.map_or(now, |there| there.created),
        updated_by: caller,
        updated: now,
    };
    call.cx.tx.put(&role)?;
    // 201 is all that the specification has
    // (<https://learn.microsoft.com/rest/api/authorization/role-definitions/create-or-update>).
    Ok(Response::json(StatusCode::CREATED, &custom(call, &role)))
}

/// `DELETE {scope}/providers/Microsoft.Authorization/roleDefinitions/{id}`
pub(super) fn delete(call: &Call<'_>, id: &str) -> Result<Response, Error> {
    call.authorize(&call.path.scope, &format!("{TYPE}/delete"))?;
    if definitions::by_id(id).is_some() {
        return Err(built_in());
    }
    let Some(role) = CustomRole::find(call.cx.tx, &call.principal.tenant_id, id)? else {
        return Ok(Response::empty(StatusCode::NO_CONTENT));
    };
    for scope in &role.assignable_scopes {
        call.authorize(scope, &format!("{TYPE}/delete"))?;
    }
    let key = role.definition.id.as_str();
    if call
        .cx
        .tx
        .any(&Range::Equal(RoleAssignment::BY_ROLE, key))?
    {
        return Err(Error::conflict(
            "RoleDefinitionHasAssignments",
            "There are existing role assignments referencing role.",
        ));
    }
    call.cx.tx.delete::<CustomRole>(&role.key())?;
    Ok(Response::json(StatusCode::OK, &custom(call, &role)))
}

fn built_in() -> Error {
    Error::bad_request(
        "RoleDefinitionUpdateNotPermitted",
        "A built-in role cannot be changed or deleted.",
    )
}

fn check_id(id: &str) -> Result<(), Error> {
    if definitions::by_id(id).is_some() {
        return Err(built_in());
    }
    if Uuid::try_parse(id).is_err() {
        return Err(Error::bad_request(
            "InvalidRoleDefinitionId",
            format!(
                "The role definition ID '{id}' is not valid. The role definition ID must be a GUID."
            ),
        ));
    }
    Ok(())
}

/// A role is for subscriptions, groups and resources of the tenant; only built-in ones are for the root.
fn check_scopes(call: &Call<'_>, scopes: &[String]) -> Result<(), Error> {
    let refuse = |reason: String| Err(Error::bad_request("InvalidAssignableScope", reason));
    if scopes.is_empty() {
        return refuse("The role definition must have at least one assignable scope.".to_owned());
    }
    for scope in scopes {
        let key = Resource::key_of(scope);
        let id = key.strip_prefix("/subscriptions/");
        let id = id.map(|rest| rest.split('/').next().unwrap_or_default());
        let Some(id) = id else {
            return refuse(format!(
                "'{scope}' cannot be an assignable scope of a custom role: give subscriptions, resource groups or resources."
            ));
        };
        let subscription: Option<crate::state::Subscription> = call.cx.tx.get(id)?;
        if subscription.is_none_or(|one| one.tenant_id != call.principal.tenant_id) {
            return refuse(format!("The assignable scope '{scope}' was not found."));
        }
    }
    Ok(())
}

/// Names are unique in a tenant, among all roles.
fn check_name(call: &Call<'_>, id: &str, name: &str) -> Result<(), Error> {
    let taken = CustomRole::name_in(&call.principal.tenant_id, name);
    let twin: Option<CustomRole> = call.cx.tx.find(CustomRole::BY_NAME, &taken)?;
    let twin = twin.is_some_and(|twin| !twin.definition.id.eq_ignore_ascii_case(id));
    if twin || definitions::all().any(|role| role.name.eq_ignore_ascii_case(name)) {
        return Err(Error::conflict(
            "RoleDefinitionWithSameNameExists",
            "A custom role with the same name already exists in this directory. Use a different name",
        ));
    }
    Ok(())
}

fn check_count(call: &Call<'_>) -> Result<(), Error> {
    let range = Range::Equal(CustomRole::BY_TENANT, call.principal.tenant_id.as_str());
    if call.cx.tx.page(&range, None, MOST)?.items.len() < MOST {
        return Ok(());
    }
    Err(Error::bad_request(
        "RoleDefinitionLimitExceeded",
        "Role definition limit exceeded. No more role definitions can be created.",
    ))
}

/// A scope cannot go while the role is assigned there (Azure/bicep issue 17145 has the answer).
fn refuse_orphans(call: &Call<'_>, there: &CustomRole, scopes: &[String]) -> Result<(), Error> {
    let role = there.definition.id.as_str();
    let mut orphan = None;
    let range = Range::Equal(RoleAssignment::BY_ROLE, role);
    call.cx.tx.each(&range, |one: RoleAssignment| {
        let is_theirs = there.assignable_scopes.iter();
        let mut gone = is_theirs.filter(|from| reaches(from, &one.scope));
        if orphan.is_none() && !scopes.iter().any(|scope| reaches(scope, &one.scope)) {
            orphan = gone.next().cloned();
        }
        Ok::<_, Error>(())
    })?;
    orphan.map_or(Ok(()), |scope| {
        Err(Error::bad_request(
            "RoleScopeBeingRemovedContainsAssignments",
            format!(
                "Role assignments found under scope '{scope}' which is being removed. Removing this scope from the role will \
                 orphan these assignments. Delete these assignments before removing the scope."
            ),
        ))
    })
}

fn texts(of: &Map<String, Value>, member: &str) -> Vec<String> {
    let list = of.get(member).and_then(Value::as_array);
    let list = list.into_iter().flatten();
    list.filter_map(Value::as_str).map(str::to_owned).collect()
}

/// What the role allows, of which every pattern must be one.
fn permissions(asked: &Map<String, Value>) -> Result<Vec<Permission>, Error> {
    let list = asked.get("permissions").and_then(Value::as_array);
    let mut permissions = Vec::new();
    for one in list.into_iter().flatten().filter_map(Value::as_object) {
        let permission = Permission {
            actions: texts(one, "actions"),
            not_actions: texts(one, "notActions"),
            data_actions: texts(one, "dataActions"),
            not_data_actions: texts(one, "notDataActions"),
            ..Permission::default()
        };
        if one
            .get("condition")
            .is_some_and(|condition| !condition.is_null())
        {
            return Err(Error::bad_request(
                "InvalidRoleDefinitionCondition",
                "The permissions of a custom role cannot have a condition; give the role assignment one.",
            ));
        }
        let lists = [
            &permission.actions,
            &permission.not_actions,
            &permission.data_actions,
            &permission.not_data_actions,
        ];
        for action in lists.into_iter().flatten() {
            check_action(action)?;
        }
        permissions.push(permission);
    }
    Ok(permissions)
}

/// Azure knows all operations of its providers, az-local those that roles name by their form only.
fn check_action(action: &str) -> Result<(), Error> {
    let mut parts = action.split('/');
    let namespace = parts.next().unwrap_or_default();
    let rest: Vec<&str> = parts.collect();
    let good = |part: &&str| {
        !part.is_empty()
            && part
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "-_.*$".contains(c))
    };
    let ends = ["read", "write", "delete", "action", "*"];
    let is_action = good(&namespace)
        && rest.iter().all(good)
        && rest.last().is_some_and(|last| {
            ends.contains(&last.to_ascii_lowercase().as_str()) || last.ends_with('*')
        });
    if action == "*" || is_action {
        return Ok(());
    }
    Err(Error::bad_request(
        "InvalidActionOrNotAction",
        format!("'{action}' does not match any of the actions supported by the providers."),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_action_has_a_provider_and_ends_as_actions_do() {
        for good in [
            "*",
            "*/read",
            "Microsoft.Compute/*",
            "Microsoft.Compute/virtualMachines/*/read",
            "Microsoft.KeyVault/vaults/secrets/getSecret/action",
        ] {
            assert!(check_action(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "read",
            "Microsoft.Compute",
            "Microsoft.Compute//read",
            "Microsoft.Compute/virtualMachines",
            "a b/read",
        ] {
            assert!(check_action(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_scope_reaches_what_is_below_it() {
        assert!(reaches(
            "/subscriptions/s",
            "/subscriptions/S/resourceGroups/g"
        ));
        assert!(!reaches(
            "/subscriptions/s/resourceGroups/g",
            "/subscriptions/s/resourceGroups/gg"
        ));
        assert!(!reaches(
            "/subscriptions/s/resourceGroups/g",
            "/subscriptions/s"
        ));
    }
}
