//! Finding objects of the directory: lists with a filter, single ones, and several by their ids.

use super::error::GraphError;
use super::filter::{Filter, FilterError, Term};
use super::objects::{Object, holds, show_any};
use crate::request::{Context, Principal};
use crate::state::people::{DirectoryObject, User};
use crate::state::{Application, Range, ServicePrincipal, StateError};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

/// Which part of a list is asked for, and what of each.
pub(super) struct Part {
    pub(super) size: usize,
    pub(super) after: Option<String>,
    pub(super) select: Option<String>,
}

/// A part of a list.
pub(super) struct Found {
    pub(super) items: Vec<Value>,
    /// Where the list goes on.
    pub(super) next: Option<String>,
}

/// The objects of one type in the caller's tenant that a filter lets through.
pub(super) fn list<T: Object>(
    cx: &Context<'_>,
    caller: &Principal,
    filter: Option<&Filter>,
    part: &Part,
) -> Result<Found, GraphError> {
    let terms = known_terms(filter, T::COMPARED, T::LISTS, T::RESOURCE)?;
    let select = part.select.as_deref();
    let fits = |object: &T| {
        let full = object.full();
        terms.iter().all(|term| holds(&full, term))
    };
    if let Some(candidates) = by_index::<T>(cx, caller, terms)? {
        let own = candidates
            .iter()
            .filter(|one| one.tenant() == caller.tenant_id);
        let items = own.filter(|one| fits(one)).map(|one| one.show(select));
        return Ok(Found {
            items: items.collect(),
            next: None,
        });
    }
    let name;
    let range = match terms.iter().find_map(starts_with_name) {
        Some(beginning) => {
            name = ServicePrincipal::name_in(&caller.tenant_id, beginning);
            Range::Beginning(T::BY_NAME, name.as_str())
        }
        None => Range::Equal(T::BY_TENANT, caller.tenant_id.as_str()),
    };
    let page = cx
        .tx
        .filtered_page(&range, part.after.as_deref(), part.size, |object: &T| {
            Ok::<_, StateError>(fits(object))
        })?;
    Ok(Found {
        items: page.items.iter().map(|one| one.show(select)).collect(),
        next: page.next,
    })
}

/// The few objects that a term names by what they are looked up by; none where no term does.
fn by_index<T: Object>(
    cx: &Context<'_>,
    caller: &Principal,
    terms: &[Term],
) -> Result<Option<Vec<T>>, StateError> {
    for term in terms {
        let (Term::Equals { name, value } | Term::AnyEquals { name, value }) = term else {
            continue;
        };
        if name == "displayName" {
            let name = ServicePrincipal::name_in(&caller.tenant_id, value);
            let range = Range::Equal(T::BY_NAME, name.as_str());
            return Ok(Some(cx.tx.page(&range, None, MOST_OF_A_NAME)?.items));
        }
        if let Some(found) = T::by_property(cx, name, value)? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// How many objects of one name are answered.
const MOST_OF_A_NAME: usize = 999;

fn starts_with_name(term: &Term) -> Option<&str> {
    match term {
        Term::StartsWith { name, value } if name == "displayName" => Some(value),
        _ => None,
    }
}

/// The object of this type with this id, in the caller's tenant.
pub(super) fn one<T: Object>(
    cx: &Context<'_>,
    caller: &Principal,
    id: &str,
) -> Result<T, GraphError> {
    let found: Option<T> = cx.tx.get(&id.to_ascii_lowercase())?;
    found
        .filter(|object| object.tenant() == caller.tenant_id)
        .ok_or_else(|| GraphError::NotFound(id.to_owned()))
}

/// The user with this id or sign-in name.
pub(super) fn user(cx: &Context<'_>, caller: &Principal, id: &str) -> Result<User, GraphError> {
    if !id.contains('@') {
        return one(cx, caller, id);
    }
    let found: Option<User> = cx.tx.find(User::BY_SIGN_IN, &id.to_lowercase())?;
    found
        .filter(|user| user.tenant_id == caller.tenant_id)
        .ok_or_else(|| GraphError::NotFound(id.to_owned()))
}

/// The object with this id, of whichever type.
pub(super) fn any(
    cx: &Context<'_>,
    caller: &Principal,
    id: &str,
) -> Result<DirectoryObject, GraphError> {
    DirectoryObject::find(cx.tx, id)?
        .filter(|object| object.tenant_id() == caller.tenant_id)
        .ok_or_else(|| GraphError::NotFound(id.to_owned()))
}

/// The service principal of the application with this id.
pub(super) fn by_app_id(
    cx: &Context<'_>,
    caller: &Principal,
    app_id: &str,
) -> Result<ServicePrincipal, GraphError> {
    of_application(cx, caller, app_id)?.ok_or_else(|| GraphError::NotFound(app_id.to_owned()))
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
    let compared = ["id", "appId", "displayName"];
    let terms = known_terms(
        filter,
        &compared,
        &["identifierUris", "tags"],
        "Application",
    )?;
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
    if asked.ids.len() > MOST_IDS {
        return Err(GraphError::BadRequest("Too many values in 'ids'."));
    }
    let wanted = |object: &DirectoryObject| {
        asked.types.as_ref().is_none_or(|types| {
            types.iter().any(|kind| {
                kind.eq_ignore_ascii_case(object.principal_type())
                    || kind.eq_ignore_ascii_case("directoryObject")
            })
        })
    };
    let mut found = Vec::new();
    for id in &asked.ids {
        let object = DirectoryObject::find(cx.tx, id)?;
        let own = object.filter(|one| one.tenant_id() == caller.tenant_id);
        found.extend(own.filter(wanted).as_ref().map(show_any));
    }
    Ok(found)
}

/// <https://learn.microsoft.com/graph/api/directoryobject-getbyids>
const MOST_IDS: usize = 1000;

/// The terms of a filter, all about what can be filtered by.
fn known_terms<'a>(
    filter: Option<&'a Filter>,
    compared: &[&str],
    lists: &[&str],
    resource: &'static str,
) -> Result<&'a [Term], FilterError> {
    let terms = filter.map(|filter| filter.0.as_slice()).unwrap_or_default();
    for term in terms {
        let (name, known) = match term {
            Term::Equals { name, .. } | Term::StartsWith { name, .. } => (name, compared),
            Term::Is { name, .. } => (name, FLAGS),
            Term::AnyEquals { name, .. } => (name, lists),
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

/// What is true or false of an object.
const FLAGS: &[&str] = &["accountEnabled", "securityEnabled", "mailEnabled"];
