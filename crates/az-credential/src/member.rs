//! One member of the chain, made when it is first asked.

use crate::{
    asked::InChain,
    developer, environment,
    error::{Failure, Outcome},
    managed_identity,
    name::CredentialName,
    parts::Parts,
    workload_identity,
};
use azure_core::credentials::{AccessToken, TokenCredential, TokenRequestOptions};
use std::sync::Arc;
use tokio::sync::OnceCell;
use tracing::Instrument;

/// A credential by its name. It is made once; one that could not be made is tried again.
pub(crate) struct Member {
    pub(crate) name: CredentialName,
    made: OnceCell<Arc<dyn TokenCredential>>,
}

impl Member {
    pub(crate) fn new(name: CredentialName) -> Self {
        Member {
            name,
            made: OnceCell::new(),
        }
    }

    /// A token, or what came of asking for one.
    pub(crate) async fn token(
        &self,
        parts: &Parts,
        scopes: &[&str],
        options: Option<TokenRequestOptions<'_>>,
    ) -> Result<AccessToken, Failure> {
        let span = tracing::debug_span!("get_token", credential = self.name.as_str(), ?scopes);
        let in_chain = parts.in_chain || InChain::is_said(options.as_ref());
        let asking = async {
            let made = self.made.get_or_try_init(|| self.build(parts, in_chain));
            let asking = made.await?.get_token(scopes, options);
            asking
                .await
                .map_err(|error| Failure::new(self.outcome(parts, in_chain, &error), error))
        };
        asking.instrument(span).await
    }

    async fn build(
        &self,
        parts: &Parts,
        in_chain: bool,
    ) -> Result<Arc<dyn TokenCredential>, Failure> {
        match self.name {
            CredentialName::Environment => environment::build(parts),
            CredentialName::WorkloadIdentity => workload_identity::build(parts),
            CredentialName::ManagedIdentity => managed_identity::build(parts, in_chain).await,
            CredentialName::AzureCli
            | CredentialName::AzureDeveloperCli
            | CredentialName::AzurePowerShell => Ok(developer::build(self.name, parts)?),
        }
    }

    fn outcome(&self, parts: &Parts, in_chain: bool, error: &azure_core::Error) -> Outcome {
        let outcome = match self.name {
            CredentialName::Environment => environment::failed(parts, error),
            CredentialName::WorkloadIdentity => workload_identity::failed(parts, error),
            CredentialName::ManagedIdentity => managed_identity::failed(parts, in_chain, error),
            CredentialName::AzureCli
            | CredentialName::AzureDeveloperCli
            | CredentialName::AzurePowerShell => developer::failed(self.name, error),
        };
        outcome.caused_by(error)
    }
}
