//! A managed identity as a member of the chain: whether there is one here, and what a failure means.

use super::{
    endpoint::Endpoint, error::ManagedIdentityError, source::ManagedIdentitySource,
    tokens::ManagedIdentityTokens,
};
use crate::{
    cached::Cached,
    error::{Failure, Outcome, answer, reason},
    http::root_cause,
    managed_identity_id::ManagedIdentityId,
    parts::Parts,
};
use azure_core::{
    credentials::TokenCredential,
    error::ErrorKind,
    http::{Context, Method, RawResponse, Request, StatusCode, Url},
};
use std::{sync::Arc, time::Duration};

/// How long the probe waits. Go's chain waits as long: the service is on the machine's own host.
const PROBE_TIMEOUT: Duration = Duration::from_secs(1);

/// Between the questions of one probe.
const FIRST_PAUSE: Duration = Duration::from_millis(30);
const LAST_PAUSE: Duration = Duration::from_millis(120);

const ADVICE: &str = "On an Azure virtual machine give it an identity: 'az-identity vm assign'.";

/// The identity that is meant, and where that is said: the options, else `AZURE_CLIENT_ID`.
fn identity(parts: &Parts) -> (ManagedIdentityId, &'static str) {
    match (&parts.managed_identity, parts.env.get("AZURE_CLIENT_ID")) {
        (Some(id), _) => (id.clone(), ""),
        (None, Some(id)) => (
            ManagedIdentityId::ClientId(id.to_owned()),
            " (AZURE_CLIENT_ID)",
        ),
        (None, None) => (ManagedIdentityId::SystemAssigned, ""),
    }
}

/// The credential of this host. In a chain with others it is first made sure that the metadata service is there, so
/// that nobody waits for one that is not.
pub(crate) async fn build(
    parts: &Parts,
    in_chain: bool,
) -> Result<Arc<dyn TokenCredential>, Failure> {
    let (id, _) = identity(parts);
    // What cannot be made counts as not available, as in Go's chain.
    let invalid = |error: ManagedIdentityError| {
        let outcome = Outcome::unavailable(error.to_string(), error.advice());
        Failure::new(outcome, error)
    };
    let endpoint = Endpoint::of(parts, &id).map_err(invalid)?;
    let transport = endpoint.transport(parts).map_err(invalid)?;
    if let Endpoint::Imds(url) = &endpoint
        && in_chain
    {
        probe(parts, url).await?;
    }
    tracing::debug!(source = %endpoint.source(), %id, "managed identity");
    let tokens = ManagedIdentityTokens::new(parts, endpoint, id, transport);
    Ok(Arc::new(Cached::new(tokens, parts.clock.clone())))
}

/// Whether the metadata service answers; `None` where managed identities come from elsewhere.
pub(crate) async fn metadata_service(parts: &Parts) -> Option<Result<(), Outcome>> {
    match Endpoint::of(parts, &ManagedIdentityId::SystemAssigned) {
        Ok(Endpoint::Imds(url)) => Some(probe(parts, &url).await),
        _ => None,
    }
}

/// Asks without the `Metadata` header, as Go's chain does: whatever answers counts as the metadata service. What is there and
/// breaks off may be having a bad moment, and is asked some times more.
async fn probe(parts: &Parts, url: &Url) -> Result<(), Outcome> {
    let mut pause = FIRST_PAUSE;
    let asked = async {
        loop {
            match ask(parts, url).await {
                Probed::Unwell(_) if pause <= LAST_PAUSE => {
                    tokio::time::sleep(pause).await;
                    pause *= 2;
                }
                Probed::There => return Ok(()),
                Probed::Unwell(why) | Probed::NotThere(why) => return Err(why),
            }
        }
    };
    let why = match tokio::time::timeout(PROBE_TIMEOUT, asked).await {
        Err(_) => "no answer within 1 s".to_owned(),
        Ok(Ok(())) => return Ok(()),
        Ok(Err(why)) => why,
    };
    Err(Outcome::unavailable(
        format!("no metadata service of a virtual machine answers ({why})"),
        ADVICE,
    ))
}

/// What one question to the metadata service says of it; why it is not there.
enum Probed {
    There,
    /// There may be one, which has a bad moment: to be asked again.
    Unwell(String),
    NotThere(String),
}

async fn ask(parts: &Parts, url: &Url) -> Probed {
    let mut request = Request::new(url.clone(), Method::Get);
    match parts.transport.send(&Context::new(), &mut request).await {
        Err(error) if matches!(error.kind(), ErrorKind::Io) => Probed::Unwell(root_cause(&error)),
        Err(error) => Probed::NotThere(root_cause(&error)),
        // The service says 400 here. A proxy in between says that there is nobody: 502 or 504, which are never the
        // service's own words, or 503, which may be the service's on a bad moment.
        Ok(answer) if is_gateway_error(answer.status()) && behind_proxy(parts) => {
            let why = format!("the proxy answered {}", u16::from(answer.status()));
            match answer.status() {
                StatusCode::ServiceUnavailable => Probed::Unwell(why),
                _ => Probed::NotThere(why),
            }
        }
        Ok(_) => Probed::There,
    }
}

fn is_gateway_error(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::BadGateway | StatusCode::ServiceUnavailable | StatusCode::GatewayTimeout
    )
}

fn behind_proxy(parts: &Parts) -> bool {
    ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"]
        .iter()
        .any(|name| parts.env.get(name).is_some())
}

/// What a failed request for a token means; the cases are Go's (`managed_identity_client.go`).
pub(crate) fn failed(parts: &Parts, in_chain: bool, error: &azure_core::Error) -> Outcome {
    let cause = answer(error).unwrap_or(error);
    if let Some(error) = ManagedIdentityError::find(cause) {
        return Outcome::refused(error.to_string(), error.advice());
    }
    let response = match cause.kind() {
        ErrorKind::HttpResponse {
            status,
            raw_response,
            ..
        } => Some((*status, raw_response.as_deref())),
        _ => None,
    };
    match ManagedIdentitySource::of(parts) {
        ManagedIdentitySource::Imds => metadata_service_failed(parts, in_chain, cause, response),
        // The host says that it has identities, so whatever it answers ends the search.
        source => Outcome::refused(
            format!(
                "{}{}",
                reason(cause),
                said(response.and_then(|(_, body)| body))
            ),
            format!("Check that an identity is assigned, in the settings of {source}."),
        ),
    }
}

fn metadata_service_failed(
    parts: &Parts,
    in_chain: bool,
    cause: &azure_core::Error,
    response: Option<(StatusCode, Option<&RawResponse>)>,
) -> Outcome {
    let (id, origin) = identity(parts);
    let named = id != ManagedIdentityId::SystemAssigned;
    match response {
        Some((StatusCode::BadRequest, _)) if named => Outcome::refused(
            format!("the identity with {id}{origin} is not assigned to this machine"),
            "Assign it with 'az-identity vm assign', or unset AZURE_CLIENT_ID for the machine's own identity.",
        ),
        // The service names none of them to whom it does not know.
        Some((StatusCode::BadRequest, Some(response)))
            if contains(response, "Multiple user assigned identities") =>
        {
            Outcome::unavailable(
                "the machine has several user-assigned identities, and none is named",
                "Set AZURE_CLIENT_ID to the client id of one of them: 'az-identity vm show -g GROUP -n MACHINE', where you are signed in, lists them.",
            )
        }
        Some((StatusCode::BadRequest, response)) => Outcome::unavailable(
            format!("the machine has no identity to use{}", said(response)),
            ADVICE,
        ),
        // Docker Desktop's proxy answers for the address and says so.
        Some((StatusCode::Forbidden, Some(response))) if contains(response, "unreachable") => {
            Outcome::unavailable("a proxy answers in place of the metadata service", ADVICE)
        }
        None if in_chain && matches!(cause.kind(), ErrorKind::DataConversion) => {
            Outcome::unavailable("what answers is not a metadata service", ADVICE)
        }
        _ => Outcome::refused(
            format!(
                "{}{}",
                reason(cause),
                said(response.and_then(|(_, body)| body))
            ),
            "Try again; if it stays so, restart the machine or check its identity.",
        ),
    }
}

/// `: …` with the service's own words, if it has any.
fn said(response: Option<&RawResponse>) -> String {
    let body: Option<serde_json::Value> =
        response.and_then(|response| serde_json::from_slice(response.body()).ok());
    body.as_ref()
        .and_then(|body| {
            // The two forms of Azure's errors: OAuth's, and `{"error": {"code", "message"}}`.
            let words = [
                &body["error_description"],
                &body["error"]["message"],
                &body["message"],
            ];
            words.into_iter().find_map(|words| words.as_str())
        })
        .map(|words| {
            format!(
                ": {}",
                words.split_whitespace().collect::<Vec<_>>().join(" ")
            )
        })
        .unwrap_or_default()
}

fn contains(response: &RawResponse, word: &str) -> bool {
    String::from_utf8_lossy(response.body()).contains(word)
}

#[cfg(test)]
mod tests;
