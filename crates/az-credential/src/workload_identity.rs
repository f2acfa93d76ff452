//! `WorkloadIdentityCredential`: a federated token, as the workload identity webhook of Kubernetes sets it up.

use crate::{
    advice::{Sent, advice},
    cached::Cached,
    entra_client::{EntraClient, Proof},
    error::{Failure, Outcome, reason},
    federated_token::FederatedToken,
    parts::Parts,
    token_proxy::{TokenProxy, TokenProxyError},
};
use azure_core::{credentials::TokenCredential, http::Transport};
use std::{path::PathBuf, sync::Arc};

/// The credential that the options and the variables describe.
pub(super) fn build(parts: &Parts) -> Result<Arc<dyn TokenCredential>, Failure> {
    let options = &parts.workload_identity;
    let found = |option: &Option<String>, name: &'static str| {
        let variable = || parts.env.get(name).map(str::to_owned);
        option.clone().or_else(variable).ok_or(name)
    };
    let values = (
        found(&options.client_id, "AZURE_CLIENT_ID"),
        token_file(parts).ok_or("AZURE_FEDERATED_TOKEN_FILE"),
        found(&parts.tenant_id, "AZURE_TENANT_ID"),
    );
    let (client_id, file, tenant_id) = match values {
        (Ok(client), Ok(file), Ok(tenant)) => (client, file, tenant),
        (_, Err(name), _) | (Err(name), ..) | (.., Err(name)) => {
            return Err(Outcome::unavailable(
                format!("{name} is not set"),
                "In Kubernetes, label the pod 'azure.workload.identity/use: \"true\"' and use the annotated service account.",
            )
            .into());
        }
    };
    let token = FederatedToken::at(file);
    // The token's file is read here: it is set up, so a missing file ends the search.
    let invalid = |reason: String| {
        Outcome::refused(
            reason,
            "Check AZURE_FEDERATED_TOKEN_FILE and AZURE_TENANT_ID.",
        )
    };
    token.read().map_err(invalid)?;
    let proxy = transport(parts).map_err(|error| {
        let outcome = Outcome::refused(
            error.to_string(),
            "Check the AZURE_KUBERNETES_* variables of the pod.",
        );
        Failure::new(outcome, error)
    })?;
    let proof = Proof::Assertion(Box::new(token));
    let made = EntraClient::new(parts, &tenant_id, &client_id, proof, proxy)
        .map_err(|error| Failure::new(invalid(error.to_string()), error))?;
    Ok(Arc::new(Cached::new(made, parts.clock.clone())))
}

/// The way to Entra ID: through the cluster's token proxy, where it is asked for and there.
fn transport(parts: &Parts) -> Result<Transport, TokenProxyError> {
    let proxy = if parts.workload_identity.kubernetes_token_proxy {
        TokenProxy::of(&parts.env)?
    } else {
        None
    };
    Ok(match proxy {
        Some(proxy) => Transport::new(Arc::new(proxy)),
        None => parts.transport.clone(),
    })
}

fn token_file(parts: &Parts) -> Option<PathBuf> {
    let variable = || {
        parts
            .env
            .get("AZURE_FEDERATED_TOKEN_FILE")
            .map(PathBuf::from)
    };
    let option = parts.workload_identity.token_file.clone();
    option.or_else(variable)
}

/// A federated token that Entra ID refuses ends the search.
pub(super) fn failed(parts: &Parts, error: &azure_core::Error) -> Outcome {
    let sent = token_file(parts).and_then(|file| FederatedToken::at(file).shown());
    Outcome::refused(reason(error), advice(error, &Sent::FederatedToken(sent)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        env::Env,
        testing::{self, Reply, Script},
        workload_options::WorkloadIdentityOptions,
    };

    const TOKEN: &str = r#"{"access_token": "T", "expires_in": 3600}"#;

    fn parts(variables: &[(&str, &str)], script: &Arc<Script>) -> Parts {
        Parts {
            env: Env::from_pairs(variables.iter().copied()),
            transport: script.transport(),
            ..testing::parts(&[], &[])
        }
    }

    #[tokio::test]
    async fn a_token_file_that_is_rotated_is_read_again() {
        let folder = tempfile::tempdir().expect("folder");
        let file = folder.path().join("token");
        let script = Script::new([Reply::of(200, TOKEN)]);
        let mut parts = parts(
            &[("AZURE_TENANT_ID", "t"), ("AZURE_CLIENT_ID", "no")],
            &script,
        );
        parts.workload_identity = WorkloadIdentityOptions {
            client_id: Some("c".to_owned()),
            token_file: Some(file.clone()),
            kubernetes_token_proxy: false,
        };
        std::fs::write(&file, "first").expect("written");
        let credential = build(&parts).expect("a credential");
        for (scope, assertion) in [("a", "first"), ("b", "second")] {
            credential.get_token(&[scope], None).await.expect("a token");
            let requests = script.requests();
            let last = requests.last().expect("a request");
            assert_eq!(last.form("client_assertion").as_deref(), Some(assertion));
            assert_eq!(last.form("client_id").as_deref(), Some("c"));
            assert_eq!(
                last.form("client_assertion_type").as_deref(),
                Some("urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
            );
            std::fs::write(&file, "second").expect("written");
        }
    }

    #[tokio::test]
    async fn the_tenant_of_the_options_goes_before_the_variable() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), "token").expect("written");
        let path = file.path().to_str().expect("a path");
        let script = Script::new([Reply::of(200, TOKEN)]);
        let variables = [
            ("AZURE_TENANT_ID", "t"),
            ("AZURE_CLIENT_ID", "c"),
            ("AZURE_FEDERATED_TOKEN_FILE", path),
        ];
        let mut parts = parts(&variables, &script);
        parts.tenant_id = Some("u".to_owned());
        let credential = build(&parts).expect("a credential");
        credential.get_token(&["s"], None).await.expect("a token");
        assert_eq!(script.requests()[0].url.path(), "/u/oauth2/v2.0/token");
    }

    #[test]
    fn a_token_proxy_is_used_only_where_it_is_asked_for() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), "token").expect("written");
        let path = file.path().to_str().expect("a path");
        let script = Script::new([]);
        let variables = [
            ("AZURE_TENANT_ID", "t"),
            ("AZURE_CLIENT_ID", "c"),
            ("AZURE_FEDERATED_TOKEN_FILE", path),
            ("AZURE_KUBERNETES_TOKEN_PROXY", "http://proxy"),
        ];
        let mut parts = parts(&variables, &script);
        assert!(build(&parts).is_ok());
        parts.workload_identity.kubernetes_token_proxy = true;
        let outcome = build(&parts).expect_err("refused").outcome;
        assert!(matches!(outcome, Outcome::Refused { .. }));
        assert!(outcome.reason().contains("https"), "{outcome:?}");
    }
}
