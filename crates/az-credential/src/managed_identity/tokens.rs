//! Tokens of a managed identity, each asked for anew.

use super::{azure_arc, cloud_shell, endpoint::Endpoint, error::ManagedIdentityError, imds};
use crate::{
    asked::Asked,
    bounded_retry::{BoundedRetry, Trouble},
    clock::Clock,
    issued::{Issued, TokenSource},
    managed_identity_id::ManagedIdentityId,
    parts::Parts,
    token_answer::TokenAnswer,
};
use azure_core::{
    Error,
    error::ErrorKind,
    http::{
        ClientOptions, Context, Pipeline, PipelineSendOptions, RawResponse, Request, RetryOptions,
        Transport, UserAgentOptions,
    },
};
use std::{fmt, sync::Arc, time::Duration};

/// The longest that one token is asked for where there is no metadata service of a virtual machine.
const TOTAL: Duration = Duration::from_secs(60);

/// The source of this host, and the identity that is meant.
pub(super) struct ManagedIdentityTokens {
    endpoint: Endpoint,
    id: ManagedIdentityId,
    pipeline: Pipeline,
    clock: Arc<dyn Clock>,
}

impl ManagedIdentityTokens {
    pub(super) fn new(
        parts: &Parts,
        endpoint: Endpoint,
        id: ManagedIdentityId,
        transport: Transport,
    ) -> Self {
        let retry = match endpoint {
            Endpoint::Imds(_) => BoundedRetry::policy(imds::rule, imds::TOTAL),
            _ => BoundedRetry::policy(rule, TOTAL),
        };
        let options = ClientOptions {
            per_call_policies: vec![retry],
            transport: Some(transport),
            user_agent: UserAgentOptions {
                application_id: parts.application_id.clone(),
            },
            retry: RetryOptions::none(),
            ..ClientOptions::default()
        };
        let (name, version) = (
            option_env!("CARGO_PKG_NAME"),
            option_env!("CARGO_PKG_VERSION"),
        );
        ManagedIdentityTokens {
            endpoint,
            id,
            pipeline: Pipeline::new(name, version, options, Vec::new(), Vec::new(), None),
            clock: parts.clock.clone(),
        }
    }

    async fn send(
        &self,
        context: &Context<'_>,
        mut request: Request,
    ) -> azure_core::Result<RawResponse> {
        let options = PipelineSendOptions {
            skip_checks: true,
            ..PipelineSendOptions::default()
        };
        self.pipeline
            .send(context, &mut request, Some(options))
            .await
    }

    fn refused(&self, response: RawResponse) -> Error {
        let status = response.status();
        let message = format!("{} answered {}", self.endpoint.source(), u16::from(status));
        let kind = ErrorKind::HttpResponse {
            status,
            error_code: None,
            raw_response: Some(Box::new(response)),
        };
        Error::with_message(kind, message)
    }
}

#[async_trait::async_trait]
impl TokenSource for ManagedIdentityTokens {
    async fn issue(&self, asked: &Asked, context: &Context<'_>) -> azure_core::Result<Issued> {
        let [scope] = &asked.scopes[..] else {
            return Err(ManagedIdentityError::Scopes(asked.scopes.len()).into());
        };
        // The sources know resources only, as Entra ID's first protocol does.
        let resource = scope.strip_suffix("/.default").unwrap_or(scope);
        let request = match &self.endpoint {
            Endpoint::AppService(service) => service.request(resource, &self.id),
            Endpoint::AzureMl(service) => service.request(resource, &self.id),
            Endpoint::CloudShell(endpoint) => cloud_shell::request(endpoint, resource),
            Endpoint::ServiceFabric(service) => service.request(resource),
            Endpoint::Imds(endpoint) => imds::request(endpoint, resource, &self.id),
            Endpoint::AzureArc(arc) => {
                let challenge = self
                    .send(context, arc.request(resource, &self.id, None))
                    .await?;
                let key = arc.key(&challenge)?;
                arc.request(resource, &self.id, Some(&key))
            }
        };
        let response = self.send(context, request).await?;
        if !response.status().is_success() {
            return Err(self.refused(response));
        }
        let answer = TokenAnswer::read(response.into_body().into())?;
        if let Endpoint::AzureArc(_) = self.endpoint {
            azure_arc::confirm(&self.id, &answer.identity)?;
        }
        answer.issued(self.clock.as_ref())
    }
}

/// What the services' own clients repeat (`retryStatusCodes` of MSAL for Go), three times. A service on this very host that
/// gives no answer is not there: it is asked twice more, while it may be starting.
fn rule(trouble: Trouble, retry: u32) -> Option<Duration> {
    let times = match trouble {
        Trouble::Status(408 | 429 | 500 | 502 | 503 | 504) | Trouble::BrokenOff => 3,
        Trouble::NoAnswer => 2,
        Trouble::Status(_) => 0,
    };
    (retry < times).then(|| Duration::from_secs(1 << retry))
}

impl fmt::Debug for ManagedIdentityTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ManagedIdentity")
            .field("source", &self.endpoint.source())
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}
