//! The forward proxy on loopback through which every client reaches the instance.
//!
//! Plain HTTP/1.1 with `CONNECT` (RFC 9110, 9.3.6). Emulated hosts end here, in TLS with a
//! certificate of the instance's own authority; others are tunnelled.

mod answers;
mod connect;
pub(crate) mod gateway;
mod machines;
mod onward;

use crate::dispatch::delivery::HangUp;
use crate::dispatch::exchange::http1_builder;
use crate::dispatch::{self, exchange};
use crate::ground::gate::{Gate, Stranger};
use crate::ground::hosts::{self, Host, Service};
use crate::instance::Instance;
use answers::{
    Body, delivered, no_tunnel, offline, own_answer, proxy_authentication_required, refuse,
    unreachable,
};
use http::{Method, StatusCode, header};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;

/// Accepts connections until the task is dropped.
pub(crate) async fn run(instance: Arc<Instance>, listener: TcpListener) {
    let gate = Gate::new();
    loop {
        gate.room().await;
        match listener.accept().await {
            Ok((stream, _)) => {
                // Answers are small and wait for nothing.
                let _ = stream.set_nodelay(true);
                let stranger = Arc::new(gate.enter());
                tokio::spawn(serve_connection(Arc::clone(&instance), stream, stranger));
            }
            // Out of file descriptors, most likely.
            Err(_) => {
                gate.turn_oldest_away();
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }
}

/// Answers what comes through one connection, until it ends or becomes a tunnel.
pub(crate) async fn serve_connection<S>(instance: Arc<Instance>, stream: S, stranger: Arc<Stranger>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let asks = Arc::clone(&stranger);
    let service =
        service_fn(move |request| proxy(Arc::clone(&instance), Arc::clone(&asks), request));
    let serving = http1_builder()
        .preserve_header_case(true)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    // What breaks here is this one connection, and the client knows as much as we do.
    tokio::select! {
        _ = serving => {}
        () = stranger.turned_away() => {}
    }
}

/// Answers one request to the proxy itself.
async fn proxy(
    instance: Arc<Instance>,
    stranger: Arc<Stranger>,
    request: hyper::Request<Incoming>,
) -> Result<hyper::Response<Body>, HangUp> {
    let client = request
        .headers()
        .get(header::PROXY_AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| instance.clients.authenticate(value));
    let Some(client) = client else {
        let refusal = proxy_authentication_required();
        return Ok(match *request.method() {
            Method::CONNECT => no_tunnel(refusal),
            _ => own_answer(refusal),
        });
    };
    stranger.is_known();
    if request.method() == Method::CONNECT {
        return Ok(connect::connect(instance, client, request).await);
    }
    let Some(host) = request.uri().host().map(str::to_ascii_lowercase) else {
        return Ok(own_answer(refuse(
            StatusCode::BAD_REQUEST,
            "NotAProxyRequest",
            "This is az-local's proxy: set it as HTTPS_PROXY and HTTP_PROXY (`az-local env`).",
        )));
    };
    match hosts::classify(&host) {
        Host::Emulated(Service::Imds) => {
            let host = hosts::without_root(&host).to_owned();
            let answer = exchange::answer(instance, client, "http", host, request).await?;
            Ok(answer.map(delivered))
        }
        Host::Emulated(_) => Ok(own_answer(refuse(
            StatusCode::FORBIDDEN,
            "HttpsRequired",
            &format!("'{host}' answers over https only."),
        ))),
        Host::Unemulated => Ok(own_answer(dispatch::unemulated(&host))),
        Host::Unreachable | Host::Public(_) => Ok(own_answer(unreachable(&host))),
        Host::Other if instance.offline => Ok(own_answer(offline(&host))),
        Host::Other | Host::Loopback => Ok(onward::forward(request, instance.offline).await),
    }
}
