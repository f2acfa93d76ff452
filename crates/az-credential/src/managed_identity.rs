//! `ManagedIdentityCredential`: the identity of the machine or App Service that this runs on.

use crate::{
    error::{Outcome, answer, reason},
    http::root_cause,
    parts::Parts,
};
use azure_core::{
    credentials::TokenCredential,
    error::ErrorKind,
    http::{Context, Method, RawResponse, Request, StatusCode, Url},
};
use azure_identity::{ManagedIdentityCredential, ManagedIdentityCredentialOptions, UserAssignedId};
use std::{sync::Arc, time::Duration};

const ENDPOINT: &str = "http://169.254.169.254/metadata/identity/oauth2/token";

/// How long the probe waits. Go's chain waits as long: the service is on the machine's own host.
const PROBE_TIMEOUT: Duration = Duration::from_secs(1);

const ADVICE: &str = "On an Azure virtual machine give it an identity: 'az-identity vm assign'.";

/// Where managed identities come from here, by the variables that the hosts set; the order is Azure's SDKs'.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    AppService,
    Imds,
    Unsupported(&'static str),
}

fn source(parts: &Parts) -> Source {
    let set = |name| parts.env.get(name).is_some();
    if set("IDENTITY_ENDPOINT") {
        if set("IDENTITY_HEADER") {
            if set("IDENTITY_SERVER_THUMBPRINT") {
                return Source::Unsupported("Service Fabric");
            }
            return Source::AppService;
        }
        if set("IMDS_ENDPOINT") {
            return Source::Unsupported("Azure Arc");
        }
    } else if set("MSI_ENDPOINT") {
        return Source::Unsupported(if set("MSI_SECRET") {
            "Azure Machine Learning"
        } else {
            "Cloud Shell"
        });
    }
    Source::Imds
}

/// The credential of this host. In a chain with others it is first made sure that the metadata service is there:
/// `azure_identity` asks it for more than a minute, whatever its options say.
pub(super) async fn build(parts: &Parts) -> Result<Arc<dyn TokenCredential>, Outcome> {
    match source(parts) {
        Source::Unsupported(host) => {
            return Err(Outcome::unavailable(
                format!("managed identities of {host} are not supported"),
                "Sign in another way.",
            ));
        }
        Source::Imds if parts.in_chain => probe(parts).await?,
        Source::Imds | Source::AppService => {}
    }
    let options = ManagedIdentityCredentialOptions {
        user_assigned_id: parts
            .env
            .get("AZURE_CLIENT_ID")
            .map(|id| UserAssignedId::ClientId(id.to_owned())),
        client_options: parts.client_options(),
    };
    let made = ManagedIdentityCredential::new(Some(options))
        .map_err(|error| Outcome::unavailable(reason(&error), ADVICE))?;
    Ok(made)
}

/// Whether the metadata service answers; `None` where managed identities come from elsewhere.
pub(super) async fn metadata_service(parts: &Parts) -> Option<Result<(), Outcome>> {
    match source(parts) {
        Source::Imds => Some(probe(parts).await),
        Source::AppService | Source::Unsupported(_) => None,
    }
}

/// Asks once, without the `Metadata` header, as Go's chain does: whatever answers counts as the metadata service.
async fn probe(parts: &Parts) -> Result<(), Outcome> {
    let not_there = |why: String| {
        Outcome::unavailable(
            format!("no metadata service of a virtual machine answers ({why})"),
            ADVICE,
        )
    };
    let url = Url::parse(ENDPOINT).map_err(|error| not_there(error.to_string()))?;
    let mut request = Request::new(url, Method::Get);
    let context = Context::new();
    let answer =
        tokio::time::timeout(PROBE_TIMEOUT, parts.transport.send(&context, &mut request)).await;
    match answer {
        Err(_) => Err(not_there("no answer within 1 s".to_owned())),
        Ok(Err(error)) => Err(not_there(root_cause(&error))),
        // The service says 400 here. A proxy in between says that there is nobody; azure_identity would go on
        // asking it for a minute.
        Ok(Ok(answer)) if is_gateway_error(answer.status()) && behind_proxy(parts) => Err(
            not_there(format!("the proxy answered {}", u16::from(answer.status()))),
        ),
        Ok(Ok(_)) => Ok(()),
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
pub(super) fn failed(parts: &Parts, error: &azure_core::Error) -> Outcome {
    let cause = answer(error).unwrap_or(error);
    let response = match cause.kind() {
        ErrorKind::HttpResponse {
            status,
            raw_response,
            ..
        } => Some((*status, raw_response.as_deref())),
        _ => None,
    };
    let client_id = parts.env.get("AZURE_CLIENT_ID");
    match (response, client_id) {
        (Some((StatusCode::BadRequest, _)), Some(id)) => Outcome::refused(
            format!(
                "the identity with client id '{id}' (AZURE_CLIENT_ID) is not assigned to this machine"
            ),
            "Assign it with 'az-identity vm assign', or unset AZURE_CLIENT_ID for the machine's own identity.",
        ),
        // The service names none of them to whom it does not know.
        (Some((StatusCode::BadRequest, Some(response))), None)
            if contains(response, "Multiple user assigned identities") =>
        {
            Outcome::unavailable(
                "the machine has several user-assigned identities, and none is named",
                "Set AZURE_CLIENT_ID to the client id of one of them: 'az-identity vm show -g GROUP -n MACHINE', where you are signed in, lists them.",
            )
        }
        (Some((StatusCode::BadRequest, response)), None) => Outcome::unavailable(
            format!("the machine has no identity to use{}", said(response)),
            ADVICE,
        ),
        // Docker Desktop's proxy answers for the address and says so.
        (Some((StatusCode::Forbidden, Some(response))), _) if contains(response, "unreachable") => {
            Outcome::unavailable("a proxy answers in place of the metadata service", ADVICE)
        }
        _ if parts.in_chain && matches!(cause.kind(), ErrorKind::DataConversion) => {
            Outcome::unavailable("what answers is not a metadata service", ADVICE)
        }
        _ => Outcome::refused(
            reason(error),
            "Try again; if it stays so, restart the machine or check its identity.",
        ),
    }
}

/// `: …` with the metadata service's own words, if it has any.
fn said(response: Option<&RawResponse>) -> String {
    let body: Option<serde_json::Value> =
        response.and_then(|response| serde_json::from_slice(response.body()).ok());
    body.as_ref()
        .and_then(|body| body.get("error_description")?.as_str())
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
mod tests {
    use super::*;
    use crate::testing::parts;

    #[test]
    fn hosts_are_told_apart_by_their_variables() {
        let cases: [(&[(&str, &str)], Source); 6] = [
            (&[], Source::Imds),
            (
                &[("IDENTITY_ENDPOINT", "e"), ("IDENTITY_HEADER", "h")],
                Source::AppService,
            ),
            (
                &[
                    ("IDENTITY_ENDPOINT", "e"),
                    ("IDENTITY_HEADER", "h"),
                    ("IDENTITY_SERVER_THUMBPRINT", "t"),
                ],
                Source::Unsupported("Service Fabric"),
            ),
            (
                &[("IDENTITY_ENDPOINT", "e"), ("IMDS_ENDPOINT", "i")],
                Source::Unsupported("Azure Arc"),
            ),
            (&[("MSI_ENDPOINT", "m")], Source::Unsupported("Cloud Shell")),
            (
                &[("MSI_ENDPOINT", "m"), ("MSI_SECRET", "s")],
                Source::Unsupported("Azure Machine Learning"),
            ),
        ];
        for (variables, expected) in cases {
            assert_eq!(source(&parts(variables, &[])), expected);
        }
    }

    #[tokio::test]
    async fn several_identities_of_which_none_is_named_say_what_to_set() {
        let parts = parts(
            &[],
            &[(
                "/metadata/identity/oauth2/token",
                400,
                r#"{"error":"invalid_request","error_description":"Multiple user assigned identities exist, please specify the clientId / resourceId of the identity in the token request"}"#,
            )],
        );
        let credential = build(&parts).await.expect("a metadata service");
        let error = credential
            .get_token(&["https://vault.azure.net/.default"], None)
            .await
            .expect_err("no token");
        match failed(&parts, &error) {
            Outcome::Unavailable { reason, advice } => {
                assert!(
                    reason.contains("several user-assigned identities"),
                    "{reason}"
                );
                assert!(advice.contains("AZURE_CLIENT_ID"), "{advice}");
            }
            other => panic!("{other:?}"),
        }
    }
}
