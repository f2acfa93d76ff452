//! Azure Resource Manager: `management.azure.com`.
//!
//! A call is authenticated, its path taken apart, and handed to the provider that it names. Types of resources
//! that are created, read, changed and deleted alike go through [`tracked`].

mod authorization;
mod call;
mod compute;
mod deployments;
mod error;
mod groups;
mod key_vault;
mod locations;
mod managed_identity;
pub(crate) mod network;
pub(crate) mod operations;
mod path;
mod providers;
mod resources;
mod subscriptions;
mod tracked;

use crate::entra::token::{TokenError, authenticate};
use crate::ground::wire::{Request, Response};
use crate::request::Context;
use crate::state::StateError;
use call::Call;
use error::Error;
use path::Path;
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
            let path = Path::parse(&request.segments());
            let version = request.query("api-version").unwrap_or_default().to_owned();
            let call = Call {
                cx,
                request,
                principal,
                path,
                api_version: version,
            };
            settle(cx)
                .map_err(Error::from)
                .and_then(|()| check_version(&call.api_version))
                .and_then(|()| route(&call))
                .unwrap_or_else(|error| error.answer())
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

/// Does what is due by the clock. Every service that reads resources calls it first.
pub(crate) fn settle(cx: &Context<'_>) -> Result<(), StateError> {
    operations::settle(cx)
}

fn route(call: &Call<'_>) -> Result<Response, Error> {
    let path = &call.path;
    if let Some(provider) = &path.provider {
        return match provider.namespace.to_ascii_lowercase().as_str() {
            "microsoft.authorization" => authorization::route(call, provider),
            _ => {
                call.known_subscription()?;
                providers::route(call, provider)
            }
        };
    }
    let words = path.rest_words();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match (&path.subscription, &path.group, words.as_slice()) {
        (None, None, ["tenants"]) => subscriptions::tenants(call),
        (None, None, ["subscriptions"]) => subscriptions::list(call),
        (None, None, ["providers"]) => providers::list_all(call),
        (Some(_), None, []) => subscriptions::get(call),
        (Some(_), None, rest) => {
            call.known_subscription()?;
            match rest {
                ["locations"] => locations::list(call),
                ["resourcegroups"] => groups::list(call),
                ["resources"] => resources::list(call),
                ["providers"] => providers::list(call),
                ["providers", namespace] => providers::get(call, namespace),
                ["operationresults", id] => operations::result(call, id),
                _ => Err(not_here(call)),
            }
        }
        (Some(_), Some(_), []) => {
            call.known_subscription()?;
            groups::route(call)
        }
        // The operations of a deployment in a group are also found without their provider's name.
        (Some(_), Some(_), ["deployments", _, "operations", ..]) => {
            call.known_subscription()?;
            let provider = path::Provider {
                namespace: "Microsoft.Resources".to_owned(),
                segments: path.rest.clone(),
            };
            providers::route(call, &provider)
        }
        (Some(_), Some(_), ["resources"]) => {
            call.known_subscription()?;
            resources::list(call)
        }
        _ => Err(not_here(call)),
    }
}

fn not_here(call: &Call<'_>) -> Error {
    Error::new(
        404,
        "InvalidResourceType",
        format!("No resource type is at '{}'.", call.request.path),
    )
}

/// Any published version is taken. They are dates, some with a suffix.
fn check_version(version: &str) -> Result<(), Error> {
    if version.is_empty() {
        return Err(Error::bad_request(
            "MissingApiVersionParameter",
            "The api-version query parameter (?api-version=) is required for all requests.",
        ));
    }
    let (date, suffix) = version.split_at(version.len().min(10));
    let numbers: Vec<Option<u32>> = date.split('-').map(|part| part.parse().ok()).collect();
    let is_date = matches!(
        numbers.as_slice(),
        [Some(2014..=2030), Some(1..=12), Some(1..=31)]
    );
    let suffix = suffix.to_ascii_lowercase();
    if is_date
        && date.len() == 10
        && ["", "-preview", "-privatepreview", "-alpha", "-beta"].contains(&suffix.as_str())
    {
        return Ok(());
    }
    Err(Error::bad_request(
        "InvalidApiVersionParameter",
        format!(
            "The api-version '{version}' is invalid. A version is a date, as '2024-11-01' or '2024-11-01-preview'."
        ),
    ))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_versions_are_dates() {
        for good in ["2015-06-15", "2024-11-01", "2025-05-31-preview"] {
            assert!(check_version(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "latest",
            "2024-13-01",
            "2024-11",
            "7.4",
            "2024-11-01-nonsense",
        ] {
            assert!(check_version(bad).is_err(), "{bad}");
        }
    }
}
