//! The directory's objects as Graph shows them.

use super::error::GraphError;
use super::filter::{Filter, FilterError, Term};
use crate::request::Context;
use crate::request::Principal;
use crate::state::{Application, Range, ServicePrincipal, StateError};
use serde::Deserialize;
use serde_json::{Value, json};
use time::format_description::well_known::Rfc3339;
use uuid::Uuid;

/// Which part of a list is asked for.
pub(super) struct Part {
    pub(super) size: usize,
    pub(super) after: Option<String>,
}

/// A part of a list.
pub(super) struct Found {
    pub(super) items: Vec<Value>,
    /// Where the list goes on.
    pub(super) next: Option<String>,
}

/// The service principals of the caller's tenant that a filter lets through.
pub(super) fn service_principals(
    cx: &Context<'_>,
    caller: &Principal,
    filter: Option<&Filter>,
    part: &Part,
) -> Result<Found, GraphError> {
    let terms = known_terms(filter, "ServicePrincipal")?;
    if let Some(candidates) = by_index(cx, caller, terms)? {
        let items = candidates
            .iter()
            .filter(|principal| principal.tenant_id == caller.tenant_id)
            .map(show)
            .filter(|object| terms.iter().all(|term| holds(object, term)))
            .collect();
        return Ok(Found { items, next: None });
    }
    let name;
    let range = match terms.iter().find_map(starts_with_name) {
        Some(beginning) => {
            name = ServicePrincipal::name_in(&caller.tenant_id, beginning);
            Range::Beginning(ServicePrincipal::BY_NAME, name.as_str())
        }
        None => Range::Equal(ServicePrincipal::BY_TENANT, caller.tenant_id.as_str()),
    };
    let page = cx.tx.filtered_page(
        &range,
        part.after.as_deref(),
        part.size,
        |principal: &ServicePrincipal| {
            let object = show(principal);
            Ok::<_, StateError>(terms.iter().all(|term| holds(&object, term)))
        },
    )?;
    Ok(Found {
        items: page.items.iter().map(show).collect(),
        next: page.next,
    })
}

/// The few principals that a term names by what they are looked up by; none where no term does.
fn by_index(
    cx: &Context<'_>,
    caller: &Principal,
    terms: &[Term],
) -> Result<Option<Vec<ServicePrincipal>>, StateError> {
    for term in terms {
        let (name, value) = match term {
            Term::Equals { name, value } | Term::AnyEquals { name, value } => (name, value),
            Term::StartsWith { .. } => continue,
        };
        let lower = value.to_ascii_lowercase();
        let found = match name.as_str() {
            "id" => cx.tx.get(&lower)?.into_iter().collect(),
            "appId" | "servicePrincipalNames" => cx
                .tx
                .all(&Range::Equal(ServicePrincipal::BY_APPLICATION, &lower))?,
            "alternativeNames" if value.starts_with('/') => cx
                .tx
                .all(&Range::Equal(ServicePrincipal::BY_RESOURCE, &lower))?,
            "displayName" => {
                let name = ServicePrincipal::name_in(&caller.tenant_id, value);
                let range = Range::Equal(ServicePrincipal::BY_NAME, name.as_str());
                cx.tx.page(&range, None, MOST_OF_A_NAME)?.items
            }
            _ => continue,
        };
        return Ok(Some(found));
    }
    Ok(None)
}

/// How many principals of one name are answered.
const MOST_OF_A_NAME: usize = 999;

fn starts_with_name(term: &Term) -> Option<&str> {
    match term {
        Term::StartsWith { name, value } if name == "displayName" => Some(value),
        _ => None,
    }
}

/// The service principal with this object id.
pub(super) fn service_principal(
    cx: &Context<'_>,
    caller: &Principal,
    id: &str,
) -> Result<Value, GraphError> {
    let found: Option<ServicePrincipal> = cx.tx.get(&id.to_ascii_lowercase())?;
    found
        .filter(|principal| principal.tenant_id == caller.tenant_id)
        .as_ref()
        .map(show)
        .ok_or_else(|| GraphError::NotFound(id.to_owned()))
}

/// The service principal of the application with this id.
pub(super) fn by_app_id(
    cx: &Context<'_>,
    caller: &Principal,
    app_id: &str,
) -> Result<Value, GraphError> {
    of_application(cx, caller, app_id)?
        .as_ref()
        .map(show)
        .ok_or_else(|| GraphError::NotFound(app_id.to_owned()))
}

fn of_application(
    cx: &Context<'_>,
    caller: &Principal,
    app_id: &str,
) -> Result<Option<ServicePrincipal>, StateError> {
    let id = app_id.to_ascii_lowercase();
    let all = cx
        .tx
        .all(&Range::Equal(ServicePrincipal::BY_APPLICATION, &id))?;
    Ok(all
        .into_iter()
        .find(|principal| principal.tenant_id == caller.tenant_id))
}

/// The applications of the caller's tenant that a filter lets through.
pub(super) fn applications(
    cx: &Context<'_>,
    caller: &Principal,
    filter: Option<&Filter>,
    part: &Part,
) -> Result<Found, GraphError> {
    let terms = known_terms(filter, "Application")?;
    let range = Range::Equal(Application::BY_TENANT, caller.tenant_id.as_str());
    let page = cx.tx.page(&range, part.after.as_deref(), part.size)?;
    let mut items = Vec::new();
    for application in &page.items {
        let principal = of_application(cx, caller, &application.app_id)?;
        let object = json!({
            "id": application.app_id,
            "appId": application.app_id,
            "displayName": principal.map(|principal| principal.display_name),
            "identifierUris": [],
            "signInAudience": "AzureADMyOrg",
        });
        if terms.iter().all(|term| holds(&object, term)) {
            items.push(object);
        }
    }
    Ok(Found {
        items,
        next: page.next,
    })
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
    if asked.ids.len() > MOST_IDS {
        return Err(GraphError::BadRequest("Too many values in 'ids'."));
    }
    let mut found = Vec::new();
    for id in &asked.ids {
        let principal: Option<ServicePrincipal> = cx.tx.get(&id.to_ascii_lowercase())?;
        if let Some(principal) = principal.filter(|one| one.tenant_id == caller.tenant_id) {
            let mut object = show(&principal);
            object["@odata.type"] = json!("#microsoft.graph.servicePrincipal");
            found.push(object);
        }
    }
    Ok(found)
}

/// <https://learn.microsoft.com/graph/api/directoryobject-getbyids>
const MOST_IDS: usize = 1000;

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

/// The terms of a filter, all about what can be filtered by.
fn known_terms<'a>(
    filter: Option<&'a Filter>,
    resource: &'static str,
) -> Result<&'a [Term], FilterError> {
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
    Ok(terms)
}

/// Whether a term holds for an object.
fn holds(object: &Value, term: &Term) -> bool {
    match term {
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
    }
}
