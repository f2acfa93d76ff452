//! What a vault refuses, and what to do about it.

use super::Vault;
use crate::cli::{Failure, Session, Status, credential_failure, service_status};
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
    /// How long to wait before the next request, in seconds, if the vault says.
    pub retry_after: Option<u64>,
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
    let header = |name| {
        raw_response
            .as_deref()
            .and_then(|response| header(response, name))
    };
    let error = body.as_ref().map(|body| &body["error"]);
    let code = error.and_then(|error| {
        let inner = error["innererror"]["code"].as_str();
        inner.or_else(|| error["code"].as_str())
    });
    let message = error.and_then(|error| error["message"].as_str());
    Some(ServiceError {
        status,
        code: code.map_or_else(|| format!("HTTP{status}"), str::to_owned),
        message: message.map_or_else(
            || format!("the vault answered {status}"),
            |message| message.split_whitespace().collect::<Vec<_>>().join(" "),
        ),
        request_id: header("x-ms-request-id"),
        retry_after: header("retry-after").and_then(|seconds| seconds.parse().ok()),
    })
}

fn header(response: &RawResponse, name: &'static str) -> Option<String> {
    response
        .headers()
        .get_optional_string(&HeaderName::from_static(name))
}

/// Any error of Azure's client for secrets as a tool reports it.
pub fn failure(error: azure_core::Error) -> Failure {
    if let Some(error) = service_error(&error) {
        return Failure {
            status: service_status(error.status, &error.code),
            hint: hint(&error).map(str::to_owned),
            message: error.message,
            code: Some(error.code),
            request_id: error.request_id,
        };
    }
    match error.kind() {
        ErrorKind::Credential => credential_failure(&error),
        ErrorKind::Connection | ErrorKind::Io => {
            let reason = az_credential::http::root_cause(&error);
            Failure::new(Status::Failed, format!("no answer from the vault: {reason}")).hint(
                "Check the vault's name (a vault that does not exist has no address), the network and the proxy variables (HTTPS_PROXY, NO_PROXY).",
            )
        }
        _ => Failure::new(Status::Failed, az_credential::http::root_cause(&error)),
    }
}

/// The same, once it is known whether the vault is not there or nothing is: a vault that does not exist has no
/// address, so all that shows is a connection that cannot be made.
pub async fn explain(session: &Session, vault: &Vault, error: azure_core::Error) -> Failure {
    if matches!(error.kind(), ErrorKind::Connection)
        && let Ok(transport) = session.transport()
        && answers(&transport, session.cloud.authority_host()).await
    {
        return Failure::new(
            Status::NotFound,
            format!("there is no vault '{}'", vault.name()),
        )
        .hint("The cloud answers, but nothing does at the vault's address: check its name and --cloud.");
    }
    failure(error)
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

fn hint(error: &ServiceError) -> Option<&'static str> {
    Some(match error.code.as_str() {
        "ForbiddenByRbac" => {
            "Ask for a role on the vault, as 'Key Vault Secrets Officer' (to read only: 'Key Vault Secrets User'). One given just now takes some minutes to be effective: --wait-for-access 10m waits for it."
        }
        "AccessDenied" | "ForbiddenByPolicy" => {
            "The vault goes by access policies: ask for one with the permission for secrets."
        }
        "ForbiddenByFirewall" | "ForbiddenByConnection" => {
            "The vault's network rules keep this address out: run it from an allowed network."
        }
        "SecretDisabled" => "Enable it with 'az keyvault secret set-attributes --enabled true'.",
        "SecretNotFound" => "'kv-get --list' shows the names.",
        "ObjectIsDeletedButRecoverable" => {
            "A deleted secret holds the name: recover it with 'az keyvault secret recover', or purge it with 'az keyvault secret purge'."
        }
        "ObjectIsBeingDeleted" | "ObjectIsBeingRecovered" => {
            "Run the same command again in a minute."
        }
        _ => match error.status {
            401 => {
                "The vault trusts its own tenant only: check who is signed in, and AZURE_TENANT_ID."
            }
            429 | 503 => "The vault is busy: run the same command again in a minute.",
            _ => return None,
        },
    })
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
        let failure = failure(answer(StatusCode::Forbidden, body));
        assert_eq!(
            (failure.status, failure.code.as_deref()),
            (Status::Denied, Some("ForbiddenByRbac"))
        );
        assert_eq!(failure.message, "Caller is not authorized. Caller: x");
        assert_eq!(failure.request_id.as_deref(), Some("r"));
        assert!(failure.hint.expect("hint").contains("--wait-for-access"));
    }

    #[test]
    fn a_body_that_is_no_error_still_makes_a_message() {
        let failure = failure(answer(StatusCode::BadGateway, "<html>"));
        assert_eq!(
            (failure.status, failure.code.as_deref()),
            (Status::Failed, Some("HTTP502"))
        );
    }
}
