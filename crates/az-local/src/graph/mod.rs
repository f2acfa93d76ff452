//! Microsoft Graph: the principals of the directory, and who is in which group
//! (<https://learn.microsoft.com/graph/api/overview>).

pub(crate) mod changes;
mod directory;
pub(crate) mod error;
mod filter;
pub(crate) mod members;
mod objects;
#[cfg(test)]
mod tests;

use crate::entra::token::{TokenError, authenticate};
use crate::ground::wire::{Request, Response};
use crate::request::Context;
use crate::request::Principal;
use crate::state::people::{self, DirectoryObject, Group, User};
use crate::state::settings::Desk;
use crate::state::{Range, ServicePrincipal, Tenant};
use directory::Found;
use error::GraphError;
#[cfg(feature = "fuzzing")]
pub(crate) use filter::read_and_written as filter_read_and_written;
use filter::{Filter, FilterError};
use http::{Method, StatusCode};
use objects::{Object, show_any};
use serde_json::{Map, Value, json};
use time::macros::format_description;
use uuid::Uuid;

/// Graph's audiences: its URL and its application id.
const AUDIENCES: [&str; 2] = [
    "https://graph.microsoft.com",
    "00000003-0000-0000-c000-000000000000",
];

/// Answers one request to Graph.
pub(crate) fn handle(cx: &Context<'_>, request: &Request) -> Response {
    let request_id = Uuid::new_v4().to_string();
    let response = route(cx, request).unwrap_or_else(|error| refuse(cx, &error, &request_id));
    response
        .with_header("request-id", &request_id)
        .with_header("client-request-id", &request_id)
}

fn route(cx: &Context<'_>, request: &Request) -> Result<Response, GraphError> {
    let caller = authenticate(cx, request, &AUDIENCES)?;
    let segments = request.segments();
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    let Some((version, path)) = segments.split_first() else {
        return Err(GraphError::Version(String::new()));
    };
    if !["v1.0", "beta"].contains(version) {
        return Err(GraphError::Version((*version).to_owned()));
    }
    if request.method == Method::GET {
        return read(cx, request, &caller, path);
    }
    if request.method == Method::POST
        && let Some(answer) = ask(cx, request, &caller, path)?
    {
        return Ok(answer);
    }
    match path {
        [kind @ ("users" | "groups"), ..] => write(cx, request, &caller, kind, &path[1..]),
        // The local tenant's applications are the instance's own: nobody may change them.
        [
            "applications" | "servicePrincipals" | "directoryObjects",
            ..,
        ] => Err(GraphError::ReadOnly),
        [segment, ..] => Err(GraphError::UnknownSegment((*segment).to_owned())),
        [] => Err(GraphError::UnknownSegment(String::new())),
    }
}

fn read(
    cx: &Context<'_>,
    request: &Request,
    caller: &Principal,
    path: &[&str],
) -> Result<Response, GraphError> {
    let filter = request.query("$filter").map(Filter::parse).transpose()?;
    let filter = filter.as_ref();
    let part = part(request)?;
    let select = part.select.as_deref();
    match path {
        ["servicePrincipals"] => {
            let found = directory::list::<ServicePrincipal>(cx, caller, filter, &part)?;
            Ok(page(request, ServicePrincipal::SET, found))
        }
        ["users"] => {
            let found = directory::list::<User>(cx, caller, filter, &part)?;
            Ok(page(request, User::SET, found))
        }
        ["groups"] => {
            let found = directory::list::<Group>(cx, caller, filter, &part)?;
            Ok(page(request, Group::SET, found))
        }
        ["applications"] => {
            let found = directory::applications(cx, caller, filter, &part)?;
            Ok(page(request, "applications", found))
        }
        ["servicePrincipals", id] => {
            let found: ServicePrincipal = directory::one(cx, caller, id)?;
            Ok(entity(ServicePrincipal::SET, found.show(select)))
        }
        ["me"] => {
            let user = directory::user(cx, caller, me(caller)?)?;
            Ok(entity(User::SET, user.show(select)))
        }
        [_, segment] if segment.starts_with('$') => {
            Err(GraphError::UnknownSegment((*segment).to_owned()))
        }
        ["users", id] => {
            let user = directory::user(cx, caller, id)?;
            Ok(entity(User::SET, user.show(select)))
        }
        ["groups", id] => {
            let group: Group = directory::one(cx, caller, id)?;
            Ok(entity(Group::SET, group.show(select)))
        }
        ["groups", id, "members"] => {
            let group: Group = directory::one(cx, caller, id)?;
            let found = members::members(cx, &group, &part)?;
            Ok(page(request, "directoryObjects", found))
        }
        ["directoryObjects", id] => {
            let found = directory::any(cx, caller, id)?;
            Ok(entity("directoryObjects", show_any(&found)))
        }
        [segment] if keyed(segment, "servicePrincipals").is_some() => {
            let app_id = keyed(segment, "servicePrincipals").unwrap_or_default();
            let found = directory::by_app_id(cx, caller, app_id)?;
            Ok(entity(ServicePrincipal::SET, found.show(select)))
        }
        ["organization"] => {
            let tenant = tenant(cx, caller)?;
            Ok(collection("organization", vec![organization(&tenant)]))
        }
        _ => related(cx, request, caller, path, &part),
    }
}

/// What hangs on an object: its groups, what it owns and who owns it.
fn related(
    cx: &Context<'_>,
    request: &Request,
    caller: &Principal,
    path: &[&str],
    part: &directory::Part,
) -> Result<Response, GraphError> {
    let (object, relation) = named(cx, caller, path)?;
    let id = object.object_id();
    match relation {
        ["memberOf"] => {
            let found = members::member_of(cx, id, part)?;
            Ok(page(request, "directoryObjects", found))
        }
        ["transitiveMemberOf"] => Ok(collection("directoryObjects", members::transitive(cx, id)?)),
        // Nobody owns anything in a local tenant.
        ["ownedObjects" | "owners" | "createdObjects"] => {
            Ok(collection("directoryObjects", Vec::new()))
        }
        [segment, ..] => Err(GraphError::UnknownSegment((*segment).to_owned())),
        [] => Err(GraphError::UnknownSegment(String::new())),
    }
}

/// The object that a path begins with, and what is behind it.
fn named<'a>(
    cx: &Context<'_>,
    caller: &Principal,
    path: &'a [&'a str],
) -> Result<(DirectoryObject, &'a [&'a str]), GraphError> {
    match path {
        ["me", rest @ ..] => {
            let user = directory::user(cx, caller, me(caller)?)?;
            Ok((DirectoryObject::User(user), rest))
        }
        ["users", id, rest @ ..] => {
            let user = directory::user(cx, caller, id)?;
            Ok((DirectoryObject::User(user), rest))
        }
        ["groups", id, rest @ ..] => {
            let group = directory::one(cx, caller, id)?;
            Ok((DirectoryObject::Group(group), rest))
        }
        ["servicePrincipals" | "directoryObjects", id, rest @ ..] => {
            Ok((directory::any(cx, caller, id)?, rest))
        }
        [segment, ..] => Err(GraphError::UnknownSegment((*segment).to_owned())),
        [] => Err(GraphError::UnknownSegment(String::new())),
    }
}

/// Whoever has signed in.
fn me(caller: &Principal) -> Result<&str, GraphError> {
    match caller.user {
        Some(_) => Ok(&caller.object_id),
        None => Err(GraphError::NotDelegated),
    }
}

/// What is asked by POST.
const QUESTIONS: [&str; 5] = [
    "getByIds",
    "getMemberGroups",
    "getMemberObjects",
    "checkMemberGroups",
    "checkMemberObjects",
];

/// Whether a POST to this path changes nothing.
pub(crate) fn is_question(path: &str) -> bool {
    let last = path.rsplit('/').next().unwrap_or_default();
    QUESTIONS.contains(&last.trim_start_matches("microsoft.graph."))
}

/// What is asked by POST and changes nothing.
fn ask(
    cx: &Context<'_>,
    request: &Request,
    caller: &Principal,
    path: &[&str],
) -> Result<Option<Response>, GraphError> {
    if let ["directoryObjects", "getByIds" | "microsoft.graph.getByIds"] = path {
        let found = directory::by_ids(cx, caller, &request.body)?;
        return Ok(Some(collection("directoryObjects", found)));
    }
    let Some((question, _)) = path.split_last() else {
        return Ok(None);
    };
    let question = question.trim_start_matches("microsoft.graph.");
    if !is_question(question) {
        return Ok(None);
    }
    let (object, _) = named(cx, caller, path)?;
    let id = object.object_id();
    let ids = if question.starts_with("check") {
        members::check(cx, id, &request.body)?
    } else {
        members::groups_of(cx, id)?
    };
    let ids = ids.into_iter().map(Value::String).collect();
    Ok(Some(answer(&json!({
        "@odata.context": "https://graph.microsoft.com/v1.0/$metadata#Collection(Edm.String)",
        "value": Value::Array(ids),
    }))))
}

/// Changes users and groups. Only the desk's application may: nobody else has a role in the directory.
fn write(
    cx: &Context<'_>,
    request: &Request,
    caller: &Principal,
    kind: &str,
    path: &[&str],
) -> Result<Response, GraphError> {
    let is_desk = cx
        .tx
        .all(&Range::<Desk>::Below(""))?
        .iter()
        .any(|desk| desk.object_id == caller.object_id);
    if !is_desk {
        return Err(GraphError::ReadOnly);
    }
    let tenant = tenant(cx, caller)?;
    let done = || Ok(Response::empty(StatusCode::NO_CONTENT));
    let method = request.method.as_str();
    match (method, kind, path) {
        ("POST", "users", []) => {
            let user = changes::create_user(cx.tx, &tenant, &body(request)?, cx.now)?;
            Ok(created(User::SET, user.show(None)))
        }
        ("POST", "groups", []) => {
            let group = changes::create_group(cx.tx, &tenant, &body(request)?, cx.now)?;
            Ok(created(Group::SET, group.show(None)))
        }
        ("PATCH", "users", [id]) => {
            let user = directory::user(cx, caller, id)?;
            changes::change_user(cx.tx, &tenant, user, &body(request)?)?;
            done()
        }
        ("PATCH", "groups", [id]) => {
            changes::change_group(cx.tx, directory::one(cx, caller, id)?, &body(request)?)?;
            done()
        }
        ("DELETE", "users", [id]) => {
            let user = directory::user(cx, caller, id)?;
            people::forget(cx.tx, &DirectoryObject::User(user))?;
            done()
        }
        ("DELETE", "groups", [id]) => {
            let group = directory::one(cx, caller, id)?;
            people::forget(cx.tx, &DirectoryObject::Group(group))?;
            done()
        }
        ("POST", "groups", [id, "members", "$ref"]) => {
            let group = directory::one(cx, caller, id)?;
            members::add(cx.tx, &group, &members::referenced(&request.body)?)?;
            done()
        }
        ("DELETE", "groups", [id, "members", member, "$ref"]) => {
            members::remove(cx, &directory::one(cx, caller, id)?, member)?;
            done()
        }
        (_, _, [.., segment]) => Err(GraphError::UnknownSegment((*segment).to_owned())),
        (_, kind, []) => Err(GraphError::UnknownSegment(kind.to_owned())),
    }
}

fn body(request: &Request) -> Result<Map<String, Value>, GraphError> {
    serde_json::from_slice(&request.body)
        .map_err(|_| GraphError::BadRequest("The request body needs a JSON object."))
}

fn tenant(cx: &Context<'_>, caller: &Principal) -> Result<Tenant, GraphError> {
    let found: Option<Tenant> = cx.tx.get(&caller.tenant_id)?;
    found.ok_or_else(|| GraphError::NotFound(caller.tenant_id.clone()))
}

fn organization(tenant: &Tenant) -> Value {
    let initial = tenant.initial_domain();
    let domain = |name: &String, is_first: bool| {
        json!({
            "capabilities": "Email, OfficeCommunicationsOnline",
            "isDefault": is_first, "isInitial": is_first, "name": name, "type": "Managed",
        })
    };
    let others = tenant.domains.iter().map(|name| domain(name, false));
    let domains: Vec<Value> = [domain(&initial, true)].into_iter().chain(others).collect();
    json!({"id": tenant.id, "displayName": tenant.display_name, "verifiedDomains": domains})
}

/// The application id in `servicePrincipals(appId='…')`.
fn keyed<'a>(segment: &'a str, set: &str) -> Option<&'a str> {
    segment
        .strip_prefix(set)?
        .strip_prefix("(appId='")?
        .strip_suffix("')")
}

/// Which part of a list is asked for: `$top` (100 unless told, 999 at most) and `$skiptoken`
/// (<https://learn.microsoft.com/graph/paging>).
fn part(request: &Request) -> Result<directory::Part, GraphError> {
    let top = request.query("$top").map(str::parse::<usize>).transpose();
    let size = top
        .ok()
        .filter(|top| top.is_none_or(|top| (1..=999).contains(&top)))
        .ok_or(GraphError::BadRequest("Invalid value for $top."))?;
    let after = request
        .skip_token()
        .map(|cursor| cursor.ok_or(GraphError::BadRequest("Invalid $skiptoken.")))
        .transpose()?;
    Ok(directory::Part {
        size: size.unwrap_or(100),
        after,
        select: request.query("$select").map(str::to_owned),
    })
}

/// A part of a list, with the link to the next one.
fn page(request: &Request, set: &str, found: Found) -> Response {
    let mut body = json!({
        "@odata.context": format!("https://graph.microsoft.com/v1.0/$metadata#{set}"),
    });
    if let Some(next) = found.next {
        body["@odata.nextLink"] = json!(request.next_page(&next));
    }
    body["value"] = Value::Array(found.items);
    answer(&body)
}

fn collection(set: &str, items: Vec<Value>) -> Response {
    answer(&json!({
        "@odata.context": format!("https://graph.microsoft.com/v1.0/$metadata#{set}"),
        "value": items,
    }))
}

fn entity(set: &str, mut item: Value) -> Response {
    item["@odata.context"] = json!(format!(
        "https://graph.microsoft.com/v1.0/$metadata#{set}/$entity"
    ));
    answer(&item)
}

fn created(set: &str, item: Value) -> Response {
    Response {
        status: StatusCode::CREATED,
        ..entity(set, item)
    }
}

fn answer(body: &Value) -> Response {
    Response::json(StatusCode::OK, body).with_header(
        "content-type",
        "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8",
    )
}

fn refuse(cx: &Context<'_>, error: &GraphError, request_id: &str) -> Response {
    let (status, code, message) = match error {
        GraphError::Token(error) => {
            let message = match error {
                TokenError::Missing => "Access token is empty.",
                TokenError::Audience { .. } => "Access token validation failure. Invalid audience.",
                TokenError::Expired => "Lifetime validation failed, the token is expired.",
                TokenError::NotYetValid => {
                    "Lifetime validation failed, the token is not yet valid."
                }
                TokenError::Issuer { .. } => "Access token validation failure. Invalid issuer.",
                TokenError::Malformed => {
                    "IDX14100: JWT is not well formed, or its signature is invalid."
                }
            };
            (
                StatusCode::UNAUTHORIZED,
                "InvalidAuthenticationToken",
                message.to_owned(),
            )
        }
        GraphError::Filter(FilterError::Syntax(message)) => {
            (StatusCode::BAD_REQUEST, "BadRequest", message.clone())
        }
        GraphError::Filter(error) => (
            StatusCode::BAD_REQUEST,
            "Request_UnsupportedQuery",
            error.to_string(),
        ),
        GraphError::NotFound(_) => (
            StatusCode::NOT_FOUND,
            "Request_ResourceNotFound",
            error.to_string(),
        ),
        GraphError::ReadOnly => (
            StatusCode::FORBIDDEN,
            "Authorization_RequestDenied",
            error.to_string(),
        ),
        GraphError::AlreadyMember | GraphError::Invalid(_) => (
            StatusCode::BAD_REQUEST,
            "Request_BadRequest",
            error.to_string(),
        ),
        // Not in Graph's own words: clients take these for "there is none".
        GraphError::UnknownSegment(segment) => (
            StatusCode::NOT_IMPLEMENTED,
            "NotEmulated",
            format!(
                "az-local does not emulate '{segment}' of Graph. This is no answer of Azure's."
            ),
        ),
        GraphError::NotDelegated | GraphError::Version(_) | GraphError::BadRequest(_) => {
            (StatusCode::BAD_REQUEST, "BadRequest", error.to_string())
        }
        GraphError::State(_) => (
            StatusCode::INTERNAL_SERVER_ERROR,
            "InternalServerError",
            error.to_string(),
        ),
    };
    let date = cx
        .now
        .format(format_description!(
            "[year]-[month]-[day]T[hour]:[minute]:[second]"
        ))
        .unwrap_or_default();
    let response = Response::json(
        status,
        &json!({"error": {
            "code": code,
            "message": message,
            "innerError": {
                "date": date,
                "request-id": request_id,
                "client-request-id": request_id,
            },
        }}),
    );
    if status != StatusCode::UNAUTHORIZED {
        return response;
    }
    response.with_header(
        "www-authenticate",
        "Bearer realm=\"\", authorization_uri=\"https://login.microsoftonline.com/common/oauth2/authorize\", client_id=\"00000003-0000-0000-c000-000000000000\"",
    )
}
