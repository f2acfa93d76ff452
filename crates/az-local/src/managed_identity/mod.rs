//! Tokens for managed identities on hosts other than virtual machines: each has an endpoint of its own on loopback, with
//! its own rules for who may ask (`docs/hosts.md`).

mod app_service;
mod arc;
pub(crate) mod challenges;
mod cloud_shell;
mod endpoint;
mod issue;
mod kept;
mod kind;
mod machine_learning;
mod refusal;
mod service_fabric;

use crate::ground::wire::{Request, Response};
use crate::request::Context;
pub(crate) use endpoint::{Endpoint, Holder, Identity};
use http::StatusCode;
pub use kind::HostKind;

/// Answers one request to a host's endpoint.
pub(crate) fn handle(cx: &Context<'_>, request: &Request, endpoint: &Endpoint) -> Response {
    match endpoint.kind() {
        HostKind::AppService | HostKind::Functions => app_service::answer(cx, request, endpoint),
        HostKind::Arc => arc::answer(cx, request, endpoint),
        HostKind::AzureMl => machine_learning::answer(cx, request, endpoint),
        HostKind::CloudShell => cloud_shell::answer(cx, request, endpoint),
        HostKind::ServiceFabric => service_fabric::answer(cx, request, endpoint),
        // Its tokens come from Entra ID itself.
        HostKind::Kubernetes => Response::empty(StatusCode::NOT_FOUND),
    }
}
