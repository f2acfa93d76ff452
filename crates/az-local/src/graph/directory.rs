//! The directory's objects as Graph shows them.

use super::GraphError;
use super::filter::{Filter, FilterError, Term};
use crate::request::Context;
use crate::request::Principal;
use crate::state::{Application, ServicePrincipal, StateError};
use serde::Deserialize;
use serde_json::{Value, json};
use time::format_description::well_known::Rfc3339;
use uuid::Uuid;

/// The service principals of the caller's tenant that a filter lets through.
pub(super) fn service_principals(
    cx: &Context<'_>,
    caller: &Principal,
    filter: Option<&Filter>,
) -> Result<Vec<Value>, GraphError> {
    let all = in_tenant(cx, caller)?.iter().map(show).collect();
    Ok(select(all, filter, "ServicePrincipal")?)
}

/// The service principal with this object id.
pub(super) fn service_principal(
    cx: &Context<'_>,
    caller: &Principal,
    id: &str,
) -> Result<Value, GraphError> {
    find(cx, caller, id, |principal| &principal.object_id)
}

/// The service principal of the application with this id.
pub(super) fn by_app_id(
    cx: &Context<'_>,
    caller: &Principal,
    app_id: &str,
) -> Result<Value, GraphError> {
    find(cx, caller, app_id, |principal| &principal.app_id)
}

fn find(
    cx: &Context<'_>,
    caller: &Principal,
    id: &str,
    key: impl Fn(&ServicePrincipal) -> &String,
) -> Result<Value, GraphError> {
    in_tenant(cx, caller)?
        .iter()
        .find(|principal| key(principal).eq_ignore_ascii_case(id))
        .map(show)
        .ok_or_else(|| GraphError::NotFound(id.to_owned()))
}

/// The applications of the caller's tenant that a filter lets through.
pub(super) fn applications(
    cx: &Context<'_>,
    caller: &Principal,
    filter: Option<&Filter>,
) -> Result<Vec<Value>, GraphError> {
    let principals = in_tenant(cx, caller)?;
    let all: Vec<Application> = cx.tx.list("")?;
    let all = all
        .iter()
        .filter(|application| application.tenant_id == caller.tenant_id)
        .map(|application| {
            let principal = principals
                .iter()
                .find(|found| found.app_id == application.app_id);
            json!({
                "id": application.app_id,
                "appId": application.app_id,
                "displayName": principal.map(|principal| principal.display_name.as_str()),
                "identifierUris": [],
                "signInAudience": "AzureADMyOrg",
            })
        })
        .collect();
    Ok(select(all, filter, "Application")?)
}

#[derive(Deserialize)]
struct ByIds {
    ids: Vec<String>,
    #[serde(default)]
    types: Option<Vec<String>>,
}

/// `POST directoryObjects/getByIds`: unknown ids are left out.
pub(super) fn by_ids(
    cx: &Context<'_>,
    caller: &Principal,
    body: &[u8],
) -> Result<Vec<Value>, GraphError> {
    let asked: ByIds = serde_json::from_slice(body).map_err(|_| {
        GraphError::BadRequest("The request body needs 'ids', an array of strings.")
    })?;
    if asked.ids.iter().any(|id| Uuid::parse_str(id).is_err()) {
        return Err(GraphError::BadRequest("Invalid GUID in 'ids'."));
    }
    let wanted = asked.types.is_none_or(|types| {
        types.iter().any(|kind| {
            ["serviceprincipal", "directoryobject"].contains(&kind.to_ascii_lowercase().as_str())
        })
    });
    if !wanted {
        return Ok(Vec::new());
    }
    let principals = in_tenant(cx, caller)?;
    Ok(principals
        .iter()
        .filter(|principal| {
            asked
                .ids
                .iter()
                .any(|id| id.eq_ignore_ascii_case(&principal.object_id))
        })
        .map(|principal| {
            let mut object = show(principal);
            object["@odata.type"] = json!("#microsoft.graph.servicePrincipal");
            object
        })
        .collect())
}

fn in_tenant(cx: &Context<'_>, caller: &Principal) -> Result<Vec<ServicePrincipal>, StateError> {
    let mut all: Vec<ServicePrincipal> = cx.tx.list("")?;
    all.retain(|principal| principal.tenant_id == caller.tenant_id);
    Ok(all)
}

fn show(principal: &ServicePrincipal) -> Value {
    let is_managed = principal.managed_identity.is_some();
    let alternatives: Vec<String> = match &principal.managed_identity {
        Some(id) => {
            let explicit = !id.to_ascii_lowercase().contains("/virtualmachines/");
            vec![
                format!("isExplicit={}", if explicit { "True" } else { "False" }),
                id.clone(),
            ]
        }
        None => Vec::new(),
    };
    json!({
        "id": principal.object_id,
        "deletedDateTime": null,
        "accountEnabled": true,
        "alternativeNames": alternatives,
        "appDisplayName": if is_managed { Value::Null } else { json!(principal.display_name) },
        "appId": principal.app_id,
        "appOwnerOrganizationId": if is_managed { Value::Null } else { json!(principal.tenant_id) },
        "appRoleAssignmentRequired": false,
        "createdDateTime": principal.created.format(&Rfc3339).ok(),
        "displayName": principal.display_name,
        "servicePrincipalNames": [principal.app_id],
        "servicePrincipalType": if is_managed { "ManagedIdentity" } else { "Application" },
        "signInAudience": if is_managed { Value::Null } else { json!("AzureADMyOrg") },
        "tags": [],
    })
}

/// The objects for which every term of the filter holds.
fn select(
    objects: Vec<Value>,
    filter: Option<&Filter>,
    resource: &'static str,
) -> Result<Vec<Value>, FilterError> {
    let terms = filter.map(|filter| filter.0.as_slice()).unwrap_or_default();
    for term in terms {
        let (name, known) = match term {
            Term::Equals { name, .. } | Term::StartsWith { name, .. } => (
                name,
                ["id", "appId", "displayName", "servicePrincipalType"].as_slice(),
            ),
            Term::AnyEquals { name, .. } => (
                name,
                [
                    "servicePrincipalNames",
                    "identifierUris",
                    "alternativeNames",
                    "tags",
                ]
                .as_slice(),
            ),
        };
        if !known.contains(&name.as_str()) {
            return Err(FilterError::Unsupported {
                property: name.clone(),
                resource,
            });
        }
    }
    let holds = |object: &Value, term: &Term| match term {
        Term::Equals { name, value } => object[name]
            .as_str()
            .is_some_and(|held| held.eq_ignore_ascii_case(value)),
        Term::StartsWith { name, value } => object[name]
            .as_str()
            .is_some_and(|held| held.to_lowercase().starts_with(&value.to_lowercase())),
        Term::AnyEquals { name, value } => object[name].as_array().is_some_and(|all| {
            all.iter().any(|held| {
                held.as_str()
                    .is_some_and(|held| held.eq_ignore_ascii_case(value))
            })
        }),
    };
    Ok(objects
        .into_iter()
        .filter(|object| terms.iter().all(|term| holds(object, term)))
        .collect())
}
