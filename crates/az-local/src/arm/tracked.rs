//! Resources that are created, read, changed and deleted alike: checks, authorization, storage and
//! operations are here, what is special about a type is in its [`Kind`].

use super::call::Call;
use super::error::Error;
use super::path::Provider;
use super::{locations, operations, providers};
use crate::ground::wire::Response;
use crate::request::Context;
use crate::state::operations::Effect;
use crate::state::role_assignments;
use crate::state::{Document, Resource, StateError};
use http::{Method, StatusCode};
use serde_json::{Map, Value, json};
use uuid::Uuid;

/// A type of resource.
pub(crate) struct Kind {
    /// As the provider spells it: `Microsoft.Network/virtualNetworks`.
    pub(crate) name: &'static str,
    /// Checks a request and completes the resource that it makes.
    pub(crate) put: fn(&Call<'_>, &mut Draft) -> Result<(), Error>,
    /// Checks a PATCH and changes the resource.
    pub(crate) patch: fn(&Call<'_>, &mut Draft) -> Result<(), Error>,
    /// Checks that the resource can go, and does what goes with it.
    pub(crate) delete: fn(&Call<'_>, &Resource) -> Result<(), Error>,
    /// Completes what a GET answers.
    pub(crate) view: fn(&Call<'_>, &Resource, &mut Value) -> Result<(), Error>,
    /// How a write is answered.
    pub(crate) answers: Answers,
}

/// How a write is answered.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answers {
    /// With the finished resource.
    AtOnce,
    /// With an operation to poll at `Azure-AsyncOperation`.
    Operation,
    /// With a resource whose `provisioningState` is to be polled.
    ProvisioningState(&'static str),
}

/// A resource in the making.
pub(crate) struct Draft {
    /// The request's body.
    pub(crate) body: Map<String, Value>,
    /// What is there, if anything is.
    pub(crate) existing: Option<Resource>,
    /// What will be there. It begins with `location` and `tags`.
    pub(crate) resource: Resource,
}

impl Draft {
    /// The request's `properties`.
    pub(crate) fn properties(&self) -> Map<String, Value> {
        self.body
            .get("properties")
            .and_then(Value::as_object)
            .cloned()
            .unwrap_or_default()
    }

    /// The existing resource's `properties`.
    pub(crate) fn existing_properties(&self) -> Option<&Map<String, Value>> {
        self.existing.as_ref()?.body.get("properties")?.as_object()
    }

    /// Sets a member of the resource.
    pub(crate) fn set(&mut self, name: &str, value: Value) {
        self.resource.body.insert(name.to_owned(), value);
    }

    pub(crate) fn id(&self) -> &str {
        &self.resource.id
    }

    pub(crate) fn location(&self) -> &str {
        self.resource
            .body
            .get("location")
            .and_then(Value::as_str)
            .unwrap_or_default()
    }
}

/// A PATCH that changes only tags.
pub(crate) fn patch_tags(_: &Call<'_>, draft: &mut Draft) -> Result<(), Error> {
    if let Some(tags) = draft.body.get("tags").cloned() {
        draft.set("tags", tags);
    }
    Ok(())
}

/// A deletion that nothing stands against.
pub(crate) fn always(_: &Call<'_>, _: &Resource) -> Result<(), Error> {
    Ok(())
}

/// A view with nothing to add.
pub(crate) fn as_stored(_: &Call<'_>, _: &Resource, _: &mut Value) -> Result<(), Error> {
    Ok(())
}

/// Answers a call about one resource, or about a collection of them.
pub(crate) fn route(
    call: &Call<'_>,
    kind: &'static Kind,
    provider: &Provider,
) -> Result<Response, Error> {
    let id = format!(
        "{}/providers/{}/{}",
        call.path.scope,
        kind.name,
        provider.segments.get(1).map_or("", String::as_str)
    );
    if !provider.is_named() {
        return match *call.method() {
            Method::GET => list(call, kind),
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

fn namespace(kind: &Kind) -> &'static str {
    kind.name.split('/').next().unwrap_or_default()
}

/// The resource, after the caller's right to read it and its group have been checked.
fn existing(
    call: &Call<'_>,
    kind: &Kind,
    id: &str,
    action: &str,
) -> Result<Option<Resource>, Error> {
    call.authorize(id, &format!("{}/{action}", kind.name))?;
    super::groups::require(call)?;
    call.resource(id)
}

fn required(call: &Call<'_>, kind: &Kind, id: &str, action: &str) -> Result<Resource, Error> {
    existing(call, kind, id, action)?.ok_or_else(|| {
        Error::resource_not_found(
            kind.name,
            id.rsplit('/').next().unwrap_or_default(),
            call.path.group.as_deref(),
        )
    })
}

fn get(call: &Call<'_>, kind: &Kind, id: &str) -> Result<Response, Error> {
    let resource = required(call, kind, id, "read")?;
    let response = Response::json(StatusCode::OK, &view(call, kind, &resource)?);
    Ok(match operations::running(call.cx, &resource)? {
        Some(_) => operations::with_retry_after(call.cx, response),
        None => response,
    })
}

/// What a GET answers.
pub(crate) fn view(call: &Call<'_>, kind: &Kind, resource: &Resource) -> Result<Value, Error> {
    let mut value = bare_view(resource);
    if let Some(state) = operations::running(call.cx, resource)?
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

fn list(call: &Call<'_>, kind: &Kind) -> Result<Response, Error> {
    if call.path.group.is_some() {
        super::groups::require(call)?;
    }
    let prefix = Resource::key_of(&call.path.scope) + "/";
    let mut values = Vec::new();
    for resource in call.cx.tx.list::<Resource>(&prefix)? {
        if resource.kind.eq_ignore_ascii_case(kind.name)
            && call.may(&resource.id, &format!("{}/read", kind.name))?
        {
            values.push(view(call, kind, &resource)?);
        }
    }
    if values.is_empty() {
        call.authorize(&call.path.scope, &format!("{}/read", kind.name))?;
    }
    Ok(Response::json(StatusCode::OK, &call.page(values)))
}

fn put(call: &Call<'_>, kind: &'static Kind, id: &str) -> Result<Response, Error> {
    let existing = existing(call, kind, id, "write")?;
    let group = super::groups::require(call)?;
    super::groups::refuse_while_deleting(call, &group)?;
    providers::require_registered(call, namespace(kind))?;
    let body = call.body()?;
    let location = location_of(call, kind, &body, existing.as_ref(), id)?;
    check_tags(body.get("tags"))?;
    let mut resource = Resource {
        // An id keeps the case it was created with.
        id: existing
            .as_ref()
            .map_or_else(|| id.to_owned(), |there| there.id.clone()),
        kind: kind.name.to_owned(),
        body: Map::new(),
        hidden: existing
            .as_ref()
            .map(|there| there.hidden.clone())
            .unwrap_or_default(),
    };
    // The group's name in an id is spelled as the group was created.
    if existing.is_none() {
        resource.id = format!("{}/providers/{}/{}", group.id, kind.name, resource.name());
    }
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
    finish(
        call,
        kind,
        draft.resource,
        is_new,
        if is_new { "Creating" } else { "Updating" },
    )
}

fn patch(call: &Call<'_>, kind: &'static Kind, id: &str) -> Result<Response, Error> {
    let there = required(call, kind, id, "write")?;
    let body = call.body()?;
    check_tags(body.get("tags"))?;
    let mut draft = Draft {
        body,
        resource: there.clone(),
        existing: Some(there),
    };
    (kind.patch)(call, &mut draft)?;
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
    let location = resource
        .body
        .get("location")
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned();
    if let Some(properties) = resource
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
        Answers::AtOnce => (None, false),
        Answers::Operation => (Some(state), true),
        Answers::ProvisioningState(word) => (Some(word).filter(|_| is_new), false),
    };
    let operation = match state {
        Some(state) => Some(operations::begin(call.cx, state, None)?),
        None => None,
    };
    match &operation {
        Some(operation) => resource
            .hidden
            .insert("operation".to_owned(), json!(operation.id)),
        None => resource.hidden.remove("operation"),
    };
    call.cx.tx.put(&resource)?;
    let status = match kind.answers {
        // Key Vault answers a creation with 200, whose `provisioningState` is to be polled.
        Answers::ProvisioningState(_) => StatusCode::OK,
        _ => status,
    };
    let response = Response::json(status, &view(call, kind, &resource)?);
    match operation {
        // The resource itself is polled.
        Some(_) if !polls => Ok(operations::with_retry_after(call.cx, response)),
        Some(operation) => {
            let url = operations::status_url(call, namespace(kind), &location, &operation);
            Ok(operations::with_retry_after(
                call.cx,
                response.with_header("azure-asyncoperation", url),
            ))
        }
        None => Ok(response),
    }
}

fn delete(call: &Call<'_>, kind: &'static Kind, id: &str) -> Result<Response, Error> {
    let Some(mut resource) = existing(call, kind, id, "delete")? else {
        return Ok(Response::empty(StatusCode::NO_CONTENT));
    };
    (kind.delete)(call, &resource)?;
    if kind.answers != Answers::Operation {
        remove(call.cx, &resource.id)?;
        return Ok(Response::empty(StatusCode::OK));
    }
    let effect = Effect::DeleteResource(resource.id.clone());
    let operation = operations::begin(call.cx, "Deleting", Some(effect))?;
    resource
        .hidden
        .insert("operation".to_owned(), json!(operation.id));
    call.cx.tx.put(&resource)?;
    Ok(operations::accepted(
        call,
        namespace(kind),
        &resource,
        &operation,
    ))
}

/// Takes a resource out of the state, with the role assignments on it and what it owned.
pub(crate) fn remove(cx: &Context<'_>, id: &str) -> Result<(), StateError> {
    let Some(resource) = cx.tx.get::<Resource>(&Resource::key_of(id))? else {
        return Ok(());
    };
    providers::removed(cx, &resource)?;
    role_assignments::forget_scope(cx.tx, &resource.id)?;
    cx.tx.delete::<Resource>(&resource.key())?;
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

/// <https://learn.microsoft.com/azure/azure-resource-manager/management/tag-resources#limitations>
pub(crate) fn check_tags(tags: Option<&Value>) -> Result<(), Error> {
    let Some(tags) = tags.filter(|tags| !tags.is_null()) else {
        return Ok(());
    };
    let refuse = |reason: String| Err(Error::bad_request("InvalidTags", reason));
    let Some(tags) = tags.as_object() else {
        return refuse("The tags must be an object with text values.".to_owned());
    };
    if tags.len() > 50 {
        return Err(Error::bad_request(
            "TooManyTags",
            format!(
                "The number of tags '{}' is more than the limit of '50'.",
                tags.len()
            ),
        ));
    }
    for (name, value) in tags {
        if name.is_empty()
            || name.len() > 512
            || name.contains(['<', '>', '%', '&', '\\', '?', '/'])
        {
            return refuse(format!("The tag name '{name}' is not valid."));
        }
        match value {
            Value::String(text) if text.len() <= 256 => {}
            Value::Null => {}
            _ => return refuse(format!("The value of tag '{name}' is not valid.")),
        }
    }
    Ok(())
}

/// A new etag, in the form that most providers use.
pub(crate) fn etag() -> Value {
    json!(format!("W/\"{}\"", Uuid::new_v4()))
}
