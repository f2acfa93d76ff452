//! What a vault refuses.

use super::address::Vault;
use crate::{budget::in_words, cause, connection::Connection, resend::OutOfTime, said::Said};
use az_credential::http::{is_certificate_refused, retry_after, root_cause};
use azure_core::{
    error::ErrorKind,
    http::{
        Context, Method, RawResponse, Request, StatusCode, Transport, Url, headers::HeaderName,
    },
};
use serde_json::Value;
use std::time::Duration;

/// A vault's answer with an error.
/// <https://learn.microsoft.com/azure/key-vault/general/authentication-requests-and-responses>
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceError {
    /// The HTTP status.
    pub status: u16,
    /// The most telling code: the inner one where there is one, as `ForbiddenByRbac`.
    pub code: String,
    /// The message on one line.
    pub message: String,
    /// `x-ms-request-id`, for Azure's support.
    pub request_id: Option<String>,
    /// How long the vault asks to wait before the next request.
    pub retry_after: Option<Duration>,
    /// The vault's name, where it is known.
    pub vault: Option<String>,
}

/// The vault's own answer in an error of Azure's client, if it is one.
pub fn service_error(error: &azure_core::Error) -> Option<ServiceError> {
    let ErrorKind::HttpResponse {
        status,
        raw_response,
        ..
    } = error.kind()
    else {
        return None;
    };
    let status = u16::from(*status);
    let body = raw_response
        .as_deref()
        .and_then(|response| serde_json::from_slice::<Value>(response.body()).ok());
    let headers = raw_response.as_deref().map(RawResponse::headers);
    let said = body.as_ref().map(Said::of).unwrap_or_default();
    Some(ServiceError {
        status,
        code: said.code.unwrap_or_else(|| format!("HTTP{status}")),
        message: said
            .message
            .unwrap_or_else(|| format!("the vault answered {status}")),
        request_id: headers.and_then(|headers| {
            headers.get_optional_string(&HeaderName::from_static("x-ms-request-id"))
        }),
        retry_after: headers.and_then(retry_after),
        vault: None,
    })
}

/// Why a vault's answer is none that a tool can use.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// The vault answered with an error.
    #[error("{}", .0.message)]
    Service(ServiceError),
    /// No credential gave a token.
    #[error("{0}")]
    Credential(azure_core::Error),
    /// The request or its answer did not get through; with the innermost cause.
    #[error("no answer from the vault: {0}")]
    NoAnswer(String),
    /// No answer came while there was time.
    #[error("no answer from the vault within {}", in_words(.0.waited))]
    OutOfTime(OutOfTime),
    /// An answer that a vault should not give.
    #[error("{0}")]
    Unexpected(&'static str),
    /// Nothing is at the vault's address, while the cloud itself answers.
    #[error("there is no vault '{0}'")]
    NoVault(String),
    /// Anything else, as a link that leads away from the vault.
    #[error("{0}")]
    Other(String),
}

impl From<azure_core::Error> for VaultError {
    fn from(error: azure_core::Error) -> Self {
        if let Some(error) = service_error(&error) {
            return VaultError::Service(error);
        }
        if let Some(out_of_time) = cause::find::<OutOfTime>(&error) {
            return VaultError::OutOfTime(out_of_time.clone());
        }
        if let Some(Odd(words)) = cause::find(&error) {
            return VaultError::Unexpected(words);
        }
        match error.kind() {
            ErrorKind::DataConversion => {
                VaultError::Unexpected("the vault's answer is not what a vault answers")
            }
            ErrorKind::Credential => VaultError::Credential(error),
            ErrorKind::Connection | ErrorKind::Io => VaultError::NoAnswer(root_cause(&error)),
            _ => VaultError::Other(root_cause(&error)),
        }
    }
}

/// What is odd about a vault's answer, within an error of Azure's client.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Odd(pub(super) &'static str);

/// The same, once it is known whether the vault is not there or nothing is: a vault that does not exist has no
/// address, so all that shows is a connection that cannot be made.
pub async fn explain(
    connection: &Connection,
    vault: &Vault,
    error: azure_core::Error,
) -> VaultError {
    let authority = connection.cloud.authority_host();
    if is_certificate_refused(&error) {
        return VaultError::NoAnswer(root_cause(&error));
    }
    if matches!(error.kind(), ErrorKind::Connection)
        && answers(&connection.transport, authority).await
    {
        return VaultError::NoVault(vault.name().to_owned());
    }
    match error.into() {
        VaultError::Service(mut answer) => {
            answer.vault = Some(vault.name().to_owned());
            VaultError::Service(answer)
        }
        other => other,
    }
}

/// Whether anything but a gateway answers there; asked once, without a token.
async fn answers(transport: &Transport, url: Url) -> bool {
    let mut request = Request::new(url, Method::Get);
    let context = Context::new();
    let answer = tokio::time::timeout(
        Duration::from_secs(5),
        transport.send(&context, &mut request),
    );
    match answer.await {
        Ok(Ok(answer)) => !matches!(
            answer.status(),
            StatusCode::BadGateway | StatusCode::ServiceUnavailable | StatusCode::GatewayTimeout
        ),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use azure_core::{Bytes, http::headers::Headers};

    fn answer(status: StatusCode, body: &'static str) -> azure_core::Error {
        let mut headers = Headers::new();
        headers.insert(HeaderName::from_static("x-ms-request-id"), "r");
        let raw_response = Some(Box::new(RawResponse::from_bytes(
            status,
            headers,
            Bytes::from(body),
        )));
        azure_core::Error::with_message(
            ErrorKind::HttpResponse {
                status,
                error_code: None,
                raw_response,
            },
            "x",
        )
    }

    #[test]
    fn the_inner_code_tells_why_access_is_denied() {
        let body = r#"{"error": {"code": "Forbidden", "message": "Caller is not authorized.\r\nCaller: x",
            "innererror": {"code": "ForbiddenByRbac"}}}"#;
        let error = service_error(&answer(StatusCode::Forbidden, body)).expect("an answer");
        assert_eq!(
            (error.status, error.code.as_str()),
            (403, "ForbiddenByRbac")
        );
        assert_eq!(error.message, "Caller is not authorized. Caller: x");
        assert_eq!(error.request_id.as_deref(), Some("r"));
    }

    #[test]
    fn a_body_that_is_no_error_still_makes_a_message() {
        let error = VaultError::from(answer(StatusCode::BadGateway, "<html>"));
        assert_eq!(error.to_string(), "the vault answered 502");
        let VaultError::Service(error) = error else {
            panic!("{error}")
        };
        assert_eq!((error.status, error.code.as_str()), (502, "HTTP502"));
    }
}
