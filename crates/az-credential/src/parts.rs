//! What the chain, and each credential of it, is made of.

use crate::{
    arc_agent::ArcAgent, clock::Clock, cloud::Cloud, entra_answer::EntraAnswers, env::Env,
    managed_identity_id::ManagedIdentityId,
};
use azure_core::http::{
    ClientOptions, ExponentialRetryOptions, RetryOptions, Transport, UserAgentOptions,
};
use std::sync::Arc;

/// What a [`DefaultAzureCredential`](crate::DefaultAzureCredential) is made of.
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
    /// `my-tool-1.0`. See [`UserAgentOptions`].
    pub application_id: Option<String>,
}

/// What the members of the chain are made of.
pub(crate) struct Parts {
    pub(crate) env: Env,
    pub(crate) cloud: Cloud,
    pub(crate) transport: Transport,
    pub(crate) subscription: Option<String>,
    pub(crate) application_id: Option<String>,
    /// The managed identity that is meant; `None` for that of `AZURE_CLIENT_ID`.
    pub(crate) managed_identity: Option<ManagedIdentityId>,
    pub(crate) arc_agent: ArcAgent,
    pub(crate) clock: Arc<dyn Clock>,
    /// Whether there are other credentials beside the one that is asked.
    pub(crate) in_chain: bool,
}

impl Parts {
    /// Options for the pipelines of `azure_identity`.
    pub(crate) fn client_options(&self) -> ClientOptions {
        ClientOptions {
            per_call_policies: vec![EntraAnswers::policy()],
            transport: Some(self.transport.clone()),
            cloud: Some(self.cloud.configuration()),
            user_agent: UserAgentOptions {
                application_id: self.application_id.clone(),
            },
            // A person waits for it.
            retry: RetryOptions::exponential(ExponentialRetryOptions {
                max_retries: 3,
                ..Default::default()
            }),
            ..Default::default()
        }
    }
}
