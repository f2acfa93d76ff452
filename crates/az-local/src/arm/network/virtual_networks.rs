//! `Microsoft.Network/virtualNetworks` and their subnets.

use crate::arm::call::Call;
use crate::arm::error::Error;
use crate::arm::path::Provider;
use crate::arm::tracked::{Answers, Draft, Kind, as_stored, etag, patch_tags};
use crate::arm::{groups, operations};
use crate::ground::wire::Response;
use crate::state::Resource;
use http::{Method, StatusCode};
use serde_json::{Map, Value, json};
use std::net::Ipv4Addr;

pub(crate) const KIND: Kind = Kind {
    name: "Microsoft.Network/virtualNetworks",
    put,
    patch: patch_tags,
    delete,
    view: as_stored,
    answers: Answers::Operation,
};

/// An IPv4 range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Range {
    first: u32,
    bits: u32,
}

impl Range {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (address, bits) = text.split_once('/')?;
        let address: Ipv4Addr = address.parse().ok()?;
        let bits: u32 = bits.parse().ok().filter(|bits| *bits <= 32)?;
        let first = u32::from(address);
        let mask = u32::MAX.checked_shl(32 - bits).unwrap_or(0);
        (first & mask == first).then_some(Range { first, bits })
    }

    /// The range that `text` lies in: security rules may name any address of it.
    pub(crate) fn around(text: &str) -> Option<Self> {
        let (address, bits) = text.split_once('/')?;
        let bits: u32 = bits.parse().ok().filter(|bits| *bits <= 32)?;
        let mask = u32::MAX.checked_shl(32 - bits).unwrap_or(0);
        let first = u32::from(address.parse::<Ipv4Addr>().ok()?) & mask;
        Some(Range { first, bits })
    }

    /// Whether an address is in the range.
    pub(crate) fn contains(self, address: Ipv4Addr) -> bool {
        (self.first..=self.last()).contains(&u32::from(address))
    }

    fn last(self) -> u32 {
        self.first | u32::MAX.checked_shr(self.bits).unwrap_or(0)
    }

    fn holds(self, other: Range) -> bool {
        other.first >= self.first && other.last() <= self.last()
    }

    fn meets(self, other: Range) -> bool {
        self.first <= other.last() && other.first <= self.last()
    }

    /// The addresses that a subnet gives out: Azure keeps the first four and the last.
    pub(crate) fn usable(self) -> impl Iterator<Item = Ipv4Addr> {
        (self.first.saturating_add(4)..self.last()).map(Ipv4Addr::from)
    }
}

fn put(call: &Call<'_>, draft: &mut Draft) -> Result<(), Error> {
    let asked = draft.properties();
    let prefixes: Vec<String> = asked
        .get("addressSpace")
        .and_then(|space| space.get("addressPrefixes"))
        .and_then(Value::as_array)
        .map(|list| {
            list.iter()
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect()
        })
        .unwrap_or_default();
    let name = draft.resource.name().to_owned();
    if prefixes.is_empty() {
        return Err(Error::bad_request(
            "InvalidRequestFormat",
            format!("The virtual network '{name}' needs at least one address prefix."),
        ));
    }
    let mut spaces = Vec::new();
    for prefix in &prefixes {
        spaces.push(Range::parse(prefix).ok_or_else(|| invalid_prefix(prefix, &name))?);
    }
    let mut subnets: Vec<Value> = Vec::new();
    for subnet in asked
        .get("subnets")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        let subnet_name = subnet
            .get("name")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned();
        let id = format!("{}/subnets/{subnet_name}", draft.id());
        let made = subnet_view(&id, &subnet_name, subnet)?;
        check_subnet(&made, &name, &spaces, &subnets)?;
        subnets.push(made);
    }
    for gone in old_subnets(draft.existing.as_ref()) {
        let kept = subnets.iter().any(|subnet| same_id(subnet, &gone));
        if !kept {
            refuse_in_use(call, &gone)?;
        }
    }
    draft.set("etag", etag());
    draft.set(
        "properties",
        json!({
            "provisioningState": "Succeeded",
            "resourceGuid": uuid::Uuid::new_v4().to_string(),
            "addressSpace": {"addressPrefixes": prefixes},
            "subnets": subnets,
            "virtualNetworkPeerings": [],
            "enableDdosProtection": asked.get("enableDdosProtection").and_then(Value::as_bool).unwrap_or(false),
        }),
    );
    Ok(())
}

fn invalid_prefix(prefix: &str, name: &str) -> Error {
    Error::bad_request(
        "InvalidAddressPrefixFormat",
        format!(
            "Address prefix {prefix} of resource {name} is not formatted correctly. It should follow CIDR notation, for example 10.0.0.0/24."
        ),
    )
}

fn subnet_view(id: &str, name: &str, asked: &Value) -> Result<Value, Error> {
    let properties = asked
        .get("properties")
        .and_then(Value::as_object)
        .cloned()
        .unwrap_or_default();
    let prefix = properties
        .get("addressPrefix")
        .and_then(Value::as_str)
        .or_else(|| {
            properties
                .get("addressPrefixes")
                .and_then(|list| list.get(0))
                .and_then(Value::as_str)
        });
    let prefix = prefix.ok_or_else(|| invalid_prefix("", name))?;
    if name.is_empty() {
        return Err(Error::bad_request(
            "InvalidRequestFormat",
            "A subnet needs a name.",
        ));
    }
    let mut kept = Map::new();
    for member in [
        "networkSecurityGroup",
        "routeTable",
        "serviceEndpoints",
        "natGateway",
    ] {
        if let Some(value) = properties.get(member).filter(|value| !value.is_null()) {
            kept.insert(member.to_owned(), value.clone());
        }
    }
    let mut view = json!({
        "name": name,
        "id": id,
        "etag": etag(),
        "type": "Microsoft.Network/virtualNetworks/subnets",
        "properties": {
            "provisioningState": "Succeeded",
            "addressPrefix": prefix,
            "delegations": [],
            "privateEndpointNetworkPolicies": "Disabled",
            "privateLinkServiceNetworkPolicies": "Enabled",
        },
    });
    for (member, value) in kept {
        view["properties"][member] = value;
    }
    Ok(view)
}

fn prefix_of(subnet: &Value) -> &str {
    subnet["properties"]["addressPrefix"]
        .as_str()
        .unwrap_or_default()
}

fn check_subnet(
    subnet: &Value,
    network: &str,
    spaces: &[Range],
    others: &[Value],
) -> Result<(), Error> {
    let name = subnet["name"].as_str().unwrap_or_default();
    let range =
        Range::parse(prefix_of(subnet)).ok_or_else(|| invalid_prefix(prefix_of(subnet), name))?;
    if !spaces.iter().any(|space| space.holds(range)) {
        return Err(Error::bad_request(
            "NetcfgSubnetRangeOutsideVnet",
            format!(
                "Subnet '{name}' is not valid because its IP address range is outside the IP address range of virtual network '{network}'."
            ),
        ));
    }
    for other in others {
        let other_name = other["name"].as_str().unwrap_or_default();
        if other_name.eq_ignore_ascii_case(name) {
            continue;
        }
        if Range::parse(prefix_of(other)).is_some_and(|other| other.meets(range)) {
            return Err(Error::bad_request(
                "NetcfgSubnetRangesOverlap",
                format!(
                    "Subnet '{name}' is not valid because its IP address range overlaps with that of an existing subnet in virtual network '{network}'."
                ),
            ));
        }
    }
    Ok(())
}

fn old_subnets(network: Option<&Resource>) -> Vec<Value> {
    let list = network
        .and_then(|there| there.body.get("properties"))
        .and_then(|p| p.get("subnets"));
    list.and_then(Value::as_array).cloned().unwrap_or_default()
}

fn same_id(one: &Value, other: &Value) -> bool {
    let id = |value: &Value| Resource::key_of(value["id"].as_str().unwrap_or_default());
    id(one) == id(other)
}

fn refuse_in_use(call: &Call<'_>, subnet: &Value) -> Result<(), Error> {
    let key = Resource::key_of(subnet["id"].as_str().unwrap_or_default());
    for nic in super::all(call, super::network_interfaces::KIND.name)? {
        if super::network_interfaces::subnets(&nic)
            .iter()
            .any(|id| Resource::key_of(id) == key)
        {
            return Err(Error::bad_request(
                "InUseSubnetCannotBeDeleted",
                format!(
                    "Subnet {} is in use by {} and cannot be deleted. In order to delete the subnet, delete all the \
                     resources within the subnet. See aka.ms/deletesubnet.",
                    subnet["name"].as_str().unwrap_or_default(),
                    nic.id
                ),
            ));
        }
    }
    Ok(())
}

fn delete(call: &Call<'_>, network: &Resource) -> Result<(), Error> {
    old_subnets(Some(network))
        .iter()
        .try_for_each(|subnet| refuse_in_use(call, subnet))
}

/// The subnet with this id, from its network.
pub(crate) fn find_subnet(call: &Call<'_>, id: &str) -> Result<Option<Value>, Error> {
    let Some((network, _)) = id.rsplit_once("/subnets/").or_else(|| {
        let at = id.to_ascii_lowercase().rfind("/subnets/")?;
        Some((&id[..at], &id[at..]))
    }) else {
        return Ok(None);
    };
    let network = call.resource(network)?;
    let key = Resource::key_of(id);
    Ok(old_subnets(network.as_ref())
        .into_iter()
        .find(|subnet| Resource::key_of(subnet["id"].as_str().unwrap_or_default()) == key))
}

/// `…/virtualNetworks/{network}/subnets[/{subnet}]`
pub(crate) fn subnets(call: &Call<'_>, provider: &Provider) -> Result<Response, Error> {
    let name = provider.name(0);
    let id = format!("{}/providers/{}/{name}", call.path.scope, KIND.name);
    let action = match *call.method() {
        Method::GET => "read",
        Method::PUT => "write",
        Method::DELETE => "delete",
        _ => return Err(Error::method_not_allowed(call.method().as_str())),
    };
    call.authorize(&id, &format!("{}/subnets/{action}", KIND.name))?;
    groups::require(call)?;
    let mut network = call
        .resource(&id)?
        .ok_or_else(|| Error::resource_not_found(KIND.name, name, call.path.group.as_deref()))?;
    let mut list = old_subnets(Some(&network));
    if !provider.is_named() {
        return Ok(Response::json(StatusCode::OK, &json!({"value": list})));
    }
    let wanted = provider.name(1).to_owned();
    let at = list.iter().position(|subnet| {
        subnet["name"]
            .as_str()
            .is_some_and(|name| name.eq_ignore_ascii_case(&wanted))
    });
    let mut subnet = Value::Null;
    match (action, at) {
        ("read", Some(at)) => return Ok(Response::json(StatusCode::OK, &list[at])),
        ("read", None) => {
            return Err(Error::new(
                404,
                "NotFound",
                format!("Resource {}/subnets/{wanted} not found.", network.id),
            ));
        }
        ("delete", None) => return Ok(Response::empty(StatusCode::NO_CONTENT)),
        ("delete", Some(at)) => {
            refuse_in_use(call, &list[at])?;
            list.remove(at);
        }
        (_, at) => {
            let id = format!("{}/subnets/{wanted}", network.id);
            subnet = subnet_view(&id, &wanted, &Value::Object(call.body()?))?;
            let spaces: Vec<Range> = network.body["properties"]["addressSpace"]["addressPrefixes"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(|prefix| Range::parse(prefix.as_str()?))
                .collect();
            check_subnet(&subnet, network.name(), &spaces, &list)?;
            match at {
                Some(at) => list[at] = subnet.clone(),
                None => list.push(subnet.clone()),
            }
        }
    }
    if let Some(properties) = network.body.get_mut("properties") {
        properties["subnets"] = Value::Array(list);
    }
    let operation = operations::begin(call.cx, "Updating", None)?;
    network
        .hidden
        .insert("operation".to_owned(), json!(operation.id));
    call.cx.tx.put(&network)?;
    let location = network
        .body
        .get("location")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let url = operations::status_url(call, "Microsoft.Network", location, &operation);
    let response = match (action, at) {
        ("delete", _) => Response::empty(StatusCode::ACCEPTED)
            .with_header("location", operations::result_url(call, &operation)),
        (_, Some(_)) => Response::json(StatusCode::OK, &subnet),
        (_, None) => Response::json(StatusCode::CREATED, &subnet),
    };
    Ok(operations::with_retry_after(
        call.cx,
        response.with_header("azure-asyncoperation", url),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_hold_and_meet() {
        let wide = Range::parse("10.0.0.0/16").expect("a range");
        let narrow = Range::parse("10.0.1.0/24").expect("a range");
        assert!(wide.holds(narrow) && !narrow.holds(wide) && wide.meets(narrow));
        assert!(!narrow.meets(Range::parse("10.0.2.0/24").expect("a range")));
        assert_eq!(narrow.usable().next(), Some(Ipv4Addr::new(10, 0, 1, 4)));
        assert_eq!(narrow.usable().last(), Some(Ipv4Addr::new(10, 0, 1, 254)));
        for bad in ["10.0.0.1/16", "10.0.0.0", "x/8", "10.0.0.0/33"] {
            assert!(Range::parse(bad).is_none(), "{bad}");
        }
        assert_eq!(Range::parse("0.0.0.0/0").map(Range::last), Some(u32::MAX));
    }
}
