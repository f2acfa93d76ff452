//! A client for Microsoft Graph, as far as role assignments need it.

use crate::{
    connection::{Connection, SendError, Service},
    origin::ForeignLink,
    pages::{GoesRound, Pages},
    resend::OutOfTime,
    said::Said,
};
use az_credential::http::retry_after;
use azure_core::http::{Method, RawResponse, Url, headers::HeaderName};
use serde_json::Value;
use std::time::Duration;

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
        /// For Microsoft's support.
        request_id: Option<String>,
        /// How long Graph asks to wait before the next request.
        retry_after: Option<Duration>,
    },
    /// No credential gave a token.
    #[error("{0}")]
    Credential(azure_core::Error),
    /// The request or its answer did not get through.
    #[error("Microsoft Graph gave no answer: {0}")]
    Transport(String),
    /// No answer came while there was time.
    #[error("Microsoft Graph: {0}")]
    OutOfTime(OutOfTime),
    /// An answer that Graph should not give.
    #[error("Microsoft Graph: {0}")]
    Unexpected(&'static str),
    /// A list without an end.
    #[error("Microsoft Graph: {0}")]
    GoesRound(#[from] GoesRound),
    /// A list went on elsewhere.
    #[error("Microsoft Graph: {0}")]
    Foreign(ForeignLink),
}

impl From<SendError> for GraphError {
    fn from(error: SendError) -> Self {
        match error {
            SendError::Credential(error) => GraphError::Credential(error),
            SendError::Foreign(link) => GraphError::Foreign(link),
            SendError::Transport { reason, .. } => GraphError::Transport(reason),
            SendError::OutOfTime(error) => GraphError::OutOfTime(error),
        }
    }
}

/// A client for one cloud's Graph.
#[derive(Clone)]
pub struct Client(Service);

impl Client {
    /// A client for the Graph of the connection's cloud.
    pub fn new(connection: &Connection) -> Self {
        let cloud = &connection.cloud;
        Client(connection.service(cloud.graph_endpoint(), cloud.graph_scope()))
    }

    /// Reads the collection at `path`, following `@odata.nextLink` to its end: a page may be empty and yet not the last.
    /// <https://learn.microsoft.com/graph/paging>
    pub async fn list(&self, path: &str, query: &[(&str, &str)]) -> Result<Vec<Value>, GraphError> {
        let mut url = self.url(path)?;
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        self.rest(self.get(url).await?).await
    }

    /// Asks with a body for a collection, and follows it to its end.
    pub async fn post_list(&self, path: &str, body: &Value) -> Result<Vec<Value>, GraphError> {
        let asked = self.0.ask(self.url(path)?, body.to_string().into());
        self.rest(read(asked.await?)?).await
    }

    /// The members of a page and of all after it.
    async fn rest(&self, mut page: Value) -> Result<Vec<Value>, GraphError> {
        let mut found = Vec::new();
        let pages = Pages::default();
        loop {
            match page.get_mut("value").map(Value::take) {
                Some(Value::Array(mut values)) => found.append(&mut values),
                _ => return Err(GraphError::Unexpected("its answer is no collection")),
            }
            let Some(link) = page["@odata.nextLink"].as_str() else {
                return Ok(found);
            };
            pages.follow(link)?;
            page = self.get(self.url(link)?).await?;
        }
    }

    fn url(&self, path: &str) -> Result<Url, GraphError> {
        self.0
            .endpoint
            .join(path)
            .map_err(|error| GraphError::Transport(error.to_string()))
    }

    async fn get(&self, url: Url) -> Result<Value, GraphError> {
        read(self.0.send(Method::Get, url, None).await?)
    }
}

/// The body of a good answer.
fn read(answer: RawResponse) -> Result<Value, GraphError> {
    let (status, headers, body) = answer.deconstruct();
    let body: Value = serde_json::from_slice(&body).unwrap_or(Value::Null);
    if status.is_success() {
        return Ok(body);
    }
    let said = Said::of(&body);
    let status = u16::from(status);
    Err(GraphError::Refused {
        status,
        code: said.code.unwrap_or_else(|| format!("HTTP{status}")),
        message: said
            .message
            .unwrap_or_else(|| format!("Microsoft Graph answered {status}")),
        // https://learn.microsoft.com/graph/best-practices-concept#reliability-and-support
        request_id: headers.get_optional_string(&HeaderName::from_static("request-id")),
        retry_after: retry_after(&headers),
    })
}
