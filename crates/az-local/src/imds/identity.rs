//! Tokens for the machine's identities
//! (<https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token>).

use super::versions::is_version;
use crate::entra::is_known_resource;
use crate::entra::token::{self, Proof};
use crate::ground::wire::{Request, Response};
use crate::request::Context;
use crate::state::machine::VirtualMachine;
use crate::state::{Resource, ServicePrincipal, StateError, Subscription};
use http::StatusCode;
use serde_json::json;

/// The first version with tokens.
const FIRST_VERSION: &str = "2018-02-01";

/// An identity that the machine has: its service principal and its resource id.
struct Identity {
    principal: ServicePrincipal,
    resource_id: String,
    is_system: bool,
}

/// `GET /metadata/identity/oauth2/token`
pub(super) fn token(
    cx: &Context<'_>,
    request: &Request,
    machine: &Resource,
) -> Result<Response, StateError> {
    if let Err(reason) = check_version(request) {
        return Ok(refuse(&reason));
    }
    let Some(resource) = request
        .query("resource")
        .filter(|resource| !resource.is_empty())
    else {
        return Ok(refuse("Required query variable 'resource' is missing"));
    };
    let identity = match choose(request, identities(cx, machine)?) {
        Ok(identity) => identity,
        Err(reason) => return Ok(refuse(reason)),
    };
    if !is_known_resource(resource) {
        let message = format!(
            "AADSTS500011: The resource principal named {resource} was not found in the tenant \
             named {}. This can happen if the application has not been installed by the \
             administrator of the tenant or consented to by any user in the tenant. You might have \
             sent your authentication request to the wrong tenant.",
            identity.principal.tenant_id
        );
        return Ok(Response::json(
            StatusCode::BAD_REQUEST,
            &json!({"error": "invalid_resource", "error_description": message}),
        ));
    }
    note(cx, &identity.principal);
    let proof = Proof::Machine {
        identity: identity.resource_id,
        machine: machine.id.clone(),
    };
    let issued = match token::issue(cx, &identity.principal, resource, &proof) {
        Ok(issued) => issued,
        Err(error) => {
            return Ok(Response::json(
                StatusCode::INTERNAL_SERVER_ERROR,
                &json!({"error": "server_error", "error_description": error.to_string()}),
            ));
        }
    };
    let lifetime = issued.lifetime.whole_seconds().to_string();
    Ok(Response::json(
        StatusCode::OK,
        &json!({
            "access_token": issued.jwt,
            "client_id": identity.principal.app_id,
            "expires_in": lifetime,
            "expires_on": issued.expires.unix_timestamp().to_string(),
            "ext_expires_in": lifetime,
            "not_before": issued.not_before.unix_timestamp().to_string(),
            "resource": resource,
            "token_type": "Bearer",
        }),
    ))
}

fn check_version(request: &Request) -> Result<(), String> {
    match request.query("api-version") {
        None => Err("Required query variable 'api-version' is missing".to_owned()),
        Some(version) if !is_version(version) || version < FIRST_VERSION => {
            Err(format!("The api-version '{version}' is not supported"))
        }
        Some(_) => Ok(()),
    }
}

/// `GET /metadata/identity/info`: the tenant of the machine's subscription, identity or not
/// (MicrosoftDocs/entra-docs, docs/identity/devices/howto-vm-sign-in-azure-ad-windows.md).
pub(super) fn info(
    cx: &Context<'_>,
    request: &Request,
    machine: &Resource,
) -> Result<Response, StateError> {
    if let Err(reason) = check_version(request) {
        return Ok(refuse(&reason));
    }
    let key = machine.subscription().to_ascii_lowercase();
    let subscription: Option<Subscription> = cx.tx.get(&key)?;
    let subscription = subscription.ok_or_else(|| machine.lacks("its subscription"))?;
    Ok(Response::json(
        StatusCode::OK,
        &json!({"tenantId": subscription.tenant_id}),
    ))
}

fn note(cx: &Context<'_>, principal: &ServicePrincipal) {
    let mut caller = cx.caller.borrow_mut();
    caller.oid = Some(principal.object_id.clone());
    caller.appid = Some(principal.app_id.clone());
    caller.tid = Some(principal.tenant_id.clone());
}

/// The identities that the machine has now.
fn identities(cx: &Context<'_>, machine: &Resource) -> Result<Vec<Identity>, StateError> {
    let mut found = Vec::new();
    let Some(identity) = VirtualMachine::of(machine).identity() else {
        return Ok(found);
    };
    if let Some(object_id) = identity.system_assigned()
        && let Some(principal) = cx.tx.get::<ServicePrincipal>(object_id)?
    {
        found.push(Identity {
            principal,
            resource_id: machine.id.clone(),
            is_system: true,
        });
    }
    for id in identity.user_assigned() {
        let key = id.to_ascii_lowercase();
        let principal: Option<ServicePrincipal> =
            cx.tx.find(ServicePrincipal::BY_RESOURCE, &key)?;
        if let Some(principal) = principal {
            found.push(Identity {
                resource_id: principal
                    .managed_identity
                    .clone()
                    .unwrap_or_else(|| id.to_owned()),
                principal,
                is_system: false,
            });
        }
    }
    Ok(found)
}

/// The identity that the request asks for, or why there is none.
fn choose(request: &Request, identities: Vec<Identity>) -> Result<Identity, &'static str> {
    const NOT_FOUND: &str = "Identity not found";
    let selectors: Vec<(&str, &str)> = ["client_id", "object_id", "msi_res_id", "mi_res_id"]
        .into_iter()
        .filter_map(|name| Some((name, request.query(name)?)))
        .filter(|(_, value)| !value.is_empty())
        .collect();
    match selectors.as_slice() {
        [] => {
            let mut left: Vec<Identity> = identities;
            if let Some(system) = left.iter().position(|identity| identity.is_system) {
                return Ok(left.swap_remove(system));
            }
            match left.len() {
                0 => Err(NOT_FOUND),
                1 => Ok(left.swap_remove(0)),
                _ => Err(
                    "Multiple user assigned identities exist, please specify the clientId / \
                     resourceId of the identity in the token request",
                ),
            }
        }
        [(name, value)] => identities
            .into_iter()
            .find(|identity| {
                let held = match *name {
                    "client_id" => &identity.principal.app_id,
                    "object_id" => &identity.principal.object_id,
                    _ => &identity.resource_id,
                };
                held.eq_ignore_ascii_case(value)
            })
            .ok_or(NOT_FOUND),
        _ => Err("Only one of client_id, object_id and msi_res_id may be specified"),
    }
}

/// An error of the token endpoint.
pub(super) fn refuse(description: &str) -> Response {
    Response::json(
        StatusCode::BAD_REQUEST,
        &json!({"error": "invalid_request", "error_description": description}),
    )
}
