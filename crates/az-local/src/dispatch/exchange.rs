//! One request to an emulated host: read whole, handed to its service, answered, logged.

use super::delivery::{Delivery, HangUp, deliver};
use super::error;
use crate::ground::wire::{Origin, Request, Response};
use crate::instance::Instance;
use crate::state::proxy_clients::Client;
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper_util::rt::TokioTimer;
use std::sync::Arc;

/// Longest request body that is taken (bytes).
const LONGEST_BODY: usize = 32 * 1024 * 1024;

/// What serves a connection, the proxy's own or one in a tunnel.
pub(crate) fn http1_builder() -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new());
    builder
}

/// Answers one request to `host`, which is emulated or Azure's.
pub(crate) async fn answer(
    instance: Arc<Instance>,
    client: Client,
    scheme: &'static str,
    host: String,
    request: hyper::Request<Incoming>,
) -> Result<hyper::Response<Delivery>, HangUp> {
    let origin = client.origin();
    let serve = move |instance: &Arc<Instance>, request: &Request| {
        super::answer(instance, &client, scheme, request)
    };
    answer_by(instance, origin, host, request, serve).await
}

/// Reads one request whole and answers what `serve` does, on a worker's thread.
pub(crate) async fn answer_by(
    instance: Arc<Instance>,
    origin: Origin,
    host: String,
    request: hyper::Request<Incoming>,
    serve: impl FnOnce(&Arc<Instance>, &Request) -> Response + Send + 'static,
) -> Result<hyper::Response<Delivery>, HangUp> {
    let (head, body) = request.into_parts();
    let query = head.uri.query().unwrap_or_default();
    let mut request = Request {
        method: head.method,
        path: head.uri.path().to_owned(),
        query: url::form_urlencoded::parse(query.as_bytes())
            .into_owned()
            .collect(),
        headers: without_hop_headers(head.headers),
        body: Bytes::new(),
        origin,
        host,
    };
    // A length that is announced is refused at once: its body need never be sent.
    if body.size_hint().lower() > LONGEST_BODY as u64 {
        return deliver(too_large()).await;
    }
    let response = match Limited::new(body, LONGEST_BODY).collect().await {
        Ok(body) => {
            request.body = body.to_bytes();
            let working = Arc::clone(&instance);
            let served = instance.workers.run(move || serve(&working, &request));
            served.await.ok_or(HangUp)?
        }
        Err(error) if error.is::<LengthLimitError>() => too_large(),
        Err(_) => return Err(HangUp),
    };
    if response.hang_up {
        return Err(HangUp);
    }
    // Clients hold this against their own clocks: no higher speed is in it.
    deliver(response.dated(instance.clock.read().wall)).await
}

/// An answer as the HTTP library has it.
pub(crate) fn into_http(response: Response) -> hyper::Response<Full<Bytes>> {
    let mut answer = hyper::Response::new(Full::new(response.body));
    *answer.status_mut() = response.status;
    *answer.headers_mut() = response.headers;
    answer
}

/// Headers that are the proxy's or the connection's own are not the services' business.
fn without_hop_headers(mut headers: HeaderMap) -> HeaderMap {
    for name in [
        "proxy-authorization",
        "proxy-connection",
        "connection",
        "keep-alive",
    ] {
        headers.remove(name);
    }
    headers
}

fn too_large() -> Response {
    error(
        StatusCode::PAYLOAD_TOO_LARGE,
        "RequestEntityTooLarge",
        &format!("The request's body is longer than {LONGEST_BODY} bytes."),
    )
}
