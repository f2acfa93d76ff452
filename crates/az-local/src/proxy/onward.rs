//! Requests to hosts that are not Azure's: passed on unread.

use super::answers::{Body, own_answer, refuse, unreachable, whole};
use crate::ground::hosts::{self, Host};
use crate::ground::wire::Response;
use http::{HeaderValue, StatusCode, Uri, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use std::io;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};

/// How long a connection to another host may take to open.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);

/// Why there is no connection.
enum Unconnected {
    /// The name stands for an address of Azure's own networks.
    Unreachable,
    Failed(io::Error),
}

/// Opens the tunnel that a `CONNECT` asks for. `offline`: to this computer only.
pub(super) async fn tunnel(
    request: hyper::Request<Incoming>,
    host: &str,
    port: u16,
    offline: bool,
) -> Result<hyper::Response<Body>, Response> {
    let opened = open(host, port, offline, true).await;
    let mut stream = opened.map_err(|error| unconnected(host, error))?;
    tokio::spawn(async move {
        if let Ok(upgraded) = hyper::upgrade::on(request).await {
            let _ = tokio::io::copy_bidirectional(&mut TokioIo::new(upgraded), &mut stream).await;
        }
    });
    Ok(hyper::Response::new(whole(Full::default())))
}

/// Carries a machine's connection to somebody else's host. This computer is none: nothing of it can be seen from a machine.
pub(super) async fn carry<S>(
    mut stream: S,
    host: &str,
    port: u16,
    offline: bool,
) -> Result<(), Response>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let opened = open(host, port, offline, false).await;
    let mut there = opened.map_err(|error| unconnected(host, error))?;
    // Either side may go when it likes.
    let _ = tokio::io::copy_bidirectional(&mut stream, &mut there).await;
    Ok(())
}

/// Passes a plain request on, and its answer back.
pub(super) async fn forward(
    mut request: hyper::Request<Incoming>,
    offline: bool,
) -> hyper::Response<Body> {
    let Some(host) = request.uri().host().map(str::to_owned) else {
        return own_answer(refuse(
            StatusCode::BAD_REQUEST,
            "InvalidUri",
            "The request's URL has no host.",
        ));
    };
    let port = request.uri().port_u16().unwrap_or(80);
    let stream = match open(&host, port, offline, true).await {
        Ok(stream) => stream,
        Err(error) => return own_answer(unconnected(&host, error)),
    };
    let authority = request
        .uri()
        .authority()
        .map(|authority| authority.as_str().to_owned());
    let origin_form = request
        .uri()
        .path_and_query()
        .map_or("/", |path| path.as_str())
        .parse();
    *request.uri_mut() = origin_form.unwrap_or_else(|_| Uri::from_static("/"));
    for name in [
        "proxy-authorization",
        "proxy-connection",
        "connection",
        "keep-alive",
        "te",
    ] {
        request.headers_mut().remove(name);
    }
    if let Some(value) = authority.and_then(|authority| HeaderValue::try_from(authority).ok()) {
        request.headers_mut().insert(header::HOST, value);
    }
    let sent = async {
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        sender.send_request(request).await
    };
    match sent.await {
        Ok(answer) => answer.map(|body| body.map_err(Into::into).boxed()),
        Err(error) => own_answer(refuse(
            StatusCode::BAD_GATEWAY,
            "BadGateway",
            &format!("'{host}' did not answer: {error}"),
        )),
    }
}

/// Connects to a host, after a look at where its name leads. `loopback`: it may be this computer.
async fn open(
    host: &str,
    port: u16,
    offline: bool,
    loopback: bool,
) -> Result<TcpStream, Unconnected> {
    // What a fuzzer makes up is not looked for.
    if cfg!(feature = "fuzzing") {
        return Err(Unconnected::Failed(io::ErrorKind::NotFound.into()));
    }
    let name = host.trim_matches(['[', ']']);
    let connect = async {
        let mut last = None;
        for address in lookup_host((name, port))
            .await
            .map_err(Unconnected::Failed)?
        {
            match hosts::classify_address(address.ip()) {
                Host::Loopback if loopback => {}
                Host::Other if !offline => {}
                _ => {
                    last = Some(Unconnected::Unreachable);
                    continue;
                }
            }
            match TcpStream::connect(address).await {
                Ok(stream) => return Ok(stream),
                Err(error) => last = Some(Unconnected::Failed(error)),
            }
        }
        Err(last.unwrap_or_else(|| Unconnected::Failed(io::ErrorKind::NotFound.into())))
    };
    tokio::time::timeout(CONNECT_TIMEOUT, connect)
        .await
        .unwrap_or_else(|_| Err(Unconnected::Failed(io::ErrorKind::TimedOut.into())))
}

fn unconnected(host: &str, error: Unconnected) -> Response {
    match error {
        Unconnected::Unreachable => unreachable(host),
        Unconnected::Failed(error) => refuse(
            StatusCode::BAD_GATEWAY,
            "BadGateway",
            &format!("'{host}' cannot be reached: {error}"),
        ),
    }
}
