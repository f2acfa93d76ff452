//! Stand-in.

use crate::context::Context;
use crate::wire::{Request, Response};
use http::StatusCode;

pub(crate) fn handle(_: &Context<'_>, _: &Request) -> Response {
    Response::empty(StatusCode::NOT_IMPLEMENTED)
}

pub(crate) fn exists(
    _: &crate::state::Transaction<'_>,
    _: &str,
) -> Result<bool, crate::state::StateError> {
    Ok(false)
}
