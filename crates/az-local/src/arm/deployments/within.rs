//! The requests that a deployment makes: it is a client of Resource Manager.

use crate::arm::call::{Allowance, Call, Router};
use crate::arm::error::Error;
use crate::arm::path::Path;
use crate::ground::wire::Response;
use crate::request::Context;
use crate::state::StateError;
use http::Method;
use serde_json::Value;
use std::cell::Cell;

/// Answers the calls that a deployment makes, and tells those that they cause how much is left.
pub(super) struct Within<'a> {
    pub(super) router: &'a dyn Router,
    /// How many deployments are around the calls.
    pub(super) depth: usize,
    pub(super) left: &'a Cell<u64>,
}

impl Router for Within<'_> {
    fn route(&self, call: &Call<'_>) -> Result<Response, Error> {
        self.router.route(call)
    }

    fn remove(&self, cx: &Context<'_>, id: &str) -> Result<(), StateError> {
        self.router.remove(cx, id)
    }

    fn allowance(&self) -> Option<Allowance<'_>> {
        Some(Allowance {
            depth: self.depth,
            left: self.left,
        })
    }
}

impl Call<'_> {
    /// A request of the deployment's own to Resource Manager, with the caller's rights. Gives the answer's body.
    pub(super) fn within(
        &self,
        method: Method,
        id: &str,
        version: &str,
        body: Option<&Value>,
    ) -> Result<Value, Error> {
        let request = crate::ground::wire::Request {
            method,
            host: self.request.host.clone(),
            path: id
                .split('/')
                .map(|segment| {
                    percent_encoding::utf8_percent_encode(
                        segment,
                        percent_encoding::NON_ALPHANUMERIC,
                    )
                    .to_string()
                })
                .collect::<Vec<_>>()
                .join("/"),
            query: vec![("api-version".to_owned(), version.to_owned())],
            headers: http::HeaderMap::new(),
            body: body.map(Value::to_string).unwrap_or_default().into(),
            origin: self.request.origin.clone(),
        };
        let call = Call {
            cx: self.cx,
            path: Path::of(&request)?,
            request: &request,
            principal: self.principal.clone(),
            api_version: version.to_owned(),
            router: self.router,
        };
        crate::arm::version::check(&call)?;
        let response = self.router.route(&call)?;
        Ok(serde_json::from_slice(&response.body).unwrap_or_default())
    }
}
