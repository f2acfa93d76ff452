//! What the proxy itself answers.

use crate::dispatch::delivery::Delivery;
use crate::dispatch::{self, exchange};
use crate::ground::wire::Response;
use bytes::Bytes;
use http::StatusCode;
use http_body_util::{BodyExt, Full, combinators::BoxBody};

/// A body that is answered to a client: made here, or passed on.
pub(super) type Body = BoxBody<Bytes, Box<dyn std::error::Error + Send + Sync>>;

pub(super) fn whole(body: Full<Bytes>) -> Body {
    body.map_err(|never| match never {}).boxed()
}

/// What an emulated host answers.
pub(super) fn delivered(body: Delivery) -> Body {
    body.map_err(Into::into).boxed()
}

pub(super) fn own_answer(response: Response) -> hyper::Response<Body> {
    exchange::into_http(response).map(whole)
}

/// An answer of the proxy itself.
pub(super) fn refuse(status: StatusCode, code: &str, message: &str) -> Response {
    dispatch::error(status, code, message)
}

/// The refusal of a tunnel. The connection ends with it.
///
/// The client of Azure's libraries for Java takes the connection for its tunnel all the same, sends its plain request through
/// it, and takes the proxy's next answer for the host's. Where the connection ends it opens another one.
pub(super) fn no_tunnel(refusal: Response) -> hyper::Response<Body> {
    own_answer(refusal.with_header("connection", "close"))
}

/// What a caller without credentials is told.
pub(super) fn proxy_authentication_required() -> Response {
    let refusal = refuse(
        StatusCode::PROXY_AUTHENTICATION_REQUIRED,
        "ProxyAuthenticationRequired",
        "az-local's proxy takes only its own user's requests. `az-local env` has its credentials.",
    );
    refusal.with_header(
        "proxy-authenticate",
        "Basic realm=\"az-local\", charset=\"UTF-8\"",
    )
}

pub(super) fn unreachable(host: &str) -> Response {
    refuse(
        StatusCode::FORBIDDEN,
        "HostUnreachable",
        &format!("'{host}' is an address of Azure's own networks, and nothing answers there."),
    )
}

pub(super) fn offline(host: &str) -> Response {
    refuse(
        StatusCode::FORBIDDEN,
        "Offline",
        &format!("az-local was started with --offline and does not connect to '{host}'."),
    )
}

pub(super) fn no_such_host(host: &str) -> Response {
    refuse(
        StatusCode::BAD_GATEWAY,
        "NoSuchHost",
        &format!("{host}: no such host. No vault of this name exists."),
    )
}
