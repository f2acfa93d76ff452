//! The Instance Metadata Service of a virtual machine
//! (<https://learn.microsoft.com/azure/virtual-machines/instance-metadata-service>).
//!
//! It exists on machines only: the desk's connection is closed unanswered, as where nothing listens.

mod attested;
mod events;
mod identity;
mod instance;
mod load_balancer;
#[cfg(test)]
mod tests;
mod throttled;
mod versions;

use crate::ground::wire::{Origin, Request, Response};
use crate::request::Context;
use crate::state::machine;
use crate::state::{Document, Resource, StateError};
use http::{Method, StatusCode};
use serde_json::json;
use versions::VERSIONS;

/// Answers one request to 169.254.169.254.
pub(crate) fn handle(cx: &Context<'_>, request: &Request) -> Response {
    let Origin::Machine(key) = &request.origin else {
        return Response::hang_up();
    };
    let found: Result<Option<Resource>, StateError> = machine::find(cx.tx, key);
    let answer = match found {
        Ok(Some(machine)) => route(cx, request, &machine),
        Ok(None) => return Response::hang_up(),
        Err(error) => Err(error),
    };
    let answer = answer.unwrap_or_else(|error| {
        Response::json(
            StatusCode::INTERNAL_SERVER_ERROR,
            &json!({"error": "server_error", "error_description": error.to_string()}),
        )
    });
    answer.with_header("server", "IMDS/150.870.65.1854")
}

fn route(cx: &Context<'_>, request: &Request, machine: &Resource) -> Result<Response, StateError> {
    let segments = request.segments();
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    let asks_identity = segments.get(1) == Some(&"identity");
    let refuse = |what: &str| {
        if asks_identity {
            identity::refuse(what)
        } else {
            instance::refuse(what)
        }
    };
    let _inside = match throttled::admit(cx, &machine.key(), asks_identity) {
        Ok(inside) => inside,
        Err(refused) => return Ok(*refused),
    };
    // Both rules keep a server that fetches URLs for others from fetching a token for them.
    if request
        .header("metadata")
        .is_none_or(|value| !value.eq_ignore_ascii_case("true"))
    {
        return Ok(refuse("Required metadata header not specified"));
    }
    if request.headers.contains_key("x-forwarded-for") {
        return Ok(refuse(
            "Requests with a X-Forwarded-For header are not accepted",
        ));
    }
    let named = |name: &str| request.query.iter().filter(|(one, _)| one == name).count();
    if let Some((twice, _)) = request.query.iter().find(|(name, _)| named(name) > 1) {
        return Ok(refuse(&format!(
            "Query variable '{twice}' was specified more than once"
        )));
    }
    match segments.as_slice() {
        ["metadata", "versions"] => Ok(Response::json(
            StatusCode::OK,
            &json!({"apiVersions": VERSIONS}),
        )),
        ["metadata", "identity", "oauth2", "token"] if request.method == Method::GET => {
            identity::token(cx, request, machine)
        }
        ["metadata", "identity", "oauth2", "token"] => {
            Ok(Response::empty(StatusCode::METHOD_NOT_ALLOWED))
        }
        ["metadata", "identity", "info"] if request.method == Method::GET => {
            identity::info(cx, request, machine)
        }
        ["metadata", "scheduledevents"] => Ok(events::answer(request)),
        ["metadata", "attested", "document"] if request.method == Method::GET => {
            attested::answer(cx, request, machine)
        }
        ["metadata", "loadbalancer"] if request.method == Method::GET => {
            load_balancer::answer(cx, request, machine)
        }
        ["metadata", "instance", path @ ..] if request.method == Method::GET => {
            instance::answer(cx, request, machine, path)
        }
        ["metadata", "instance" | "versions" | "loadbalancer", ..]
        | ["metadata", "attested", "document"]
        | ["metadata", "identity", "info"] => Ok(Response::empty(StatusCode::METHOD_NOT_ALLOWED)),
        _ => Ok(Response::json(
            StatusCode::NOT_FOUND,
            &json!({"error": "Not found"}),
        )),
    }
}
