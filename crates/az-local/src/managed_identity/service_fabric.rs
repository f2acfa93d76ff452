//! Service Fabric
//! (<https://learn.microsoft.com/azure/service-fabric/how-to-managed-identity-service-fabric-app-code>). A service has one
//! identity, which the application's manifest binds to it: requests cannot choose.

use super::endpoint::Endpoint;
use super::issue::{self, NoToken};
use crate::ground::wire::{Request, Response};
use crate::request::Context;
use http::{Method, StatusCode};
use serde_json::json;

/// The only version there is.
const VERSION: &str = "2019-07-01-preview";

pub(super) fn answer(cx: &Context<'_>, request: &Request, endpoint: &Endpoint) -> Response {
    if !endpoint.is_asked(request) {
        return Response::empty(StatusCode::NOT_FOUND);
    }
    if request.method != Method::GET {
        return Response::empty(StatusCode::METHOD_NOT_ALLOWED);
    }
    // Codes, messages and the 404 are the document's.
    let not_found = || {
        refuse(
            StatusCode::NOT_FOUND,
            "ManagedIdentityNotFound",
            "Managed identity not found for the specified application host.",
        )
    };
    match endpoint.knows_secret(request, "secret") {
        Some(true) => {}
        Some(false) => return not_found(),
        None => {
            return refuse(
                StatusCode::BAD_REQUEST,
                "SecretHeaderNotFound",
                "Secret is not found in the request headers.",
            );
        }
    }
    let version = request.query("api-version").unwrap_or_default();
    if version != VERSION {
        return refuse(
            StatusCode::BAD_REQUEST,
            "InvalidApiVersion",
            &format!(
                "The api-version '{version}' is not supported. Supported version is '{VERSION}'."
            ),
        );
    }
    let Some(resource) = request
        .query("resource")
        .filter(|resource| !resource.is_empty())
    else {
        return refuse(
            StatusCode::BAD_REQUEST,
            "ArgumentNullOrEmpty",
            "The parameter 'resource' should not be null or empty string.",
        );
    };
    let Some(identity) = endpoint.identities().first() else {
        return not_found();
    };
    match issue::token(cx, endpoint, identity, resource) {
        Ok(token) => Response::json(
            StatusCode::OK,
            &json!({
                "token_type": "Bearer",
                "access_token": token.jwt,
                // A number in the document's example; MSAL for Python notes that the service was seen to answer a text
                // (msal/managed_identity.py). Clients take both.
                "expires_on": token.expires.unix_timestamp(),
                "resource": resource,
            }),
        ),
        Err(NoToken::Gone) => not_found(),
        // "Most likely cause is an incorrect value specified for the resource."
        Err(_) => refuse(
            StatusCode::INTERNAL_SERVER_ERROR,
            "InternalServerError",
            "An error occurred.",
        ),
    }
}

fn refuse(status: StatusCode, code: &str, message: &str) -> Response {
    let id = uuid::Uuid::new_v4().to_string();
    Response::json(
        status,
        &json!({"error": {"correlationId": id, "code": code, "message": message}}),
    )
}
