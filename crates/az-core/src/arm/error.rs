//! How a call to Resource Manager can fail.

use crate::{connection::SendError, origin::ForeignLink};
use azure_core::http::{StatusCode, headers::Headers};
use serde_json::Value;
use std::time::Duration;

/// A failed call. `what` is always the method and the path, as `PUT /subscriptions/…`.
#[derive(Debug, thiserror::Error)]
pub enum ArmError {
    /// The service answered with an error, or an operation that it had accepted ended in one.
    #[error("{0}")]
    Service(Box<ServiceError>),
    /// No credential gave a token.
    #[error("{0}")]
    Credential(azure_core::Error),
    /// The request or its answer did not get through.
    #[error("{what}: {reason}")]
    Transport {
        /// Method and path.
        what: String,
        /// The innermost cause, as `connection refused`.
        reason: String,
    },
    /// The answer carried a link that leads elsewhere.
    #[error("{what}: {link}")]
    Foreign {
        /// Method and path.
        what: String,
        /// Where it leads.
        link: ForeignLink,
    },
    /// An answer that Resource Manager should not give.
    #[error("{what}: {reason}")]
    Unexpected {
        /// Method and path.
        what: String,
        /// What is odd about it.
        reason: String,
    },
    /// The operation still runs after the longest wait that was allowed.
    #[error("{what}: still running after {:.1} s", waited.as_secs_f64())]
    TimedOut {
        /// Method and path of the operation's first request.
        what: String,
        /// How long it was waited for.
        waited: Duration,
    },
}

/// Azure's error body, with the request that it answers.
/// <https://learn.microsoft.com/azure/azure-resource-manager/troubleshooting/common-deployment-errors>
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct ServiceError {
    /// Method and path.
    pub what: String,
    /// The HTTP status. An operation that failed after it had been accepted has none of its own: 200.
    pub status: u16,
    /// Azure's code, as `AuthorizationFailed`; the innermost one that says something.
    pub code: String,
    /// Azure's message, on one line.
    pub message: String,
    /// What the message is about, if Azure says.
    pub target: Option<String>,
    /// `x-ms-request-id`, for Azure's support.
    pub request_id: Option<String>,
}

impl ArmError {
    /// Azure's code, if the service answered.
    pub fn code(&self) -> Option<&str> {
        match self {
            ArmError::Service(error) => Some(&error.code),
            _ => None,
        }
    }

    /// The HTTP status, if the service answered.
    pub fn status(&self) -> Option<u16> {
        match self {
            ArmError::Service(error) => Some(error.status),
            _ => None,
        }
    }

    /// Whether the service said that the thing is not there.
    pub fn is_not_found(&self) -> bool {
        self.status() == Some(404)
    }

    pub(super) fn unanswered(error: SendError, what: &str) -> Self {
        let what = what.to_owned();
        match error {
            SendError::Credential(error) => ArmError::Credential(error),
            SendError::Foreign(link) => ArmError::Foreign { what, link },
            SendError::Transport(reason) => ArmError::Transport { what, reason },
        }
    }

    pub(super) fn from_answer(
        what: &str,
        status: StatusCode,
        headers: &Headers,
        body: &[u8],
    ) -> Self {
        let body: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
        ArmError::Service(Box::new(ServiceError::new(
            what,
            u16::from(status),
            request_id(headers),
            &body,
        )))
    }
}

impl ServiceError {
    pub(super) fn new(what: &str, status: u16, request_id: Option<String>, body: &Value) -> Self {
        // Resource Manager wraps it in `error`; some providers (Microsoft.Compute among them) do not.
        let error = body
            .get("error")
            .filter(|error| error.is_object())
            .unwrap_or(body);
        let mut code = text(error, "code");
        let mut message = text(error, "message");
        // `DeploymentFailed` and the like say nothing; the one detail they carry does.
        if let Some([detail]) = error
            .get("details")
            .and_then(Value::as_array)
            .map(Vec::as_slice)
            && let (Some(inner), Some(said)) = (text(detail, "code"), text(detail, "message"))
        {
            (code, message) = (Some(inner), Some(said));
        }
        ServiceError {
            what: what.to_owned(),
            status,
            code: code.unwrap_or_else(|| format!("HTTP{status}")),
            message: message.map_or_else(
                || format!("the service answered {status}"),
                |message| one_line(&message),
            ),
            target: text(error, "target"),
            request_id,
        }
    }
}

pub(super) fn request_id(headers: &Headers) -> Option<String> {
    let name = azure_core::http::headers::HeaderName::from_static("x-ms-request-id");
    headers.get_optional_string(&name)
}

fn text(value: &Value, member: &str) -> Option<String> {
    value
        .get(member)
        .and_then(Value::as_str)
        .filter(|text| !text.is_empty())
        .map(str::to_owned)
}

fn one_line(message: &str) -> String {
    message.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_single_detail_says_more_than_its_wrapper() {
        let body = json!({"error": {"code": "DeploymentFailed", "message": "At least one operation failed.",
            "details": [{"code": "SkuNotAvailable", "message": "No such\nsize."}]}});
        let error = ServiceError::new("PUT /x", 409, None, &body);
        assert_eq!(
            (error.code.as_str(), error.message.as_str()),
            ("SkuNotAvailable", "No such size.")
        );
    }

    #[test]
    fn a_body_that_is_no_error_still_makes_a_message() {
        let error = ServiceError::new("GET /x", 502, None, &Value::Null);
        assert_eq!(error.code, "HTTP502");
        assert!(error.message.contains("502"));
    }
}
