//! Entra ID's errors, as its token endpoint words them
//! (<https://learn.microsoft.com/entra/identity-platform/reference-error-codes>).

use super::token::IssueError;
use crate::ground::wire::{Request, Response};
use crate::request::Context;
use crate::state::StateError;
use http::StatusCode;
use serde_json::json;
use time::OffsetDateTime;
use time::macros::format_description;
use uuid::Uuid;

/// Why Entra ID refuses a request. The text is the description after `AADSTS…: `.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EntraError {
    #[error(
        "Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID and are \
         signing into the correct cloud. Check with your subscription administrator, this may happen \
         if there are no active subscriptions for the tenant."
    )]
    TenantNotFound { tenant: String },
    #[error(
        "No tenant-identifying information found in either the request or implied by any provided \
         credentials."
    )]
    NoTenant,
    #[error("The endpoint only accepts POST, OPTIONS requests. Received a {method} request.")]
    OnlyPost { method: String },
    #[error("The request body must contain the following parameter: '{0}'.")]
    MissingParameter(&'static str),
    #[error("The app requested an unsupported grant type '{0}'.")]
    UnsupportedGrantType(String),
    #[error(
        "Application with identifier '{app_id}' was not found in the directory '{directory}'. This \
         can happen if the application has not been installed by the administrator of the tenant or \
         consented to by any user in the tenant. You may have sent your authentication request to \
         the wrong tenant."
    )]
    ApplicationNotFound { app_id: String, directory: String },
    #[error(
        "Invalid client secret provided. Ensure the secret being sent in the request is the client \
         secret value, not the client secret ID, for a secret added to app '{app_id}'."
    )]
    InvalidSecret { app_id: String },
    #[error(
        "'client_assertion', 'client_secret' or 'request' is required for the 'client_credentials' \
         grant type."
    )]
    NoProof,
    #[error("Error validating credentials due to invalid username or password.")]
    WrongPassword,
    #[error(
        "The user account {user} does not exist in the directory. To sign into this application, the account must be added \
         to the directory."
    )]
    UserNotFound { user: String },
    #[error(
        "Selected user account does not exist in tenant '{directory}' and cannot access the application in that tenant: \
         {user}. The account needs to be added as an external user in the tenant first."
    )]
    UserNotInTenant { user: String, directory: String },
    #[error("The user account is disabled.")]
    UserDisabled,
    #[error("The refresh token is malformed or was not issued here.")]
    RefreshTokenMalformed,
    #[error("The refresh token has expired due to inactivity.")]
    RefreshTokenExpired,
    #[error(
        "The provided grant has expired due to it being revoked, a fresh auth token is needed. The user might have changed \
         or reset their password."
    )]
    RefreshTokenRevoked,
    /// panva/openid-client issue 348. Why, Azure does not say: that is ours.
    #[error("JWT token is invalid or malformed. {0}")]
    AssertionMalformed(&'static str),
    #[error(
        "The certificate with identifier used to sign the client assertion is not registered on \
         application. [Reason - The key was not found., Thumbprint of key used by client: \
         '{thumbprint}', Please visit the Azure Portal, Graph Explorer or directly use MS Graph to \
         see configured keys for app Id '{app_id}'.]"
    )]
    CertificateNotRegistered { thumbprint: String, app_id: String },
    #[error(
        "Client assertion failed signature validation. [Reason - The provided signature value did \
         not match the expected signature value., Thumbprint of key used by client: '{thumbprint}']"
    )]
    AssertionSignature { thumbprint: String },
    #[error(
        "Client assertion is not within its valid time range. Current time: {now}, assertion valid \
         from {from}, expiry time of assertion {until}."
    )]
    AssertionTime {
        now: String,
        from: String,
        until: String,
    },
    #[error("Client assertion audience claim does not match Realm issuer.")]
    AssertionAudience,
    #[error("Client assertion application identifier doesn't match 'client_id' parameter.")]
    AssertionIssuer,
    #[error("No matching federated identity record found for presented assertion issuer '{0}'.")]
    FederatedIssuer(String),
    #[error("No matching federated identity record found for presented assertion subject '{0}'.")]
    FederatedSubject(String),
    #[error("No matching federated identity record found for presented assertion audience '{0}'.")]
    FederatedAudience(String),
    #[error(
        "Request to External OIDC endpoint failed. This local Azure does not know the keys of '{0}': `az-local credential \
         issuer` takes them, and `az-local credential federated --issuer` plays the issuer."
    )]
    IssuerUnreachable(String),
    #[error(
        "Assertion failed signature validation. [Reason - The key was not found or did not match.]"
    )]
    FederatedSignature,
    #[error(
        "The provided request must include a 'scope' input parameter. The provided value for the \
         input parameter 'scope' is not valid. The scope {0} is not valid."
    )]
    InvalidScope(String),
    #[error(
        "The provided value for scope {0} is not valid. Client credential flows must have a scope \
         value with /.default suffixed to the resource identifier (application ID URI)."
    )]
    ScopeWithoutDefault(String),
    #[error(
        "The resource principal named {resource} was not found in the tenant named {directory}. This \
         can happen if the application has not been installed by the administrator of the tenant or \
         consented to by any user in the tenant. You might have sent your authentication request to \
         the wrong tenant."
    )]
    ResourceNotFound { resource: String, directory: String },
    #[error(transparent)]
    Issue(#[from] IssueError),
    #[error(transparent)]
    State(#[from] StateError),
}

impl EntraError {
    /// OAuth's error, the AADSTS number, the status.
    fn kind(&self) -> (&'static str, u32, StatusCode) {
        use EntraError::*;
        let bad = StatusCode::BAD_REQUEST;
        let unauthorized = StatusCode::UNAUTHORIZED;
        match self {
            TenantNotFound { .. } => ("invalid_request", 90002, bad),
            NoTenant => ("invalid_request", 50059, bad),
            OnlyPost { .. } => ("invalid_request", 900561, bad),
            MissingParameter(_) => ("invalid_request", 900144, bad),
            UnsupportedGrantType(_) => ("unsupported_grant_type", 70003, bad),
            ApplicationNotFound { .. } => ("unauthorized_client", 700016, bad),
            InvalidSecret { .. } => ("invalid_client", 7000215, unauthorized),
            NoProof => ("invalid_client", 7000216, unauthorized),
            WrongPassword => ("invalid_grant", 50126, bad),
            UserNotFound { .. } => ("invalid_grant", 50034, bad),
            UserNotInTenant { .. } => ("invalid_grant", 50020, bad),
            UserDisabled => ("invalid_grant", 50057, bad),
            RefreshTokenMalformed => ("invalid_grant", 9002313, bad),
            RefreshTokenExpired => ("invalid_grant", 700082, bad),
            RefreshTokenRevoked => ("invalid_grant", 50173, bad),
            AssertionMalformed(_) => ("invalid_request", 50027, bad),
            CertificateNotRegistered { .. } | AssertionSignature { .. } => {
                ("invalid_client", 700027, unauthorized)
            }
            AssertionTime { .. } => ("invalid_client", 700024, unauthorized),
            AssertionAudience => ("invalid_client", 700023, unauthorized),
            AssertionIssuer => ("invalid_client", 700021, unauthorized),
            FederatedIssuer(_) => ("invalid_client", 700211, unauthorized),
            FederatedSubject(_) => ("invalid_client", 700213, unauthorized),
            FederatedAudience(_) => ("invalid_client", 700212, unauthorized),
            IssuerUnreachable(_) => ("invalid_request", 50166, bad),
            FederatedSignature => ("invalid_client", 50013, unauthorized),
            InvalidScope(_) => ("invalid_scope", 70011, bad),
            ScopeWithoutDefault(_) => ("invalid_scope", 1002012, bad),
            ResourceNotFound { .. } => ("invalid_resource", 500011, bad),
            Issue(_) | State(_) => ("server_error", 90033, StatusCode::INTERNAL_SERVER_ERROR),
        }
    }

    /// The error as the token endpoint answers it.
    pub(crate) fn answer(&self, cx: &Context<'_>, request: &Request) -> Response {
        let (error, number, status) = self.kind();
        let trace = Uuid::new_v4().to_string();
        let correlation = request
            .header("client-request-id")
            .filter(|id| Uuid::parse_str(id).is_ok())
            .map_or_else(|| Uuid::new_v4().to_string(), str::to_owned);
        let timestamp = stamp(cx.now);
        let body = json!({
            "error": error,
            "error_description": format!(
                "AADSTS{number}: {self} Trace ID: {trace} Correlation ID: {correlation} Timestamp: {timestamp}"
            ),
            "error_codes": [number],
            "timestamp": timestamp,
            "trace_id": trace,
            "correlation_id": correlation,
            "error_uri": format!("https://login.microsoftonline.com/error?code={number}"),
        });
        Response::json(status, &body)
            .with_header("cache-control", "no-store, no-cache")
            .with_header("pragma", "no-cache")
            .with_header("x-ms-request-id", trace)
    }
}

/// A time as Entra ID's errors write it: `2026-01-31 12:00:00Z`.
pub(crate) fn stamp(time: OffsetDateTime) -> String {
    time.format(format_description!(
        "[year]-[month]-[day] [hour]:[minute]:[second]Z"
    ))
    .unwrap_or_default()
}
