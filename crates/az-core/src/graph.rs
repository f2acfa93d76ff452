//! A client for Microsoft Graph, as far as role assignments need it.

use crate::{cli::Failure, cloud::Cloud};
use azure_core::{
    credentials::TokenCredential,
    http::{
        ClientOptions, Context, ExponentialRetryOptions, Method, Pipeline, PipelineSendOptions,
        Request, RetryOptions, Transport, Url,
        headers::{ACCEPT, CONTENT_TYPE},
        policies::auth::BearerTokenAuthorizationPolicy,
    },
};
use serde_json::Value;
use std::sync::Arc;

/// Why Graph gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum GraphError {
    /// It answered with an error: often, the caller may not read the directory.
    #[error("{code}: {message}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// Graph's code, as `Authorization_RequestDenied`.
        code: String,
        /// Graph's message.
        message: String,
    },
    /// No credential gave a token.
    #[error("{0}")]
    Credential(azure_core::Error),
    /// The request or its answer did not get through.
    #[error("Microsoft Graph gave no answer: {0}")]
    Transport(String),
}

impl From<GraphError> for Failure {
    fn from(error: GraphError) -> Self {
        match error {
            GraphError::Credential(error) => crate::cli::credential_failure(&error),
            GraphError::Refused {
                status,
                code,
                message,
            } => {
                let mut failure = Failure::new(crate::cli::service_status(status, &code), message);
                failure.code = Some(code);
                failure
            }
            GraphError::Transport(_) => Failure::new(crate::cli::Status::Failed, error.to_string())
                .hint("Check the network and the proxy variables (HTTPS_PROXY, NO_PROXY)."),
        }
    }
}

/// A client for one cloud's Graph.
#[derive(Clone)]
pub struct Client {
    pipeline: Pipeline,
    endpoint: Url,
}

impl Client {
    /// A client for `cloud`'s Graph.
    pub fn new(cloud: &Cloud, credential: Arc<dyn TokenCredential>, transport: Transport) -> Self {
        let options = ClientOptions {
            transport: Some(transport),
            retry: RetryOptions::exponential(ExponentialRetryOptions {
                max_retries: 4,
                ..Default::default()
            }),
            ..Default::default()
        };
        let bearer = BearerTokenAuthorizationPolicy::new(credential, [cloud.graph_scope()]);
        Client {
            pipeline: Pipeline::new(
                option_env!("CARGO_PKG_NAME"),
                option_env!("CARGO_PKG_VERSION"),
                options,
                vec![],
                vec![Arc::new(bearer)],
                None,
            ),
            endpoint: cloud.graph_endpoint(),
        }
    }

    /// Reads what is at `path`.
    pub async fn get(&self, path: &str, query: &[(&str, &str)]) -> Result<Value, GraphError> {
        self.send(Method::Get, path, query, None).await
    }

    /// Asks with a body.
    pub async fn post(&self, path: &str, body: &Value) -> Result<Value, GraphError> {
        self.send(Method::Post, path, &[], Some(body)).await
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        query: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Result<Value, GraphError> {
        let mut url = self
            .endpoint
            .join(path)
            .map_err(|error| GraphError::Transport(error.to_string()))?;
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let mut request = Request::new(url, method);
        request.insert_header(ACCEPT, "application/json");
        if let Some(body) = body {
            request.insert_header(CONTENT_TYPE, "application/json");
            request.set_body(body.to_string());
        }
        let options = PipelineSendOptions {
            skip_checks: true,
            ..Default::default()
        };
        let response = self
            .pipeline
            .send(&Context::new(), &mut request, Some(options))
            .await
            .map_err(|error| match error.kind() {
                azure_core::error::ErrorKind::Credential => GraphError::Credential(error),
                _ => GraphError::Transport(crate::http::root_cause(&error)),
            })?;
        let (status, _, answer) = response.deconstruct();
        let answer: Value = serde_json::from_slice(&answer).unwrap_or(Value::Null);
        if status.is_success() {
            return Ok(answer);
        }
        let text = |name: &str| {
            answer["error"][name]
                .as_str()
                .unwrap_or_default()
                .to_owned()
        };
        Err(GraphError::Refused {
            status: u16::from(status),
            code: text("code"),
            message: text("message"),
        })
    }
}
