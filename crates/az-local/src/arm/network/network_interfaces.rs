//! `Microsoft.Network/networkInterfaces`.

use super::virtual_networks::{Range, find_subnet};
use super::{id_at, invalid_reference, network_security_groups, public_ip_addresses};
use crate::arm::call::Call;
use crate::arm::error::Error;
use crate::arm::tracked::{Answers, Draft, Kind, as_stored, etag, patch_tags};
use crate::request::Context;
use crate::state::{Resource, StateError};
use serde_json::{Value, json};
use std::net::Ipv4Addr;

pub(crate) const KIND: Kind = Kind {
    name: "Microsoft.Network/networkInterfaces",
    put,
    patch: patch_tags,
    delete,
    view: as_stored,
    answers: Answers::Operation,
};

fn put(call: &Call<'_>, draft: &mut Draft) -> Result<(), Error> {
    let id = draft.id().to_owned();
    let asked = draft.properties();
    let configurations = asked
        .get("ipConfigurations")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    if configurations.is_empty() {
        return Err(Error::bad_request(
            "NetworkInterfaceMustHaveAtLeastOneIpConfiguration",
            format!("Network interface {id} must have at least one IP configuration."),
        ));
    }
    if let Some(group) = id_at(&Value::Object(asked.clone()), "/networkSecurityGroup") {
        link(call, &id, group, network_security_groups::KIND.name)?;
    }
    let old = old_configurations(draft.existing.as_ref());
    release_public_addresses(call.cx, &old)?;
    let mut made = Vec::new();
    for (index, configuration) in configurations.iter().enumerate() {
        made.push(ip_configuration(
            call,
            &id,
            configuration,
            index == 0,
            &old,
        )?);
    }
    let old_value = |member: &str| {
        draft
            .existing_properties()
            .and_then(|properties| properties.get(member))
            .cloned()
    };
    let mut properties = json!({
        "provisioningState": "Succeeded",
        "resourceGuid": uuid::Uuid::new_v4().to_string(),
        "ipConfigurations": made,
        "dnsSettings": {"dnsServers": [], "appliedDnsServers": []},
        "macAddress": match old_value("macAddress") { Some(mac) => mac, None => json!(free_mac(call)?) },
        "enableAcceleratedNetworking": asked.get("enableAcceleratedNetworking").and_then(Value::as_bool).unwrap_or(false),
        "enableIPForwarding": asked.get("enableIPForwarding").and_then(Value::as_bool).unwrap_or(false),
        "nicType": "Standard",
    });
    if let Some(group) = asked
        .get("networkSecurityGroup")
        .filter(|group| !group.is_null())
    {
        properties["networkSecurityGroup"] = group.clone();
    }
    for member in ["virtualMachine", "primary"] {
        if let Some(value) = old_value(member) {
            properties[member] = value;
        }
    }
    draft.set("etag", etag());
    draft.set("properties", properties);
    Ok(())
}

/// A resource that the interface stands on must be there, and the caller must be allowed to join it.
fn link(call: &Call<'_>, from: &str, id: &str, kind: &str) -> Result<Resource, Error> {
    call.authorize_link(
        from,
        &format!("{}/write", KIND.name),
        id,
        &format!("{kind}/join/action"),
    )?;
    call.resource(id)?
        .filter(|resource| resource.kind.eq_ignore_ascii_case(kind))
        .ok_or_else(|| invalid_reference(id, from))
}

fn ip_configuration(
    call: &Call<'_>,
    nic: &str,
    asked: &Value,
    primary: bool,
    old: &[Value],
) -> Result<Value, Error> {
    let name = asked
        .get("name")
        .and_then(Value::as_str)
        .unwrap_or("ipconfig");
    let id = format!("{nic}/ipConfigurations/{name}");
    let subnet_id = id_at(asked, "/properties/subnet").ok_or_else(|| {
        Error::bad_request(
            "SubnetIsRequired",
            format!("The IP configuration {id} needs a subnet."),
        )
    })?;
    call.authorize_link(
        nic,
        &format!("{}/write", KIND.name),
        subnet_id,
        "Microsoft.Network/virtualNetworks/subnets/join/action",
    )?;
    let subnet = find_subnet(call, subnet_id)?.ok_or_else(|| invalid_reference(subnet_id, nic))?;
    let kept = old.iter().find(|there| {
        there["name"] == name && same(id_at(there, "/properties/subnet"), Some(subnet_id))
    });
    let address = match kept.and_then(|there| there["properties"]["privateIPAddress"].as_str()) {
        Some(address) => address.to_owned(),
        None => private_address(
            call,
            &subnet,
            asked
                .pointer("/properties/privateIPAddress")
                .and_then(Value::as_str),
        )?,
    };
    let method = asked
        .pointer("/properties/privateIPAllocationMethod")
        .and_then(Value::as_str)
        .unwrap_or("Dynamic");
    let mut made = json!({
        "name": name,
        "id": id,
        "etag": etag(),
        "type": "Microsoft.Network/networkInterfaces/ipConfigurations",
        "properties": {
            "provisioningState": "Succeeded",
            "privateIPAddress": address,
            "privateIPAllocationMethod": method,
            "privateIPAddressVersion": "IPv4",
            "primary": primary,
            "subnet": {"id": subnet["id"]},
        },
    });
    if let Some(public) = id_at(asked, "/properties/publicIPAddress") {
        let mut resource = link(call, nic, public, public_ip_addresses::KIND.name)?;
        let holder = json!(resource.body)
            .pointer("/properties/ipConfiguration/id")
            .and_then(Value::as_str)
            .map(str::to_owned);
        if let Some(holder) = holder.filter(|holder| !holder.eq_ignore_ascii_case(&id)) {
            return Err(Error::bad_request(
                "PublicIPAddressInUse",
                format!(
                    "Resource {id} is referencing public IP address {public} that is already allocated to resource {holder}."
                ),
            ));
        }
        made["properties"]["publicIPAddress"] = json!({"id": resource.id});
        if let Some(properties) = resource.body.get_mut("properties") {
            properties["ipConfiguration"] = json!({"id": id});
        }
        call.cx.tx.put(&resource)?;
    }
    Ok(made)
}

fn same(one: Option<&str>, other: Option<&str>) -> bool {
    matches!((one, other), (Some(one), Some(other)) if one.eq_ignore_ascii_case(other))
}

fn private_address(call: &Call<'_>, subnet: &Value, wanted: Option<&str>) -> Result<String, Error> {
    let key = Resource::key_of(subnet["id"].as_str().unwrap_or_default());
    let mut taken = Vec::new();
    for nic in super::all(call, KIND.name)? {
        for there in old_configurations(Some(&nic)) {
            if id_at(&there, "/properties/subnet")
                .map(Resource::key_of)
                .as_deref()
                == Some(key.as_str())
            {
                taken.extend(
                    there["properties"]["privateIPAddress"]
                        .as_str()
                        .map(str::to_owned),
                );
            }
        }
    }
    let prefix = subnet["properties"]["addressPrefix"]
        .as_str()
        .unwrap_or_default();
    let range = Range::parse(prefix)
        .ok_or_else(|| Error::bad_request("InvalidAddressPrefixFormat", prefix))?;
    if let Some(wanted) = wanted {
        let free = wanted
            .parse::<Ipv4Addr>()
            .ok()
            .is_some_and(|address| range.usable().any(|one| one == address));
        if !free || taken.iter().any(|address| address == wanted) {
            return Err(Error::bad_request(
                "PrivateIPAddressNotInSubnet",
                format!(
                    "Private static IP address {wanted} does not belong to the range of subnet prefix {prefix}, or is taken."
                ),
            ));
        }
        return Ok(wanted.to_owned());
    }
    range
        .usable()
        .map(|address| address.to_string())
        .find(|address| !taken.contains(address))
        .ok_or_else(|| {
            Error::bad_request("SubnetIsFull", format!("Subnet {key} with address prefix {prefix} does not have enough capacity for 1 IP addresses."))
        })
}

/// A MAC address of Microsoft's that no interface of the instance has.
fn free_mac(call: &Call<'_>) -> Result<String, Error> {
    let taken: Vec<String> = call
        .cx
        .tx
        .list::<Resource>("")?
        .iter()
        .filter(|resource| resource.kind == KIND.name)
        .filter_map(|resource| {
            resource
                .body
                .get("properties")?
                .get("macAddress")?
                .as_str()
                .map(str::to_owned)
        })
        .collect();
    let mac = |number: u32| {
        let [_, a, b, c] = number.to_be_bytes();
        format!("00-0D-3A-{a:02X}-{b:02X}-{c:02X}")
    };
    (1..0x00ff_ffff)
        .map(mac)
        .find(|mac| !taken.contains(mac))
        .ok_or_else(|| {
            Error::conflict(
                "NetworkInterfaceCountLimitReached",
                "Cannot create more network interfaces.",
            )
        })
}

fn old_configurations(nic: Option<&Resource>) -> Vec<Value> {
    let list = nic
        .and_then(|nic| nic.body.get("properties"))
        .and_then(|p| p.get("ipConfigurations"));
    list.and_then(Value::as_array).cloned().unwrap_or_default()
}

/// The ids of the subnets that the interface is in.
pub(crate) fn subnets(nic: &Resource) -> Vec<String> {
    old_configurations(Some(nic))
        .iter()
        .filter_map(|one| id_at(one, "/properties/subnet").map(str::to_owned))
        .collect()
}

fn release_public_addresses(cx: &Context<'_>, configurations: &[Value]) -> Result<(), StateError> {
    for configuration in configurations {
        let Some(id) = id_at(configuration, "/properties/publicIPAddress") else {
            continue;
        };
        if let Some(mut address) = cx.tx.get::<Resource>(&Resource::key_of(id))? {
            if let Some(properties) = address
                .body
                .get_mut("properties")
                .and_then(Value::as_object_mut)
            {
                properties.remove("ipConfiguration");
            }
            cx.tx.put(&address)?;
        }
    }
    Ok(())
}

fn delete(_: &Call<'_>, nic: &Resource) -> Result<(), Error> {
    let machine = id_at(&json!(nic.body), "/properties/virtualMachine").map(str::to_owned);
    match machine {
        None => Ok(()),
        Some(machine) => Err(Error::bad_request(
            "NicInUse",
            format!(
                "Network Interface {} is used by existing resource {machine}. In order to delete the network interface, \
                 it must be dissociated from the resource. To learn more, see aka.ms/deletenic.",
                nic.id
            ),
        )),
    }
}

/// The addresses that the interface had are free again.
pub(crate) fn removed(cx: &Context<'_>, nic: &Resource) -> Result<(), StateError> {
    release_public_addresses(cx, &old_configurations(Some(nic)))
}
