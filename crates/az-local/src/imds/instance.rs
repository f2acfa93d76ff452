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
        _ => return Ok(wrong_version(VERSIONS)),
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

/// The answer to a version that is not there, or none.
pub(super) fn wrong_version(versions: &[&str]) -> Response {
    let newest: Vec<&str> = versions.iter().rev().take(3).copied().collect();
    Response::json(
        StatusCode::BAD_REQUEST,
        &json!({
            "error": "Bad request. api-version is invalid or was not specified in the request. For more information refer \
                      to aka.ms/azureimds",
            "newest-versions": newest,
        }),
    )
}

/// Members of `compute` that came later than the first versions, as
/// <https://learn.microsoft.com/azure/virtual-machines/instance-metadata-service#instance-metadata> dates them.
const INTRODUCED: &[(&str, &str)] = &[
    ("/additionalCapabilities", "2021-11-01"),
    ("/azEnvironment", "2018-10-01"),
    ("/customData", "2019-02-01"),
    ("/evictionPolicy", "2020-12-01"),
    ("/extendedLocation", "2021-03-01"),
    ("/host", "2021-11-15"),
    ("/hostGroup", "2021-11-15"),
    ("/isHostCompatibilityLayerVm", "2020-06-01"),
    ("/licenseType", "2020-09-01"),
    ("/osProfile", "2020-07-15"),
    ("/osProfile/disablePasswordAuthentication", "2020-10-01"),
    ("/physicalZone", "2023-11-15"),
    ("/placementGroupId", "2017-08-01"),
    ("/plan", "2018-04-02"),
    ("/platformSubFaultDomain", "2021-10-01"),
    ("/priority", "2020-12-01"),
    ("/provider", "2018-10-01"),
    ("/publicKeys", "2018-04-02"),
    ("/resourceGroupName", "2017-08-01"),
    ("/resourceId", "2019-03-11"),
    ("/securityProfile", "2020-06-01"),
    ("/securityProfile/encryptionAtHost", "2021-11-01"),
    ("/securityProfile/securityType", "2021-12-13"),
    ("/storageProfile", "2019-06-01"),
    (
        "/storageProfile/imageReference/communityGalleryImageId",
        "2023-07-01",
    ),
    (
        "/storageProfile/imageReference/sharedGalleryImageId",
        "2023-07-01",
    ),
    ("/storageProfile/imageReference/exactVersion", "2023-07-01"),
    ("/storageProfile/resourceDisk", "2021-02-01"),
    ("/subscriptionId", "2017-08-01"),
    ("/tags", "2017-08-01"),
    ("/tagsList", "2019-06-04"),
    ("/userData", "2021-01-01"),
    ("/virtualMachineScaleSet", "2021-03-01"),
    ("/vmScaleSetName", "2017-12-01"),
    ("/zone", "2017-12-01"),
];

/// What the service answers of what a machine does not have.
const NONE: &str = "";

fn compute(machine: &Resource, version: &str) -> Result<Value, StateError> {
    let vm = VirtualMachine::of(machine);
    let at = |profile: &str, pointer: &str| text_of(vm.at(profile, pointer));
    let storage = |pointer: &str| at("storageProfile", pointer);
    let image = |name: &str| storage(&format!("/imageReference/{name}"));
    let flag = |profile: &str, pointer: &str| is_set(vm.at(profile, pointer));
    let top = |name: &str, pointer: &str| {
        let member = machine.body.get(name);
        text_of(member.and_then(|member| member.pointer(pointer)))
    };
    let pairs = tags(machine);
    let mut compute = json!({
        "additionalCapabilities": {
            "hibernationEnabled": flag("additionalCapabilities", "/hibernationEnabled"),
            "ultraSSDEnabled": flag("additionalCapabilities", "/ultraSSDEnabled"),
        },
        "azEnvironment": "AzurePublicCloud",
        // Disabled in Azure, for `userData`
        // (<https://learn.microsoft.com/azure/virtual-machines/instance-metadata-service#instance-metadata>): its machines
        // find their custom data on a disk that cloud-init reads.
        "customData": NONE,
        "evictionPolicy": at("evictionPolicy", ""),
        "extendedLocation": {"name": NONE, "type": NONE},
        "host": {"id": at("host", "/id")},
        "hostGroup": {"id": at("hostGroup", "/id")},
        "isHostCompatibilityLayerVm": "false",
        "licenseType": at("licenseType", ""),
        "location": machine.location(),
        "name": machine.name(),
        "offer": image("offer"),
        "osProfile": {
            "adminUsername": vm.admin().unwrap_or(NONE),
            "computerName": vm.computer().unwrap_or(NONE),
            "disablePasswordAuthentication": vm.takes_only_keys().to_string(),
        },
        "osType": storage("/osDisk/osType"),
        "physicalZone": NONE,
        "placementGroupId": NONE,
        "plan": {"name": top("plan", "/name"), "product": top("plan", "/product"), "publisher": top("plan", "/publisher")},
        "platformFaultDomain": "0",
        "platformSubFaultDomain": NONE,
        "platformUpdateDomain": "0",
        "priority": at("priority", ""),
        "provider": "Microsoft.Compute",
        "publicKeys": vm.public_keys(),
        "publisher": image("publisher"),
        "resourceGroupName": machine.group(),
        "resourceId": machine.id,
        "securityProfile": {
            "encryptionAtHost": flag("securityProfile", "/encryptionAtHost"),
            "secureBootEnabled": flag("securityProfile", "/uefiSettings/secureBootEnabled"),
            "securityType": at("securityProfile", "/securityType"),
            "virtualTpmEnabled": flag("securityProfile", "/uefiSettings/vTpmEnabled"),
        },
        "sku": image("sku"),
        "storageProfile": storage_profile(vm),
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
        "virtualMachineScaleSet": {"id": at("virtualMachineScaleSet", "/id")},
        "vmScaleSetName": NONE,
        "vmSize": at("hardwareProfile", "/vmSize"),
        "zone": top("zones", "/0"),
    });
    remove_later(&mut compute, version);
    Ok(compute)
}

/// Takes away what a version does not know.
fn remove_later(compute: &mut Value, version: &str) {
    // Versions are dates: they compare as text.
    for (pointer, _) in INTRODUCED.iter().filter(|(_, since)| version < *since) {
        let Some((above, name)) = pointer.rsplit_once('/') else {
            continue;
        };
        if let Some(Value::Object(members)) = compute.pointer_mut(above) {
            members.remove(name);
        }
    }
}

fn tags(machine: &Resource) -> Vec<(&str, &str)> {
    let tags = machine.body.get("tags").and_then(Value::as_object);
    tags.into_iter()
        .flatten()
        .filter_map(|(name, value)| Some((name.as_str(), value.as_str()?)))
        .collect()
}

/// All primitives are texts, and what is not there is an empty one.
pub(super) fn text_of(value: Option<&Value>) -> Value {
    match value {
        None | Some(Value::Null) => json!(NONE),
        Some(Value::String(text)) => json!(text),
        Some(other) => json!(other.to_string()),
    }
}

fn storage_profile(vm: VirtualMachine<'_>) -> Value {
    let storage = |pointer: &str| text_of(vm.at("storageProfile", pointer));
    let image = |name: &str| storage(&format!("/imageReference/{name}"));
    // The exact version is told of the images of galleries only.
    let gallery = ["communityGalleryImageId", "sharedGalleryImageId"];
    let exact = match gallery.iter().any(|name| image(name) != NONE) {
        true => image("exactVersion"),
        false => json!(NONE),
    };
    let disks = vm
        .at("storageProfile", "/dataDisks")
        .and_then(Value::as_array);
    let disks = disks.into_iter().flatten().map(data_disk);
    json!({
        "imageReference": {
            "communityGalleryImageId": image("communityGalleryImageId"),
            "exactVersion": exact,
            "id": image("id"),
            "offer": image("offer"),
            "publisher": image("publisher"),
            "sharedGalleryImageId": image("sharedGalleryImageId"),
            "sku": image("sku"),
            "version": image("version"),
        },
        "osDisk": {
            "caching": storage("/osDisk/caching"),
            "createOption": storage("/osDisk/createOption"),
            "diffDiskSettings": {"option": storage("/osDisk/diffDiskSettings/option")},
            "diskSizeGB": storage("/osDisk/diskSizeGB"),
            "encryptionSettings": {"enabled": "false"},
            "image": {"uri": storage("/osDisk/image/uri")},
            "managedDisk": {
                "id": storage("/osDisk/managedDisk/id"),
                "storageAccountType": storage("/osDisk/managedDisk/storageAccountType"),
            },
            "name": storage("/osDisk/name"),
            "osType": storage("/osDisk/osType"),
            "vhd": {"uri": storage("/osDisk/vhd/uri")},
            "writeAcceleratorEnabled": is_set(vm.at("storageProfile", "/osDisk/writeAcceleratorEnabled")),
        },
        "dataDisks": disks.collect::<Vec<_>>(),
        // No size here has a temporary disk.
        "resourceDisk": {"size": "0"},
    })
}

fn is_set(value: Option<&Value>) -> &'static str {
    if value == Some(&json!(true)) {
        "true"
    } else {
        "false"
    }
}

fn data_disk(disk: &Value) -> Value {
    let text = |pointer: &str| text_of(disk.pointer(pointer));
    json!({
        "bytesPerSecondThrottle": NONE,
        "caching": text("/caching"),
        "createOption": text("/createOption"),
        "diskCapacityBytes": NONE,
        "diskSizeGB": text("/diskSizeGB"),
        "image": {"uri": text("/image/uri")},
        "isSharedDisk": "false",
        "isUltraDisk": "false",
        "lun": text("/lun"),
        "managedDisk": {
            "id": text("/managedDisk/id"),
            "storageAccountType": text("/managedDisk/storageAccountType"),
        },
        "name": text("/name"),
        "opsPerSecondThrottle": NONE,
        "vhd": {"uri": text("/vhd/uri")},
        "writeAcceleratorEnabled": is_set(disk.get("writeAcceleratorEnabled")),
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
