//! How a call to Resource Manager can fail.

use crate::{budget::in_words, connection::SendError, origin::ForeignLink, said::Said};
use az_credential::http::retry_after;
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
        /// The connection was not made: nothing can have been done.
        not_sent: bool,
    },
    /// A write that may have been done, and that must not be done twice.
    #[error("{what}: it is not known whether it was done: {reason}")]
    Undecided {
        /// Method and path.
        what: String,
        /// What became of the answer.
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
    #[error("{what}: still running after {:.1} s{}", waited.as_secs_f64(), asks_for(*.asked))]
    TimedOut {
        /// Method and path of the operation's first request.
        what: String,
        /// How long it was waited for.
        waited: Duration,
        /// How long the service asks to wait for, where that is longer than there is time.
        asked: Option<Duration>,
    },
    /// No answer came while there was time.
    #[error("{what}: no answer within {}", in_words(*waited))]
    Silent {
        /// Method and path.
        what: String,
        /// How long was waited for it.
        waited: Duration,
    },
}

fn asks_for(asked: Option<Duration>) -> String {
    asked.map_or_else(String::new, |asked| {
        format!(
            ", and the service asks to wait for {} s more",
            asked.as_secs()
        )
    })
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
    /// How long the service asks to wait before the next request.
    pub retry_after: Option<Duration>,
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

    /// Whether the request may have been done: the service failed at it, or its answer did not get through.
    pub fn may_be_done(&self) -> bool {
        match self {
            ArmError::Service(error) => matches!(error.status, 408 | 500 | 502 | 503 | 504),
            ArmError::Transport { not_sent, .. } => !not_sent,
            ArmError::Silent { .. } | ArmError::Unexpected { .. } => true,
            _ => false,
        }
    }

    /// How long the service asks to wait before the next request.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            ArmError::Service(error) => error.retry_after,
            _ => None,
        }
    }

    pub(super) fn unanswered(error: SendError, what: &str) -> Self {
        let what = what.to_owned();
        match error {
            SendError::Credential(error) => ArmError::Credential(error),
            SendError::Foreign(link) => ArmError::Foreign { what, link },
            SendError::Transport { reason, not_sent } => ArmError::Transport {
                what,
                reason,
                not_sent,
            },
            SendError::OutOfTime(error) => ArmError::Silent {
                what,
                waited: error.waited,
            },
        }
    }

    pub(super) fn from_answer(
        what: &str,
        status: StatusCode,
        headers: &Headers,
        body: &[u8],
    ) -> Self {
        let body: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
        let mut error = ServiceError::new(what, u16::from(status), request_id(headers), &body);
        error.retry_after = retry_after(headers);
        ArmError::Service(Box::new(error))
    }
}

impl ServiceError {
    pub(super) fn new(what: &str, status: u16, request_id: Option<String>, body: &Value) -> Self {
        let said = Said::of(body);
        ServiceError {
            what: what.to_owned(),
            status,
            code: said.code.unwrap_or_else(|| format!("HTTP{status}")),
            message: said
                .message
                .unwrap_or_else(|| format!("the service answered {status}")),
            target: said.target,
            request_id,
            retry_after: None,
        }
    }
}

pub(super) fn request_id(headers: &Headers) -> Option<String> {
    let name = azure_core::http::headers::HeaderName::from_static("x-ms-request-id");
    headers.get_optional_string(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_that_is_no_error_still_makes_a_message() {
        let error = ServiceError::new("GET /x", 502, None, &Value::Null);
        assert_eq!(error.code, "HTTP502");
        assert!(error.message.contains("502"));
    }
}
