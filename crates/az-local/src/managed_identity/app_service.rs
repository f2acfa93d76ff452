//! App Service and Functions
//! (<https://learn.microsoft.com/azure/app-service/overview-managed-identity#rest-endpoint-reference>).

use super::endpoint::{Endpoint, Identity, Selector, selectors};
use super::issue::{self, NoToken};
use crate::ground::wire::{Request, Response};
use crate::request::Context;
use http::{Method, StatusCode};
use serde_json::json;
use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

/// `expires_on` in the older version, as Linux has it (Azure/azure-sdk-for-python,
/// sdk/identity/azure-identity/azure/identity/_credentials/azure_ml.py tells both forms).
const OLD_DATE: &[BorrowedFormatItem<'_>] =
    format_description!("[month]/[day]/[year] [hour]:[minute]:[second] +00:00");

/// The version of the protocol that a request speaks.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Version {
    /// 2017-09-01: the header is `secret`, the parameter `clientid`.
    Old,
    /// 2019-08-01.
    Current,
}

impl Version {
    fn header(self) -> &'static str {
        match self {
            Version::Old => "secret",
            Version::Current => "x-identity-header",
        }
    }

    fn selectors(self) -> &'static [(&'static str, Selector)] {
        match self {
            Version::Old => &[("clientid", Selector::Client)],
            Version::Current => &[
                ("client_id", Selector::Client),
                ("principal_id", Selector::Object),
                ("object_id", Selector::Object),
                ("mi_res_id", Selector::Resource),
            ],
        }
    }

    fn date(self, at: OffsetDateTime) -> String {
        match self {
            Version::Old => at.to_utc().format(OLD_DATE).unwrap_or_default(),
            Version::Current => at.unix_timestamp().to_string(),
        }
    }

    /// A refusal. Recorded of 2017-09-01 in MicrosoftDocs/azure-docs issue 43543, of 2019-08-01 in
    /// the tests of AzureAD/microsoft-authentication-library-for-dotnet (`MockHelpers.GetMsiErrorResponse`).
    fn refuse(self, status: StatusCode, message: &str) -> Response {
        let id = uuid::Uuid::new_v4().to_string();
        let code = status.as_u16();
        let body = match self {
            Version::Old => json!({"StatusCode": code, "Message": message, "CorrelationId": id}),
            Version::Current => {
                json!({"statusCode": code, "message": message, "correlationId": id})
            }
        };
        Response::json(status, &body)
    }

    /// What an identity is answered by that the app does not have. The words of the older version are those of issue
    /// 43543; those of the current one are what tests of AzureAD/microsoft-authentication-library-for-dotnet against the service
    /// expect (`UserAssignedIdDoesNotExist`).
    fn not_found(self) -> &'static str {
        match self {
            Version::Old => "No MSI found for specified ClientId/ResourceId.",
            Version::Current => {
                "No User Assigned or Delegated Managed Identity found for specified ClientId/ResourceId/PrincipalId."
            }
        }
    }
}

pub(super) fn answer(cx: &Context<'_>, request: &Request, endpoint: &Endpoint) -> Response {
    if !endpoint.is_asked(request) {
        return Response::empty(StatusCode::NOT_FOUND);
    }
    let version = match request.query("api-version") {
        Some("2017-09-01") => Version::Old,
        Some("2019-08-01") => Version::Current,
        other => {
            let message = match other {
                None => "The required parameter 'api-version' is missing.".to_owned(),
                Some(version) => format!("The api-version '{version}' is not supported."),
            };
            return Version::Current.refuse(StatusCode::BAD_REQUEST, &message);
        }
    };
    // Documented is that the header is required; how a request without it is refused is not.
    if endpoint.knows_secret(request, version.header()) != Some(true) {
        let message = format!(
            "The header '{}' is missing or wrong.",
            version.header().to_ascii_uppercase()
        );
        return version.refuse(StatusCode::UNAUTHORIZED, &message);
    }
    if request.method != Method::GET {
        return Response::empty(StatusCode::METHOD_NOT_ALLOWED);
    }
    let Some(resource) = request
        .query("resource")
        .filter(|resource| !resource.is_empty())
    else {
        return version.refuse(
            StatusCode::BAD_REQUEST,
            "The required parameter 'resource' is missing.",
        );
    };
    match choose(request, endpoint, version) {
        Ok(identity) => give(cx, endpoint, version, identity, resource),
        Err(message) => version.refuse(StatusCode::BAD_REQUEST, &message),
    }
}

fn choose<'a>(
    request: &Request,
    endpoint: &'a Endpoint,
    version: Version,
) -> Result<&'a Identity, String> {
    let found = match selectors(request, version.selectors()).as_slice() {
        // Never a user-assigned one, even if there is only that: "otherwise the token service attempts to obtain a token
        // for a system-assigned identity, which might or might not exist".
        [] => endpoint.system_assigned(),
        [(_, by, value)] => endpoint.select(*by, value),
        [(one, ..), (other, ..), ..] => {
            return Err(format!("'{one}' cannot be used together with '{other}'."));
        }
    };
    found.ok_or_else(|| version.not_found().to_owned())
}

fn give(
    cx: &Context<'_>,
    endpoint: &Endpoint,
    version: Version,
    identity: &Identity,
    resource: &str,
) -> Response {
    match issue::token(cx, endpoint, identity, resource) {
        Ok(token) => {
            let mut body = json!({
                "access_token": token.jwt,
                "expires_on": version.date(token.expires),
                "resource": resource,
                "token_type": "Bearer",
            });
            if version == Version::Current {
                body["not_before"] = json!(version.date(token.not_before));
                body["client_id"] = json!(identity.client_id);
            }
            Response::json(StatusCode::OK, &body)
        }
        Err(NoToken::Gone) => version.refuse(StatusCode::BAD_REQUEST, version.not_found()),
        // MSAL for Python: "empirically, wrong resource ends up with a vague statusCode=500" (msal/managed_identity.py).
        Err(NoToken::UnknownResource(_)) => version.refuse(
            StatusCode::INTERNAL_SERVER_ERROR,
            "An unexpected error occured while fetching the AAD Token.",
        ),
        Err(error) => version.refuse(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
    }
}
