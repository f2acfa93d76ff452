//! A compute of Azure Machine Learning. Its protocol stands in no document; Azure's SDKs speak it
//! (`_obtain_token_on_machine_learning` of AzureAD/microsoft-authentication-library-for-python, `azure_ml.go` of
//! AzureAD/microsoft-authentication-library-for-go): App Service's of 2017-09-01, with `expires_on` in seconds.

use super::endpoint::{Endpoint, Identity, Selector, selectors};
use super::issue::{self, NoToken};
use crate::ground::wire::{Request, Response};
use crate::request::Context;
use http::{Method, StatusCode};
use serde_json::json;

pub(super) fn answer(cx: &Context<'_>, request: &Request, endpoint: &Endpoint) -> Response {
    if !endpoint.is_asked(request) {
        return Response::empty(StatusCode::NOT_FOUND);
    }
    if endpoint.knows_secret(request, "secret") != Some(true) {
        return refuse(
            StatusCode::UNAUTHORIZED,
            "The header 'secret' is missing or wrong.",
        );
    }
    if request.method != Method::GET {
        return Response::empty(StatusCode::METHOD_NOT_ALLOWED);
    }
    if request.query("api-version") != Some("2017-09-01") {
        return refuse(
            StatusCode::BAD_REQUEST,
            "The api-version is missing or not supported; 2017-09-01 is.",
        );
    }
    let Some(resource) = request
        .query("resource")
        .filter(|resource| !resource.is_empty())
    else {
        return refuse(
            StatusCode::BAD_REQUEST,
            "The required parameter 'resource' is missing.",
        );
    };
    let not_found = || {
        refuse(
            StatusCode::BAD_REQUEST,
            "No managed identity found for the specified client id.",
        )
    };
    let Some(identity) = choose(request, endpoint) else {
        return not_found();
    };
    match issue::token(cx, endpoint, identity, resource) {
        Ok(token) => Response::json(
            StatusCode::OK,
            &json!({
                "access_token": token.jwt,
                // "Azure ML sets the same environment variables as App Service but returns expires_on as an integer"
                // (Azure/azure-sdk-for-python, azure/identity/_credentials/azure_ml.py).
                "expires_on": token.expires.unix_timestamp(),
                "resource": resource,
                "token_type": "Bearer",
                "client_id": identity.client_id,
            }),
        ),
        Err(NoToken::Gone) => not_found(),
        Err(NoToken::UnknownResource(why)) => refuse(StatusCode::BAD_REQUEST, &why),
        Err(error) => refuse(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
    }
}

/// By `clientid` alone. Without it the compute's own identity, else its first.
fn choose<'a>(request: &Request, endpoint: &'a Endpoint) -> Option<&'a Identity> {
    match selectors(request, &[("clientid", Selector::Client)]).as_slice() {
        [(_, by, value), ..] => endpoint.select(*by, value),
        [] => endpoint
            .system_assigned()
            .or_else(|| endpoint.identities().first()),
    }
}

fn refuse(status: StatusCode, message: &str) -> Response {
    let id = uuid::Uuid::new_v4().to_string();
    Response::json(
        status,
        &json!({"StatusCode": status.as_u16(), "Message": message, "CorrelationId": id}),
    )
}
