//! `Microsoft.Authorization/roleDefinitions`: the built-in ones.

use crate::arm::call::Call;
use crate::arm::error::Error;
use crate::arm::filter::equalities;
use crate::ground::wire::Response;
use crate::rbac::definitions::{self, Permission, RoleDefinition};
use http::{Method, StatusCode};
use serde_json::{Value, json};

const READ: &str = "Microsoft.Authorization/roleDefinitions/read";

/// `GET {scope}/providers/Microsoft.Authorization/roleDefinitions`, with `$filter` by `roleName` and `type`.
pub(crate) fn list(call: &Call<'_>) -> Result<Response, Error> {
    read_only(call)?;
    call.authorize(&call.path.scope, READ)?;
    // `atScope()` and `atScopeAndBelow()` say nothing about built-in roles: they are everywhere.
    let filter = call.request.query("$filter").unwrap_or_default();
    let filter = filter
        .replace("atScopeAndBelow()", "")
        .replace("atScope()", "");
    let filter = filter
        .trim()
        .trim_start_matches("and ")
        .trim_end_matches(" and")
        .trim()
        .to_owned();
    let wanted = if filter.is_empty() {
        vec![]
    } else {
        equalities(&filter)?
    };
    let mut values = Vec::new();
    for role in definitions::all() {
        let mut fits = true;
        for (field, text) in &wanted {
            fits &= match field.to_ascii_lowercase().as_str() {
                "rolename" => role.name.eq_ignore_ascii_case(text),
                "type" => text.eq_ignore_ascii_case("BuiltInRole"),
                _ => {
                    return Err(Error::bad_request(
                        "InvalidFilter",
                        format!(
                            "The filter '{filter}' is not supported: '{field}' cannot be filtered by."
                        ),
                    ));
                }
            };
        }
        if fits {
            values.push(view(call, role));
        }
    }
    Ok(Response::json(StatusCode::OK, &json!({"value": values})))
}

/// `GET …/roleDefinitions/{id}`
pub(crate) fn get(call: &Call<'_>, id: &str) -> Result<Response, Error> {
    read_only(call)?;
    call.authorize(&call.path.scope, READ)?;
    let role = definitions::by_id(id).ok_or_else(|| {
        Error::new(
            404,
            "RoleDefinitionDoesNotExist",
            format!("The specified role definition with ID '{id}' does not exist."),
        )
    })?;
    Ok(Response::json(StatusCode::OK, &view(call, role)))
}

fn read_only(call: &Call<'_>) -> Result<(), Error> {
    match *call.method() {
        Method::GET => Ok(()),
        _ => Err(Error::method_not_allowed(call.method().as_str())),
    }
}

fn view(call: &Call<'_>, role: &RoleDefinition) -> Value {
    let root = call
        .path
        .subscription
        .as_ref()
        .map(|id| format!("/subscriptions/{id}"))
        .unwrap_or_default();
    json!({
        "id": format!("{root}/providers/Microsoft.Authorization/roleDefinitions/{}", role.id),
        "type": "Microsoft.Authorization/roleDefinitions",
        "name": role.id,
        "properties": {
            "roleName": role.name,
            "type": "BuiltInRole",
            "description": role.description,
            "assignableScopes": ["/"],
            "permissions": role.permissions.iter().map(|one| permission(call, one)).collect::<Vec<_>>(),
            "createdOn": "2015-02-02T21:55:09.8806423Z",
            "updatedOn": "2023-04-12T03:11:09.7356482Z",
            "createdBy": null,
            "updatedBy": null,
        },
    })
}

/// The first version that tells conditions: azure-mgmt-authorization's `Permission` has them from it on.
const WITH_CONDITIONS: &str = "2022-05-01";

fn permission(call: &Call<'_>, of: &Permission) -> Value {
    let mut view = json!({
        "actions": of.actions,
        "notActions": of.not_actions,
        "dataActions": of.data_actions,
        "notDataActions": of.not_data_actions,
    });
    if let Some(condition) = &of.condition
        && call.api_version.as_str() >= WITH_CONDITIONS
    {
        view["condition"] = json!(condition);
        view["conditionVersion"] = json!(of.condition_version);
    }
    view
}
