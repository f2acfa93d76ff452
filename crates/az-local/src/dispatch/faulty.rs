//! Requests that meet a fault.

use crate::ground::hosts::{self, Host, Service};
use crate::ground::wire::{Caller, Loss, Request, Response};
use crate::instance::Instance;
use crate::state::faults::{Action, Asked, Breach, Met, Twist};
use crate::state::proxy_clients::Client;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use std::sync::Arc;

/// A request as faults see it.
pub(super) fn asked(client: &Client, request: &Request) -> Asked {
    let mut callers = callers(client);
    callers.extend(bearers(request));
    Asked {
        service: service(&request.host),
        host: request.host.clone(),
        method: request.method.as_str().to_owned(),
        path: request.path.clone(),
        callers,
    }
}

/// A connection to a host as faults see it.
pub(crate) fn connected(client: &Client, host: &str) -> Asked {
    Asked {
        service: service(host),
        host: host.to_owned(),
        method: "CONNECT".to_owned(),
        path: String::new(),
        callers: callers(client),
    }
}

fn service(host: &str) -> Service {
    match hosts::classify(host) {
        Host::Emulated(service) => service,
        // Nobody else's requests come here.
        _ => Service::ResourceManager,
    }
}

fn callers(client: &Client) -> Vec<String> {
    match client.caller().machine {
        None => vec!["desk".to_owned()],
        Some(id) => {
            let name = id.rsplit('/').next().unwrap_or_default().to_owned();
            vec![name, id]
        }
    }
}

/// Whom the token says that it is for. It is not checked here: whoever forges one gets a fault of somebody else's.
fn bearers(request: &Request) -> Vec<String> {
    let read = || -> Option<Value> {
        let token = request.header("authorization")?.strip_prefix("Bearer ")?;
        let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
        serde_json::from_slice(&claims).ok()
    };
    let Some(claims) = read() else {
        return Vec::new();
    };
    ["oid", "appid"]
        .iter()
        .filter_map(|name| Some(claims[*name].as_str()?.to_owned()))
        .collect()
}

/// Answers a request as its fault says.
pub(super) fn answer(
    instance: &Arc<Instance>,
    client: &Client,
    request: &Request,
    met: Met,
    serve: impl Fn(&Twist) -> (Response, Caller),
) -> (Response, Caller) {
    let as_usual = || serve(&Twist::default());
    let (mut response, caller) = match met.action {
        Action::Answer(other) => {
            let (own, caller) = match other.after {
                true => {
                    let (own, caller) = as_usual();
                    (Some(own), caller)
                }
                false => (None, client.caller()),
            };
            let now = instance.clock.read().wall;
            (other.in_place_of(own, service(&request.host), now), caller)
        }
        Action::Connection(Breach::Before) => (Response::hang_up(), client.caller()),
        Action::Connection(breach) => {
            let (mut response, caller) = as_usual();
            response.loss = Some(match breach {
                Breach::Cut => Loss::Half,
                Breach::Stalled(time) => Loss::Stalled(time),
                Breach::Dripped(time) => Loss::Dripped(time),
                Breach::Before | Breach::After => Loss::Whole,
            });
            (response, caller)
        }
        Action::Twist(twist) => {
            let (response, caller) = serve(&twist);
            let date = instance.clock.read().wall + twist.clock;
            (response.dated(date), caller)
        }
        Action::Certificate(_) => as_usual(),
    };
    response.fault = Some(met.name);
    (response, caller)
}
