//! One request to Resource Manager: who asks, for what.

use super::call::Call;
use super::error::Error;
use super::path::Path;
use super::router::ResourceManager;
use super::throttled;
use super::version;
use crate::entra::token::{TokenError, authenticate};
use crate::ground::wire::{Request, Response};
use crate::request::Context;
use time::macros::format_description;
use uuid::Uuid;

const AUDIENCES: [&str; 2] = [
    "https://management.azure.com",
    "https://management.core.windows.net",
];

/// Answers one request.
pub(crate) fn handle(cx: &Context<'_>, request: &Request) -> Response {
    let answer = match authenticate(cx, request, &AUDIENCES) {
        Ok(principal) => {
            let version = request.query("api-version").unwrap_or_default().to_owned();
            let answered = Path::of(request).map(|path| {
                let remaining = match throttled::admit(cx, &principal, &request.method, &path) {
                    Ok(remaining) => remaining,
                    Err(refused) => return *refused,
                };
                let call = Call {
                    cx,
                    request,
                    principal,
                    path,
                    api_version: version,
                    router: &ResourceManager,
                };
                let answer = version::check(&call).and_then(|()| call.router.route(&call));
                remaining.told(answer.unwrap_or_else(|error| error.answer()))
            });
            answered.unwrap_or_else(|error: Error| error.answer())
        }
        Err(error) => unauthenticated(cx, &error),
    };
    let id = Uuid::new_v4().to_string();
    let correlation = request
        .header("x-ms-correlation-request-id")
        .unwrap_or(&id)
        .to_owned();
    let stamp = cx
        .now
        .format(format_description!(
            "[year][month][day]T[hour][minute][second]Z"
        ))
        .unwrap_or_default();
    answer
        .with_header("cache-control", "no-cache")
        .with_header("x-ms-request-id", &id)
        .with_header("x-ms-routing-request-id", format!("LOCAL:{stamp}:{id}"))
        .with_header("x-ms-correlation-request-id", correlation)
}

/// <https://learn.microsoft.com/azure/azure-resource-manager/management/troubleshoot-invalid-template> names none
/// of these; codes and texts are what the public endpoint answers.
fn unauthenticated(cx: &Context<'_>, error: &TokenError) -> Response {
    let text = |time: time::OffsetDateTime| {
        time.format(format_description!("[month padding:none]/[day padding:none]/[year] [hour repr:12 padding:none]:[minute]:[second] [period]"))
            .unwrap_or_default()
    };
    let (code, message, description) = match error {
        TokenError::Missing => (
            "AuthenticationFailed",
            "Authentication failed. The 'Authorization' header is missing.".to_owned(),
            "The authentication failed because of missing 'Authorization' header.",
        ),
        TokenError::Malformed => (
            "InvalidAuthenticationToken",
            "The access token is invalid.".to_owned(),
            "The access token is invalid.",
        ),
        TokenError::Audience { got } => (
            "InvalidAuthenticationTokenAudience",
            format!(
                "The access token has been obtained for wrong audience or resource '{got}'. It should exactly match with \
                 one of the allowed audiences 'https://management.core.windows.net/','https://management.core.windows.net',\
                 'https://management.azure.com/','https://management.azure.com'."
            ),
            "The access token has been obtained for wrong audience or resource.",
        ),
        TokenError::Issuer { got } => (
            "InvalidAuthenticationTokenTenant",
            format!("The access token is from the wrong issuer '{got}'."),
            "The access token is from the wrong issuer.",
        ),
        TokenError::Expired => (
            "ExpiredAuthenticationToken",
            format!(
                "The access token expiry UTC time is earlier than current UTC time '{}'.",
                text(cx.now)
            ),
            "The access token expiry UTC time is earlier than current UTC time.",
        ),
        TokenError::NotYetValid => (
            "InvalidAuthenticationToken",
            format!(
                "The access token is not valid before a time later than '{}'.",
                text(cx.now)
            ),
            "The access token is not valid yet.",
        ),
    };
    Error::new(401, code, message).answer().with_header(
        "www-authenticate",
        format!(
            "Bearer authorization_uri=\"https://login.windows.net/common\", error=\"invalid_token\", error_description=\"{description}\""
        ),
    )
}
