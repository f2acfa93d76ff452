//! A host's endpoint as a server on loopback.

use crate::dispatch;
use crate::dispatch::exchange::{answer_by, http1_builder};
use crate::ground::gate::{Gate, Stranger};
use crate::ground::wire::{Origin, Request};
use crate::instance::Instance;
use crate::managed_identity::Endpoint;
use hyper::rt::{Read, Write};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rustls::ServerConfig;
use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};
use tokio_rustls::TlsAcceptor;

/// A server that runs until its task is ended.
pub(super) struct Opened {
    pub(super) port: u16,
    pub(super) task: AbortHandle,
}

/// Opens a port of this computer's own, and serves the endpoint there.
pub(super) fn open(
    instance: &Arc<Instance>,
    endpoint: &Arc<Endpoint>,
    tls: Option<Arc<ServerConfig>>,
) -> io::Result<Opened> {
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    listener.set_nonblocking(true)?;
    let listener = TcpListener::from_std(listener)?;
    let port = listener.local_addr()?.port();
    let server = Server {
        instance: Arc::clone(instance),
        endpoint: Arc::clone(endpoint),
        tls,
        host: format!("127.0.0.1:{port}"),
    };
    let task = tokio::spawn(run(server, listener)).abort_handle();
    Ok(Opened { port, task })
}

#[derive(Clone)]
struct Server {
    instance: Arc<Instance>,
    endpoint: Arc<Endpoint>,
    tls: Option<Arc<ServerConfig>>,
    host: String,
}

/// Accepts connections until the task is ended, and they with it.
async fn run(server: Server, listener: TcpListener) {
    let mut connections = JoinSet::new();
    let gate = Gate::new();
    let accept = async || {
        gate.room().await;
        listener.accept().await
    };
    loop {
        tokio::select! {
            accepted = accept() => match accepted {
                Ok((stream, _)) => {
                    let stranger = Arc::new(gate.enter());
                    connections.spawn(serve_connection(server.clone(), stream, stranger));
                }
                // Out of file descriptors, most likely.
                Err(_) => {
                    gate.turn_oldest_away();
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn serve_connection(server: Server, stream: TcpStream, stranger: Arc<Stranger>) {
    let _ = stream.set_nodelay(true);
    let asks = Arc::clone(&stranger);
    let serving = async {
        match server.tls.clone() {
            None => serve(server, asks, "http", TokioIo::new(stream)).await,
            // Who does not take the certificate goes away.
            Some(tls) => {
                if let Ok(stream) = TlsAcceptor::from(tls).accept(stream).await {
                    serve(server, asks, "https", TokioIo::new(stream)).await;
                }
            }
        }
    };
    tokio::select! {
        () = serving => {}
        () = stranger.turned_away() => {}
    }
}

async fn serve(
    server: Server,
    stranger: Arc<Stranger>,
    scheme: &'static str,
    stream: impl Read + Write + Unpin,
) {
    let service = service_fn(move |request| {
        let stranger = Arc::clone(&stranger);
        let endpoint = Arc::clone(&server.endpoint);
        let serve = move |instance: &Arc<Instance>, request: &Request| {
            let response = dispatch::answer_on_host(instance, &endpoint, scheme, request);
            // Who gets a token has shown the host's secret.
            if response.status.is_success() {
                stranger.is_known();
            }
            response
        };
        let instance = Arc::clone(&server.instance);
        answer_by(instance, Origin::Host, server.host.clone(), request, serve)
    });
    // What breaks here is this one connection, and the client knows as much as we do.
    let _ = http1_builder().serve_connection(stream, service).await;
}
