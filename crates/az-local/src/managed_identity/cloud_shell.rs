//! Azure Cloud Shell: tokens of the user who opened it, by the protocol of the first managed identities
//! (`_obtain_token` of AzureAD/microsoft-authentication-library-for-python, msal/cloudshell.py; `cloud_shell.go` of
//! AzureAD/microsoft-authentication-library-for-go). There are no other identities, and nothing to choose.

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
    if request.method != Method::POST {
        return Response::empty(StatusCode::METHOD_NOT_ALLOWED);
    }
    let refuse = |why: &str| refuse_as_imds(StatusCode::BAD_REQUEST, "invalid_request", why);
    if !request
        .header("metadata")
        .is_some_and(|value| value.eq_ignore_ascii_case("true"))
    {
        return refuse("Required metadata header not specified");
    }
    let resource = url::form_urlencoded::parse(&request.body)
        .find(|(name, value)| name == "resource" && !value.is_empty())
        .map(|(_, value)| value.into_owned());
    let Some(resource) = resource else {
        return refuse("Required parameter 'resource' is missing");
    };
    match issue::user_token(cx, endpoint, &resource) {
        Ok(token) => {
            let left = (token.expires - cx.now).whole_seconds();
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
        Err(NoToken::UnknownResource(why)) => {
            refuse_as_imds(StatusCode::BAD_REQUEST, "invalid_resource", &why)
        }
        Err(error) => refuse_as_imds(
            StatusCode::INTERNAL_SERVER_ERROR,
            "server_error",
            &error.to_string(),
        ),
    }
}
