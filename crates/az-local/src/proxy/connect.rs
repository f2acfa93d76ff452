//! `CONNECT`: a tunnel to an emulated host ends here, one to anybody else's goes on, and what is refused is logged.

use super::answers::{Body, no_such_host, no_tunnel, offline, refuse, unreachable, whole};
use super::{machines, onward};
use crate::dispatch::exchange::http1_builder;
use crate::dispatch::faulty;
use crate::dispatch::{self, exchange};
use crate::ground::hosts::{self, Host, Service};
use crate::ground::stderr;
use crate::ground::wire::Response;
use crate::instance::{Access, Instance};
use crate::state::proxy_clients::Client;
use crate::state::{StateError, vaults};
use http::StatusCode;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::rt::{Read, Write};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rustls::ServerConfig;
use serde_json::Value;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsAcceptor;

/// How long TLS may take to begin in a tunnel that was asked for.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// Answers a `CONNECT`.
pub(super) async fn connect(
    instance: Arc<Instance>,
    client: Client,
    request: hyper::Request<Incoming>,
) -> hyper::Response<Body> {
    let authority = request.uri().to_string();
    let opened = open(Arc::clone(&instance), client.clone(), request).await;
    let refusal = match opened {
        Ok(answer) => return answer,
        Err(refusal) => refusal,
    };
    let logged = refusal.clone();
    let working = Arc::clone(&instance);
    let log = move || log_refusal(&working, &client, &authority, &logged);
    // What is not logged for a panic is answered all the same.
    let _ = instance.workers.run(log).await;
    no_tunnel(refusal)
}

/// Opens the tunnel, or says why not.
async fn open(
    instance: Arc<Instance>,
    client: Client,
    request: hyper::Request<Incoming>,
) -> Result<hyper::Response<Body>, Response> {
    let Some((host, port)) = request
        .uri()
        .authority()
        .and_then(|authority| Some((authority.host().to_ascii_lowercase(), authority.port_u16()?)))
    else {
        return Err(refuse(
            StatusCode::BAD_REQUEST,
            "InvalidAuthority",
            "CONNECT needs a host and a port.",
        ));
    };
    match way(&instance, &client, &host, port).await? {
        Way::Here { host, tls } => {
            tokio::spawn(async move {
                // A client that goes away before it has its tunnel, or does not trust the certificate, is
                // the only one to be told, by its own closed connection.
                if let Ok(upgraded) = hyper::upgrade::on(request).await {
                    serve_stream(instance, client, host, tls, TokioIo::new(upgraded)).await;
                }
            });
            Ok(hyper::Response::new(whole(Full::default())))
        }
        Way::Machine(address) => machines::connect(instance, client, request, address, port).await,
        Way::ThisComputer | Way::Onward => {
            onward::tunnel(request, &host, port, instance.offline).await
        }
    }
}

/// Where a connection leads.
pub(super) enum Way {
    /// To what is answered here, in TLS where there is any.
    Here {
        host: String,
        tls: Option<Arc<ServerConfig>>,
    },
    /// To the machine that has this public address.
    Machine(Ipv4Addr),
    /// To a program on this computer.
    ThisComputer,
    /// To somebody else's host.
    Onward,
}

/// Where a connection to a host (in lower case) and port leads, or why nowhere.
pub(super) async fn way(
    instance: &Arc<Instance>,
    client: &Client,
    host: &str,
    port: u16,
) -> Result<Way, Response> {
    let emulated = match hosts::classify(host) {
        // The desk has no such network. A plain request is left unanswered there; undici asks for its tunnel again and again
        // until it is told.
        Host::Emulated(Service::Imds) if client.machine.is_none() => {
            return Err(unreachable(host));
        }
        Host::Emulated(service) => Some(service),
        Host::Unreachable => return Err(unreachable(host)),
        Host::Public(address) => return Ok(Way::Machine(address)),
        Host::Unemulated if hosts::is_certifiable(hosts::without_root(host)) => None,
        Host::Unemulated => return Err(dispatch::unemulated(host)),
        Host::Other if instance.offline => return Err(offline(host)),
        Host::Loopback => return Ok(Way::ThisComputer),
        Host::Other => return Ok(Way::Onward),
    };
    let host = hosts::without_root(host).to_owned();
    if emulated == Some(Service::KeyVault) {
        let exists = vault_exists(instance, &host).await;
        if !exists.map_err(|error| failed(&error.to_string()))? {
            return Err(no_such_host(&host));
        }
    }
    let plain = emulated == Some(Service::Imds);
    let listens_on = if plain { 80 } else { 443 };
    if port != listens_on {
        return Err(refuse(
            StatusCode::BAD_GATEWAY,
            "ConnectionRefused",
            &format!("'{host}' listens on port {listens_on} only."),
        ));
    }
    let tls = match plain {
        true => None,
        false => {
            let brief = instance
                .faults
                .certificate(|| faulty::connected(client, &host));
            let tls = match brief {
                None => instance.authority.server(&host),
                Some(time) => instance.authority.server_for(&host, time),
            };
            Some(tls.map_err(|error| failed(&error.to_string()))?)
        }
    };
    Ok(Way::Here { host, tls })
}

fn failed(message: &str) -> Response {
    refuse(
        StatusCode::INTERNAL_SERVER_ERROR,
        "InternalServerError",
        message,
    )
}

/// Answers what comes through a connection, in TLS where there is any.
pub(super) async fn serve_stream<S>(
    instance: Arc<Instance>,
    client: Client,
    host: String,
    tls: Option<Arc<ServerConfig>>,
    stream: S,
) where
    S: AsyncRead + AsyncWrite + Unpin,
{
    match tls {
        None => serve(instance, client, "http", host, TokioIo::new(stream)).await,
        Some(tls) => {
            let accepting = TlsAcceptor::from(tls).accept(stream);
            if let Ok(Ok(stream)) = tokio::time::timeout(HANDSHAKE_TIMEOUT, accepting).await {
                serve(instance, client, "https", host, TokioIo::new(stream)).await;
            }
        }
    }
}

async fn serve(
    instance: Arc<Instance>,
    client: Client,
    scheme: &'static str,
    host: String,
    stream: impl Read + Write + Unpin,
) {
    let service = service_fn(move |request| {
        exchange::answer(
            Arc::clone(&instance),
            client.clone(),
            scheme,
            host.clone(),
            request,
        )
    });
    let _ = http1_builder().serve_connection(stream, service).await;
}

/// Looks the vault's name up, as a resolver would.
pub(super) async fn vault_exists(instance: &Arc<Instance>, host: &str) -> Result<bool, StateError> {
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

/// Writes to the request log that a connection was refused, and why.
pub(super) fn log_refusal(
    instance: &Instance,
    client: &Client,
    authority: &str,
    refusal: &Response,
) {
    let Some(log) = &instance.log else {
        return;
    };
    let answer = serde_json::from_slice(&refusal.body).unwrap_or(Value::Null);
    let (caller, now) = (client.caller(), instance.clock.now());
    if let Err(error) = log.write_connection(authority, refusal.status, &answer, &caller, now) {
        stderr::say(format_args!(
            "the request log could not be written: {error}"
        ));
    }
}
