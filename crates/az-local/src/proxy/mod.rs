//! The forward proxy on loopback through which every client reaches the instance.
//!
//! Plain HTTP/1.1 with `CONNECT` (RFC 9110, 9.3.6). Emulated hosts end here, in TLS with a
//! certificate of the instance's own authority; others are tunnelled.

mod answers;
mod exchange;
mod machines;
mod onward;

use crate::dispatch;
use crate::ground::hosts::{self, Host, Service};
use crate::instance::{Access, Instance};
use crate::state::proxy_clients::Client;
use crate::state::{StateError, vaults};
use answers::{
    Body, no_such_host, offline, own_answer, proxy_authentication_required, refuse, unreachable,
    whole,
};
use exchange::HangUp;
use http::{Method, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::ServerConfig;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// Accepts connections until the task is dropped.
pub(crate) async fn run(instance: Arc<Instance>, listener: TcpListener) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                tokio::spawn(serve_connection(Arc::clone(&instance), stream));
            }
            // Out of file descriptors, most likely: others will be closed.
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

fn http1_builder() -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new());
    builder
}

async fn serve_connection(instance: Arc<Instance>, stream: TcpStream) {
    // Answers are small and wait for nothing.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| proxy(Arc::clone(&instance), request));
    // What breaks here is this one connection, and the client knows as much as we do.
    let _ = http1_builder()
        .preserve_header_case(true)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades()
        .await;
}

/// Answers one request to the proxy itself.
async fn proxy(
    instance: Arc<Instance>,
    request: hyper::Request<Incoming>,
) -> Result<hyper::Response<Body>, HangUp> {
    let client = request
        .headers()
        .get(header::PROXY_AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| instance.clients.authenticate(value));
    let Some(client) = client else {
        return Ok(proxy_authentication_required());
    };
    if request.method() == Method::CONNECT {
        return Ok(connect(instance, client, request).await);
    }
    let Some(host) = request.uri().host().map(str::to_ascii_lowercase) else {
        return Ok(refuse(
            StatusCode::BAD_REQUEST,
            "NotAProxyRequest",
            "This is az-local's proxy: set it as HTTPS_PROXY and HTTP_PROXY (`az-local env`).",
        ));
    };
    match hosts::classify(&host) {
        Host::Emulated(Service::Imds) => {
            let answer = exchange::answer(instance, client, "http", host, request).await?;
            Ok(answer.map(whole))
        }
        Host::Emulated(_) => Ok(refuse(
            StatusCode::FORBIDDEN,
            "HttpsRequired",
            &format!("'{host}' answers over https only."),
        )),
        Host::Unemulated => Ok(own_answer(dispatch::unemulated(&host))),
        Host::Unreachable | Host::Public(_) => Ok(unreachable(&host)),
        Host::Other if instance.offline => Ok(offline(&host)),
        Host::Other | Host::Loopback => Ok(onward::forward(request, instance.offline).await),
    }
}

/// Answers a `CONNECT`.
async fn connect(
    instance: Arc<Instance>,
    client: Client,
    request: hyper::Request<Incoming>,
) -> hyper::Response<Body> {
    let Some((host, port)) = request
        .uri()
        .authority()
        .and_then(|authority| Some((authority.host().to_ascii_lowercase(), authority.port_u16()?)))
    else {
        return refuse(
            StatusCode::BAD_REQUEST,
            "InvalidAuthority",
            "CONNECT needs a host and a port.",
        );
    };
    let emulated = match hosts::classify(&host) {
        Host::Emulated(Service::Imds) | Host::Unreachable => return unreachable(&host),
        Host::Public(address) => {
            return machines::connect(instance, client, request, address, port).await;
        }
        Host::Emulated(service) => Some(service),
        Host::Unemulated if hosts::is_certifiable(&host) => None,
        Host::Unemulated => return own_answer(dispatch::unemulated(&host)),
        Host::Other if instance.offline => return offline(&host),
        Host::Other | Host::Loopback => {
            return onward::tunnel(request, &host, port, instance.offline).await;
        }
    };
    if emulated == Some(Service::KeyVault) {
        match vault_exists(&instance, &host).await {
            Ok(true) => {}
            Ok(false) => return no_such_host(&host),
            Err(error) => {
                return refuse(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "InternalServerError",
                    &error.to_string(),
                );
            }
        }
    }
    if port != 443 {
        return refuse(
            StatusCode::BAD_GATEWAY,
            "ConnectionRefused",
            &format!("'{host}' listens on port 443 only."),
        );
    }
    let tls = match instance.authority.server(&host) {
        Ok(tls) => tls,
        Err(error) => {
            return refuse(
                StatusCode::INTERNAL_SERVER_ERROR,
                "InternalServerError",
                &error.to_string(),
            );
        }
    };
    tokio::spawn(serve_tunnel(instance, client, request, host, tls));
    hyper::Response::new(whole(Full::default()))
}

/// Ends a tunnel here, in TLS, and answers what comes through it.
async fn serve_tunnel(
    instance: Arc<Instance>,
    client: Client,
    request: hyper::Request<Incoming>,
    host: String,
    tls: Arc<ServerConfig>,
) {
    // A client that goes away before it has its tunnel, or does not trust the certificate, is
    // the only one to be told, by its own closed connection.
    let Ok(upgraded) = hyper::upgrade::on(request).await else {
        return;
    };
    let Ok(stream) = TlsAcceptor::from(tls).accept(TokioIo::new(upgraded)).await else {
        return;
    };
    let service = service_fn(move |request| {
        exchange::answer(
            Arc::clone(&instance),
            client.clone(),
            "https",
            host.clone(),
            request,
        )
    });
    let _ = http1_builder()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

/// Looks the vault's name up, as a resolver would.
async fn vault_exists(instance: &Arc<Instance>, host: &str) -> Result<bool, StateError> {
    let working = Arc::clone(instance);
    let host = host.to_owned();
    let looked_up = instance.workers.run(move || {
        dispatch::settled(&working, Access::Read, |tx| {
            Ok::<_, StateError>(vaults::find_by_host(tx, &host)?.is_some())
        })
    });
    // A panic in there leaves nothing to resolve.
    looked_up.await.unwrap_or(Ok(false))
}
