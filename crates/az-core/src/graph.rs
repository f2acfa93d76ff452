//! A client for Microsoft Graph, as far as role assignments need it.

use crate::{
    connection::{Connection, SendError, Service},
    origin::ForeignLink,
};
use azure_core::http::{Method, Url};
use serde_json::Value;

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
    /// A list went on elsewhere.
    #[error("Microsoft Graph: {0}")]
    Foreign(ForeignLink),
}

impl From<SendError> for GraphError {
    fn from(error: SendError) -> Self {
        match error {
            SendError::Credential(error) => GraphError::Credential(error),
            SendError::Foreign(link) => GraphError::Foreign(link),
            SendError::Transport(reason) => GraphError::Transport(reason),
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
        self.rest(self.send(Method::Get, url, None).await?).await
    }

    /// Asks with a body for a collection, and follows it to its end.
    pub async fn post_list(&self, path: &str, body: &Value) -> Result<Vec<Value>, GraphError> {
        let url = self.url(path)?;
        self.rest(self.send(Method::Post, url, Some(body)).await?)
            .await
    }

    /// The members of a page and of all after it.
    async fn rest(&self, mut page: Value) -> Result<Vec<Value>, GraphError> {
        let mut found = Vec::new();
        loop {
            if let Some(Value::Array(mut values)) = page.get_mut("value").map(Value::take) {
                found.append(&mut values);
            }
            let Some(link) = page["@odata.nextLink"].as_str() else {
                return Ok(found);
            };
            page = self.send(Method::Get, self.url(link)?, None).await?;
        }
    }

    fn url(&self, path: &str) -> Result<Url, GraphError> {
        self.0
            .endpoint
            .join(path)
            .map_err(|error| GraphError::Transport(error.to_string()))
    }

    async fn send(
        &self,
        method: Method,
        url: Url,
        body: Option<&Value>,
    ) -> Result<Value, GraphError> {
        let body = body.map(|body| body.to_string().into());
        let (status, _, answer) = self.0.send(method, url, body).await?.deconstruct();
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
