//! What a machine can know about itself: `/metadata/instance`.

use super::versions::{VERSIONS, is_version};
use crate::ground::wire::{Request, Response};
use crate::request::Context;
use crate::state::machine;
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
    let document = json!({"compute": compute(machine, version), "network": network(cx, machine)?});
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

fn compute(machine: &Resource, version: &str) -> Value {
    let body = Value::Object(machine.body.clone());
    let at = |pointer: &str| body.pointer(pointer).cloned().unwrap_or_else(|| json!(""));
    let image = |name: &str| at(&format!("/properties/storageProfile/imageReference/{name}"));
    let segments: Vec<&str> = machine.id.split('/').collect();
    let segment = |index: usize| segments.get(index).copied().unwrap_or_default();
    let pairs = tags(&body);
    // IMDS writes truth as text.
    let flag = |pointer: &str| (at(pointer) == json!(true)).to_string();
    let keys: Vec<Value> = body
        .pointer("/properties/osProfile/linuxConfiguration/ssh/publicKeys")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    let mut compute = json!({
        "azEnvironment": "AzurePublicCloud",
        // Azure has since disabled this member for `userData`
        // (<https://learn.microsoft.com/azure/virtual-machines/instance-metadata-service#instance-metadata>), and its
        // machines find their custom data on a disk that cloud-init reads. There is none here: this shows it.
        "customData": machine.hidden.get("customData").cloned().unwrap_or_else(|| json!("")),
        "evictionPolicy": "",
        "isHostCompatibilityLayerVm": "false",
        "licenseType": at("/properties/licenseType"),
        "location": at("/location"),
        "name": machine.name(),
        "offer": image("offer"),
        "osProfile": {
            "adminUsername": at("/properties/osProfile/adminUsername"),
            "computerName": at("/properties/osProfile/computerName"),
            "disablePasswordAuthentication":
                flag("/properties/osProfile/linuxConfiguration/disablePasswordAuthentication"),
        },
        "osType": at("/properties/storageProfile/osDisk/osType"),
        "placementGroupId": "",
        "plan": {"name": "", "product": "", "publisher": ""},
        "platformFaultDomain": "0",
        "platformUpdateDomain": "0",
        "priority": at("/properties/priority"),
        "provider": "Microsoft.Compute",
        "publicKeys": keys,
        "publisher": image("publisher"),
        "resourceGroupName": segment(4),
        "resourceId": machine.id,
        "securityProfile": {
            "encryptionAtHost": "false",
            "secureBootEnabled":
                flag("/properties/securityProfile/uefiSettings/secureBootEnabled"),
            "securityType": at("/properties/securityProfile/securityType"),
            "virtualTpmEnabled":
                flag("/properties/securityProfile/uefiSettings/vTpmEnabled"),
        },
        "sku": image("sku"),
        "storageProfile": storage_profile(&at, &image),
        "subscriptionId": segment(2),
        "tags": pairs
            .iter()
            .map(|(name, value)| format!("{name}:{value}"))
            .collect::<Vec<_>>()
            .join(";"),
        "tagsList": pairs
            .iter()
            .map(|(name, value)| json!({"name": name, "value": value}))
            .collect::<Vec<_>>(),
        "userData": machine.hidden.get("userData").cloned().unwrap_or_else(|| json!("")),
        "version": image("exactVersion"),
        "vmId": machine::vm_id(machine),
        "vmScaleSetName": "",
        "vmSize": at("/properties/hardwareProfile/vmSize"),
        "zone": at("/zones/0"),
    });
    if let Some(members) = compute.as_object_mut() {
        // Versions are dates: they compare as text.
        members.retain(|name, _| {
            INTRODUCED
                .iter()
                .all(|(later, since)| later != name || version >= *since)
        });
    }
    compute
}

fn tags(body: &Value) -> Vec<(String, String)> {
    let tags = body.get("tags").and_then(Value::as_object);
    tags.into_iter()
        .flatten()
        .map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned()))
        .collect()
}

fn storage_profile(at: &dyn Fn(&str) -> Value, image: &dyn Fn(&str) -> Value) -> Value {
    json!({
        "imageReference": {
            "id": image("id"),
            "offer": image("offer"),
            "publisher": image("publisher"),
            "sku": image("sku"),
            "version": image("version"),
        },
        "osDisk": {
            "caching": at("/properties/storageProfile/osDisk/caching"),
            "createOption": at("/properties/storageProfile/osDisk/createOption"),
            "name": at("/properties/storageProfile/osDisk/name"),
            "osType": at("/properties/storageProfile/osDisk/osType"),
        },
        "dataDisks": [],
    })
}

/// The machine's interfaces. Public addresses of the Standard SKU are not shown, as in Azure.
fn network(cx: &Context<'_>, machine: &Resource) -> Result<Value, StateError> {
    let mut interfaces = Vec::new();
    for id in references(
        &machine.body,
        "/properties/networkProfile/networkInterfaces",
    ) {
        let Some(interface) = cx.tx.get::<Resource>(&Resource::key_of(&id))? else {
            continue;
        };
        let body = Value::Object(interface.body);
        let text = |value: &Value, pointer: &str| {
            value
                .pointer(pointer)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        let mut addresses = Vec::new();
        let mut subnets = Vec::new();
        for configuration in array(&body, "/properties/ipConfigurations") {
            addresses.push(json!({
                "privateIpAddress": text(&configuration, "/properties/privateIPAddress"),
                "publicIpAddress": "",
            }));
            if let Some((address, prefix)) =
                subnet(cx, &text(&configuration, "/properties/subnet/id"))?
            {
                subnets.push(json!({"address": address, "prefix": prefix}));
            }
        }
        let mac: String = text(&body, "/properties/macAddress").replace('-', "");
        interfaces.push(json!({
            "ipv4": {"ipAddress": addresses, "subnet": subnets},
            "ipv6": {"ipAddress": []},
            "macAddress": mac,
        }));
    }
    Ok(json!({"interface": interfaces}))
}

/// A subnet's address and prefix length; it stands in its network's body.
fn subnet(cx: &Context<'_>, id: &str) -> Result<Option<(String, String)>, StateError> {
    let Some((network, name)) = id.rsplit_once("/subnets/") else {
        return Ok(None);
    };
    let Some(network) = cx.tx.get::<Resource>(&Resource::key_of(network))? else {
        return Ok(None);
    };
    let body = Value::Object(network.body);
    let prefix = array(&body, "/properties/subnets")
        .into_iter()
        .find(|subnet| {
            subnet["name"]
                .as_str()
                .is_some_and(|found| found.eq_ignore_ascii_case(name))
        })
        .and_then(|subnet| {
            subnet
                .pointer("/properties/addressPrefix")
                .and_then(Value::as_str)
                .map(str::to_owned)
        });
    Ok(prefix.and_then(|prefix| {
        prefix
            .split_once('/')
            .map(|(address, length)| (address.to_owned(), length.to_owned()))
    }))
}

fn array(body: &Value, pointer: &str) -> Vec<Value> {
    body.pointer(pointer)
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default()
}

fn references(body: &serde_json::Map<String, Value>, pointer: &str) -> Vec<String> {
    array(&Value::Object(body.clone()), pointer)
        .iter()
        .filter_map(|reference| {
            reference
                .get("id")
                .and_then(Value::as_str)
                .map(str::to_owned)
        })
        .collect()
}

/// An error of the instance endpoint.
pub(super) fn refuse(description: &str) -> Response {
    Response::json(
        StatusCode::BAD_REQUEST,
        &json!({"error": format!("Bad request. {description}")}),
    )
}
