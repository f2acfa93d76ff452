//! The addresses under which others reach the machine
//! (<https://learn.microsoft.com/azure/load-balancer/howto-load-balancer-imds>).

use super::instance::wrong_version;
use super::versions::{VERSIONS, is_version};
use crate::ground::wire::{Request, Response};
use crate::request::Context;
use crate::state::machine::VirtualMachine;
use crate::state::network::{IpConfiguration, NetworkInterface, PublicAddress};
use crate::state::{Resource, StateError};
use http::StatusCode;
use serde_json::{Value, json};

const FIRST_VERSION: &str = "2020-10-01";

/// `GET /metadata/loadbalancer`: the machine's own addresses of the Standard SKU, since there are no load balancers.
pub(super) fn answer(
    cx: &Context<'_>,
    request: &Request,
    machine: &Resource,
) -> Result<Response, StateError> {
    match request.query("api-version") {
        Some(version) if is_version(version) && version >= FIRST_VERSION => {}
        _ => return Ok(wrong_version(VERSIONS)),
    }
    let mut addresses = Vec::new();
    for joined in VirtualMachine::of(machine).interfaces() {
        let Some(interface) = cx.tx.get::<Resource>(&Resource::key_of(joined.id))? else {
            continue;
        };
        for configuration in NetworkInterface::of(&interface).configurations() {
            addresses.extend(address(cx, configuration)?);
        }
    }
    if addresses.is_empty() {
        // <https://learn.microsoft.com/azure/load-balancer/troubleshoot-load-balancer-imds>
        return Ok(Response::json(
            StatusCode::NOT_FOUND,
            &json!({"error": "No load balancer metadata is found. Please check if your VM is using any non-basic SKU load balancer and retry later."}),
        ));
    }
    let balancer = json!({"publicIpAddresses": addresses, "inboundRules": [], "outboundRules": []});
    Ok(Response::json(
        StatusCode::OK,
        &json!({"loadbalancer": balancer}),
    ))
}

fn address(
    cx: &Context<'_>,
    configuration: IpConfiguration<'_>,
) -> Result<Option<Value>, StateError> {
    let Some(id) = configuration.public_address() else {
        return Ok(None);
    };
    let Some(resource) = cx.tx.get::<Resource>(&Resource::key_of(id))? else {
        return Ok(None);
    };
    let public = PublicAddress::of(&resource);
    Ok(public.address().filter(|_| public.is_standard()).map(|front| {
        json!({"frontendIpAddress": front, "privateIpAddress": configuration.private_address()})
    }))
}
