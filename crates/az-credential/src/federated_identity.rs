//! An application that trusts another identity, so that it needs no secret.

use crate::{
    asked::InChain,
    cached::Cached,
    entra_client::{Assertion, EntraClient, Proof},
    error::CredentialError,
    options::Options,
};
use azure_core::{
    credentials::{AccessToken, TokenCredential, TokenRequestOptions},
    http::Context,
};
use std::{fmt, sync::Arc};
use tracing::Instrument;
use zeroize::Zeroizing;

/// An application that trusts another identity: mostly the managed identity of the machine that the program runs on, which
/// may be in another tenant than what the program wants to reach.
///
/// The application has a federated credential for the identity, as
/// <https://learn.microsoft.com/entra/workload-id/workload-identity-federation-config-app-trust-managed-identity> tells. A
/// token of the identity for `api://AzureADTokenExchange` is sent in place of a secret, a new one with each request.
///
/// ```no_run
/// use az_credential::{FederatedIdentityCredential, ManagedIdentityCredential, ManagedIdentityId, Options};
///
/// # fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let identity = ManagedIdentityCredential::new(Options {
///     managed_identity: Some(ManagedIdentityId::ClientId("00000000-0000-0000-0000-000000000001".to_owned())),
///     ..Options::from_process()?
/// })?;
/// let application = FederatedIdentityCredential::new(
///     "contoso.com",
///     "00000000-0000-0000-0000-000000000002",
///     identity,
///     Options::from_process()?,
/// )?;
/// # Ok(())
/// # }
/// ```
///
/// Its errors are those of the identity, else what Entra ID said as an
/// [`ErrorKind::HttpResponse`](azure_core::error::ErrorKind).
pub struct FederatedIdentityCredential(Cached<EntraClient>);

impl FederatedIdentityCredential {
    /// The application with this client id in this tenant, known by the tokens of `identity`.
    ///
    /// # Errors
    /// The tenant is none, or the HTTP client cannot be made.
    pub fn new(
        tenant_id: &str,
        client_id: &str,
        identity: Arc<dyn TokenCredential>,
        options: Options,
    ) -> Result<Arc<Self>, CredentialError> {
        let parts = options.into_parts(false)?;
        let proof = Proof::Assertion(Box::new(Exchanged {
            identity,
            scope: parts.cloud.token_exchange_scope(),
        }));
        let transport = parts.transport.clone();
        let client = EntraClient::new(&parts, tenant_id, client_id, proof, transport)?;
        let cached = Cached::new(client, parts.clock.clone());
        Ok(Arc::new(FederatedIdentityCredential(cached)))
    }
}

#[async_trait::async_trait]
impl TokenCredential for FederatedIdentityCredential {
    async fn get_token(
        &self,
        scopes: &[&str],
        options: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        let span = tracing::debug_span!(
            "get_token",
            credential = "FederatedIdentityCredential",
            ?scopes
        );
        self.0.get_token(scopes, options).instrument(span).await
    }
}

impl fmt::Debug for FederatedIdentityCredential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("FederatedIdentityCredential")
            .field(&self.0)
            .finish()
    }
}

/// The tokens of an identity as assertions.
#[derive(Debug)]
struct Exchanged {
    identity: Arc<dyn TokenCredential>,
    scope: &'static str,
}

#[async_trait::async_trait]
impl Assertion for Exchanged {
    async fn assertion(
        &self,
        _: &str,
        context: &Context<'_>,
    ) -> azure_core::Result<Zeroizing<String>> {
        // The tenant and the claims are the application's business, not the identity's.
        let chained = context.value::<InChain>().map(|_| InChain::say(None));
        let token = self.identity.get_token(&[self.scope], chained).await?;
        Ok(Zeroizing::new(token.token.secret().to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        cloud::Cloud,
        env::Env,
        managed_identity_credential::ManagedIdentityCredential,
        testing::{Reply, Script},
        unavailable::is_unavailable,
    };

    const MACHINE: &str = r#"{"access_token": "hunter2", "expires_on": "2147483647"}"#;
    const TOKEN: &str = r#"{"access_token": "T", "expires_in": 3600}"#;

    fn application(
        script: &Arc<Script>,
        cloud: &str,
    ) -> Result<Arc<FederatedIdentityCredential>, CredentialError> {
        let options = Options {
            cloud: Cloud::resolve(Some(cloud), &Env::default()).expect("known"),
            transport: Some(script.transport()),
            ..Options::default()
        };
        let identity = ManagedIdentityCredential::new(options.clone())?;
        FederatedIdentityCredential::new("t", "c", identity, options)
    }

    #[tokio::test]
    async fn the_machine_s_token_is_sent_in_place_of_a_secret() {
        for (cloud, resource) in [
            ("AzureCloud", "api://AzureADTokenExchange"),
            ("AzureUSGovernment", "api://AzureADTokenExchangeUSGov"),
            ("AzureChinaCloud", "api://AzureADTokenExchangeChina"),
        ] {
            let script = Script::new([Reply::of(200, MACHINE), Reply::of(200, TOKEN)]);
            let application = application(&script, cloud).expect("an application");
            let token = application.get_token(&["s"], None).await.expect("a token");
            assert_eq!(token.token.secret(), "T");
            let requests = script.requests();
            assert_eq!(requests[0].query("resource").as_deref(), Some(resource));
            let sent = requests[1].form("client_assertion");
            assert_eq!(sent.as_deref(), Some("hunter2"));
            assert_eq!(requests[1].form("client_id").as_deref(), Some("c"));
            assert!(requests[1].url.path().starts_with("/t/"));
            assert!(!format!("{application:?}").contains("hunter2"));
        }
    }

    #[tokio::test]
    async fn without_the_identity_a_chain_goes_on() {
        let script = Script::new([Reply::of(400, "{}")]);
        let application = application(&script, "AzureCloud").expect("an application");
        let error = application.get_token(&["s"], None).await.expect_err("none");
        assert!(is_unavailable(&error), "{error}");
    }

    #[test]
    fn a_tenant_that_would_lead_elsewhere_is_refused() {
        let script = Script::new([]);
        let options = Options {
            transport: Some(script.transport()),
            ..Options::default()
        };
        let identity = ManagedIdentityCredential::new(options.clone()).expect("an identity");
        let made = FederatedIdentityCredential::new("a/b", "c", identity, options);
        assert!(matches!(made, Err(CredentialError::Tenant(_))));
    }
}
