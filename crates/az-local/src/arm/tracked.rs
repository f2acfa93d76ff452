//! How resources of any type are created, read, changed, listed and deleted: checks, authorization, storage and
//! operations. What is special about a type is in its [`Kind`].

use super::call::Call;
use super::error::Error;
use super::group_scope;
use super::keep::{Write, keep};
use super::path::ProviderPath;
use super::registration::require_registered;
use super::resource_type::{Answers, Draft, Kind, Patches, check_tags};
use super::{locations, operations, times};
use crate::ground::wire::Response;
use crate::request::Context;
use crate::state::due::{self, Effect};
use crate::state::durations::Work;
use crate::state::operations::Operation;
use crate::state::{
    Document, Range, Resource, StateError, addresses, holds, locks, role_assignments,
};
use http::{Method, StatusCode};
use serde_json::{Map, Value, json};
use std::collections::VecDeque;

/// Answers a call about one resource, or about a collection of them.
pub(crate) fn route(
    call: &Call<'_>,
    kind: &'static Kind,
    provider: &ProviderPath,
) -> Result<Response, Error> {
    let id = id_of(&call.path.scope, kind, provider);
    if !provider.is_named() {
        return match *call.method() {
            Method::GET => list(call, kind, &id),
            _ => Err(Error::method_not_allowed(call.method().as_str())),
        };
    }
    if call.path.group.is_none() {
        return Err(Error::bad_request(
            "InvalidResourceId",
            format!("'{id}' must be in a resource group."),
        ));
    }
    match *call.method() {
        Method::GET => get(call, kind, &id),
        Method::PUT => put(call, kind, &id),
        Method::PATCH => patch(call, kind, &id),
        Method::DELETE => delete(call, kind, &id),
        _ => Err(Error::method_not_allowed(call.method().as_str())),
    }
}

/// The id that a path names: types and names by turns.
fn id_of(scope: &str, kind: &Kind, provider: &ProviderPath) -> String {
    let types = kind.name.split('/').skip(1).enumerate();
    let rest = types.map(|(at, word)| format!("/{word}/{}", provider.name(at)));
    format!(
        "{scope}/providers/{}{}",
        kind.namespace(),
        rest.collect::<String>()
    )
}

/// The id of what a resource of a type is part of, where the type is below another.
fn parent_of<'a>(kind: &Kind, id: &'a str) -> Option<&'a str> {
    let is_nested = kind.name.matches('/').count() > 1;
    let parent = id.rsplit_once('/')?.0.rsplit_once('/')?.0;
    is_nested.then_some(parent)
}

/// The resource that a resource of a type is part of, which must be there.
fn parent(call: &Call<'_>, kind: &Kind, id: &str) -> Result<Option<Resource>, Error> {
    let Some(parent) = parent_of(kind, id) else {
        return Ok(None);
    };
    let name = parent.rsplit('/').next().unwrap_or_default();
    let found = call.resource(parent)?.ok_or_else(|| {
        Error::new(
            404,
            "ParentResourceNotFound",
            format!(
                "Failed to perform '{}' on resource(s) of type '{}', because the parent resource '{name}' could not be found.",
                call.method().as_str().to_lowercase(),
                kind.name.split_once('/').map_or("", |(_, types)| types)
            ),
        )
    })?;
    Ok(Some(found))
}

/// The resource, after the caller's right to read it and its group have been checked.
fn existing(
    call: &Call<'_>,
    kind: &Kind,
    id: &str,
    action: &str,
) -> Result<Option<Resource>, Error> {
    call.authorize(id, &format!("{}/{action}", kind.name))?;
    group_scope::require(call)?;
    call.resource(id)
}

fn required(call: &Call<'_>, kind: &Kind, id: &str, action: &str) -> Result<Resource, Error> {
    existing(call, kind, id, action)?.ok_or_else(|| {
        let path = id.rsplit_once("/providers/").map_or(id, |(_, path)| path);
        let (kind, name) = path.rsplit_once('/').unwrap_or((path, ""));
        Error::resource_not_found(kind, name, call.path.group.as_deref())
    })
}

fn get(call: &Call<'_>, kind: &Kind, id: &str) -> Result<Response, Error> {
    let resource = required(call, kind, id, "read")?;
    let response = Response::json(StatusCode::OK, &view(call, kind, &resource)?);
    Ok(match operations::running(call.cx, &resource)? {
        Some(_) => operations::with_retry_after(call, response),
        None => response,
    })
}

/// What a GET answers.
pub(crate) fn view(call: &Call<'_>, kind: &Kind, resource: &Resource) -> Result<Value, Error> {
    let mut value = bare_view(resource);
    // A deployment goes on with what is done, which all of it is for it at once.
    if call.router.allowance().is_none()
        && let Some(state) = operations::shown(call.cx, resource)?
        && let Some(properties) = value.get_mut("properties")
    {
        properties["provisioningState"] = json!(state);
    }
    (kind.view)(call, resource, &mut value)?;
    Ok(value)
}

fn bare_view(resource: &Resource) -> Value {
    let mut members = Map::new();
    members.insert("id".to_owned(), json!(resource.id));
    members.insert("name".to_owned(), json!(resource.name()));
    members.insert("type".to_owned(), json!(resource.kind));
    members.extend(resource.body.clone());
    Value::Object(members)
}

/// Those in the subscription, in a group, or in a resource. The id ends in the type, without a name.
fn list(call: &Call<'_>, kind: &Kind, id: &str) -> Result<Response, Error> {
    if call.path.group.is_some() {
        group_scope::require(call)?;
    }
    parent(call, kind, id)?;
    let read = format!("{}/read", kind.name);
    let everywhere = call.may(&call.path.scope, &read)?;
    let by_type = Resource::type_in(kind.name, call.subscription());
    let below = Resource::key_of(id) + "/";
    let range = match call.path.group {
        Some(_) => Range::Below(&below),
        None => Range::Equal(Resource::BY_TYPE, &by_type),
    };
    let page = call.cx.tx.filtered_page(
        &range,
        call.after()?.as_deref(),
        call.page_size(),
        |resource: &Resource| {
            // What is part of one has a key below it.
            let is_one = resource.kind.eq_ignore_ascii_case(kind.name);
            Ok::<_, Error>(is_one && (everywhere || call.may(&resource.id, &read)?))
        },
    )?;
    if page.items.is_empty() && !everywhere {
        call.authorize(&call.path.scope, &read)?;
    }
    call.page(&page, |resource| view(call, kind, resource))
}

fn put(call: &Call<'_>, kind: &'static Kind, id: &str) -> Result<Response, Error> {
    let existing = existing(call, kind, id, "write")?;
    refuse_while_deleting(call, kind, existing.as_ref())?;
    let group = group_scope::require(call)?;
    group_scope::refuse_while_deleting(call, &group)?;
    require_registered(call, kind.namespace())?;
    (kind.names)(id.rsplit('/').next().unwrap_or_default())?;
    let body = call.body()?;
    let location = location_of(call, kind, &body, existing.as_ref(), id)?;
    check_tags(body.get("tags"))?;
    let mut resource = match &existing {
        // An id keeps the case it was created with.
        Some(there) => Resource {
            body: Map::new(),
            ..there.clone()
        },
        // The group's name in an id is spelled as the group was created.
        None => Resource::new(new_id(call, kind, &group, id)?, kind.name),
    };
    resource.body.insert("location".to_owned(), json!(location));
    if let Some(tags) = body.get("tags").filter(|tags| tags.is_object()) {
        resource.body.insert("tags".to_owned(), tags.clone());
    }
    let is_new = existing.is_none();
    let mut draft = Draft {
        body,
        existing,
        resource,
    };
    (kind.put)(call, &mut draft)?;
    keep(
        kind.members,
        Write::Put,
        &draft.body,
        &mut draft.resource.body,
    )?;
    finish(
        call,
        kind,
        draft.resource,
        is_new,
        if is_new { "Creating" } else { "Updating" },
    )
}

/// The id of a new resource: what it is in is spelled as that was created.
fn new_id(call: &Call<'_>, kind: &Kind, group: &Resource, id: &str) -> Result<String, Error> {
    let name = id.rsplit('/').next().unwrap_or_default();
    if let Some(parent) = parent(call, kind, id)? {
        let word = kind.name.rsplit('/').next().unwrap_or_default();
        return Ok(format!("{}/{word}/{name}", parent.id));
    }
    Ok(format!(
        "/subscriptions/{}/{}/{}/providers/{}/{name}",
        group.subscription(),
        kind.groups,
        group.group(),
        kind.name
    ))
}

fn patch(call: &Call<'_>, kind: &'static Kind, id: &str) -> Result<Response, Error> {
    let there = required(call, kind, id, "write")?;
    refuse_while_deleting(call, kind, Some(&there))?;
    let body = call.body()?;
    check_tags(body.get("tags"))?;
    let mut draft = Draft {
        body,
        resource: there.clone(),
        existing: Some(there),
    };
    (kind.patch)(call, &mut draft)?;
    if kind.patches == Patches::All {
        let body = &mut draft.resource.body;
        keep(kind.members, Write::Patch, &draft.body, body)?;
    }
    finish(call, kind, draft.resource, false, "Updating")
}

/// Stores what was made and answers.
fn finish(
    call: &Call<'_>,
    kind: &'static Kind,
    mut resource: Resource,
    is_new: bool,
    state: &str,
) -> Result<Response, Error> {
    let location = resource.location().to_owned();
    let now = json!(times::text(call.cx.now));
    if is_new {
        resource
            .hidden
            .insert("createdTime".to_owned(), now.clone());
    }
    resource.hidden.insert("changedTime".to_owned(), now);
    kind.take(call, &resource)?;
    if kind.has_state
        && let Some(properties) = resource
            .body
            .get_mut("properties")
            .and_then(Value::as_object_mut)
    {
        properties.insert("provisioningState".to_owned(), json!("Succeeded"));
    }
    let status = if is_new {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    let (state, polls) = match kind.answers {
        Answers::AtOnce | Answers::Located => (None, false),
        Answers::Operation | Answers::Accepted => (Some(state), true),
        Answers::ProvisioningState(word) => (Some(word).filter(|_| is_new), false),
    };
    let operation = match state {
        Some(state) => {
            let work = if is_new { Work::Create } else { Work::Update };
            let takes = call.cx.knobs.takes(kind.name, work);
            Some(operations::begin(call.cx, state, takes)?)
        }
        None => None,
    };
    match &operation {
        Some(operation) => resource
            .hidden
            .insert("operation".to_owned(), json!(operation.id)),
        None => resource.hidden.remove("operation"),
    };
    if let Some(operation) = &operation {
        (kind.starts)(call, &mut resource, operation)?;
    }
    call.cx.tx.put(&resource)?;
    let status = match kind.answers {
        // Key Vault answers a creation with 200, whose `provisioningState` is to be polled.
        Answers::ProvisioningState(_) => StatusCode::OK,
        Answers::Accepted => StatusCode::ACCEPTED,
        _ => status,
    };
    let mut response = Response::json(status, &view(call, kind, &resource)?);
    if kind.answers == Answers::Located && is_new {
        response = response.with_header("location", resource.id.as_str());
    }
    match operation {
        // The resource itself is polled.
        Some(_) if !polls => Ok(operations::with_retry_after(call, response)),
        Some(operation) => {
            let url = operations::status_url(call, kind.namespace(), &location, &operation);
            let response = response.with_header("azure-asyncoperation", url);
            let response = match kind.answers {
                Answers::Accepted => {
                    // The operation's result is the finished resource.
                    resource.hidden.remove("operation");
                    let output = Some(view(call, kind, &resource)?);
                    let result = operations::result_url(call, &operation);
                    call.cx.tx.put(&Operation {
                        output,
                        ..operation
                    })?;
                    response.with_header("location", result)
                }
                _ => response,
            };
            Ok(operations::with_retry_after(call, response))
        }
        None => Ok(response),
    }
}

/// Nothing changes what is on its way out.
fn refuse_while_deleting(
    call: &Call<'_>,
    kind: &Kind,
    resource: Option<&Resource>,
) -> Result<(), Error> {
    match resource {
        Some(resource) if operations::is_deleting(call.cx, resource)? => {
            Err((kind.being_deleted)(resource))
        }
        _ => Ok(()),
    }
}

fn delete(call: &Call<'_>, kind: &'static Kind, id: &str) -> Result<Response, Error> {
    let Some(mut resource) = existing(call, kind, id, "delete")? else {
        return Ok(Response::empty(StatusCode::NO_CONTENT));
    };
    // A second request joins the deletion that is under way.
    if let Some(operation) = operations::deletion(call.cx, &resource)? {
        return Ok(operations::accepted(
            call,
            kind.namespace(),
            &resource,
            &operation,
        ));
    }
    if let Some(user) = holds::user(call.cx.tx, &resource.id)?
        && let Some(error) = (kind.in_use)(&resource, &user)
    {
        return Err(error);
    }
    if !matches!(kind.answers, Answers::Operation | Answers::Accepted) {
        call.router.remove(call.cx, &resource.id)?;
        return Ok(Response::empty(StatusCode::OK));
    }
    let takes = call.cx.knobs.takes(kind.name, Work::Delete);
    let operation = operations::begin(call.cx, operations::DELETING, takes)?;
    let effect = Effect::DeleteResource {
        id: resource.id.clone(),
        incarnation: resource.incarnation.clone(),
    };
    if operation.fate.is_none() {
        due::note(call.cx.tx, operation.ends, effect)?;
    }
    resource
        .hidden
        .insert("operation".to_owned(), json!(operation.id));
    call.cx.tx.put(&resource)?;
    Ok(operations::accepted(
        call,
        kind.namespace(),
        &resource,
        &operation,
    ))
}

/// How many role assignments are dropped at once.
const CHUNK: usize = 500;

/// Takes a resource out of the state, with what goes with it: what it holds is free again, and the role assignments on
/// it are dropped.
pub(crate) fn remove(
    cx: &Context<'_>,
    kinds: &dyn Fn(&str) -> Option<&'static Kind>,
    id: &str,
) -> Result<(), StateError> {
    let mut going = VecDeque::from([id.to_owned()]);
    while let Some(id) = going.pop_front() {
        let Some(resource) = cx.tx.get::<Resource>(&Resource::key_of(&id))? else {
            continue;
        };
        let key = resource.key();
        // First out of the state: what goes with it cannot lead back to it.
        cx.tx.delete::<Resource>(&key)?;
        if let Some(kind) = kinds(&resource.kind) {
            going.extend((kind.gone)(cx, &resource)?);
        }
        holds::release(cx.tx, &key)?;
        addresses::keep_only(cx.tx, &key, &[])?;
        while role_assignments::forget_scope(cx.tx, &resource.id, CHUNK)? == CHUNK {}
        while locks::forget_scope(cx.tx, &resource.id, CHUNK)? == CHUNK {}
    }
    Ok(())
}

fn location_of(
    call: &Call<'_>,
    kind: &Kind,
    body: &Map<String, Value>,
    existing: Option<&Resource>,
    id: &str,
) -> Result<String, Error> {
    let there = existing
        .and_then(|there| there.body.get("location"))
        .and_then(Value::as_str);
    let Some(asked) = body.get("location").and_then(Value::as_str) else {
        return there.map(str::to_owned).ok_or_else(|| {
            Error::bad_request(
                "LocationRequired",
                "The location property is required for this definition.",
            )
        });
    };
    let location = locations::canonical(asked);
    if !locations::is_known(&location) {
        return Err(Error::bad_request(
            "LocationNotAvailableForResourceType",
            format!(
                "The provided location '{asked}' is not available for resource type '{}'. List of available regions \
                 for the resource type is '{}'.",
                kind.name,
                locations::names().join(",")
            ),
        ));
    }
    match there {
        Some(there) if there != location => Err(Error::conflict(
            "InvalidResourceLocation",
            format!(
                "The resource '{}' already exists in location '{there}' in resource group '{}'. A resource with the \
                 same name cannot be created in location '{location}'. Please select a new resource name.",
                id.rsplit('/').next().unwrap_or_default(),
                call.path.group.as_deref().unwrap_or_default(),
            ),
        )),
        _ => Ok(location),
    }
}
