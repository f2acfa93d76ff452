//! Key Vault's errors: `error.code`, `error.message`, and for access an `innererror`.

use crate::entra::token::TokenError;
use crate::ground::wire::Response;
use crate::state::StateError;
use crate::state::secrets::Busy;
use http::StatusCode;
use serde_json::json;

/// Why Key Vault refuses.
#[derive(Clone, Debug)]
pub(crate) enum Error {
    Token(TokenError),
    /// The token is from a tenant that the vault does not trust.
    Tenant {
        expected: String,
        found: String,
    },
    /// The caller may not: `inner` is `ForbiddenByRbac`, `AccessDenied`, …
    Forbidden {
        inner: &'static str,
        message: String,
    },
    /// Something else that has an inner code, as `SecretDisabled`.
    Inner {
        status: u16,
        code: &'static str,
        inner: &'static str,
        message: String,
    },
    Other {
        status: u16,
        code: &'static str,
        message: String,
    },
}

impl Error {
    pub(crate) fn bad(code: &'static str, message: impl Into<String>) -> Self {
        Error::Other {
            status: 400,
            code,
            message: message.into(),
        }
    }

    /// Recorded in Azure/azure-sdk-for-js, sdk/keyvault/keyvault-secrets/recordings.
    pub(crate) fn deleted_not_found(name: &str) -> Self {
        Error::Other {
            status: 404,
            code: "SecretNotFound",
            message: format!("Deleted Secret not found: {name}"),
        }
    }

    /// A name that is not free yet (Azure/azure-sdk-for-net issue 34322, Azure/azure-sdk-for-python issue 19263).
    pub(crate) fn busy(name: &str, busy: Busy) -> Self {
        let (inner, what) = match busy {
            Busy::Deleting(_) | Busy::Purging => ("ObjectIsBeingDeleted", "deleted"),
            Busy::Recovering => ("ObjectIsBeingRecovered", "recovered"),
        };
        Error::Inner {
            status: 409,
            code: "Conflict",
            inner,
            message: format!(
                "Secret {name} is currently being {what} and cannot be re-created; retry later."
            ),
        }
    }

    pub(crate) fn not_found(name: &str) -> Self {
        Error::Other {
            status: 404,
            code: "SecretNotFound",
            message: format!(
                "A secret with (name/id) {name} was not found in this key vault. If you recently deleted this secret you \
                 may be able to recover it using the correct recovery command. For help resolving this issue, please see \
                 https://go.microsoft.com/fwlink/?linkid=2125182"
            ),
        }
    }

    /// The answer; a 401 names the tenant that the vault trusts
    /// (<https://learn.microsoft.com/azure/key-vault/general/authentication-requests-and-responses>).
    pub(crate) fn answer(&self, tenant: &str) -> Response {
        let plain = |status: u16, code: &str, message: &str| {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            Response::json(
                status,
                &json!({"error": {"code": code, "message": message}}),
            )
        };
        let with_inner = |status: u16, code: &str, inner: &str, message: &str| {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            Response::json(
                status,
                &json!({"error": {"code": code, "message": message, "innererror": {"code": inner}}}),
            )
        };
        match self {
            Error::Token(error) => plain(401, "Unauthorized", &token_message(error)).with_header(
                "www-authenticate",
                format!("Bearer authorization=\"https://login.microsoftonline.com/{tenant}\", resource=\"https://vault.azure.net\""),
            ),
            Error::Tenant { expected, found } => plain(
                401,
                "Unauthorized",
                &format!(
                    "AKV10032: Invalid issuer. Expected one of https://sts.windows.net/{expected}/, found \
                     https://sts.windows.net/{found}/."
                ),
            )
            .with_header(
                "www-authenticate",
                format!("Bearer authorization=\"https://login.microsoftonline.com/{tenant}\", resource=\"https://vault.azure.net\""),
            ),
            Error::Forbidden { inner, message } => with_inner(403, "Forbidden", inner, message),
            Error::Inner { status, code, inner, message } => with_inner(*status, code, inner, message),
            Error::Other { status, code, message } => plain(*status, code, message),
        }
    }
}

fn token_message(error: &TokenError) -> String {
    match error {
        TokenError::Missing => "AKV10000: Request is missing a Bearer or PoP token.".to_owned(),
        // hashicorp/terraform-provider-azurerm issue 30912
        TokenError::Malformed => {
            "AKV10046: Unable to resolve the key used for signature validation.".to_owned()
        }
        TokenError::Audience { got } => {
            format!("AKV10022: Invalid audience. Expected https://vault.azure.net, found: {got}.")
        }
        TokenError::Issuer { got } => format!("AKV10032: Invalid issuer. Found {got}."),
        TokenError::Expired => "AKV10001: The token has expired.".to_owned(),
        TokenError::NotYetValid => "AKV10002: The token is not valid yet.".to_owned(),
    }
}

impl From<StateError> for Error {
    fn from(error: StateError) -> Self {
        let (status, code) = match error {
            StateError::Full => (507, "InsufficientStorage"),
            _ => (500, "InternalError"),
        };
        Error::Other {
            status,
            code,
            message: error.to_string(),
        }
    }
}
