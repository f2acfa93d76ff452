//! What a machine can know about itself: `/metadata/instance`.

use super::versions::{VERSIONS, is_version};
use crate::ground::wire::{Request, Response};
use crate::request::Context;
use crate::state::machine::VirtualMachine;
use crate::state::network::{NetworkInterface, Subnet, VirtualNetwork};
use crate::state::{Resource, StateError};
use http::StatusCode;
use serde_json::{Value, json};

/// `GET /metadata/instance/…`: the document, or the part of it that the path leads to.
pub(super) fn answer(
    cx: &Context<'_>,
    request: &Request,
    machine: &Resource,
    path: &[&str],
) -> Result<Response, StateError> {
    let version = match request.query("api-version") {
        Some(version) if is_version(version) => version,
        given => {
            let fault = match given {
                None => "api-version was not specified in the request".to_owned(),
                Some(version) => format!("api-version '{version}' is invalid"),
            };
            let newest: Vec<&str> = VERSIONS.iter().rev().take(3).copied().collect();
            return Ok(Response::json(
                StatusCode::BAD_REQUEST,
                &json!({
                    "error": format!("Bad request. {fault}. For more information refer to aka.ms/azureimds"),
                    "newest-versions": newest,
                }),
            ));
        }
    };
    let document = json!({"compute": compute(machine, version)?, "network": network(cx, machine)?});
    let mut part = &document;
    for step in path {
        let next = match part {
            Value::Array(items) => step
                .parse::<usize>()
                .ok()
                .and_then(|index| items.get(index)),
            other => other.get(*step),
        };
        match next {
            Some(next) => part = next,
            None => {
                return Ok(Response::json(
                    StatusCode::NOT_FOUND,
                    &json!({"error": "Not found"}),
                ));
            }
        }
    }
    Ok(if request.query("format") == Some("text") {
        text(part)
    } else if part.is_object() || part.is_array() {
        Response::json(StatusCode::OK, part)
    } else {
        refuse(
            "Requested API version or format is not supported for this path; a leaf needs format=text",
        )
    })
}

/// A leaf as it is; of anything else the names of what is below it, a line each.
fn text(part: &Value) -> Response {
    let listing = |name: &str, below: &Value| {
        if below.is_object() || below.is_array() {
            format!("{name}/")
        } else {
            name.to_owned()
        }
    };
    let text = match part {
        Value::Object(members) => {
            let lines: Vec<String> = members
                .iter()
                .map(|(name, below)| listing(name, below))
                .collect();
            lines.join("\n")
        }
        Value::Array(items) => {
            let lines: Vec<String> = items
                .iter()
                .enumerate()
                .map(|(index, below)| listing(&index.to_string(), below))
                .collect();
            lines.join("\n")
        }
        Value::String(leaf) => leaf.clone(),
        other => other.to_string(),
    };
    let mut response = Response::empty(StatusCode::OK);
    response.body = text.into();
    response.with_header("content-type", "text/plain; charset=utf-8")
}

/// Members that came later than the first version, as
/// <https://learn.microsoft.com/azure/virtual-machines/instance-metadata-service#instance-metadata> dates them.
const INTRODUCED: [(&str, &str); 2] = [("customData", "2019-02-01"), ("userData", "2021-01-01")];

/// What the service answers of what a machine does not have.
const NONE: &str = "";

fn compute(machine: &Resource, version: &str) -> Result<Value, StateError> {
    let vm = VirtualMachine::of(machine);
    let at = |profile: &str, pointer: &str| vm.at(profile, pointer).unwrap_or(&Value::Null);
    let shown = |value: &Value| match value {
        Value::Null => json!(NONE),
        value => value.clone(),
    };
    let storage = |pointer: &str| shown(at("storageProfile", pointer));
    let image = |name: &str| storage(&format!("/imageReference/{name}"));
    // IMDS writes truth as text.
    let flag = |profile: &str, pointer: &str| (at(profile, pointer) == &json!(true)).to_string();
    let pairs = tags(machine);
    let mut compute = json!({
        "azEnvironment": "AzurePublicCloud",
        // Azure has since disabled this member for `userData`
        // (<https://learn.microsoft.com/azure/virtual-machines/instance-metadata-service#instance-metadata>), and its
        // machines find their custom data on a disk that cloud-init reads. There is none here: this shows it.
        "customData": vm.custom_data().unwrap_or(NONE),
        "evictionPolicy": "",
        "isHostCompatibilityLayerVm": "false",
        "licenseType": shown(at("licenseType", "")),
        "location": machine.location(),
        "name": machine.name(),
        "offer": image("offer"),
        "osProfile": {
            "adminUsername": vm.admin().unwrap_or(NONE),
            "computerName": vm.computer().unwrap_or(NONE),
            "disablePasswordAuthentication": vm.takes_only_keys().to_string(),
        },
        "osType": storage("/osDisk/osType"),
        "placementGroupId": "",
        "plan": {"name": "", "product": "", "publisher": ""},
        "platformFaultDomain": "0",
        "platformUpdateDomain": "0",
        "priority": shown(at("priority", "")),
        "provider": "Microsoft.Compute",
        "publicKeys": vm.public_keys(),
        "publisher": image("publisher"),
        "resourceGroupName": machine.group(),
        "resourceId": machine.id,
        "securityProfile": {
            "encryptionAtHost": "false",
            "secureBootEnabled": flag("securityProfile", "/uefiSettings/secureBootEnabled"),
            "securityType": shown(at("securityProfile", "/securityType")),
            "virtualTpmEnabled": flag("securityProfile", "/uefiSettings/vTpmEnabled"),
        },
        "sku": image("sku"),
        "storageProfile": storage_profile(&storage, &image),
        "subscriptionId": machine.subscription(),
        "tags": pairs
            .iter()
            .map(|(name, value)| format!("{name}:{value}"))
            .collect::<Vec<_>>()
            .join(";"),
        "tagsList": pairs
            .iter()
            .map(|(name, value)| json!({"name": name, "value": value}))
            .collect::<Vec<_>>(),
        "userData": vm.user_data().unwrap_or(NONE),
        "version": image("exactVersion"),
        "vmId": vm.vm_id()?,
        "vmScaleSetName": "",
        "vmSize": shown(at("hardwareProfile", "/vmSize")),
        "zone": machine.body.get("zones").and_then(|zones| zones.get(0)).map_or(json!(NONE), shown),
    });
    if let Some(members) = compute.as_object_mut() {
        // Versions are dates: they compare as text.
        members.retain(|name, _| {
            INTRODUCED
                .iter()
                .all(|(later, since)| later != name || version >= *since)
        });
    }
    Ok(compute)
}

fn tags(machine: &Resource) -> Vec<(&str, &str)> {
    let tags = machine.body.get("tags").and_then(Value::as_object);
    tags.into_iter()
        .flatten()
        .filter_map(|(name, value)| Some((name.as_str(), value.as_str()?)))
        .collect()
}

fn storage_profile(storage: &dyn Fn(&str) -> Value, image: &dyn Fn(&str) -> Value) -> Value {
    json!({
        "imageReference": {
            "id": image("id"),
            "offer": image("offer"),
            "publisher": image("publisher"),
            "sku": image("sku"),
            "version": image("version"),
        },
        "osDisk": {
            "caching": storage("/osDisk/caching"),
            "createOption": storage("/osDisk/createOption"),
            "name": storage("/osDisk/name"),
            "osType": storage("/osDisk/osType"),
        },
        "dataDisks": [],
    })
}

/// The machine's interfaces. Public addresses of the Standard SKU are not shown, as in Azure.
fn network(cx: &Context<'_>, machine: &Resource) -> Result<Value, StateError> {
    let mut interfaces = Vec::new();
    for joined in VirtualMachine::of(machine).interfaces() {
        let Some(interface) = cx.tx.get::<Resource>(&Resource::key_of(joined.id))? else {
            continue;
        };
        let nic = NetworkInterface::of(&interface);
        let mut addresses = Vec::new();
        let mut subnets = Vec::new();
        for configuration in nic.configurations() {
            if let Some(address) = configuration.private_address() {
                addresses.push(json!({"privateIpAddress": address, "publicIpAddress": NONE}));
            }
            if let Some(id) = configuration.subnet() {
                subnets.extend(subnet(cx, id)?);
            }
        }
        interfaces.push(json!({
            "ipv4": {"ipAddress": addresses, "subnet": subnets},
            "ipv6": {"ipAddress": []},
            "macAddress": nic.hardware_address().unwrap_or(NONE).replace('-', ""),
        }));
    }
    Ok(json!({"interface": interfaces}))
}

/// A subnet's address and prefix length; it stands in its network's body.
fn subnet(cx: &Context<'_>, id: &str) -> Result<Option<Value>, StateError> {
    let Some((network, name)) = Subnet::parts(id) else {
        return Ok(None);
    };
    let Some(network) = cx.tx.get::<Resource>(&Resource::key_of(network))? else {
        return Ok(None);
    };
    let subnet = VirtualNetwork::of(&network).subnet(name);
    let prefix = subnet.and_then(|subnet| subnet.prefix()?.split_once('/'));
    Ok(prefix.map(|(address, length)| json!({"address": address, "prefix": length})))
}

/// An error of the instance endpoint.
pub(super) fn refuse(description: &str) -> Response {
    Response::json(
        StatusCode::BAD_REQUEST,
        &json!({"error": format!("Bad request. {description}")}),
    )
}
