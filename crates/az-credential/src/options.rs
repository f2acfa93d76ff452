//! What a chain of credentials is made of.

use crate::{
    arc_agent::ArcAgent,
    clock::{Clock, SystemClock},
    cloud::{Cloud, UnknownCloud},
    env::Env,
    http::{self, HttpError},
    managed_identity_id::ManagedIdentityId,
    name::CredentialName,
    parts::Parts,
    tenants::AllowedTenants,
    workload_options::WorkloadIdentityOptions,
};
use azure_core::http::Transport;
use std::{path::Path, sync::Arc, time::Duration};

/// What a [`DefaultAzureCredential`](crate::DefaultAzureCredential) is made of, and each of its members where it is alone.
///
/// Nothing reads the process's environment by itself: a program that wants it says [`Options::from_process`].
#[derive(Clone, Default)]
pub struct Options {
    /// The environment that the program was started in.
    pub env: Env,
    /// The cloud whose tokens are wanted.
    pub cloud: Cloud,
    /// The program's HTTP client; without one, a client of its own is made.
    pub transport: Option<Transport>,
    /// The subscription (id or name) that the Azure CLI is asked a token for; without one, its own default counts.
    pub subscription: Option<String>,
    /// What the program calls itself in the `User-Agent` of its requests: a word of 24 characters at most, as
    /// `my-tool-1.0`. See [`UserAgentOptions`](azure_core::http::UserAgentOptions).
    pub application_id: Option<String>,
    /// Members that the chain does not have, whatever `AZURE_TOKEN_CREDENTIALS` says.
    pub exclude: Vec<CredentialName>,
    /// Whether `AZURE_TOKEN_CREDENTIALS` must be set: so that a program in production does not go down the whole chain
    /// because somebody forgot it.
    pub require_token_credentials: bool,
    /// The tenant in which the Azure CLI, the Azure Developer CLI, Azure PowerShell and workload identity ask for
    /// tokens; without one, their own. The service principal's is `AZURE_TENANT_ID`; a managed identity has one only.
    pub tenant_id: Option<String>,
    /// Tenants for which a token may be asked beside the credential's own, by [`TenantId`](crate::TenantId); `*` for
    /// all. Without any, `AZURE_ADDITIONALLY_ALLOWED_TENANTS` counts, with semicolons between them.
    pub additionally_allowed_tenants: Vec<String>,
    /// The managed identity that is meant; without one, that of `AZURE_CLIENT_ID`, else the machine's own.
    pub managed_identity: Option<ManagedIdentityId>,
    /// What is otherwise than the webhook of Kubernetes sets it up.
    pub workload_identity: WorkloadIdentityOptions,
    /// Whether the program can deal with tokens that are taken back before they expire: with the answer 401 and a
    /// challenge, whose [`Claims`](crate::Claims) it puts into its next request for a token.
    ///
    /// <https://learn.microsoft.com/entra/identity/conditional-access/concept-continuous-access-evaluation>
    pub continuous_access_evaluation: bool,
    /// The longest that one token is searched for, all members together; without it, as long as each of them takes.
    pub time_limit: Option<Duration>,
    /// The clock by which tokens in memory expire; the computer's own, where a test hands in no other.
    pub clock: Option<Arc<dyn Clock>>,
}

impl Options {
    /// The environment of this process, and the cloud that it names ([`Cloud::resolve`]); everything else as it is by
    /// default.
    ///
    /// # Errors
    /// A variable names no cloud.
    pub fn from_process() -> Result<Self, UnknownCloud> {
        Options::from_env(Env::from_process())
    }

    /// The same for an environment that was handed down.
    ///
    /// # Errors
    /// A variable names no cloud.
    pub fn from_env(env: Env) -> Result<Self, UnknownCloud> {
        Ok(Options {
            cloud: Cloud::resolve(None, &env)?,
            env,
            ..Options::default()
        })
    }

    /// What the members are made of.
    pub(crate) fn into_parts(self, in_chain: bool) -> Result<Parts, HttpError> {
        let transport = match self.transport {
            Some(transport) => transport,
            None => http::transport(self.env.get("SSL_CERT_FILE").map(Path::new))?,
        };
        Ok(Parts {
            allowed_tenants: AllowedTenants::of(self.additionally_allowed_tenants, &self.env),
            arc_agent: ArcAgent::of(&self.env),
            env: self.env,
            cloud: self.cloud,
            transport,
            subscription: self.subscription,
            application_id: self.application_id,
            tenant_id: self.tenant_id,
            managed_identity: self.managed_identity,
            workload_identity: self.workload_identity,
            continuous_access_evaluation: self.continuous_access_evaluation,
            clock: self.clock.unwrap_or_else(|| Arc::new(SystemClock)),
            in_chain,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_names_the_cloud() {
        let of = |host: &str| Options::from_env(Env::from_pairs([("AZURE_AUTHORITY_HOST", host)]));
        let options = of("https://login.microsoftonline.us/").expect("known");
        assert_eq!(options.cloud.name(), "AzureUSGovernment");
        assert!(of("https://login.example.org/").is_err());
    }
}
