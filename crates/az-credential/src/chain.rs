//! The chain itself.

use crate::{
    asked::Asked,
    error::{Attempt, CredentialError, Outcome},
    managed_identity,
    member::Member,
    name::CredentialName,
    options::Options,
    parts::Parts,
    selection,
    turns::Turns,
};
use azure_core::credentials::{AccessToken, TokenCredential, TokenRequestOptions};
use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::Duration,
};

/// Tries one credential after another and stays with the first that gives a token.
///
/// Nothing is read or asked before the first token is wanted, and then only as far down the chain as needed.
///
/// ```no_run
/// use az_credential::{DefaultAzureCredential, Options};
/// use azure_core::credentials::TokenCredential;
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let credential = DefaultAzureCredential::new(Options::from_process()?)?;
/// let token = credential.get_token(&["https://vault.azure.net/.default"], None).await?;
/// # Ok(())
/// # }
/// ```
pub struct DefaultAzureCredential {
    parts: Parts,
    selected: Vec<CredentialName>,
    members: Vec<Member>,
    time_limit: Option<Duration>,
    /// The place of the member that gave the first token.
    chosen: OnceLock<usize>,
    turns: Turns<Asked, CredentialError>,
    /// What gave no token in the latest search, in order.
    tried: Mutex<Vec<Attempt>>,
}

impl DefaultAzureCredential {
    /// A chain as `AZURE_TOKEN_CREDENTIALS` and the options narrow it.
    ///
    /// # Errors
    /// The variable names no credential or is not set where it must be, no credential is left, or the HTTP client cannot
    /// be made.
    pub fn new(options: Options) -> Result<Arc<Self>, CredentialError> {
        let selected = selection::selected(
            &options.env,
            &options.exclude,
            options.require_token_credentials,
        )?;
        Ok(Arc::new(DefaultAzureCredential {
            time_limit: options.time_limit,
            parts: options.into_parts(selected.len() > 1)?,
            members: selected.iter().copied().map(Member::new).collect(),
            selected,
            chosen: OnceLock::new(),
            turns: Turns::new(),
            tried: Mutex::default(),
        }))
    }

    /// The credentials of the chain, as `AZURE_TOKEN_CREDENTIALS` leaves them, in order.
    pub fn selected(&self) -> &[CredentialName] {
        &self.selected
    }

    /// The credentials that gave no token in the latest search, in order, and why: those before the chosen one, or all so
    /// far where the search still goes on.
    pub fn tried(&self) -> Vec<Attempt> {
        self.attempts().clone()
    }

    /// Whether the metadata service of a virtual machine answers, or why not: one request, within a second. `None` where the
    /// chain never asks it: without managed identities, or where they come from elsewhere.
    pub async fn metadata_service(&self) -> Option<Result<(), Outcome>> {
        if !self.selected.contains(&CredentialName::ManagedIdentity) {
            return None;
        }
        managed_identity::metadata_service(&self.parts).await
    }

    /// The credential that gave a token, once one has.
    pub fn chosen(&self) -> Option<CredentialName> {
        self.chosen.get().map(|&index| self.members[index].name)
    }

    fn attempts(&self) -> MutexGuard<'_, Vec<Attempt>> {
        self.tried.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Goes down the chain. The token comes back too: a credential is chosen by giving one.
    async fn search(
        &self,
        scopes: &[&str],
        options: Option<TokenRequestOptions<'_>>,
    ) -> Result<(usize, AccessToken), CredentialError> {
        self.attempts().clear();
        for (index, member) in self.members.iter().enumerate() {
            let failure = match member.token(&self.parts, scopes, options.clone()).await {
                Ok(token) => {
                    tracing::info!(credential = member.name.as_str(), "signed in");
                    return Ok((index, token));
                }
                Err(failure) => failure,
            };
            let refused = matches!(failure.outcome, Outcome::Refused { .. });
            let attempt = Attempt::new(member.name, failure);
            tracing::debug!(%attempt, "no token");
            self.attempts().push(attempt);
            if refused {
                return Err(CredentialError::Refused {
                    attempts: self.tried(),
                });
            }
        }
        Err(CredentialError::Unavailable {
            attempts: self.tried(),
        })
    }

    async fn token(
        &self,
        scopes: &[&str],
        options: Option<TokenRequestOptions<'_>>,
    ) -> Result<AccessToken, CredentialError> {
        if let Some(&index) = self.chosen.get() {
            return self.chosen_token(index, scopes, options).await;
        }
        let asked = Asked::of(scopes, options.as_ref());
        // Callers that come while one searches wait for what it finds.
        let turn = self.turns.wait(&asked).await;
        if let Some(&index) = self.chosen.get() {
            drop(turn);
            return self.chosen_token(index, scopes, options).await;
        }
        if let Some(error) = turn.failure {
            return Err(error);
        }
        match self.search(scopes, options).await {
            Ok((index, token)) => {
                let _ = self.chosen.set(index);
                Ok(token)
            }
            Err(error) => {
                self.turns.fail(asked, error.clone());
                Err(error)
            }
        }
    }

    async fn chosen_token(
        &self,
        index: usize,
        scopes: &[&str],
        options: Option<TokenRequestOptions<'_>>,
    ) -> Result<AccessToken, CredentialError> {
        let member = &self.members[index];
        let asking = member.token(&self.parts, scopes, options);
        asking.await.map_err(|failure| {
            let mut attempt = Attempt::new(member.name, failure);
            // It gave a token before, so whatever it says now is a refusal.
            if let Outcome::Unavailable { reason, advice } = attempt.outcome {
                attempt.outcome = Outcome::refused(reason, advice);
            }
            CredentialError::Refused {
                attempts: vec![attempt],
            }
        })
    }
}

#[async_trait::async_trait]
impl TokenCredential for DefaultAzureCredential {
    async fn get_token(
        &self,
        scopes: &[&str],
        options: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        let asking = self.token(scopes, options);
        let token = match self.time_limit {
            None => asking.await?,
            Some(limit) => match tokio::time::timeout(limit, asking).await {
                Ok(token) => token?,
                Err(_) => {
                    let attempts = match self.chosen() {
                        Some(_) => Vec::new(),
                        None => self.tried(),
                    };
                    return Err(CredentialError::TimedOut { limit, attempts }.into());
                }
            },
        };
        Ok(token)
    }
}

impl fmt::Debug for DefaultAzureCredential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DefaultAzureCredential")
            .field("cloud", &self.parts.cloud)
            .field("selected", &self.selected)
            .field("chosen", &self.chosen())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        asked::{Claims, TenantId},
        env::Env,
        testing::{self, Reply, Script, wire},
    };
    use azure_core::http::{ClientMethodOptions, Context, Transport};

    const SCOPE: &str = "https://vault.azure.net/.default";
    const TOKEN: &str = r#"{"access_token": "T", "expires_in": 3600, "token_type": "Bearer"}"#;
    const IMDS_TOKEN: &str = r#"{"access_token": "M", "expires_on": "2147483647", "token_type": "Bearer", "resource": "r"}"#;
    const PRINCIPAL: [(&str, &str); 3] = [
        ("AZURE_TENANT_ID", "tenant"),
        ("AZURE_CLIENT_ID", "client"),
        ("AZURE_CLIENT_SECRET", "hunter2"),
    ];

    fn chain(variables: &[(&str, &str)], wire: &Arc<testing::Wire>) -> Arc<DefaultAzureCredential> {
        DefaultAzureCredential::new(Options {
            env: Env::from_pairs(variables.iter().copied()),
            transport: Some(Transport::new(wire.clone())),
            subscription: Some("00000000-0000-0000-0000-000000000001".to_owned()),
            ..Options::default()
        })
        .expect("a chain")
    }

    async fn token(chain: &DefaultAzureCredential) -> Result<String, CredentialError> {
        match chain.get_token(&[SCOPE], None).await {
            Ok(token) => Ok(token.token.secret().to_owned()),
            Err(error) => Err(error.into_downcast().expect("a credential's error")),
        }
    }

    fn outcomes(error: &CredentialError) -> &[Attempt] {
        match error {
            CredentialError::Unavailable { attempts } | CredentialError::Refused { attempts } => {
                attempts
            }
            other => panic!("{other}"),
        }
    }

    #[tokio::test]
    async fn a_service_principal_comes_first_and_nothing_else_is_asked() {
        let wire = wire(&[(
            "login.microsoftonline.com/tenant/oauth2/v2.0/token",
            200,
            TOKEN,
        )]);
        let chain = chain(&PRINCIPAL, &wire);
        assert_eq!(token(&chain).await.expect("token"), "T");
        assert_eq!(chain.chosen(), Some(CredentialName::Environment));
        assert_eq!(token(&chain).await.expect("token"), "T");
        assert_eq!(
            wire.asked.lock().expect("lock").len(),
            1,
            "the token is kept"
        );
    }

    #[tokio::test]
    async fn a_refused_service_principal_ends_the_search() {
        let refusal = r#"{"error": "invalid_client", "error_description": "AADSTS7000215: Invalid secret.", "error_codes": [7000215]}"#;
        let wire = wire(&[
            ("login.microsoftonline.com", 401, refusal),
            ("169.254.169.254", 200, IMDS_TOKEN),
        ]);
        let error = token(&chain(&PRINCIPAL, &wire)).await.expect_err("refused");
        assert!(matches!(error, CredentialError::Refused { .. }));
        let text = error.to_string();
        assert!(
            text.contains("AADSTS7000215")
                && text.contains("not its id")
                && !text.contains("hunter2"),
            "{text}"
        );
        assert_eq!(outcomes(&error).len(), 1);
    }

    #[tokio::test]
    async fn when_nothing_is_there_every_credential_says_why() {
        let wire = wire(&[]);
        let error = token(&chain(&[], &wire)).await.expect_err("nothing");
        assert!(matches!(error, CredentialError::Unavailable { .. }));
        let tried: Vec<CredentialName> = outcomes(&error)
            .iter()
            .map(|attempt| attempt.credential)
            .collect();
        assert_eq!(tried, CredentialName::ALL);
        assert_eq!(
            wire.asked.lock().expect("lock").len(),
            1,
            "the metadata service is asked once"
        );
        let text = error.to_string();
        assert!(
            text.contains("connection refused") && text.contains("'az' is not on PATH"),
            "{text}"
        );
    }

    #[tokio::test]
    async fn the_machine_s_identity_is_found_by_a_probe() {
        let wire = wire(&[
            ("169.254.169.254", 400, r#"{"error": "invalid_request"}"#),
            (
                "169.254.169.254/metadata/identity/oauth2/token?api-version",
                200,
                IMDS_TOKEN,
            ),
        ]);
        let chain = chain(&[], &wire);
        assert_eq!(token(&chain).await.expect("token"), "M");
        assert_eq!(chain.chosen(), Some(CredentialName::ManagedIdentity));
        assert!(!wire.asked.lock().expect("lock")[1].contains("client_id"));
        let tried: Vec<CredentialName> = chain.tried().iter().map(|one| one.credential).collect();
        assert_eq!(tried, CredentialName::ALL[..2]);
        assert_eq!(chain.metadata_service().await, Some(Ok(())));
    }

    #[tokio::test]
    async fn alone_the_machine_s_identity_is_not_probed_for() {
        let wire = wire(&[("169.254.169.254", 200, IMDS_TOKEN)]);
        let variables = [
            ("AZURE_TOKEN_CREDENTIALS", "ManagedIdentityCredential"),
            ("AZURE_CLIENT_ID", "client"),
        ];
        assert_eq!(token(&chain(&variables, &wire)).await.expect("token"), "M");
        let asked = wire.asked.lock().expect("lock");
        assert_eq!(asked.len(), 1);
        assert!(asked[0].contains("client_id=client"), "{asked:?}");
    }

    #[tokio::test]
    async fn a_machine_without_an_identity_is_passed_over() {
        let body = r#"{"error": "invalid_request", "error_description": "Identity not found"}"#;
        let wire = wire(&[("169.254.169.254", 400, body)]);
        let error = token(&chain(&[("AZURE_TOKEN_CREDENTIALS", "prod")], &wire))
            .await
            .expect_err("none");
        assert!(matches!(error, CredentialError::Unavailable { .. }));
        assert!(
            error
                .to_string()
                .contains("no identity to use: Identity not found"),
            "{error}"
        );
    }

    #[tokio::test]
    async fn an_identity_that_the_machine_does_not_have_ends_the_search() {
        let wire = wire(&[("169.254.169.254", 400, r#"{"error": "invalid_request"}"#)]);
        let error = token(&chain(&[("AZURE_CLIENT_ID", "client")], &wire))
            .await
            .expect_err("refused");
        assert!(matches!(error, CredentialError::Refused { .. }));
        assert!(error.to_string().contains("client id 'client'"), "{error}");
    }

    /// Behind a proxy, the last of these answers repeats itself. 502 and 504 are the proxy's, who says that there is nobody;
    /// 503 may be the service's own.
    #[tokio::test(start_paused = true)]
    async fn behind_a_proxy_the_metadata_service_is_asked_again_only_where_it_may_be_there() {
        let cases: [(&[u16], bool, usize); 9] = [
            (&[503], false, 4),
            (&[502], false, 1),
            (&[504], false, 1),
            (&[503, 502], false, 2),
            (&[503, 504], false, 2),
            (&[400], true, 1),
            (&[503, 400], true, 2),
            (&[503, 503, 400], true, 3),
            (&[503, 503, 503, 500], true, 4),
        ];
        for (statuses, there, probes) in cases {
            let mut replies: Vec<Reply> = statuses
                .iter()
                .map(|status| Reply::of(*status, ""))
                .collect();
            if there {
                replies.push(Reply::of(200, IMDS_TOKEN));
            }
            let script = Script::new(replies);
            let chain = DefaultAzureCredential::new(Options {
                env: Env::from_pairs([
                    ("http_proxy", "http://127.0.0.1:1"),
                    ("AZURE_TOKEN_CREDENTIALS", "prod"),
                ]),
                transport: Some(script.transport()),
                ..Options::default()
            })
            .expect("a chain");
            match token(&chain).await {
                Ok(token) => assert!(there && token == "M", "{statuses:?}"),
                Err(error) => {
                    assert!(!there, "{statuses:?}: {error}");
                    assert!(matches!(error, CredentialError::Unavailable { .. }));
                }
            }
            let asked = script.requests().len();
            assert_eq!(asked, probes + usize::from(there), "{statuses:?}");
        }
    }

    #[tokio::test]
    async fn docker_desktop_is_no_metadata_service() {
        let wire = wire(&[(
            "169.254.169.254",
            403,
            "connecting to 169.254.169.254:80: network unreachable",
        )]);
        let error = token(&chain(&[("AZURE_TOKEN_CREDENTIALS", "prod")], &wire))
            .await
            .expect_err("none");
        assert!(
            matches!(error, CredentialError::Unavailable { .. }),
            "{error}"
        );
    }

    #[tokio::test]
    async fn an_incomplete_service_principal_is_passed_over() {
        let wire = wire(&[]);
        let error = token(&chain(&PRINCIPAL[..2], &wire))
            .await
            .expect_err("none");
        assert!(
            error
                .to_string()
                .contains("neither AZURE_CLIENT_SECRET nor"),
            "{error}"
        );
        assert_eq!(outcomes(&error).len(), 6);
    }

    #[tokio::test]
    async fn a_federated_token_is_sent_as_an_assertion() {
        let folder = tempfile::tempdir().expect("folder");
        let file = folder.path().join("token");
        std::fs::write(&file, "federated").expect("written");
        let wire = wire(&[("login.microsoftonline.com", 200, TOKEN)]);
        let file = file.to_str().expect("path");
        let variables = [
            ("AZURE_TENANT_ID", "t"),
            ("AZURE_CLIENT_ID", "c"),
            ("AZURE_FEDERATED_TOKEN_FILE", file),
        ];
        let chain = chain(&variables, &wire);
        assert_eq!(token(&chain).await.expect("token"), "T");
        assert_eq!(chain.chosen(), Some(CredentialName::WorkloadIdentity));
        assert!(wire.asked.lock().expect("lock")[0].contains("client_assertion=federated"));
    }

    #[tokio::test]
    async fn a_missing_federated_token_ends_the_search() {
        let wire = wire(&[]);
        let variables = [
            ("AZURE_TENANT_ID", "t"),
            ("AZURE_CLIENT_ID", "c"),
            ("AZURE_FEDERATED_TOKEN_FILE", "/nowhere"),
        ];
        let error = token(&chain(&variables, &wire)).await.expect_err("refused");
        assert!(matches!(error, CredentialError::Refused { .. }), "{error}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_time_limit_ends_the_search_and_says_how_far_it_came() {
        let script = Script::new([Reply::of(200, IMDS_TOKEN).after(3600)]);
        let chain = DefaultAzureCredential::new(Options {
            env: Env::from_pairs([
                ("IDENTITY_ENDPOINT", "http://127.0.0.1:41/token"),
                ("IDENTITY_HEADER", "hunter2"),
            ]),
            transport: Some(script.transport()),
            time_limit: Some(Duration::from_secs(5)),
            ..Options::default()
        })
        .expect("a chain");
        let start = tokio::time::Instant::now();
        let error = token(&chain).await.expect_err("too slow");
        assert_eq!(start.elapsed().as_secs(), 5);
        match &error {
            CredentialError::TimedOut { attempts, .. } => assert_eq!(attempts.len(), 2),
            other => panic!("{other}"),
        }
        assert!(!error.to_string().contains("hunter2"));
        assert!(
            token(&chain).await.is_err(),
            "nobody holds the turn any more"
        );
    }

    #[tokio::test]
    async fn a_member_that_is_excluded_is_not_asked() {
        let script = Script::new([Reply::of(200, IMDS_TOKEN)]);
        let chain = DefaultAzureCredential::new(Options {
            transport: Some(script.transport()),
            exclude: vec![CredentialName::ManagedIdentity],
            ..Options::default()
        })
        .expect("a chain");
        token(&chain).await.expect_err("nothing");
        assert!(script.requests().is_empty());
        assert_eq!(chain.selected().len(), 5);
        assert_eq!(chain.metadata_service().await, None);
    }

    #[tokio::test]
    async fn a_source_that_takes_no_client_id_is_passed_over() {
        let variables = [
            ("MSI_ENDPOINT", "http://localhost:50342/oauth2/token"),
            ("AZURE_CLIENT_ID", "c"),
            ("AZURE_TOKEN_CREDENTIALS", "prod"),
        ];
        let error = token(&chain(&variables, &wire(&[])))
            .await
            .expect_err("none");
        assert!(matches!(error, CredentialError::Unavailable { .. }));
        let text = error.to_string();
        assert!(text.contains("Cloud Shell does not take"), "{text}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_thousand_callers_search_once_be_there_a_token_or_not() {
        let probe = Reply::of(400, "{}");
        for (replies, good) in [
            (
                vec![probe.clone(), Reply::of(200, IMDS_TOKEN).after(1)],
                true,
            ),
            (vec![probe.clone(), probe.after(1)], false),
        ] {
            let script = Script::new(replies);
            let chain = DefaultAzureCredential::new(Options {
                transport: Some(script.transport()),
                ..Options::default()
            })
            .expect("a chain");
            let tokens = futures::future::join_all((0..1000).map(|_| token(&chain))).await;
            assert!(tokens.iter().all(|token| token.is_ok() == good));
            assert_eq!(script.requests().len(), 2);
        }
    }

    #[tokio::test]
    async fn claims_are_passed_on_from_the_first_request() {
        let script = Script::new([Reply::of(200, TOKEN)]);
        let chain = DefaultAzureCredential::new(Options {
            env: Env::from_pairs(PRINCIPAL),
            transport: Some(script.transport()),
            ..Options::default()
        })
        .expect("a chain");
        for claims in ["{}", r#"{"a":1}"#] {
            let options = TokenRequestOptions {
                method_options: ClientMethodOptions {
                    context: Context::new().with_value(Claims::new(claims)),
                },
            };
            let token = chain.get_token(&[SCOPE], Some(options)).await;
            token.expect("a token");
            let requests = script.requests();
            let last = requests.last().expect("a request");
            assert_eq!(last.form("claims").as_deref(), Some(claims));
        }
    }

    #[cfg(not(feature = "certificate"))]
    #[tokio::test]
    async fn without_the_feature_a_certificate_is_passed_over() {
        let variables = [
            ("AZURE_TENANT_ID", "t"),
            ("AZURE_CLIENT_ID", "c"),
            ("AZURE_CLIENT_CERTIFICATE_PATH", "/nowhere"),
            ("AZURE_TOKEN_CREDENTIALS", "EnvironmentCredential"),
        ];
        let error = token(&chain(&variables, &wire(&[])))
            .await
            .expect_err("none");
        assert!(
            error.to_string().contains("feature 'certificate'"),
            "{error}"
        );
    }

    #[cfg(feature = "certificate")]
    #[tokio::test]
    async fn a_certificate_signs_for_the_endpoint_that_is_asked() {
        let pem = concat!(env!("CARGO_MANIFEST_DIR"), "/src/testdata/client.pem");
        for (send_chain, sent) in [("true", true), ("1", true), ("yes", false)] {
            let script = Script::new([Reply::of(200, TOKEN)]);
            let chain = DefaultAzureCredential::new(Options {
                env: Env::from_pairs([
                    ("AZURE_TENANT_ID", "t"),
                    ("AZURE_CLIENT_ID", "c"),
                    ("AZURE_CLIENT_CERTIFICATE_PATH", pem),
                    ("AZURE_CLIENT_SEND_CERTIFICATE_CHAIN", send_chain),
                    ("AZURE_REGIONAL_AUTHORITY_NAME", "westus2"),
                ]),
                transport: Some(script.transport()),
                ..Options::default()
            })
            .expect("a chain");
            token(&chain).await.expect("a token");
            let asked = &script.requests()[0];
            let assertion = asked.form("client_assertion").expect("an assertion");
            let parts: Vec<serde_json::Value> = assertion
                .split('.')
                .take(2)
                .map(|part| azure_core::base64::decode_url_safe(part).expect("base64"))
                .map(|part| serde_json::from_slice(&part).expect("JSON"))
                .collect();
            assert_eq!(parts[0]["x5c"].is_array(), sent, "{send_chain}");
            assert_eq!(parts[1]["aud"], asked.url.as_str());
        }
    }

    #[cfg(unix)]
    mod tools {
        use super::*;
        use std::os::unix::fs::PermissionsExt;

        /// A PATH with a tool of this name that is this shell script, before the system's.
        fn path_with(folder: &tempfile::TempDir, tool: &str, script: &str) -> String {
            let file = folder.path().join(tool);
            std::fs::write(&file, format!("#!/bin/sh\n{script}\n")).expect("written");
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).expect("mode");
            folder.path().display().to_string()
        }

        #[tokio::test]
        async fn az_is_asked_for_the_subscription_and_once_per_scope() {
            let folder = tempfile::tempdir().expect("folder");
            let log = folder.path().join("log");
            let script = format!(
                r#"echo "$@" >> {}; echo '{{"accessToken": "A", "expires_on": 2147483647, "tokenType": "Bearer"}}'"#,
                log.display()
            );
            let path = path_with(&folder, "az", &script);
            let chain = chain(
                &[("PATH", &path), ("AZURE_TOKEN_CREDENTIALS", "dev")],
                &wire(&[]),
            );
            assert_eq!(token(&chain).await.expect("token"), "A");
            assert_eq!(token(&chain).await.expect("token"), "A");
            let asked = std::fs::read_to_string(log).expect("log");
            assert_eq!(asked.lines().count(), 1, "{asked}");
            assert!(
                asked.contains("--subscription 00000000-0000-0000-0000-000000000001"),
                "{asked}"
            );
            assert!(asked.contains(&format!("--scope {SCOPE}")), "{asked}");
        }

        #[cfg(feature = "token-cache")]
        #[tokio::test]
        async fn a_token_that_is_kept_starts_no_process() {
            let folder = tempfile::tempdir().expect("folder");
            let log = folder.path().join("log");
            let script = format!(
                r#"echo started >> {}; echo '{{"accessToken": "A", "expires_on": 2147483647, "tokenType": "Bearer"}}'"#,
                log.display()
            );
            let path = path_with(&folder, "az", &script);
            for (switch, starts) in [("on", 1), ("on", 1), ("off", 2), ("off", 3)] {
                let variables = [
                    ("PATH", path.as_str()),
                    ("HOME", path.as_str()),
                    ("AZ_TOKEN_CACHE", switch),
                ];
                let chain = chain(&variables, &wire(&[]));
                assert_eq!(token(&chain).await.expect("token"), "A");
                assert_eq!(chain.chosen(), Some(CredentialName::AzureCli));
                let started = std::fs::read_to_string(&log).expect("log");
                assert_eq!(started.lines().count(), starts);
            }
        }

        #[tokio::test]
        async fn a_tool_that_is_not_signed_in_is_passed_over() {
            let folder = tempfile::tempdir().expect("folder");
            path_with(
                &folder,
                "az",
                "echo \"ERROR: Please run 'az login' to setup account.\" >&2; exit 1",
            );
            let path = path_with(
                &folder,
                "azd",
                r#"echo '{"token": "D", "expiresOn": "2038-01-18T00:00:00Z"}'"#,
            );
            let chain = chain(
                &[("PATH", &path), ("AZURE_TOKEN_CREDENTIALS", "dev")],
                &wire(&[]),
            );
            assert_eq!(token(&chain).await.expect("token"), "D");
            assert_eq!(chain.chosen(), Some(CredentialName::AzureDeveloperCli));
        }

        #[tokio::test]
        async fn az_is_asked_for_the_tenant_instead_of_the_subscription_where_one_is_given() {
            let folder = tempfile::tempdir().expect("folder");
            let log = folder.path().join("log");
            let script = format!(
                r#"echo "$@" >> {}; echo '{{"accessToken": "A", "expires_on": 2147483647, "tokenType": "Bearer"}}'"#,
                log.display()
            );
            let path = path_with(&folder, "az", &script);
            let chain = DefaultAzureCredential::new(Options {
                env: Env::from_pairs([("PATH", path.as_str()), ("HOME", path.as_str())]),
                transport: Some(Transport::new(wire(&[]))),
                subscription: Some("s".to_owned()),
                tenant_id: Some("t".to_owned()),
                additionally_allowed_tenants: vec!["u".to_owned()],
                ..Options::default()
            })
            .expect("a chain");
            let ask = async |context: Context<'_>| {
                let options = TokenRequestOptions {
                    method_options: ClientMethodOptions { context },
                };
                chain.get_token(&[SCOPE], Some(options)).await
            };
            ask(Context::new()).await.expect("a token");
            let other = |tenant: &str| Context::new().with_value(TenantId::new(tenant));
            ask(other("u")).await.expect("a token");
            let error = ask(other("v")).await.expect_err("not allowed").to_string();
            assert!(error.contains("'v'"), "{error}");
            let challenge = Context::new().with_value(Claims::new("{}"));
            let error = ask(challenge).await.expect_err("claims").to_string();
            assert!(
                error.contains("az login --claims-challenge e30="),
                "{error}"
            );
            let asked = std::fs::read_to_string(log).expect("log");
            let asked: Vec<&str> = asked.lines().collect();
            assert_eq!(asked.len(), 2, "{asked:?}");
            assert!(asked[0].contains("--tenant t") && asked[1].contains("--tenant u"));
            assert!(!asked[0].contains("--subscription"), "{asked:?}");
        }

        #[tokio::test]
        async fn powershell_comes_last() {
            let folder = tempfile::tempdir().expect("folder");
            let path = path_with(
                &folder,
                "pwsh",
                r#"echo '{"Token": "P", "ExpiresOn": 2147483647}'"#,
            );
            let chain = chain(&[("PATH", &path)], &wire(&[]));
            assert_eq!(token(&chain).await.expect("token"), "P");
            assert_eq!(chain.chosen(), Some(CredentialName::AzurePowerShell));
        }
    }

    #[tokio::test]
    async fn nothing_secret_is_in_the_debug_output() {
        let chain = chain(&PRINCIPAL, &wire(&[("login", 200, TOKEN)]));
        let _ = token(&chain).await;
        assert!(!format!("{chain:?}").contains("hunter2"));
    }
}
