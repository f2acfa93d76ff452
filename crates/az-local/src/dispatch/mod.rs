//! One request, from its host name to its answer: what is due is done, its service answers, what it wrote is kept or
//! undone, and what it asked for is carried out.

pub(crate) mod delivery;
pub(crate) mod exchange;
pub(crate) mod faulty;
#[cfg(test)]
mod tests;

use crate::arm;
use crate::entra;
use crate::graph;
use crate::ground::hosts::{self, Host, Service};
use crate::ground::stderr;
use crate::ground::wire::{Caller, Request, Response};
use crate::imds;
use crate::instance::{Access, Instance};
use crate::keyvault;
use crate::kubernetes;
use crate::machines::effects;
use crate::managed_identity::{self, Endpoint};
use crate::request::Context;
use crate::state::faults::Twist;
use crate::state::proxy_clients::Client;
use crate::state::{StateError, Transaction, due, machine};
use http::{Method, StatusCode};
use serde_json::json;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

/// Why a transaction is undone.
enum Undone {
    /// The service refused or failed; this is its answer.
    Answer(Box<Response>),
    State(StateError),
}

impl From<StateError> for Undone {
    fn from(error: StateError) -> Self {
        Undone::State(error)
    }
}

/// Answers one request, and writes it to the log.
pub(crate) fn answer(
    instance: &Arc<Instance>,
    client: &Client,
    scheme: &str,
    request: &Request,
) -> Response {
    let met = instance.faults.meet(|| faulty::asked(client, request));
    logged(instance, scheme, request, || match met {
        None => serve(instance, client, request, &Twist::default()),
        Some(met) => faulty::answer(instance, client, request, met, |twist| {
            serve(instance, client, request, twist)
        }),
    })
}

/// Answers one request to a host's own endpoint for tokens, and writes it to the log.
pub(crate) fn answer_on_host(
    instance: &Arc<Instance>,
    endpoint: &Endpoint,
    scheme: &str,
    request: &Request,
) -> Response {
    let caller = Caller {
        host: Some(endpoint.kind().name()),
        ..Caller::default()
    };
    let shown = endpoint.without_secret(request);
    logged(instance, scheme, &shown, || {
        within(instance, Access::Read, caller, &Twist::default(), |cx| {
            Ok(managed_identity::handle(cx, request, endpoint))
        })
    })
}

fn logged(
    instance: &Arc<Instance>,
    scheme: &str,
    request: &Request,
    serve: impl FnOnce() -> (Response, Caller),
) -> Response {
    let started = Instant::now();
    // A panic in a service has undone its transaction; the server goes on.
    let served = catch_unwind(AssertUnwindSafe(serve));
    let (response, caller) = served.unwrap_or_else(|_| {
        stderr::say(format_args!(
            "the service failed unexpectedly at {} https://{}{}",
            request.method, request.host, request.path
        ));
        (
            internal_error("the service failed unexpectedly"),
            Caller::default(),
        )
    });
    if let Some(log) = &instance.log {
        let time = instance.clock.now();
        let written = log.write(scheme, request, &response, &caller, time, started.elapsed());
        if let Err(error) = written {
            stderr::say(format_args!(
                "the request log could not be written: {error}"
            ));
        }
    }
    response
}

/// Does what is due by the clock, a transaction for each part of it.
pub(crate) fn settle(instance: &Arc<Instance>) -> Result<(), StateError> {
    instance.keep_pace()?;
    loop {
        let now = instance.clock.now();
        if instance.store.read(|tx| due::next(tx, now))?.is_none() {
            return Ok(());
        }
        let served = instance.serve(Access::Write, Caller::default(), |cx| {
            // Somebody else may have done it meanwhile.
            if let Some(due) = due::next(cx.tx, cx.now)?
                && arm::due::step(cx, &due.effect)?
            {
                due::forget(cx.tx, &due.effect)?;
            }
            Ok::<_, StateError>(())
        });
        served.result?;
        effects::carry_out(instance, served.effects);
    }
}

/// Runs `work` after everything that is due has been done, as one transaction.
pub(crate) fn settled<R, E: From<StateError>>(
    instance: &Arc<Instance>,
    access: Access,
    work: impl FnOnce(&Transaction<'_>) -> Result<R, E>,
) -> Result<R, E> {
    settle(instance)?;
    match access {
        Access::Read => instance.store.read(work),
        Access::Write => instance.store.write(work),
    }
}

fn serve(
    instance: &Arc<Instance>,
    client: &Client,
    request: &Request,
    twist: &Twist,
) -> (Response, Caller) {
    let caller = client.caller();
    let Host::Emulated(service) = hosts::classify(&request.host) else {
        return (unemulated(&request.host), caller);
    };
    within(instance, access(service, request), caller, twist, |cx| {
        handle(instance, cx, client, service, request)
    })
}

/// Answers one request within a transaction of its own, once what is due has been done.
fn within(
    instance: &Arc<Instance>,
    access: Access,
    caller: Caller,
    twist: &Twist,
    work: impl FnOnce(&Context<'_>) -> Result<Response, StateError>,
) -> (Response, Caller) {
    // The signing key may still be in the making: wait for it here, where nobody else has to.
    if let Err(error) = instance.keys.current() {
        return (internal_error(&error.to_string()), caller);
    }
    if let Err(error) = settle(instance) {
        return (state_error(&error), caller);
    }
    let served = instance.serve_twisted(access, caller, twist, |cx| {
        let response = work(cx)?;
        // What is refused leaves nothing behind.
        if response.status.is_client_error()
            || response.status.is_server_error()
            || response.hang_up
        {
            Err(Undone::Answer(Box::new(response)))
        } else {
            Ok(response)
        }
    });
    effects::carry_out(instance, served.effects);
    let response = match served.result {
        Ok(response) => response,
        Err(Undone::Answer(response)) => *response,
        Err(Undone::State(error)) => state_error(&error),
    };
    (response, served.caller)
}

/// Whether a request can write anything: those that cannot run beside each other.
fn access(service: Service, request: &Request) -> Access {
    match (service, &request.method) {
        (Service::Entra | Service::Imds | Service::ClusterIssuer, _)
        | (_, &Method::GET | &Method::HEAD) => Access::Read,
        (Service::Graph, &Method::POST) if graph::is_question(&request.path) => Access::Read,
        (Service::ResourceManager | Service::KeyVault | Service::Graph, _) => Access::Write,
    }
}

fn handle(
    instance: &Instance,
    cx: &Context<'_>,
    client: &Client,
    service: Service,
    request: &Request,
) -> Result<Response, StateError> {
    // A machine that is gone or stopped has no network any more.
    if let Some(reference) = &client.machine
        && machine::find_running(cx.tx, &reference.key, &reference.vm_id)?.is_none()
    {
        return Ok(Response::hang_up());
    }
    let handle = |request: &Request| match service {
        Service::Entra => entra::handle(cx, request),
        Service::Graph => graph::handle(cx, request),
        Service::Imds => imds::handle(cx, request),
        Service::ClusterIssuer => kubernetes::handle(cx, request),
        Service::ResourceManager => arm::handle(cx, request),
        // Where there is no vault, nobody answers.
        Service::KeyVault => keyvault::handle(cx, request),
    };
    #[cfg(feature = "mutations")]
    let response = instance.mutation.answer(request, handle);
    #[cfg(not(feature = "mutations"))]
    let response = {
        let _ = instance;
        handle(request)
    };
    Ok(response)
}

/// The answer for a host of Azure's that is not emulated.
pub(crate) fn unemulated(host: &str) -> Response {
    error(
        StatusCode::NOT_IMPLEMENTED,
        "HostNotEmulated",
        &format!(
            "az-local does not emulate '{host}'. The request has not left this computer. Emulated \
             are login.microsoftonline.com, management.azure.com, graph.microsoft.com, \
             *.vault.azure.net, *.oic.prod-aks.azure.com and, on virtual machines, 169.254.169.254."
        ),
    )
}

/// What is answered where the state could not be read or written: nothing of it was kept.
fn state_error(error: &StateError) -> Response {
    match error {
        StateError::Full => {
            let status = StatusCode::INSUFFICIENT_STORAGE;
            self::error(status, "InsufficientStorage", &error.to_string())
        }
        _ => internal_error(&error.to_string()),
    }
}

fn internal_error(message: &str) -> Response {
    error(
        StatusCode::INTERNAL_SERVER_ERROR,
        "InternalServerError",
        message,
    )
}

/// An answer of az-local's own, in the form that Azure's errors have.
pub(crate) fn error(status: StatusCode, code: &str, message: &str) -> Response {
    Response::json(
        status,
        &json!({"error": {"code": code, "message": message}}),
    )
    .with_header("x-az-local-error", code)
}
