//! One request to an emulated host: read whole, handed to its service, answered, logged.

use crate::ground::hosts::{self, Host, Service};
use crate::ground::wire::{Caller, Origin, Request, Response};
use crate::instance::Instance;
use crate::state::StateError;
use crate::state::machine;
use crate::state::proxy_clients::Client;
use crate::{arm, entra, graph, imds, keyvault};
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::{Body, Incoming};
use serde_json::json;
use std::sync::Arc;
use std::time::Instant;

/// Longest request body that is taken (bytes).
const LONGEST_BODY: usize = 32 * 1024 * 1024;

/// The connection is closed without an answer.
#[derive(Debug, thiserror::Error)]
#[error("closed without an answer")]
pub(crate) struct HangUp;

/// Why a transaction is undone.
enum Undone {
    /// The service failed; this is its answer.
    Answer(Box<Response>),
    State(StateError),
}

impl From<StateError> for Undone {
    fn from(error: StateError) -> Self {
        Undone::State(error)
    }
}

/// Answers one request to `host`, which is emulated or Azure's.
pub(crate) async fn answer(
    instance: Arc<Instance>,
    client: Client,
    scheme: &'static str,
    host: String,
    request: hyper::Request<Incoming>,
) -> Result<hyper::Response<Full<Bytes>>, HangUp> {
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
        origin: client.origin(),
        host,
    };
    // A length that is announced is refused at once: its body need never be sent.
    if body.size_hint().lower() > LONGEST_BODY as u64 {
        return Ok(into_http(too_large()));
    }
    let response = match Limited::new(body, LONGEST_BODY).collect().await {
        Ok(body) => {
            request.body = body.to_bytes();
            let served = tokio::task::spawn_blocking(move || {
                serve_and_log(&instance, &client, scheme, &request)
            });
            // A panic in a service has undone its transaction; the server goes on.
            served
                .await
                .unwrap_or_else(|_| internal_error("the service failed unexpectedly"))
        }
        Err(error) if error.is::<LengthLimitError>() => too_large(),
        Err(_) => return Err(HangUp),
    };
    if response.hang_up {
        return Err(HangUp);
    }
    Ok(into_http(response))
}

/// An answer as the HTTP library has it.
pub(super) fn into_http(response: Response) -> hyper::Response<Full<Bytes>> {
    let mut answer = hyper::Response::new(Full::new(response.body));
    *answer.status_mut() = response.status;
    *answer.headers_mut() = response.headers;
    answer
}

fn serve_and_log(
    instance: &Instance,
    client: &Client,
    scheme: &str,
    request: &Request,
) -> Response {
    let started = Instant::now();
    let (response, caller) = serve(instance, client, request);
    if let Some(log) = &instance.log {
        let time = instance.clock.now();
        let written = log.write(scheme, request, &response, &caller, time, started.elapsed());
        if let Err(error) = written {
            eprintln!("az-local: the request log could not be written: {error}");
        }
    }
    response
}

fn serve(instance: &Instance, client: &Client, request: &Request) -> (Response, Caller) {
    let caller = Caller {
        machine: match &request.origin {
            Origin::Machine(key) => Some(key.clone()),
            Origin::Desk => None,
        },
        ..Caller::default()
    };
    let Host::Emulated(service) = hosts::classify(&request.host) else {
        return (unemulated(&request.host), caller);
    };
    // The signing key may still be in the making: wait for it here, where nobody else has to.
    if let Err(error) = instance.keys.current() {
        return (internal_error(&error.to_string()), caller);
    }
    let (result, caller) = instance.serve(caller, |cx| {
        arm::settle(cx)?;
        // A machine that is gone or stopped has no network any more.
        if let Some(reference) = &client.machine {
            let machine = machine::find_running(cx.tx, &reference.key, &reference.vm_id)?;
            if machine.is_none() {
                return Err(Undone::Answer(Box::new(Response::hang_up())));
            }
        }
        if service == Service::KeyVault && !keyvault::exists(cx.tx, &request.host)? {
            return Ok(Response::hang_up());
        }
        let handle = |request: &Request| match service {
            Service::Entra => entra::handle(cx, request),
            Service::Graph => graph::handle(cx, request),
            Service::Imds => imds::handle(cx, request),
            Service::ResourceManager => arm::handle(cx, request),
            Service::KeyVault => keyvault::handle(cx, request),
        };
        #[cfg(feature = "mutations")]
        let response = instance.mutation.answer(request, handle);
        #[cfg(not(feature = "mutations"))]
        let response = handle(request);
        if response.status.is_server_error() {
            Err(Undone::Answer(Box::new(response)))
        } else {
            Ok(response)
        }
    });
    let response = match result {
        Ok(response) => response,
        Err(Undone::Answer(response)) => *response,
        Err(Undone::State(error)) => internal_error(&error.to_string()),
    };
    (response, caller)
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

/// The answer for a host of Azure's that is not emulated.
pub(crate) fn unemulated(host: &str) -> Response {
    error(
        StatusCode::NOT_IMPLEMENTED,
        "HostNotEmulated",
        &format!(
            "az-local does not emulate '{host}'. The request has not left this computer. Emulated \
             are login.microsoftonline.com, management.azure.com, graph.microsoft.com, \
             *.vault.azure.net and, on virtual machines, 169.254.169.254."
        ),
    )
}

fn too_large() -> Response {
    error(
        StatusCode::PAYLOAD_TOO_LARGE,
        "RequestEntityTooLarge",
        &format!("The request's body is longer than {LONGEST_BODY} bytes."),
    )
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
