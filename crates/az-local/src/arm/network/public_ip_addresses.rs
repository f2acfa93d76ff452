//! `Microsoft.Network/publicIPAddresses`.

use crate::arm::call::Call;
use crate::arm::error::Error;
use crate::arm::tracked::{Answers, Draft, Kind, as_stored, etag, patch_tags};
use crate::state::Resource;
use serde_json::{Value, json};
use std::net::Ipv4Addr;

pub(crate) const KIND: Kind = Kind {
    name: "Microsoft.Network/publicIPAddresses",
    put,
    patch: patch_tags,
    delete,
    view: as_stored,
    answers: Answers::Operation,
};

/// 198.18.0.0/15 is for benchmarks between networks and routed nowhere (RFC 2544), so that no client that is
/// given one of its addresses can reach a stranger.
const FIRST: u32 = u32::from_be_bytes([198, 18, 0, 4]);
const LAST: u32 = u32::from_be_bytes([198, 19, 255, 254]);

fn put(call: &Call<'_>, draft: &mut Draft) -> Result<(), Error> {
    let asked = draft.properties();
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
        None => json!(free_address(call)?),
    };
    let mut properties = json!({
        "provisioningState": "Succeeded",
        "resourceGuid": uuid::Uuid::new_v4().to_string(),
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
    if let Some(configuration) = old("ipConfiguration") {
        properties["ipConfiguration"] = configuration;
    }
    draft.set("etag", etag());
    draft.set("sku", json!({"name": sku, "tier": "Regional"}));
    if let Some(zones) = draft
        .body
        .get("zones")
        .filter(|zones| zones.is_array())
        .cloned()
    {
        draft.set("zones", zones);
    }
    draft.set("properties", properties);
    Ok(())
}

/// An address that no public IP address of the instance has.
fn free_address(call: &Call<'_>) -> Result<String, Error> {
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
                .get("ipAddress")?
                .as_str()
                .map(str::to_owned)
        })
        .collect();
    (FIRST..=LAST)
        .map(|address| Ipv4Addr::from(address).to_string())
        .find(|address| !taken.contains(address))
        .ok_or_else(|| {
            Error::conflict(
                "PublicIPCountLimitReached",
                "Cannot create more public IP addresses.",
            )
        })
}

fn delete(_: &Call<'_>, resource: &Resource) -> Result<(), Error> {
    let configuration = json!(resource.body)
        .pointer("/properties/ipConfiguration/id")
        .and_then(Value::as_str)
        .map(str::to_owned);
    match configuration {
        None => Ok(()),
        Some(id) => Err(Error::bad_request(
            "PublicIPAddressCannotBeDeleted",
            format!(
                "Public IP address {} can not be deleted since it is still allocated to resource {id}. In order to \
                 delete the public IP, disassociate/detach the Public IP address from the resource. To learn how to \
                 do this, see aka.ms/deletepublicip.",
                resource.id
            ),
        )),
    }
}
