//! Microsoft Graph, as far as resolving principals needs it
//! (<https://learn.microsoft.com/graph/api/overview>).

mod directory;
mod error;
mod filter;
#[cfg(test)]
mod tests;

use crate::entra::token::{TokenError, authenticate};
use crate::ground::wire::{Request, Response};
use crate::request::Context;
use crate::request::Principal;
use directory::Found;
use error::GraphError;
use filter::{Filter, FilterError};
use http::{Method, StatusCode};
use serde_json::{Value, json};
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
    match path {
        ["directoryObjects", "getByIds" | "microsoft.graph.getByIds"]
            if request.method == Method::POST =>
        {
            let found = directory::by_ids(cx, &caller, &request.body)?;
            Ok(collection("directoryObjects", found))
        }
        // The local tenant's applications are the instance's own: nobody else may change them.
        [
            "applications" | "servicePrincipals" | "users" | "groups" | "directoryObjects",
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
    match path {
        ["servicePrincipals"] => {
            let found =
                directory::service_principals(cx, caller, filter.as_ref(), &part(request)?)?;
            Ok(page(request, "servicePrincipals", found))
        }
        ["servicePrincipals", id] => {
            let found = directory::service_principal(cx, caller, id)?;
            Ok(entity("servicePrincipals", found))
        }
        ["applications"] => {
            let found = directory::applications(cx, caller, filter.as_ref(), &part(request)?)?;
            Ok(page(request, "applications", found))
        }
        ["directoryObjects", id] => {
            let found = directory::service_principal(cx, caller, id)?;
            Ok(entity("directoryObjects", found))
        }
        [segment] if keyed(segment, "servicePrincipals").is_some() => {
            let app_id = keyed(segment, "servicePrincipals").unwrap_or_default();
            let found = directory::by_app_id(cx, caller, app_id)?;
            Ok(entity("servicePrincipals", found))
        }
        // Nobody but applications lives in a local tenant.
        [kind @ ("users" | "groups")] => Ok(collection(kind, Vec::new())),
        ["users" | "groups", id, ..] => Err(GraphError::NotFound((*id).to_owned())),
        ["organization"] => Ok(collection(
            "organization",
            vec![json!({"id": caller.tenant_id})],
        )),
        ["me", ..] => Err(GraphError::NotDelegated),
        [segment, ..] => Err(GraphError::UnknownSegment((*segment).to_owned())),
        [] => Err(GraphError::UnknownSegment(String::new())),
    }
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
        GraphError::NotDelegated
        | GraphError::UnknownSegment(_)
        | GraphError::Version(_)
        | GraphError::BadRequest(_) => (StatusCode::BAD_REQUEST, "BadRequest", error.to_string()),
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
