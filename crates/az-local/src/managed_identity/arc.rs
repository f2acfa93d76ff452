//! A server connected by Azure Arc
//! (<https://learn.microsoft.com/azure/azure-arc/servers/managed-identity-authentication>): who asks must show that it can
//! read a file which only administrators can.

use super::endpoint::{Endpoint, Identity, Selector, selectors};
use super::issue::{self, NoToken};
use super::refusal::refuse_as_imds;
use crate::ground::wire::{Request, Response};
use crate::request::Context;
use http::{Method, StatusCode};
use serde_json::json;

const SELECTORS: [(&str, Selector); 4] = [
    ("client_id", Selector::Client),
    ("object_id", Selector::Object),
    ("msi_res_id", Selector::Resource),
    ("mi_res_id", Selector::Resource),
];

pub(super) fn answer(cx: &Context<'_>, request: &Request, endpoint: &Endpoint) -> Response {
    if !endpoint.is_asked(request) {
        return Response::empty(StatusCode::NOT_FOUND);
    }
    if request.method != Method::GET {
        return Response::empty(StatusCode::METHOD_NOT_ALLOWED);
    }
    let refuse = |why: &str| refuse_as_imds(StatusCode::BAD_REQUEST, "invalid_request", why);
    if !request
        .header("metadata")
        .is_some_and(|value| value.eq_ignore_ascii_case("true"))
    {
        return refuse("Required metadata header not specified");
    }
    // The document and the SDKs use 2019-11-01 and 2020-06-01; which others the agent takes is not told.
    if !request.query("api-version").is_some_and(is_date) {
        return refuse("Required query variable 'api-version' is missing or no version");
    }
    let Some(resource) = request
        .query("resource")
        .filter(|resource| !resource.is_empty())
    else {
        return refuse("Required query variable 'resource' is missing");
    };
    let Some(challenges) = &endpoint.challenges else {
        return failed("this host has no folder for secrets");
    };
    let basic = request
        .header("authorization")
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("basic"));
    if !basic.is_some_and(|(_, secret)| challenges.take(secret.trim())) {
        return match challenges.make() {
            Ok(path) => Response::empty(StatusCode::UNAUTHORIZED).with_header(
                "www-authenticate",
                format!("Basic realm={}", path.display()),
            ),
            Err(error) => failed(&error.to_string()),
        };
    }
    let chosen = match choose(request, endpoint) {
        Ok(chosen) => chosen,
        Err(why) => return refuse(why),
    };
    match issue::token(cx, endpoint, chosen.identity, resource) {
        Ok(token) => {
            let left = (token.expires - cx.wall_now).whole_seconds().to_string();
            let mut body = json!({
                "access_token": token.jwt,
                "client_id": chosen.identity.client_id,
                "expires_in": left,
                "expires_on": token.expires.unix_timestamp().to_string(),
                "ext_expires_in": left,
                "not_before": token.not_before.unix_timestamp().to_string(),
                "resource": resource,
                "token_type": "Bearer",
            });
            if let Some((name, value)) = chosen.echo {
                body[name] = json!(value);
            }
            Response::json(StatusCode::OK, &body)
        }
        Err(NoToken::Gone) => refuse("Identity not found"),
        Err(NoToken::UnknownResource(why)) => {
            refuse_as_imds(StatusCode::BAD_REQUEST, "invalid_resource", &why)
        }
        Err(error) => failed(&error.to_string()),
    }
}

struct Chosen<'a> {
    identity: &'a Identity,
    /// A parameter and its value, which the answer says again.
    echo: Option<(&'static str, &'a str)>,
}

/// An agent of a server that has only its own identity passes over what asks for another one. One that knows user-assigned
/// identities says in its answer which it took; clients refuse an answer that does not, since 2026
/// (`_raise_if_arc_did_not_honor_user_assigned_identity` of AzureAD/microsoft-authentication-library-for-python).
fn choose<'a>(request: &'a Request, endpoint: &'a Endpoint) -> Result<Chosen<'a>, &'static str> {
    const NOT_FOUND: &str = "Identity not found";
    let knows_others = endpoint.identities().iter().any(|one| !one.is_system);
    let asked = selectors(request, &SELECTORS);
    match asked.as_slice() {
        [(name, by, value)] if knows_others => {
            let identity = endpoint.select(*by, value).ok_or(NOT_FOUND)?;
            Ok(Chosen {
                identity,
                echo: Some((name, value)),
            })
        }
        [_, _, ..] if knows_others => {
            Err("Only one of client_id, object_id and msi_res_id may be specified")
        }
        _ => Ok(Chosen {
            identity: endpoint.system_assigned().ok_or(NOT_FOUND)?,
            echo: None,
        }),
    }
}

fn is_date(version: &str) -> bool {
    let parts: Vec<&str> = version.split('-').collect();
    let is_number = |part: &&str| part.bytes().all(|byte| byte.is_ascii_digit());
    matches!(parts.as_slice(), [year, month, day] if year.len() == 4 && month.len() == 2 && day.len() == 2)
        && parts.iter().all(is_number)
}

fn failed(why: &str) -> Response {
    refuse_as_imds(StatusCode::INTERNAL_SERVER_ERROR, "server_error", why)
}
