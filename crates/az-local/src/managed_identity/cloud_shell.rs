//! Azure Cloud Shell: tokens of the user who opened it (<https://learn.microsoft.com/azure/cloud-shell/msi-authorization>).
//! There are no other identities, and nothing to choose.

use super::endpoint::Endpoint;
use super::issue::{self, NoToken};
use super::refusal::refuse_as_imds;
use crate::ground::wire::{Request, Response};
use crate::request::Context;
use http::{Method, StatusCode};
use serde_json::json;

pub(super) fn answer(cx: &Context<'_>, request: &Request, endpoint: &Endpoint) -> Response {
    if !endpoint.is_asked(request) {
        return Response::empty(StatusCode::NOT_FOUND);
    }
    // Documented is POST; GET is answered as well, and one SDK relies on it
    // (AzureAD/microsoft-authentication-library-for-java issue 771 and pull request 814).
    let resource = match request.method {
        Method::POST => form_field(request, "resource"),
        Method::GET => request.query("resource").map(str::to_owned),
        _ => return Response::empty(StatusCode::METHOD_NOT_ALLOWED),
    };
    let refuse = |why: &str| refuse_as_imds(StatusCode::BAD_REQUEST, "invalid_request", why);
    if !request
        .header("metadata")
        .is_some_and(|value| value.eq_ignore_ascii_case("true"))
    {
        return refuse("Required metadata header not specified");
    }
    let Some(resource) = resource.filter(|resource| !resource.is_empty()) else {
        return refuse("Required parameter 'resource' is missing");
    };
    match issue::user_token(cx, endpoint, &resource) {
        Ok(token) => {
            let left = (token.expires - cx.wall_now).whole_seconds();
            Response::json(
                StatusCode::OK,
                &json!({
                    "access_token": token.jwt,
                    "expires_in": left.to_string(),
                    "expires_on": token.expires.unix_timestamp().to_string(),
                    "not_before": token.not_before.unix_timestamp().to_string(),
                    "resource": resource,
                    "token_type": "Bearer",
                }),
            )
        }
        Err(NoToken::Gone) => refuse("The user is not there any more"),
        // Cloud Shell has a list of those that it gives tokens for.
        Err(NoToken::UnknownResource(_)) => Response::json(
            StatusCode::BAD_REQUEST,
            &json!({"error": {
                "code": "AudienceNotSupported",
                "message": format!("Audience {resource} is not a supported MSI token audience."),
            }}),
        ),
        Err(error) => refuse_as_imds(
            StatusCode::INTERNAL_SERVER_ERROR,
            "server_error",
            &error.to_string(),
        ),
    }
}

fn form_field(request: &Request, wanted: &str) -> Option<String> {
    url::form_urlencoded::parse(&request.body)
        .find(|(name, _)| name == wanted)
        .map(|(_, value)| value.into_owned())
}
