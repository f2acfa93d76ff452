//! What the proxy itself answers.

use super::exchange;
use crate::dispatch;
use crate::ground::wire::Response;
use bytes::Bytes;
use http::{HeaderValue, Method, StatusCode, header};
use http_body_util::{BodyExt, Full, combinators::BoxBody};

/// A body that is answered to a client: made here, or passed on.
pub(super) type Body = BoxBody<Bytes, hyper::Error>;

pub(super) fn whole(body: Full<Bytes>) -> Body {
    body.map_err(|never| match never {}).boxed()
}

pub(super) fn own_answer(response: Response) -> hyper::Response<Body> {
    exchange::into_http(response).map(whole)
}

/// An answer of the proxy itself.
pub(super) fn refuse(status: StatusCode, code: &str, message: &str) -> Response {
    dispatch::error(status, code, message)
}

pub(super) fn proxy_authentication_required(method: &Method) -> hyper::Response<Body> {
    let mut answer = own_answer(refuse(
        StatusCode::PROXY_AUTHENTICATION_REQUIRED,
        "ProxyAuthenticationRequired",
        "az-local's proxy takes only its own user's requests. `az-local env` has its credentials.",
    ));
    let headers = answer.headers_mut();
    headers.insert(
        header::PROXY_AUTHENTICATE,
        HeaderValue::from_static("Basic realm=\"az-local\", charset=\"UTF-8\""),
    );
    // The client of Azure's libraries for Java takes the connection for its tunnel all the same, sends its plain request
    // through it, and takes the proxy's answer for the metadata service's. Where the connection ends it opens another one,
    // with credentials.
    if method == Method::CONNECT {
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    answer
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
