//! Entra ID: who is who, and tokens that say so.
//!
//! `login.microsoftonline.com` and its other names: discovery documents, signing keys, and the token
//! endpoints v1 and v2 for applications
//! (<https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow>) and for users.

mod assertion;
mod authority;
mod client;
mod discovery;
mod error;
mod form;
mod resources;
mod sign_in;
#[cfg(test)]
mod tests;
pub(crate) mod token;
mod token_endpoint;

use crate::ground::wire::{Request, Response};
use crate::request::Context;
#[cfg(feature = "fuzzing")]
pub(crate) use assertion::{Accepts, Assertion};
use authority::Authority;
pub(crate) use authority::TOKEN_EXCHANGE;
use error::EntraError;
use http::{Method, StatusCode};
pub(crate) use resources::is_known_resource;

/// Answers one request to Entra ID.
pub(crate) fn handle(cx: &Context<'_>, request: &Request) -> Response {
    route(cx, request).unwrap_or_else(|error| error.answer(cx, request))
}

fn route(cx: &Context<'_>, request: &Request) -> Result<Response, EntraError> {
    let segments = request.segments();
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    let reads = request.method == Method::GET || request.method == Method::HEAD;
    match segments.as_slice() {
        ["common", realm, name] if reads && realm.eq_ignore_ascii_case("userrealm") => {
            sign_in::realm(cx, name)
        }
        [_, "discovery", "instance"] if reads => discovery::instance(cx, request),
        [tenant, "v2.0", ".well-known", "openid-configuration"] if reads => {
            Ok(discovery::openid_v2(&Authority::find(cx, tenant)?))
        }
        [tenant, ".well-known", "openid-configuration"] if reads => {
            Ok(discovery::openid_v1(&Authority::find(cx, tenant)?))
        }
        [tenant, "discovery", "v2.0", "keys"] if reads => {
            discovery::keys(cx, &Authority::find(cx, tenant)?, true)
        }
        [tenant, "discovery", "keys"] if reads => {
            discovery::keys(cx, &Authority::find(cx, tenant)?, false)
        }
        [tenant, "oauth2", "v2.0", "token"] if request.method == Method::POST => {
            token_endpoint::v2(cx, request, tenant)
        }
        [tenant, "oauth2", "token"] if request.method == Method::POST => {
            token_endpoint::v1(cx, request, tenant)
        }
        [_, "oauth2", "v2.0", "token"] | [_, "oauth2", "token"] => Err(EntraError::OnlyPost {
            method: request.method.to_string(),
        }),
        _ => Ok(Response::empty(StatusCode::NOT_FOUND)),
    }
}
