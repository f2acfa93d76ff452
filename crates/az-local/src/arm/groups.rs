//! Resource groups.

use super::call::Call;
use super::error::Error;
use super::filter::equalities;
use super::group_scope::{refuse_while_deleting, require};
use super::resource_type::check_tags;
use super::{locations, operations};
use crate::ground::wire::Response;
use crate::state::due::{self, Effect};
use crate::state::durations::Work;
use crate::state::resources::GROUP as KIND;
use crate::state::{Range, Resource};
use http::{Method, StatusCode};
use serde_json::{Map, Value, json};

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
    check_tags(body.get("tags"))?;
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
    let mut group = there.unwrap_or_else(|| {
        let id = format!(
            "/subscriptions/{}/resourceGroups/{name}",
            call.subscription()
        );
        Resource::new(id, KIND)
    });
    group.body = kept;
    call.cx.tx.put(&group)?;
    Ok(Response::json(status, &view(call, &group)?))
}

fn patch(call: &Call<'_>) -> Result<Response, Error> {
    call.authorize(&call.path.scope, &format!("{ACTION}/write"))?;
    let mut group = require(call)?;
    refuse_while_deleting(call, &group)?;
    let body = call.body()?;
    check_tags(body.get("tags"))?;
    if let Some(tags) = body.get("tags") {
        group.body.insert("tags".to_owned(), tags.clone());
    }
    call.cx.tx.put(&group)?;
    Ok(Response::json(StatusCode::OK, &view(call, &group)?))
}

fn delete(call: &Call<'_>) -> Result<Response, Error> {
    call.authorize(&call.path.scope, &format!("{ACTION}/delete"))?;
    let mut group = require(call)?;
    // A second request joins the deletion that is under way.
    let operation = match operations::deletion(call.cx, &group)? {
        Some(operation) => operation,
        None => {
            let takes = call.cx.knobs.takes(KIND, Work::Delete);
            let operation = operations::begin(call.cx, operations::DELETING, takes)?;
            let effect = Effect::DeleteGroup {
                id: group.id.clone(),
                incarnation: group.incarnation.clone(),
            };
            if operation.fate.is_none() {
                due::note(call.cx.tx, operation.ends, effect)?;
            }
            group
                .hidden
                .insert("operation".to_owned(), json!(operation.id));
            call.cx.tx.put(&group)?;
            operation
        }
    };
    let response = Response::empty(StatusCode::ACCEPTED)
        .with_header("location", operations::result_url(call, &operation));
    Ok(operations::with_retry_after(call, response))
}

/// `GET /subscriptions/{id}/resourcegroups`, with `$filter` by tag and `$top`.
pub(crate) fn list(call: &Call<'_>) -> Result<Response, Error> {
    let wanted = call
        .request
        .query("$filter")
        .map(parse_tag_filter)
        .transpose()?;
    let read = format!("{ACTION}/read");
    let everywhere = call.may(&call.path.scope, &read)?;
    let by_type = Resource::type_in(KIND, call.subscription());
    let page = call.cx.tx.filtered_page(
        &Range::Equal(Resource::BY_TYPE, &by_type),
        call.after()?.as_deref(),
        call.page_size(),
        |group: &Resource| {
            let fits = wanted.as_ref().is_none_or(|wanted| has_tag(group, wanted));
            Ok::<_, Error>(fits && (everywhere || call.may(&group.id, &read)?))
        },
    )?;
    call.page(&page, |group| view(call, group))
}

fn has_tag(group: &Resource, (name, value): &(String, Option<String>)) -> bool {
    let tags = group.body.get("tags").and_then(Value::as_object);
    tags.into_iter().flatten().any(|(key, there)| {
        key.eq_ignore_ascii_case(name) && value.as_ref().is_none_or(|value| there == value)
    })
}

/// `tagname eq 'x'` and `tagname eq 'x' and tagvalue eq 'y'`, in any case.
fn parse_tag_filter(filter: &str) -> Result<(String, Option<String>), Error> {
    let mut name = None;
    let mut value = None;
    for (field, text) in equalities(filter)? {
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
    if let Some(state) = operations::shown(call.cx, group)? {
        value["properties"]["provisioningState"] = json!(state);
    }
    Ok(value)
}
