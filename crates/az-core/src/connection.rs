//! How every service is talked to that gets a token: one pipeline, with its retries, request ids, names and guards.

use crate::{
    budget::Budget,
    cause,
    origin::{ForeignLink, OneOrigin},
    pacer::{self, Pacer},
    pages::OnePages,
    resend::{OnlyAsks, OutOfTime, Repeatable, Resend},
};
use az_credential::{ClaimsChallenge, Cloud};
use azure_core::{
    Bytes,
    credentials::TokenCredential,
    error::ErrorKind,
    http::{
        ClientOptions, Context, Method, Pipeline, PipelineSendOptions, RawResponse, Request,
        RetryOptions, Transport, Url, UserAgentOptions,
        headers::{ACCEPT, CONTENT_TYPE},
        policies::auth::BearerTokenAuthorizationPolicy,
    },
};
use std::sync::Arc;

/// What the clients of one program share.
#[derive(Clone)]
pub struct Connection {
    /// The cloud that is talked to.
    pub cloud: Cloud,
    /// Who asks.
    pub credential: Arc<dyn TokenCredential>,
    /// The process's one HTTP client.
    pub transport: Transport,
    /// The program's name, as services see it in `User-Agent`.
    pub tool: &'static str,
    /// The time that there is for everything.
    pub budget: Budget,
    /// When requests are sent.
    pub pacer: Pacer,
}

impl Connection {
    /// What a client of Azure's libraries is to be made with, whose service is at `endpoint`, and which of its requests may
    /// be done twice.
    pub fn client_options(&self, endpoint: &Url, repeatable: Repeatable) -> ClientOptions {
        ClientOptions {
            per_call_policies: vec![
                OneOrigin::of(endpoint),
                OnePages::policy(),
                ClaimsChallenge::policy(),
                Resend {
                    budget: self.budget.clone(),
                    repeatable,
                    pacer: self.pacer.clone(),
                    service: self.limited_as(endpoint),
                }
                .policy(),
            ],
            transport: Some(self.transport.clone()),
            // Ours is the one before.
            retry: RetryOptions::none(),
            user_agent: UserAgentOptions {
                application_id: Some(application_id(self.tool)),
            },
            cloud: Some(self.cloud.configuration()),
            ..Default::default()
        }
    }

    /// Whose limits count for what is asked at `endpoint`.
    fn limited_as(&self, endpoint: &Url) -> pacer::Service {
        let vaults = format!(".{}", self.cloud.vault_suffix());
        match endpoint.host_str().unwrap_or_default() {
            host if Some(host) == self.cloud.resource_manager_endpoint().host_str() => {
                pacer::Service::ResourceManager
            }
            host if host.ends_with(&vaults) => pacer::Service::KeyVault,
            _ => pacer::Service::Other,
        }
    }

    /// A service that none of Azure's libraries speaks to.
    pub(crate) fn service(&self, endpoint: Url, scope: &'static str) -> Service {
        let options = self.client_options(&endpoint, Repeatable::Reads);
        let bearer = BearerTokenAuthorizationPolicy::new(self.credential.clone(), [scope]);
        let pipeline = Pipeline::new(
            option_env!("CARGO_PKG_NAME"),
            option_env!("CARGO_PKG_VERSION"),
            options,
            vec![],
            vec![Arc::new(bearer)],
            None,
        );
        Service { pipeline, endpoint }
    }
}

/// Name and version, joined as a word: Azure's pipeline takes no `/` in it, and 24 characters at most.
pub(crate) fn application_id(tool: &str) -> String {
    const LONGEST: usize = 24;
    let mut id = format!("{tool}-{}", env!("CARGO_PKG_VERSION"));
    id.truncate(LONGEST);
    id
}

/// A service that speaks JSON and takes a bearer token.
#[derive(Clone)]
pub(crate) struct Service {
    pipeline: Pipeline,
    pub(crate) endpoint: Url,
}

/// Why a service gave no answer at all.
#[derive(Debug)]
pub(crate) enum SendError {
    /// No credential gave a token.
    Credential(azure_core::Error),
    /// The request would have gone elsewhere.
    Foreign(ForeignLink),
    /// It did not get through, or its answer did not.
    Transport {
        /// The innermost cause.
        reason: String,
        /// The connection was not made: nothing can have been done.
        not_sent: bool,
    },
    /// No answer came while there was time.
    OutOfTime(OutOfTime),
}

impl Service {
    /// Sends a request, with a JSON body if there is one. An answer with an error is an answer.
    pub(crate) async fn send(
        &self,
        method: Method,
        url: Url,
        body: Option<Bytes>,
    ) -> Result<RawResponse, SendError> {
        self.send_in(&Context::new(), method, url, body).await
    }

    /// Asks a question that has a body: it may be asked twice.
    pub(crate) async fn ask(&self, url: Url, body: Bytes) -> Result<RawResponse, SendError> {
        let context = Context::new().with_value(OnlyAsks);
        self.send_in(&context, Method::Post, url, Some(body)).await
    }

    async fn send_in(
        &self,
        context: &Context<'_>,
        method: Method,
        url: Url,
        body: Option<Bytes>,
    ) -> Result<RawResponse, SendError> {
        let mut request = Request::new(url, method);
        request.insert_header(ACCEPT, "application/json");
        if let Some(body) = body {
            request.insert_header(CONTENT_TYPE, "application/json");
            request.set_body(body);
        }
        let options = PipelineSendOptions {
            skip_checks: true,
            ..Default::default()
        };
        self.pipeline
            .send(context, &mut request, Some(options))
            .await
            .map_err(SendError::from)
    }
}

impl From<azure_core::Error> for SendError {
    fn from(error: azure_core::Error) -> Self {
        if let Some(foreign) = cause::find::<ForeignLink>(&error) {
            return SendError::Foreign(foreign.clone());
        }
        if let Some(out_of_time) = cause::find::<OutOfTime>(&error) {
            return SendError::OutOfTime(out_of_time.clone());
        }
        match error.kind() {
            ErrorKind::Credential => SendError::Credential(error),
            kind => SendError::Transport {
                reason: az_credential::http::root_cause(&error),
                not_sent: matches!(kind, ErrorKind::Connection),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_application_id_is_one_that_azures_pipeline_takes() {
        assert!(application_id("az-role").starts_with("az-role-"));
        assert_eq!(
            application_id("a-tool-with-quite-a-name").len(),
            24,
            "longer ones panic"
        );
    }
}
