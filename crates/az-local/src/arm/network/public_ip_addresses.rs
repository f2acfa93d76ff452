//! `Microsoft.Network/publicIPAddresses`.

use super::reference;
use crate::arm::call::Call;
use crate::arm::error::Error;
use crate::arm::keep::Members;
use crate::arm::resource_type::{Answers, Draft, Kind, etag};
use crate::state::holds::{self, Hold};
use crate::state::network::PublicAddress;
use crate::state::{Document, Resource, addresses};
use serde_json::{Value, json};
use std::net::Ipv4Addr;

pub(crate) const KIND: Kind = Kind {
    name: "Microsoft.Network/publicIPAddresses",
    answers: Answers::Operation,
    members: Members {
        own: &[
            "properties/ipAddress",
            "properties/ipConfiguration",
            "properties/dnsSettings/fqdn",
            "properties/publicIPAllocationMethod",
        ],
        references: &[
            "properties/publicIPPrefix",
            "properties/natGateway",
            "properties/linkedPublicIPAddress",
            "properties/servicePublicIPAddress",
            "properties/ddosSettings/ddosProtectionPlan",
        ],
        ..Members::PLAIN
    },
    put,
    view,
    addresses: |resource| {
        address(resource)
            .into_iter()
            .map(|(pool, number)| (pool.to_owned(), number))
            .collect()
    },
    in_use,
    ..Kind::PLAIN
};

/// 198.18.0.0/15 is for benchmarks between networks and routed nowhere (RFC 2544), so that no client that is
/// given one of its addresses can reach a stranger.
const FIRST: u32 = u32::from_be_bytes([198, 18, 0, 4]);
const LAST: u32 = u32::from_be_bytes([198, 19, 255, 254]);

/// What an address refers to.
const REFERENCES: &[&str] = &[
    "properties/publicIPPrefix",
    "properties/natGateway",
    "properties/linkedPublicIPAddress",
    "properties/servicePublicIPAddress",
    "properties/ddosSettings/ddosProtectionPlan",
];

fn put(call: &Call<'_>, draft: &mut Draft) -> Result<(), Error> {
    let asked = draft.properties();
    let action = format!("{}/write", KIND.name);
    let body = Value::Object(draft.body.clone());
    reference::require(call, (draft.id(), &action), (&body, ""), REFERENCES)?;
    let word = |member: &str, default: &str| {
        asked
            .get(member)
            .and_then(Value::as_str)
            .unwrap_or(default)
            .to_owned()
    };
    let sku = draft
        .body
        .get("sku")
        .and_then(|sku| sku.get("name"))
        .and_then(Value::as_str)
        .unwrap_or("Basic")
        .to_owned();
    let method = word("publicIPAllocationMethod", "Dynamic");
    if sku == "Standard" && !method.eq_ignore_ascii_case("Static") {
        return Err(Error::bad_request(
            "StandardSkuPublicIPAddressMustBeStatic",
            format!(
                "Standard sku publicIp {} must have AllocationMethod set to Static.",
                draft.id()
            ),
        ));
    }
    let old = |member: &str| {
        draft
            .existing_properties()
            .and_then(|properties| properties.get(member))
            .cloned()
    };
    let address = match old("ipAddress") {
        Some(address) => address,
        None => json!(free_address(call, draft)?),
    };
    let mut properties = json!({
        "provisioningState": "Succeeded",
        "resourceGuid": draft.guid(),
        "ipAddress": address,
        "publicIPAddressVersion": word("publicIPAddressVersion", "IPv4"),
        "publicIPAllocationMethod": if method.eq_ignore_ascii_case("Static") { "Static" } else { "Dynamic" },
        "idleTimeoutInMinutes": asked.get("idleTimeoutInMinutes").and_then(Value::as_i64).unwrap_or(4),
        "ipTags": [],
    });
    if let Some(label) = asked
        .get("dnsSettings")
        .and_then(|dns| dns.get("domainNameLabel"))
        .and_then(Value::as_str)
    {
        let name = format!("{label}.{}.cloudapp.azure.com", draft.location());
        properties["dnsSettings"] = json!({"domainNameLabel": label, "fqdn": name});
    }
    draft.set("etag", etag());
    draft.set("sku", json!({"name": sku, "tier": "Regional"}));
    draft.set("properties", properties);
    Ok(())
}

/// An address that no public IP address of the instance has.
fn free_address(call: &Call<'_>, draft: &Draft) -> Result<String, Error> {
    let taken = addresses::take(
        call.cx.tx,
        addresses::PUBLIC,
        (FIRST, LAST),
        &draft.resource.key(),
    )?;
    taken
        .map(|number| Ipv4Addr::from(number).to_string())
        .ok_or_else(|| {
            Error::conflict(
                "PublicIPCountLimitReached",
                "Cannot create more public IP addresses.",
            )
        })
}

/// Pool and number of the resource's address.
fn address(resource: &Resource) -> Option<(&'static str, u32)> {
    let address = PublicAddress::of(resource).address()?;
    Some((addresses::PUBLIC, address.into()))
}

/// Who has the address is known by who holds it.
fn view(call: &Call<'_>, resource: &Resource, value: &mut Value) -> Result<(), Error> {
    if let Some(hold) = holds::holder(call.cx.tx, &resource.id)? {
        value["properties"]["ipConfiguration"] = json!({"id": hold.holder});
    }
    Ok(())
}

fn in_use(resource: &Resource, user: &Hold) -> Option<Error> {
    Some(Error::bad_request(
        "PublicIPAddressCannotBeDeleted",
        format!(
            "Public IP address {} can not be deleted since it is still allocated to resource {}. In order to \
             delete the public IP, disassociate/detach the Public IP address from the resource. To learn how to \
             do this, see aka.ms/deletepublicip.",
            resource.id, user.holder
        ),
    ))
}
