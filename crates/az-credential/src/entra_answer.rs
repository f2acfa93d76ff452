//! What Entra ID says when it gives no token, whole.

use azure_core::{
    Error,
    error::ErrorKind,
    http::{
        AsyncRawResponse, Context, Request,
        policies::{Policy, PolicyResult},
    },
};
use serde::Deserialize;
use std::sync::Arc;

/// Turns the refusal of a token endpoint into an error with its codes and its words.
///
/// `azure_identity` 1.0 reads the words as a piece of the answer's own bytes, so that it fails on every text that JSON
/// writes with an escape, as that of an application whose name has a quotation mark.
#[derive(Debug)]
pub(crate) struct EntraAnswers;

/// <https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow#error-response>
#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    error_codes: Vec<i64>,
    error_description: String,
}

impl EntraAnswers {
    pub(crate) fn policy() -> Arc<dyn Policy> {
        Arc::new(EntraAnswers)
    }
}

#[async_trait::async_trait]
impl Policy for EntraAnswers {
    async fn send(
        &self,
        ctx: &Context,
        request: &mut Request,
        next: &[Arc<dyn Policy>],
    ) -> PolicyResult {
        let is_token_endpoint = request.url().path().ends_with("/oauth2/v2.0/token");
        let response = next[0].send(ctx, request, &next[1..]).await?;
        if response.status().is_success() || !is_token_endpoint {
            return Ok(response);
        }
        let (status, headers, body) = response.deconstruct();
        let body = body.collect().await?;
        let Ok(answer) = serde_json::from_slice::<Answer>(&body) else {
            return Ok(AsyncRawResponse::from_bytes(status, headers, body));
        };
        let codes: Vec<String> = answer.error_codes.iter().map(i64::to_string).collect();
        let kind = ErrorKind::HttpResponse {
            status,
            error_code: (!codes.is_empty()).then(|| codes.join(",")),
            raw_response: None,
        };
        Err(Error::with_message(kind, answer.error_description))
    }
}
