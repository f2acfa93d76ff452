//! Errors on standard error, and exit statuses.

use crate::arm::{ArmError, InvalidResourceId};
use crate::name::InvalidName;
use az_credential::CredentialError;
use serde_json::json;
use std::fmt;

/// The exit statuses, as every tool's help ends with them.
pub const EXIT_STATUS: &str = "Exit status: 0 done, 1 failed, 2 usage or invalid input, 3 not found, 4 not signed in, \
     5 access denied, 6 conflict with what exists, 7 gave up waiting, 130 interrupted.";

/// What an exit status means. The numbers are part of the tools' contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// The service refused or failed.
    Failed = 1,
    /// Usage or invalid input; nothing was sent.
    Usage = 2,
    /// Something that is named does not exist.
    NotFound = 3,
    /// No credential, or the service does not accept it.
    Unauthenticated = 4,
    /// The signed-in identity may not do this.
    Denied = 5,
    /// It conflicts with what exists.
    Conflict = 6,
    /// Gave up waiting: throttled, timed out.
    GaveUp = 7,
    /// Interrupted by the user.
    Interrupted = 130,
}

/// Why a tool stops: what failed, on what, and what to do next.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The exit status.
    pub status: Status,
    /// What failed, on what.
    pub message: String,
    /// What to do next.
    pub hint: Option<String>,
    /// Azure's code.
    pub code: Option<String>,
    /// Azure's request id.
    pub request_id: Option<String>,
}

impl Failure {
    /// A failure with a status and a message.
    pub fn new(status: Status, message: impl Into<String>) -> Self {
        Failure {
            status,
            message: message.into(),
            hint: None,
            code: None,
            request_id: None,
        }
    }

    /// Invalid input.
    pub fn usage(message: impl Into<String>) -> Self {
        Failure::new(Status::Usage, message)
    }

    /// The same failure with what to do next.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same failure with one thing more to do next.
    pub fn hint_also(mut self, hint: &str) -> Self {
        self.hint = Some(
            self.hint
                .map_or_else(|| hint.to_owned(), |first| format!("{first} {hint}")),
        );
        self
    }

    /// The same failure, led by what was being done, as `creating vault 'v'`.
    pub fn doing(mut self, what: impl fmt::Display) -> Self {
        self.message = format!("{what}: {}", self.message);
        self
    }

    /// The failure as one JSON object.
    pub fn to_json(&self, tool: &str) -> String {
        json!({
            "tool": tool,
            "exitStatus": self.status as u8,
            "message": self.message,
            "hint": self.hint,
            "code": self.code,
            "requestId": self.request_id,
        })
        .to_string()
    }
}

/// One line: what failed, what to do next, Azure's code and request id.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if let Some(hint) = &self.hint {
            let stop = if self.message.ends_with(['.', '!', '?']) {
                ""
            } else {
                "."
            };
            write!(f, "{stop} {hint}")?;
        }
        match (&self.code, &self.request_id) {
            (Some(code), Some(id)) => write!(f, " (code {code}, request id {id})"),
            (Some(code), None) => write!(f, " (code {code})"),
            (None, Some(id)) => write!(f, " (request id {id})"),
            (None, None) => Ok(()),
        }
    }
}

/// Adds what was being done to any error that becomes a [`Failure`].
pub trait Doing<T> {
    /// Leads the message with what was being done, as `creating vault 'v'`.
    fn doing(self, what: impl fmt::Display) -> Result<T, Failure>;
}

impl<T, E: Into<Failure>> Doing<T> for Result<T, E> {
    fn doing(self, what: impl fmt::Display) -> Result<T, Failure> {
        self.map_err(|error| error.into().doing(what))
    }
}

impl From<ArmError> for Failure {
    fn from(error: ArmError) -> Self {
        match error {
            ArmError::Service(error) => {
                let status = service_status(error.status, &error.code);
                Failure {
                    status,
                    hint: service_hint(&error.code, status).map(str::to_owned),
                    message: error.message,
                    code: Some(error.code),
                    request_id: error.request_id,
                }
            }
            ArmError::Credential(error) => credential_failure(&error),
            ArmError::Transport { what, reason } => {
                Failure::new(Status::Failed, format!("{what}: no answer: {reason}"))
                    .hint("Check the network and the proxy variables (HTTPS_PROXY, NO_PROXY), then run the same command again; it goes on where it stopped.")
            }
            ArmError::Unexpected { .. } | ArmError::Foreign { .. } => Failure::new(Status::Failed, error.to_string()),
            ArmError::TimedOut { .. } => Failure::new(Status::GaveUp, error.to_string())
                .hint("The operation goes on in Azure. Run the same command again to wait for it, or give a longer --timeout."),
        }
    }
}

/// A failure to get a token, with everything that the chain has to say. Where the network is to blame, it is no
/// question of who is signed in.
pub fn credential_failure(error: &azure_core::Error) -> Failure {
    let found = CredentialError::find(error);
    let message = found.map_or_else(|| error.to_string(), ToString::to_string);
    let status = match found {
        Some(found) if found.is_unreachable() => Status::Failed,
        _ => Status::Unauthenticated,
    };
    Failure::new(status, message)
}

/// The exit status for an answer of an Azure service.
pub fn service_status(http: u16, code: &str) -> Status {
    match code {
        "ResourceNotFound"
        | "ResourceGroupNotFound"
        | "SubscriptionNotFound"
        | "NotFound"
        | "PrincipalNotFound" => {
            return Status::NotFound;
        }
        "AuthorizationFailed" | "LinkedAuthorizationFailed" => return Status::Denied,
        _ => {}
    }
    match http {
        401 => Status::Unauthenticated,
        403 => Status::Denied,
        404 => Status::NotFound,
        409 | 412 => Status::Conflict,
        408 | 429 | 503 | 504 => Status::GaveUp,
        _ => Status::Failed,
    }
}

fn service_hint(code: &str, status: Status) -> Option<&'static str> {
    Some(match code {
        "ResourceGroupNotFound" => {
            "Create it with 'az-provision group create -n NAME -l LOCATION', or check --subscription."
        }
        "SubscriptionNotFound" | "InvalidSubscriptionId" => {
            "Check --subscription, AZURE_SUBSCRIPTION_ID and the tenant you are signed in to."
        }
        "AuthorizationFailed" => {
            "Ask an owner of the scope for a role with this action, or sign in with another account; a role given just now takes a few minutes."
        }
        "LinkedAuthorizationFailed" => "The identity needs a role on the linked resource too.",
        "PrincipalNotFound" => {
            "Check the id; an identity created just now takes a moment to be known: run the command again."
        }
        "RoleDefinitionDoesNotExist" => "List the roles with 'az-role definition list'.",
        "InvalidAuthenticationTokenTenant" => {
            "The token is from another tenant than the subscription's: check --subscription and AZURE_TENANT_ID."
        }
        _ => match status {
            Status::GaveUp => {
                "The service is busy: run the same command again in a minute; it goes on where it stopped."
            }
            Status::Unauthenticated => {
                "Sign in again ('az login'), or check the AZURE_* variables."
            }
            _ => return None,
        },
    })
}

impl From<InvalidName> for Failure {
    fn from(error: InvalidName) -> Self {
        Failure::usage(error.to_string())
    }
}

impl From<InvalidResourceId> for Failure {
    fn from(error: InvalidResourceId) -> Self {
        Failure::usage(error.to_string())
    }
}

impl From<super::output::InvalidQuery> for Failure {
    fn from(error: super::output::InvalidQuery) -> Self {
        if error.on_result {
            return Failure::new(Status::Failed, error.to_string())
                .hint("The command itself has been carried out; only its result is not printed.");
        }
        Failure::usage(error.to_string())
    }
}

impl From<crate::subscription::SubscriptionError> for Failure {
    fn from(error: crate::subscription::SubscriptionError) -> Self {
        use crate::subscription::SubscriptionError as E;
        let status = match error {
            E::NotFound { .. } | E::None => Status::NotFound,
            E::Ambiguous { .. } | E::Several { .. } => Status::Usage,
        };
        Failure::new(status, error.to_string())
    }
}

impl From<az_credential::http::HttpError> for Failure {
    fn from(error: az_credential::http::HttpError) -> Self {
        Failure::usage(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_with_hint_code_and_request_id() {
        let mut failure = Failure::new(Status::Denied, "You may not")
            .hint("Ask.")
            .doing("creating vault 'v'");
        failure.code = Some("AuthorizationFailed".into());
        failure.request_id = Some("r".into());
        assert_eq!(
            failure.to_string(),
            "creating vault 'v': You may not. Ask. (code AuthorizationFailed, request id r)"
        );
    }

    #[test]
    fn statuses_follow_the_contract() {
        for (http, status) in [
            (400, 1),
            (401, 4),
            (403, 5),
            (404, 3),
            (409, 6),
            (429, 7),
            (500, 1),
            (503, 7),
        ] {
            assert_eq!(service_status(http, "X") as u8, status, "{http}");
        }
        assert_eq!(service_status(400, "PrincipalNotFound"), Status::NotFound);
    }
}
