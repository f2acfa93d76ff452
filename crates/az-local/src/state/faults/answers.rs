//! Answers that services do not give by themselves, in each one's own form.

use super::rule::{OtherAnswer, RetryAfter, SaidError};
use crate::ground::hosts::Service;
use crate::ground::wire::{HTTP_DATE, Response};
use bytes::Bytes;
use http::{HeaderName, HeaderValue, StatusCode};
use serde_json::{Value, json};
use time::OffsetDateTime;

impl OtherAnswer {
    /// The answer in place of `own`, which is the service's where it has done its work.
    pub(crate) fn in_place_of(
        &self,
        own: Option<Response>,
        service: Service,
        now: OffsetDateTime,
    ) -> Response {
        let status = self
            .status
            .and_then(|status| StatusCode::from_u16(status).ok());
        let mut answer = match (own, status) {
            (Some(own), None) => own,
            (_, status) => {
                let status = status.unwrap_or(StatusCode::OK);
                if status.is_success() {
                    Response::empty(status)
                } else {
                    error(service, status, &self.error)
                }
            }
        };
        if let Some(body) = &self.body {
            answer.body = Bytes::from(body.clone());
        }
        for (name, value) in &self.headers {
            if let (Ok(name), Ok(value)) =
                (HeaderName::try_from(name), HeaderValue::try_from(value))
            {
                answer.headers.insert(name, value);
            }
        }
        match self.retry_after {
            None => answer,
            Some(RetryAfter::Seconds(seconds)) => {
                answer.with_header("retry-after", seconds.to_string())
            }
            Some(RetryAfter::Milliseconds(milliseconds)) => {
                answer.with_header("x-ms-retry-after-ms", milliseconds.to_string())
            }
            Some(RetryAfter::Date(time)) => {
                let date = (now + time).to_utc().format(HTTP_DATE);
                answer.with_header("retry-after", date.unwrap_or_default())
            }
        }
    }
}

/// An error in a service's form.
pub(crate) fn error(service: Service, status: StatusCode, said: &SaidError) -> Response {
    let (code, message) = usual(service, status);
    let code = said.code.as_deref().unwrap_or(code);
    let message = said.message.as_deref().unwrap_or(message);
    let body = match service {
        Service::ResourceManager => with_inner(
            json!({"code": code, "message": message}),
            "innererror",
            said,
        ),
        Service::KeyVault => with_inner(
            json!({"code": code, "message": message}),
            "innererror",
            said,
        ),
        Service::Graph => with_inner(
            json!({"code": code, "message": message}),
            "innerError",
            said,
        ),
        // https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow#error-response
        Service::Entra => {
            let digits: String = message
                .strip_prefix("AADSTS")
                .unwrap_or_default()
                .chars()
                .take_while(char::is_ascii_digit)
                .collect();
            let codes: Vec<u64> = digits.parse().into_iter().collect();
            json!({"error": code, "error_description": message, "error_codes": codes})
        }
        Service::Imds | Service::ClusterIssuer => {
            json!({"error": code, "error_description": message})
        }
    };
    Response::json(status, &body)
}

fn with_inner(mut error: Value, member: &str, said: &SaidError) -> Value {
    if let Some(inner) = &said.inner {
        error[member] = json!({"code": inner});
    }
    json!({"error": error})
}

/// What each service says with a status, as it was met in the field: for Resource Manager and Microsoft Graph in their pages on
/// throttling (learn.microsoft.com: azure-resource-manager/management/request-limits-and-throttling, graph/throttling), for Key
/// Vault in recorded answers of its clients, for Entra ID in its list of error codes
/// (entra/identity-platform/reference-error-codes), for the metadata service in its page on retries
/// (entra/identity/managed-identities-azure-resources/how-to-use-vm-token#error-handling).
fn usual(service: Service, status: StatusCode) -> (&'static str, &'static str) {
    match (service, status.as_u16()) {
        (Service::ResourceManager, 429) => (
            "TooManyRequests",
            "The request is being throttled as the limit has been reached for operations of this kind.",
        ),
        (Service::KeyVault, 429) => (
            "Throttled",
            "Request was not processed because too many requests were received. Reason: VaultRequestTypeLimitReached",
        ),
        (Service::Graph, 429) => ("TooManyRequests", "Too many requests."),
        (Service::Entra, 429) => (
            "temporarily_unavailable",
            "AADSTS90055: The tenant is throttled because of too many requests.",
        ),
        (Service::Entra, 500..) => (
            "temporarily_unavailable",
            "AADSTS90033: A transient error has occurred. Please try again.",
        ),
        (Service::Entra, _) => ("invalid_request", "AADSTS900144: The request is not valid."),
        (Service::Imds | Service::ClusterIssuer, 404) => {
            ("not_found", "The metadata service is being updated.")
        }
        (Service::Imds | Service::ClusterIssuer, 410) => {
            ("gone", "The metadata service is going through an update.")
        }
        (Service::Imds | Service::ClusterIssuer, 429) => {
            ("too_many_requests", "Too many requests.")
        }
        (Service::Imds | Service::ClusterIssuer, _) => (
            "unknown",
            "Failed to retrieve token from the Active directory.",
        ),
        (_, 500) => (
            "InternalServerError",
            "The service met an unexpected condition.",
        ),
        (_, 503) => (
            "ServiceUnavailable",
            "The service is temporarily unavailable. Please retry later.",
        ),
        (_, 504) => (
            "GatewayTimeout",
            "The gateway did not receive a response in time.",
        ),
        (_, 403) => ("Forbidden", "The caller is not allowed to do this."),
        (_, 404) => ("NotFound", "It was not found."),
        (_, 409) => ("Conflict", "It is in conflict with another operation."),
        _ => ("Failed", "The request failed."),
    }
}
