//! What each credential of the chain is made of.

use crate::bounded_retry::{BoundedRetry, Trouble};
use crate::{
    arc_agent::ArcAgent, clock::Clock, cloud::Cloud, env::Env,
    managed_identity_id::ManagedIdentityId, tenants::AllowedTenants,
    workload_options::WorkloadIdentityOptions,
};
use azure_core::http::{ClientOptions, RetryOptions, Transport, UserAgentOptions};
use std::{sync::Arc, time::Duration};

/// The longest that Entra ID is asked for one token: a person waits for it.
const TOTAL: Duration = Duration::from_secs(30);

/// A busy Entra ID is asked again until the total is over; where nothing answers, two seconds of trying are enough.
fn rule(trouble: Trouble, retry: u32) -> Option<Duration> {
    let times = match trouble {
        Trouble::Status(408 | 429 | 500 | 502 | 503 | 504) | Trouble::BrokenOff => 6,
        Trouble::NoAnswer => 3,
        Trouble::Status(_) => 0,
    };
    (retry < times).then(|| Duration::from_millis((250 << retry).min(4000)))
}

/// What the members of the chain are made of.
pub(crate) struct Parts {
    pub(crate) env: Env,
    pub(crate) cloud: Cloud,
    pub(crate) transport: Transport,
    pub(crate) subscription: Option<String>,
    pub(crate) application_id: Option<String>,
    /// The tenant for workload identity and the developers' tools; `None` for their own.
    pub(crate) tenant_id: Option<String>,
    pub(crate) allowed_tenants: AllowedTenants,
    /// The managed identity that is meant; `None` for that of `AZURE_CLIENT_ID`.
    pub(crate) managed_identity: Option<ManagedIdentityId>,
    pub(crate) workload_identity: WorkloadIdentityOptions,
    pub(crate) continuous_access_evaluation: bool,
    pub(crate) arc_agent: ArcAgent,
    pub(crate) clock: Arc<dyn Clock>,
    /// Whether there are other credentials beside the one that is asked.
    pub(crate) in_chain: bool,
}

impl Parts {
    /// Options for a pipeline that asks Entra ID.
    pub(crate) fn client_options(&self, transport: Transport) -> ClientOptions {
        ClientOptions {
            transport: Some(transport),
            cloud: Some(self.cloud.configuration()),
            user_agent: UserAgentOptions {
                application_id: self.application_id.clone(),
            },
            retry: RetryOptions::none(),
            per_call_policies: vec![BoundedRetry::policy(rule, TOTAL)],
            ..Default::default()
        }
    }
}
