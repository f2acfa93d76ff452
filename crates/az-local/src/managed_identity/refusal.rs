//! What hosts answer who gets no token.

use crate::ground::wire::Response;
use http::StatusCode;
use serde_json::json;

/// A refusal as the metadata service of virtual machines words it, whose ways Azure Arc and Cloud Shell have.
pub(super) fn refuse_as_imds(status: StatusCode, error: &str, description: &str) -> Response {
    Response::json(
        status,
        &json!({"error": error, "error_description": description}),
    )
}
