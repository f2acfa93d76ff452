//! `Microsoft.Network/networkInterfaces`.

use super::range::Range;
use super::reference::{self, duplicate_name, find_subnet, id_at, invalid_reference};
use super::{network_security_groups, public_ip_addresses};
use crate::arm::call::Call;
use crate::arm::error::Error;
use crate::arm::keep::Members;
use crate::arm::names;
use crate::arm::operations;
use crate::arm::resource_type::{Answers, Draft, Kind, etag};
use crate::state::holds::{self, Hold};
use crate::state::network::{IpConfiguration, NetworkInterface, Subnet};
use crate::state::{Document, Resource, addresses as pool};
use serde_json::{Value, json};
use std::net::Ipv4Addr;
use uuid::Uuid;

pub(crate) const KIND: Kind = Kind {
    name: "Microsoft.Network/networkInterfaces",
    answers: Answers::Operation,
    members: MEMBERS,
    put,
    view,
    holds,
    addresses,
    in_use,
    ..Kind::PLAIN
};

const MEMBERS: Members = Members {
    own: &[
        "properties/virtualMachine",
        "properties/primary",
        "properties/macAddress",
        "properties/hostedWorkloads",
        "properties/dscpConfiguration",
        "properties/privateEndpoint",
        "properties/privateLinkService",
        "properties/tapConfigurations",
        "properties/vnetEncryptionSupported",
        "properties/defaultOutboundConnectivityEnabled",
        "properties/dnsSettings/appliedDnsServers",
        "properties/dnsSettings/internalFqdn",
        "properties/dnsSettings/internalDomainNameSuffix",
        "properties/ipConfigurations/*/properties/privateIPAddress",
        "properties/ipConfigurations/*/properties/privateLinkConnectionProperties",
    ],
    references: &[
        "properties/networkSecurityGroup",
        "properties/ipConfigurations/*/properties/subnet",
        "properties/ipConfigurations/*/properties/publicIPAddress",
    ],
    ..Members::PLAIN
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
    reference::check_ids(&Value::Object(draft.body.clone()), MEMBERS.references)?;
    if let Some(group) = id_at(&Value::Object(asked.clone()), "/networkSecurityGroup") {
        link(call, &id, group, network_security_groups::KIND.name)?;
    }
    let action = format!("{}/write", KIND.name);
    let body = Value::Object(draft.body.clone());
    reference::require(call, (&id, &action), (&body, ""), REFERENCES)?;
    let old: Vec<IpConfiguration<'_>> = draft
        .existing
        .iter()
        .flat_map(|there| NetworkInterface::of(there).configurations())
        .collect();
    let mut made: Vec<Value> = Vec::new();
    for (index, configuration) in configurations.iter().enumerate() {
        made.push(ip_configuration(
            call,
            &id,
            configuration,
            index == 0,
            &old,
        )?);
        refuse_twice(&id, &made)?;
    }
    let old_value = |member: &str| {
        draft
            .existing_properties()
            .and_then(|properties| properties.get(member))
            .cloned()
    };
    let properties = json!({
        "provisioningState": "Succeeded",
        "resourceGuid": draft.guid(),
        "ipConfigurations": made,
        "dnsSettings": {
            "dnsServers": [], "appliedDnsServers": [], "internalDomainNameSuffix": name_suffix(call, &made)?,
        },
        "macAddress": match old_value("macAddress") { Some(mac) => mac, None => json!(free_mac(call, &draft.resource.key())?) },
        "enableAcceleratedNetworking": false,
        "enableIPForwarding": false,
        "hostedWorkloads": [],
        "tapConfigurations": [],
        "nicType": "Standard",
    });
    draft.set("etag", etag());
    draft.set("properties", properties);
    Ok(())
}

/// What an interface refers to besides what it stands on, which [`link`] and [`ip_configuration`] find.
const REFERENCES: &[&str] = &[
    "properties/ipConfigurations/*/properties/applicationSecurityGroups/*",
    "properties/ipConfigurations/*/properties/applicationGatewayBackendAddressPools/*",
    "properties/ipConfigurations/*/properties/gatewayLoadBalancer",
    "properties/ipConfigurations/*/properties/loadBalancerBackendAddressPools/*",
    "properties/ipConfigurations/*/properties/loadBalancerInboundNatRules/*",
    "properties/ipConfigurations/*/properties/virtualNetworkTaps/*",
];

/// The domain of the names that machines of a network have in it: each network's own. Azure's are like
/// `c3vcn1zbo2qerjbbf34jcvjrgh.dx.internal.cloudapp.net` (recorded in azure-mgmt-network 17.1.0's tests).
fn name_suffix(call: &Call<'_>, configurations: &[Value]) -> Result<String, Error> {
    const DIGITS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    let subnet = configurations
        .first()
        .and_then(|one| IpConfiguration::of(one).subnet());
    let network = match subnet.and_then(Subnet::parts) {
        Some((network, _)) => call.resource(network)?,
        None => None,
    };
    let guid = network
        .as_ref()
        .and_then(|network| network.property("resourceGuid")?.as_str());
    let number = guid.and_then(|guid| Uuid::try_parse(guid).ok());
    let number = number.unwrap_or_default().as_u128();
    let digits = (0..26).map(|place| DIGITS[(number >> (place * 5)) as usize % DIGITS.len()]);
    let label: String = digits.map(char::from).collect();
    Ok(format!("{label}.bx.internal.cloudapp.net"))
}

/// A resource that the interface stands on must be there, and the caller must be allowed to join it.
fn link(call: &Call<'_>, from: &str, id: &str, kind: &str) -> Result<Resource, Error> {
    call.authorize_link(
        from,
        &format!("{}/write", KIND.name),
        id,
        &format!("{kind}/join/action"),
    )?;
    let found = call
        .resource(id)?
        .filter(|resource| resource.kind.eq_ignore_ascii_case(kind))
        .ok_or_else(|| invalid_reference(id, from))?;
    if operations::is_deleting(call.cx, &found)? {
        return Err((Kind::PLAIN.being_deleted)(&found));
    }
    Ok(found)
}

fn ip_configuration(
    call: &Call<'_>,
    nic: &str,
    asked: &Value,
    primary: bool,
    old: &[IpConfiguration<'_>],
) -> Result<Value, Error> {
    let name = asked
        .get("name")
        .and_then(Value::as_str)
        .unwrap_or("ipconfig");
    names::network(name)?;
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
    let same = |id: &str| id.eq_ignore_ascii_case(subnet_id);
    let kept = old
        .iter()
        .find(|there| there.name() == Some(name) && there.subnet().is_some_and(same));
    let text = |member: &str| asked["properties"][member].as_str();
    let method = text("privateIPAllocationMethod").unwrap_or("Dynamic");
    let wanted = text("privateIPAddress");
    // A dynamic address stays; another static one can be asked for.
    let stays = |address: &Ipv4Addr| {
        !method.eq_ignore_ascii_case("Static")
            || wanted.is_none_or(|wanted| wanted == address.to_string())
    };
    let there = kept.and_then(|there| there.private_address());
    let address = match there.filter(stays) {
        Some(address) => address,
        None => {
            let nic = Resource::key_of(nic);
            private_address(call, &nic, &subnet.id, &subnet.prefix, wanted)?
        }
    };
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
            "subnet": {"id": subnet.id},
        },
    });
    if let Some(public) = id_at(asked, "/properties/publicIPAddress") {
        let resource = link(call, nic, public, public_ip_addresses::KIND.name)?;
        let holder = holds::holder(call.cx.tx, &resource.id)?;
        if let Some(holder) = holder.filter(|holder| holder.owner != Resource::key_of(nic)) {
            return Err(public_address_in_use(&id, public, &holder.holder));
        }
        made["properties"]["publicIPAddress"] = json!({"id": resource.id});
    }
    Ok(made)
}

fn public_address_in_use(id: &str, public: &str, holder: &str) -> Error {
    Error::bad_request(
        "PublicIPAddressInUse",
        format!(
            "Resource {id} is referencing public IP address {public} that is already allocated to resource {holder}."
        ),
    )
}

/// The last of the configurations may have neither the name nor the public address of another one.
fn refuse_twice(nic: &str, made: &[Value]) -> Result<(), Error> {
    let Some((last, others)) = made.split_last() else {
        return Ok(());
    };
    let last = IpConfiguration::of(last);
    let Some(id) = last.id() else {
        return Ok(());
    };
    for other in others.iter().map(IpConfiguration::of) {
        let Some(other_id) = other.id() else {
            continue;
        };
        if other_id.eq_ignore_ascii_case(id) {
            let name = last.name().unwrap_or(id);
            return Err(duplicate_name(nic, name));
        }
        if let (Some(public), Some(others)) = (last.public_address(), other.public_address())
            && Resource::key_of(public) == Resource::key_of(others)
        {
            return Err(public_address_in_use(id, public, other_id));
        }
    }
    Ok(())
}

fn private_address(
    call: &Call<'_>,
    nic: &str,
    subnet_id: &str,
    prefix: &str,
    wanted: Option<&str>,
) -> Result<Ipv4Addr, Error> {
    let key = Resource::key_of(subnet_id);
    let range = Range::parse(prefix)
        .ok_or_else(|| Error::bad_request("InvalidAddressPrefixFormat", prefix))?;
    let (first, last) = range.usable();
    let Some(wanted) = wanted else {
        let taken = pool::take(call.cx.tx, &key, (first, last), nic)?;
        return taken.map(Ipv4Addr::from).ok_or_else(|| {
            Error::bad_request("SubnetIsFull", format!("Subnet {key} with address prefix {prefix} does not have enough capacity for 1 IP addresses."))
        });
    };
    let address = wanted.parse::<Ipv4Addr>().ok();
    let address = address.filter(|address| (first..=last).contains(&u32::from(*address)));
    let free = match address {
        Some(address) => pool::take_chosen(call.cx.tx, &key, address.into(), nic)?,
        None => false,
    };
    address.filter(|_| free).ok_or_else(|| {
        Error::bad_request(
            "PrivateIPAddressNotInSubnet",
            format!(
                "Private static IP address {wanted} does not belong to the range of subnet prefix {prefix}, or is taken."
            ),
        )
    })
}

/// The greatest hardware address behind Microsoft's prefix.
const LAST_MAC: u32 = 0x00ff_fffe;

/// A hardware address of Microsoft's that no interface of the instance has.
fn free_mac(call: &Call<'_>, nic: &str) -> Result<String, Error> {
    let number = pool::take(call.cx.tx, pool::HARDWARE, (1, LAST_MAC), nic)?;
    let number = number.ok_or_else(|| {
        Error::conflict(
            "NetworkInterfaceCountLimitReached",
            "Cannot create more network interfaces.",
        )
    })?;
    let [_, a, b, c] = number.to_be_bytes();
    Ok(format!("00-0D-3A-{a:02X}-{b:02X}-{c:02X}"))
}

/// Pools and numbers of the private addresses and of the hardware address.
fn addresses(nic: &Resource) -> Vec<(String, u32)> {
    let nic = NetworkInterface::of(nic);
    let private = nic.configurations().filter_map(|one| {
        let subnet = Resource::key_of(one.subnet()?);
        Some((subnet, one.private_address()?.into()))
    });
    let digits = |mac: &str| mac.split('-').skip(3).collect::<String>();
    let mac = nic.hardware_address().map(digits);
    let mac = mac.and_then(|digits| u32::from_str_radix(&digits, 16).ok());
    private
        .chain(mac.map(|number| (pool::HARDWARE.to_owned(), number)))
        .collect()
}

/// The subnets and public addresses of the configurations, and the security group.
fn holds(nic: &Resource) -> Vec<Hold> {
    let mut all = Vec::new();
    let view = NetworkInterface::of(nic);
    for one in view.configurations() {
        let Some(id) = one.id() else {
            continue;
        };
        all.extend(one.subnet().map(|subnet| Hold::shared(nic, subnet, id)));
        let public = one.public_address();
        all.extend(public.map(|public| Hold::exclusive(nic, public, id)));
    }
    let group = view.security_group();
    all.extend(group.map(|group| Hold::shared(nic, group, &nic.id)));
    all
}

/// Whose the interface is is known by who holds it.
fn view(call: &Call<'_>, nic: &Resource, value: &mut Value) -> Result<(), Error> {
    if let Some(hold) = holds::holder(call.cx.tx, &nic.id)? {
        value["properties"]["virtualMachine"] = json!({"id": hold.holder});
        value["properties"]["primary"] = json!(hold.primary);
    }
    Ok(())
}

fn in_use(nic: &Resource, user: &Hold) -> Option<Error> {
    Some(Error::bad_request(
        "NicInUse",
        format!(
            "Network Interface {} is used by existing resource {}. In order to delete the network interface, \
             it must be dissociated from the resource. To learn more, see aka.ms/deletenic.",
            nic.id, user.holder
        ),
    ))
}
