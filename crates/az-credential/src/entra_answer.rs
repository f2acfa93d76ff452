//! What Entra ID says when it gives no token.

use azure_core::{
    Error,
    error::ErrorKind,
    http::{RawResponse, StatusCode},
};
use serde::Deserialize;

/// <https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow#error-response>
#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    error_codes: Vec<i64>,
    error_description: String,
}

/// A refusal of a token endpoint as an error with its codes and its words; one that is not Entra ID's, as its status.
pub(crate) fn refusal(response: RawResponse) -> Error {
    let status = response.status();
    let answer = serde_json::from_slice::<Answer>(response.body());
    let Ok(answer) = answer else {
        return http(
            status,
            None,
            format!("Entra ID answered {}", u16::from(status)),
        );
    };
    let codes: Vec<String> = answer.error_codes.iter().map(i64::to_string).collect();
    let codes = (!codes.is_empty()).then(|| codes.join(","));
    http(status, codes, answer.error_description)
}

fn http(status: StatusCode, error_code: Option<String>, message: String) -> Error {
    let kind = ErrorKind::HttpResponse {
        status,
        error_code,
        raw_response: None,
    };
    Error::with_message(kind, message)
}
