//! Kubernetes clusters as issuers of their service accounts' tokens
//! (<https://learn.microsoft.com/azure/aks/use-oidc-issuer>): who an issuer is, and the keys that it signs with.

use crate::ground::hosts::CLUSTER_ISSUER;
use crate::ground::wire::{Request, Response};
use crate::request::Context;
use crate::state::federation::Issuer;
use http::{Method, StatusCode};
use serde_json::json;

/// The issuer of a cluster of a tenant's.
pub(crate) fn issuer(tenant_id: &str, cluster_id: &str) -> String {
    format!("https://{CLUSTER_ISSUER}/{tenant_id}/{cluster_id}/")
}

/// Answers one request to the clusters' issuers.
pub(crate) fn handle(cx: &Context<'_>, request: &Request) -> Response {
    let segments = request.segments();
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    let [tenant, cluster, document @ ..] = segments.as_slice() else {
        return Response::empty(StatusCode::NOT_FOUND);
    };
    let url = issuer(tenant, cluster);
    let known = match cx.tx.get::<Issuer>(&url) {
        Ok(Some(known)) => known,
        Ok(None) => return Response::empty(StatusCode::NOT_FOUND),
        Err(error) => {
            let body = json!({"error": error.to_string()});
            return Response::json(StatusCode::INTERNAL_SERVER_ERROR, &body);
        }
    };
    if request.method != Method::GET && request.method != Method::HEAD {
        return Response::empty(StatusCode::METHOD_NOT_ALLOWED);
    }
    // Paths and members are those of a cluster's own API server
    // (<https://kubernetes.io/docs/tasks/configure-pod-container/configure-service-account/#service-account-issuer-discovery>).
    match document {
        [".well-known", "openid-configuration"] => Response::json(
            StatusCode::OK,
            &json!({
                "issuer": url,
                "jwks_uri": format!("{url}openid/v1/jwks"),
                "response_types_supported": ["id_token"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["RS256"],
            }),
        ),
        ["openid", "v1", "jwks"] => Response::json(StatusCode::OK, &known.keys),
        _ => Response::empty(StatusCode::NOT_FOUND),
    }
}
