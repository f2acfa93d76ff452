//! A good answer of Resource Manager's, and whether it is one.

use super::{
    error::{ArmError, request_id},
    watch::Watched,
};
use azure_core::http::{
    Method, RawResponse, Url,
    headers::{HeaderName, Headers},
};
use serde_json::Value;
use std::sync::Arc;

/// An answer with a good status.
#[derive(Clone)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The headers; `Azure-AsyncOperation` and `Location` among them.
    pub headers: Headers,
    /// The body; null where there is none.
    pub body: Value,
    pub(super) what: String,
    pub(super) method: Method,
    pub(super) url: Url,
    /// The write that it answers.
    pub(super) watched: Option<Arc<dyn Watched>>,
}

impl Answer {
    /// Reads an answer.
    ///
    /// # Errors
    /// It is an error, or no JSON.
    pub(super) fn read(
        what: String,
        method: Method,
        url: Url,
        response: RawResponse,
    ) -> Result<Self, ArmError> {
        let (status, headers, answer) = response.deconstruct();
        tracing::debug!(%what, status = u16::from(status), request_id = request_id(&headers), "answered");
        if !status.is_success() {
            return Err(ArmError::from_answer(&what, status, &headers, &answer));
        }
        let body = if answer.is_empty() {
            Value::Null
        } else {
            serde_json::from_slice(&answer).map_err(|error| ArmError::Unexpected {
                what: what.clone(),
                reason: format!("the answer is not JSON: {error}"),
            })?
        };
        Ok(Answer {
            status: u16::from(status),
            headers,
            body,
            what,
            method,
            url,
            watched: None,
        })
    }

    /// An error that says what is odd about the answer.
    pub(super) fn unexpected(&self, reason: &str) -> ArmError {
        ArmError::Unexpected {
            what: self.what.clone(),
            reason: reason.to_owned(),
        }
    }

    /// What was put is in the answer, unless an operation is still to make it.
    pub(super) fn is_of_a_write(&self) -> Result<(), ArmError> {
        let is_whole = self.method == Method::Put
            && matches!(self.status, 200 | 201)
            && self.header("azure-asyncoperation").is_none()
            && self.header("location").is_none();
        if is_whole {
            self.check_resource()
        } else {
            Ok(())
        }
    }

    /// Neither nothing nor `{}` is an answer to a question.
    pub(super) fn check_says_something(&self) -> Result<(), ArmError> {
        let says_something = match &self.body {
            Value::Object(members) => !members.is_empty(),
            Value::Array(_) => true,
            _ => false,
        };
        if says_something {
            return Ok(());
        }
        Err(self.unexpected("its answer says nothing"))
    }

    /// Every resource has an id; what has none must not be taken for one.
    pub(super) fn check_resource(&self) -> Result<(), ArmError> {
        match self.body["id"].as_str() {
            Some(id) if !id.is_empty() => Ok(()),
            _ => Err(self.unexpected("a resource was expected, and the answer has no id")),
        }
    }

    pub(super) fn header(&self, name: &'static str) -> Option<String> {
        self.headers
            .get_optional_string(&HeaderName::from_static(name))
    }
}

/// Method and path, as errors name a request: query strings are noise there.
pub(super) fn what(method: Method, url: &Url) -> String {
    format!("{} {}", method.as_str(), url.path())
}
