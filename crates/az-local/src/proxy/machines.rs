//! Connections to machines: a `CONNECT` to a public IP address.

use super::answers::{Body, refuse, whole};
use crate::dispatch;
use crate::ground::stderr;
use crate::ground::wire::Response;
use crate::instance::{Access, Instance};
use crate::machines::inbound::{self, Unreached, Within};
use crate::machines::ssh;
use crate::state::machine::{self, VirtualMachine};
use crate::state::network::Attachment;
use crate::state::proxy_clients::Client;
use crate::state::{Resource, StateError};
use http::StatusCode;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use serde_json::json;
use std::net::Ipv4Addr;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};

/// Connects the caller to the machine behind an address, if its network lets it.
pub(super) async fn connect(
    instance: Arc<Instance>,
    client: Client,
    request: hyper::Request<Incoming>,
    address: Ipv4Addr,
    port: u16,
) -> Result<hyper::Response<Body>, Response> {
    let machine = find(&instance, client, address, port).await?;
    tokio::spawn(async move {
        // Whoever is gone before the tunnel is open wants none.
        if let Ok(upgraded) = hyper::upgrade::on(request).await {
            serve(instance, machine, address, TokioIo::new(upgraded)).await;
        }
    });
    Ok(hyper::Response::new(whole(Full::default())))
}

/// The machine behind an address, if its network lets the caller reach it.
pub(super) async fn find(
    instance: &Arc<Instance>,
    client: Client,
    address: Ipv4Addr,
    port: u16,
) -> Result<Resource, Response> {
    let looking = Arc::clone(instance);
    looked_up(instance, move || look_up(&looking, &client, address, port)).await
}

/// The machine that has an address of the caller's virtual network, if it may be reached there by SSH.
pub(super) async fn find_within(
    instance: &Arc<Instance>,
    client: Client,
    from: Attachment,
    address: Ipv4Addr,
    port: u16,
) -> Result<Resource, Response> {
    let looking = Arc::clone(instance);
    let look_up = move || {
        dispatch::settle(&looking)?;
        let served = looking.serve(Access::Read, client.caller(), |cx| {
            let sender = match &client.machine {
                Some(reference) => machine::find_running(cx.tx, &reference.key, &reference.vm_id)?,
                None => None,
            };
            // A machine that is gone or stopped has no network any more.
            if sender.is_none() {
                return Ok::<_, StateError>(Err(Unreached::NoSuchAddress(address)));
            }
            let sent = Within {
                from: &from,
                to: address,
                protocol: inbound::TCP,
                port,
            };
            let reached = inbound::reach_within(cx, &sent)?;
            Ok(reached.and_then(|machine| match port {
                inbound::SSH if !VirtualMachine::of(&machine).is_windows() => Ok(machine),
                _ => Err(Unreached::Refused {
                    address,
                    port,
                    name: machine.name().to_owned(),
                }),
            }))
        });
        served.result
    };
    looked_up(instance, look_up).await
}

/// What a look-up comes to.
async fn looked_up<L>(instance: &Arc<Instance>, look_up: L) -> Result<Resource, Response>
where
    L: FnOnce() -> Result<Result<Resource, Unreached>, StateError> + Send + 'static,
{
    match instance.workers.run(look_up).await {
        Some(Ok(Ok(machine))) => Ok(machine),
        Some(Ok(Err(unreached))) => {
            let message = unreached.to_string();
            Err(refuse(status(&unreached), unreached.code(), &message))
        }
        Some(Err(error)) => Err(failed(&error.to_string())),
        None => Err(failed("the look-up failed unexpectedly")),
    }
}

/// Is a machine's SSH server on a connection.
pub(super) async fn serve<S>(
    instance: Arc<Instance>,
    machine: Resource,
    address: Ipv4Addr,
    stream: S,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let name = machine.name().to_owned();
    if let Err(error) = ssh::serve(instance, machine, address, stream).await {
        stderr::say(format_args!("'{name}': {error}"));
    }
}

/// Finds the machine, and writes to the log that it was reached.
fn look_up(
    instance: &Arc<Instance>,
    client: &Client,
    address: Ipv4Addr,
    port: u16,
) -> Result<Result<Resource, Unreached>, StateError> {
    dispatch::settle(instance)?;
    let served = instance.serve(Access::Read, client.caller(), |cx| {
        let from = match &client.machine {
            None => inbound::DESK,
            Some(reference) => {
                match machine::find_running(cx.tx, &reference.key, &reference.vm_id)? {
                    Some(machine) => inbound::source(cx, &machine)?,
                    // A machine that is gone or stopped has no network any more.
                    None => return Ok::<_, StateError>(Err(Unreached::NoSuchAddress(address))),
                }
            }
        };
        inbound::reach(cx, address, port, from)
    });
    let (found, caller) = (served.result, served.caller);
    if let (Some(log), Ok(Ok(machine))) = (&instance.log, &found) {
        let (answer, authority) = (json!({"machine": machine.id}), format!("{address}:{port}"));
        let (status, time) = (StatusCode::OK, instance.clock.now());
        if let Err(error) = log.write_connection(&authority, status, &answer, &caller, time) {
            stderr::say(format_args!(
                "the request log could not be written: {error}"
            ));
        }
    }
    found
}

fn status(unreached: &Unreached) -> StatusCode {
    match unreached {
        Unreached::Denied { .. } | Unreached::NoSecurityGroup(_) => StatusCode::FORBIDDEN,
        _ => StatusCode::BAD_GATEWAY,
    }
}

fn failed(message: &str) -> Response {
    refuse(
        StatusCode::INTERNAL_SERVER_ERROR,
        "InternalServerError",
        message,
    )
}
