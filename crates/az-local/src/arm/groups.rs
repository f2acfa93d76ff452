//! Resource groups.

use super::call::Call;
use super::error::Error;
use super::{locations, operations, tracked};
use crate::ground::wire::Response;
use crate::request::Context;
use crate::state::operations::Effect;
use crate::state::role_assignments;
use crate::state::{Resource, StateError};
use http::{Method, StatusCode};
use serde_json::{Map, Value, json};

/// The type of groups in the state.
pub(crate) const KIND: &str = "Microsoft.Resources/resourceGroups";
const ACTION: &str = "Microsoft.Resources/subscriptions/resourceGroups";

/// Answers a call about one group.
pub(crate) fn route(call: &Call<'_>) -> Result<Response, Error> {
    match *call.method() {
        Method::GET => {
            call.authorize(&call.path.scope, &format!("{ACTION}/read"))?;
            Ok(Response::json(
                StatusCode::OK,
                &view(call, &require(call)?)?,
            ))
        }
        Method::HEAD => {
            call.authorize(&call.path.scope, &format!("{ACTION}/read"))?;
            let found = call.resource(&call.path.scope)?.is_some();
            Ok(Response::empty(if found {
                StatusCode::NO_CONTENT
            } else {
                StatusCode::NOT_FOUND
            }))
        }
        Method::PUT => put(call),
        Method::PATCH => patch(call),
        Method::DELETE => delete(call),
        _ => Err(Error::method_not_allowed(call.method().as_str())),
    }
}

/// The group that the path names.
pub(crate) fn require(call: &Call<'_>) -> Result<Resource, Error> {
    let name = call.path.group.as_deref().unwrap_or_default();
    let id = format!(
        "/subscriptions/{}/resourceGroups/{name}",
        call.subscription()
    );
    call.resource(&id)?
        .ok_or_else(|| Error::group_not_found(name))
}

/// Nothing is made in a group that is on its way out.
pub(crate) fn refuse_while_deleting(call: &Call<'_>, group: &Resource) -> Result<(), Error> {
    match operations::running(call.cx, group)?.as_deref() {
        Some("Deleting") => Err(Error::conflict(
            "ResourceGroupBeingDeleted",
            format!(
                "The resource group '{}' is in deprovisioning state and cannot perform this operation.",
                group.name()
            ),
        )),
        _ => Ok(()),
    }
}

fn put(call: &Call<'_>) -> Result<Response, Error> {
    let name = call.path.group.as_deref().unwrap_or_default();
    call.authorize(&call.path.scope, &format!("{ACTION}/write"))?;
    if name.chars().count() > 90
        || name.ends_with('.')
        || !name
            .chars()
            .all(|c| c.is_alphanumeric() || "_-.()".contains(c))
    {
        return Err(Error::bad_request(
            "InvalidResourceGroup",
            format!(
                "The provided resource group name '{name}' has these invalid characters or is too long: at most 90 \
                 characters, only alphanumeric characters, periods, underscores, hyphens and parentheses, and no \
                 period at the end."
            ),
        ));
    }
    let body = call.body()?;
    let there = call.resource(&call.path.scope)?;
    if let Some(there) = &there {
        refuse_while_deleting(call, there)?;
    }
    let Some(asked) = body.get("location").and_then(Value::as_str) else {
        return Err(Error::bad_request(
            "LocationRequired",
            "The location property is required for this definition.",
        ));
    };
    let location = locations::canonical(asked);
    if !locations::is_known(&location) {
        return Err(Error::bad_request(
            "LocationNotAvailableForResourceGroup",
            format!(
                "The provided location '{asked}' is not available for resource group. List of available regions is '{}'.",
                locations::names().join(",")
            ),
        ));
    }
    let old = there
        .as_ref()
        .and_then(|there| there.body.get("location"))
        .and_then(Value::as_str);
    if let Some(old) = old.filter(|old| *old != location) {
        return Err(Error::conflict(
            "InvalidResourceGroupLocation",
            format!(
                "Invalid resource group location '{location}'. The Resource group already exists in location '{old}'."
            ),
        ));
    }
    tracked::check_tags(body.get("tags"))?;
    let mut kept = Map::new();
    kept.insert("location".to_owned(), json!(location));
    for member in ["tags", "managedBy"] {
        if let Some(value) = body.get(member).filter(|value| !value.is_null()) {
            kept.insert(member.to_owned(), value.clone());
        }
    }
    kept.insert(
        "properties".to_owned(),
        json!({"provisioningState": "Succeeded"}),
    );
    let status = if there.is_some() {
        StatusCode::OK
    } else {
        StatusCode::CREATED
    };
    let group = Resource {
        id: there.map_or_else(
            || {
                format!(
                    "/subscriptions/{}/resourceGroups/{name}",
                    call.subscription()
                )
            },
            |there| there.id,
        ),
        kind: KIND.to_owned(),
        body: kept,
        hidden: Map::new(),
    };
    call.cx.tx.put(&group)?;
    Ok(Response::json(status, &view(call, &group)?))
}

fn patch(call: &Call<'_>) -> Result<Response, Error> {
    call.authorize(&call.path.scope, &format!("{ACTION}/write"))?;
    let mut group = require(call)?;
    let body = call.body()?;
    tracked::check_tags(body.get("tags"))?;
    if let Some(tags) = body.get("tags") {
        group.body.insert("tags".to_owned(), tags.clone());
    }
    call.cx.tx.put(&group)?;
    Ok(Response::json(StatusCode::OK, &view(call, &group)?))
}

fn delete(call: &Call<'_>) -> Result<Response, Error> {
    call.authorize(&call.path.scope, &format!("{ACTION}/delete"))?;
    let mut group = require(call)?;
    let effect = Effect::DeleteGroup(group.id.clone());
    let operation = operations::begin(call.cx, "Deleting", Some(effect))?;
    group
        .hidden
        .insert("operation".to_owned(), json!(operation.id));
    call.cx.tx.put(&group)?;
    let response = Response::empty(StatusCode::ACCEPTED)
        .with_header("location", operations::result_url(call, &operation));
    Ok(operations::with_retry_after(call.cx, response))
}

/// Takes a group out of the state, with all that is in it: vaults become deleted vaults, identities leave the
/// directory, role assignments on what goes are dropped.
pub(crate) fn remove(cx: &Context<'_>, id: &str) -> Result<(), StateError> {
    for resource in cx.tx.list::<Resource>(&(Resource::key_of(id) + "/"))? {
        tracked::remove(cx, &resource.id)?;
    }
    super::deployments::forget(cx, id)?;
    role_assignments::forget_scope(cx.tx, id)?;
    cx.tx.delete::<Resource>(&Resource::key_of(id))?;
    Ok(())
}

/// `GET /subscriptions/{id}/resourcegroups`, with `$filter` by tag and `$top`.
pub(crate) fn list(call: &Call<'_>) -> Result<Response, Error> {
    let wanted = call
        .request
        .query("$filter")
        .map(parse_tag_filter)
        .transpose()?;
    let prefix = format!("{}/resourcegroups/", Resource::key_of(&call.path.scope));
    let mut values = Vec::new();
    for group in call.cx.tx.list::<Resource>(&prefix)? {
        if group.kind != KIND || !call.may(&group.id, &format!("{ACTION}/read"))? {
            continue;
        }
        let tags = group.body.get("tags").and_then(Value::as_object);
        let fits = wanted.as_ref().is_none_or(|(name, value)| {
            tags.is_some_and(|tags| {
                tags.iter().any(|(key, there)| {
                    key.eq_ignore_ascii_case(name)
                        && value.as_ref().is_none_or(|value| there == value)
                })
            })
        });
        if fits {
            values.push(view(call, &group)?);
        }
    }
    Ok(Response::json(StatusCode::OK, &call.page(values)))
}

/// `tagname eq 'x'` and `tagname eq 'x' and tagvalue eq 'y'`, in any case.
fn parse_tag_filter(filter: &str) -> Result<(String, Option<String>), Error> {
    let mut name = None;
    let mut value = None;
    for (field, text) in super::resources::equalities(filter)? {
        match field.to_ascii_lowercase().as_str() {
            "tagname" => name = Some(text),
            "tagvalue" => value = Some(text),
            _ => {
                return Err(Error::bad_request(
                    "InvalidFilterInQueryString",
                    format!("Invalid $filter '{filter}' specified in the query string."),
                ));
            }
        }
    }
    name.map(|name| (name, value)).ok_or_else(|| {
        Error::bad_request(
            "InvalidFilterInQueryString",
            format!("Invalid $filter '{filter}' specified in the query string."),
        )
    })
}

fn view(call: &Call<'_>, group: &Resource) -> Result<Value, Error> {
    let mut value = json!({"id": group.id, "name": group.name(), "type": KIND});
    for (member, content) in &group.body {
        value[member] = content.clone();
    }
    if let Some(state) = operations::running(call.cx, group)? {
        value["properties"]["provisioningState"] = json!(state);
    }
    Ok(value)
}
