//! The chain itself.

use crate::{
    arc_agent::ArcAgent,
    clock::SystemClock,
    developer, environment,
    error::{Attempt, CredentialError, Outcome},
    http,
    kept::Kept,
    managed_identity,
    name::CredentialName,
    parts::{Options, Parts},
    selection, workload_identity,
};
use azure_core::credentials::{AccessToken, TokenCredential, TokenRequestOptions};
use std::{
    fmt,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::sync::OnceCell;

/// Tries one credential after another and stays with the first that gives a token.
///
/// Nothing is read or asked before the first token is wanted, and then only as far down the chain as needed.
///
/// ```no_run
/// use az_credential::{DefaultAzureCredential, Env, Options};
/// use azure_core::credentials::TokenCredential;
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let credential = DefaultAzureCredential::new(Options { env: Env::from_process(), ..Options::default() })?;
/// let token = credential.get_token(&["https://vault.azure.net/.default"], None).await?;
/// # Ok(())
/// # }
/// ```
pub struct DefaultAzureCredential {
    parts: Parts,
    selected: Vec<CredentialName>,
    chosen: OnceCell<Chosen>,
    /// What gave no token in the latest search, in order.
    tried: Mutex<Vec<Attempt>>,
}

/// The credential that gave the first token.
struct Chosen {
    name: CredentialName,
    credential: Arc<dyn TokenCredential>,
}

impl DefaultAzureCredential {
    /// A chain as `AZURE_TOKEN_CREDENTIALS` narrows it.
    ///
    /// # Errors
    /// The variable names no credential, or the HTTP client cannot be made.
    pub fn new(options: Options) -> Result<Arc<Self>, CredentialError> {
        let selected = selection::selected(&options.env)?;
        let transport = match options.transport {
            Some(transport) => transport,
            None => http::transport(options.env.get("SSL_CERT_FILE").map(Path::new))?,
        };
        let arc_agent = ArcAgent::of(&options.env);
        let parts = Parts {
            env: options.env,
            cloud: options.cloud,
            transport,
            subscription: options.subscription,
            application_id: options.application_id,
            managed_identity: None,
            arc_agent,
            clock: Arc::new(SystemClock),
            in_chain: selected.len() > 1,
        };
        Ok(Arc::new(DefaultAzureCredential {
            parts,
            selected,
            chosen: OnceCell::new(),
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
        let tried = self.tried.lock().unwrap_or_else(PoisonError::into_inner);
        tried.clone()
    }

    /// Whether the metadata service of a virtual machine answers, or why not: one request, within a second. `None` where the
    /// chain never asks it: without managed identities, or where they come from elsewhere.
    pub async fn metadata_service(&self) -> Option<Result<(), Outcome>> {
        if !self.selected.contains(&CredentialName::ManagedIdentity) {
            return None;
        }
        managed_identity::metadata_service(&self.parts).await
    }

    fn note(&self, attempt: &Attempt) {
        let mut tried = self.tried.lock().unwrap_or_else(PoisonError::into_inner);
        tried.push(attempt.clone());
    }

    /// The credential that gave a token, once one has.
    pub fn chosen(&self) -> Option<CredentialName> {
        self.chosen.get().map(|chosen| chosen.name)
    }

    /// Goes down the chain. The token comes back too: a credential is chosen by giving one.
    async fn search(&self, scopes: &[&str]) -> Result<(Chosen, AccessToken), CredentialError> {
        let mut attempts = Vec::new();
        self.tried
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
        for &name in &self.selected {
            match self.attempt(name, scopes).await {
                Ok((credential, token)) => {
                    tracing::info!(credential = name.as_str(), "signed in");
                    return Ok((Chosen { name, credential }, token));
                }
                Err(outcome) => {
                    let refused = matches!(outcome, Outcome::Refused { .. });
                    let attempt = Attempt {
                        credential: name,
                        outcome,
                    };
                    tracing::debug!(%attempt, "no token");
                    self.note(&attempt);
                    attempts.push(attempt);
                    if refused {
                        return Err(CredentialError::Refused { attempts });
                    }
                }
            }
        }
        Err(CredentialError::Unavailable { attempts })
    }

    async fn attempt(
        &self,
        name: CredentialName,
        scopes: &[&str],
    ) -> Result<(Arc<dyn TokenCredential>, AccessToken), Outcome> {
        let parts = &self.parts;
        let credential = match name {
            CredentialName::Environment => environment::build(parts)?,
            CredentialName::WorkloadIdentity => workload_identity::build(parts)?,
            CredentialName::ManagedIdentity => managed_identity::build(parts).await?,
            CredentialName::AzureCli => Kept::around(developer::azure_cli(parts)?, parts, name),
            CredentialName::AzureDeveloperCli => {
                Kept::around(developer::azure_developer_cli(parts)?, parts, name)
            }
            CredentialName::AzurePowerShell => {
                Kept::around(developer::azure_powershell(parts)?, parts, name)
            }
        };
        let token = credential
            .get_token(scopes, None)
            .await
            .map_err(|error| self.outcome(name, &error))?;
        Ok((credential, token))
    }

    fn outcome(&self, name: CredentialName, error: &azure_core::Error) -> Outcome {
        let outcome = match name {
            CredentialName::Environment => environment::failed(&self.parts, error),
            CredentialName::WorkloadIdentity => workload_identity::failed(&self.parts, error),
            CredentialName::ManagedIdentity => managed_identity::failed(&self.parts, error),
            CredentialName::AzureCli
            | CredentialName::AzureDeveloperCli
            | CredentialName::AzurePowerShell => developer::failed(name, error),
        };
        outcome.caused_by(error)
    }
}

#[async_trait::async_trait]
impl TokenCredential for DefaultAzureCredential {
    async fn get_token(
        &self,
        scopes: &[&str],
        options: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        let mut first = None;
        // Callers that come while one searches wait for what it finds.
        let chosen = self
            .chosen
            .get_or_try_init(|| async {
                let (chosen, token) = self.search(scopes).await?;
                first = Some(token);
                Ok::<_, CredentialError>(chosen)
            })
            .await?;
        if let Some(token) = first {
            return Ok(token);
        }
        chosen
            .credential
            .get_token(scopes, options)
            .await
            .map_err(|error| {
                // It gave a token before, so whatever it says now is a refusal.
                let outcome = match self.outcome(chosen.name, &error) {
                    Outcome::Unavailable { reason, advice } => {
                        Outcome::refused(reason, advice).caused_by(&error)
                    }
                    refused @ Outcome::Refused { .. } => refused,
                };
                CredentialError::Refused {
                    attempts: vec![Attempt {
                        credential: chosen.name,
                        outcome,
                    }],
                }
                .into()
            })
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
        env::Env,
        testing::{self, wire},
    };
    use azure_core::http::Transport;

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

    #[tokio::test]
    async fn a_proxy_that_reaches_nobody_is_no_metadata_service() {
        let wire = wire(&[("169.254.169.254", 503, "nobody there")]);
        let variables = [
            ("http_proxy", "http://127.0.0.1:1"),
            ("AZURE_TOKEN_CREDENTIALS", "prod"),
        ];
        let error = token(&chain(&variables, &wire)).await.expect_err("none");
        assert!(matches!(error, CredentialError::Unavailable { .. }));
        assert_eq!(wire.asked.lock().expect("lock").len(), 1);
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
