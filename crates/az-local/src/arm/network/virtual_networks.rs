//! `Microsoft.Network/virtualNetworks` and their subnets.

use super::range::Range;
use super::reference::{self, duplicate_name};
use crate::arm::call::Call;
use crate::arm::error::Error;
use crate::arm::keep::{Members, keep_part};
use crate::arm::path::ProviderPath;
use crate::arm::resource_type::{Answers, Draft, Kind, etag};
use crate::arm::{group_scope, names, operations};
use crate::ground::wire::Response;
use crate::state::durations::Work;
use crate::state::holds::{self, Hold};
use crate::state::network::{Subnet, VirtualNetwork};
use crate::state::operations::Operation;
use crate::state::{Document, Resource};
use http::{Method, StatusCode};
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap, HashSet};

pub(crate) const KIND: Kind = Kind {
    name: reference::VIRTUAL_NETWORK,
    names: names::virtual_network,
    answers: Answers::Operation,
    members: MEMBERS,
    put,
    view,
    holds,
    in_use,
    ..Kind::PLAIN
};

const MEMBERS: Members = Members {
    own: &[
        "properties/flowLogs",
        "properties/defaultPublicNatGateway",
        "properties/subnets/*/properties/ipConfigurations",
        "properties/subnets/*/properties/ipConfigurationProfiles",
        "properties/subnets/*/properties/privateEndpoints",
        "properties/subnets/*/properties/resourceNavigationLinks",
        "properties/subnets/*/properties/serviceAssociationLinks",
        "properties/subnets/*/properties/purpose",
    ],
    references: &[
        "properties/ddosProtectionPlan",
        "properties/subnets/*/properties/networkSecurityGroup",
        "properties/subnets/*/properties/routeTable",
        "properties/subnets/*/properties/natGateway",
    ],
    ..Members::PLAIN
};

/// What a network refers to, its subnets aside.
const REFERENCES: &[&str] = &[
    "properties/ddosProtectionPlan",
    "properties/ipAllocations/*",
    "properties/virtualNetworkPeerings/*/properties/remoteVirtualNetwork",
];

/// What a subnet refers to.
const OF_SUBNETS: &[&str] = &[
    "properties/networkSecurityGroup",
    "properties/routeTable",
    "properties/natGateway",
    "properties/serviceEndpointPolicies/*",
    "properties/ipAllocations/*",
];

fn put(call: &Call<'_>, draft: &mut Draft) -> Result<(), Error> {
    let asked = draft.properties();
    let action = format!("{}/write", KIND.name);
    let body = Value::Object(draft.body.clone());
    reference::require(call, (draft.id(), &action), (&body, ""), REFERENCES)?;
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
    let (mut names, mut taken) = (HashSet::new(), Taken::default());
    for (index, subnet) in asked
        .get("subnets")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .enumerate()
    {
        let subnet_name = subnet.get("name").and_then(Value::as_str);
        let subnet_name = subnet_name
            .filter(|name| !name.is_empty())
            .ok_or_else(|| Error::bad_request("InvalidRequestFormat", "A subnet needs a name."))?;
        let id = format!("{}/subnets/{subnet_name}", draft.id());
        let at = format!("properties.subnets[{index}]");
        reference::require(call, (&id, &action), (subnet, &at), OF_SUBNETS)?;
        let made = subnet_view(&id, subnet_name, subnet)?;
        if !names.insert(subnet_name.to_ascii_lowercase()) {
            return Err(duplicate_name(draft.id(), subnet_name));
        }
        taken.take(Subnet::of(&made), &name, &spaces)?;
        subnets.push(made);
    }
    let old = draft.existing.iter();
    for gone in old.flat_map(|there| VirtualNetwork::of(there).subnets()) {
        let stays = |name: &str| names.contains(&name.to_ascii_lowercase());
        if !gone.name().is_some_and(stays) {
            refuse_in_use(call, gone)?;
        }
    }
    draft.set("etag", etag());
    draft.set(
        "properties",
        json!({
            "provisioningState": "Succeeded",
            "resourceGuid": draft.guid(),
            "addressSpace": {"addressPrefixes": prefixes},
            "subnets": subnets,
            "virtualNetworkPeerings": [],
            "enableDdosProtection": false,
            // Azure answers it where nothing was asked, too (hashicorp/terraform-provider-azurerm reads it back).
            "privateEndpointVNetPolicies": "Disabled",
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
    names::network(name)?;
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
    keep_part(MEMBERS, &["properties", "subnets", "*"], asked, &mut view)?;
    Ok(view)
}

/// The addresses that a network's subnets have: the last of each by its first.
#[derive(Default)]
struct Taken(BTreeMap<u32, u32>);

impl Taken {
    /// Takes a subnet's addresses. They must be the network's, and nobody else's.
    fn take(&mut self, subnet: Subnet<'_>, network: &str, spaces: &[Range]) -> Result<(), Error> {
        let (name, prefix) = (
            subnet.name().unwrap_or("(without a name)"),
            subnet.prefix().unwrap_or("(none)"),
        );
        let range = Range::parse(prefix).ok_or_else(|| invalid_prefix(prefix, name))?;
        if !spaces.iter().any(|space| space.holds(range)) {
            return Err(Error::bad_request(
                "NetcfgSubnetRangeOutsideVnet",
                format!(
                    "Subnet '{name}' is not valid because its IP address range is outside the IP address range of virtual network '{network}'."
                ),
            ));
        }
        // None of them overlap: the last that begins before this one ends is the only one that can meet it.
        let before = self.0.range(..=range.last()).next_back();
        if before.is_some_and(|(_, last)| *last >= range.first()) {
            return Err(Error::bad_request(
                "NetcfgSubnetRangesOverlap",
                format!(
                    "Subnet '{name}' is not valid because its IP address range overlaps with that of an existing subnet in virtual network '{network}'."
                ),
            ));
        }
        self.0.insert(range.first(), range.last());
        Ok(())
    }
}

/// Whether two subnets of one network are the same one.
fn same_name(one: Subnet<'_>, other: Subnet<'_>) -> bool {
    match (one.name(), other.name()) {
        (Some(one), Some(other)) => one.eq_ignore_ascii_case(other),
        _ => false,
    }
}

fn view(call: &Call<'_>, network: &Resource, value: &mut Value) -> Result<(), Error> {
    let subnets = value["properties"]["subnets"].as_array_mut();
    match subnets {
        Some(subnets) => show_users(call, network, subnets),
        None => Ok(()),
    }
}

/// Tells of each subnet which configurations of interfaces are in it: that is known by who holds it.
fn show_users(call: &Call<'_>, network: &Resource, subnets: &mut [Value]) -> Result<(), Error> {
    let users = holds::users_below(call.cx.tx, &format!("{}/subnets", network.id))?;
    if users.is_empty() {
        return Ok(());
    }
    let mut by_subnet: HashMap<String, Vec<Value>> = HashMap::new();
    for user in users {
        let shown = by_subnet.entry(Resource::key_of(&user.held)).or_default();
        shown.push(json!({"id": user.holder}));
    }
    for subnet in subnets {
        let key = Subnet::of(subnet).id().map(Resource::key_of);
        if let Some(users) = key.and_then(|key| by_subnet.remove(&key)) {
            subnet["properties"]["ipConfigurations"] = Value::Array(users);
        }
    }
    Ok(())
}

/// The same of one subnet.
fn show_own_users(call: &Call<'_>, subnet: &mut Value) -> Result<(), Error> {
    let users = match Subnet::of(subnet).id() {
        Some(id) => holds::users(call.cx.tx, id)?,
        None => Vec::new(),
    };
    if !users.is_empty() {
        let users = users.iter().map(|user| json!({"id": user.holder}));
        subnet["properties"]["ipConfigurations"] = users.collect();
    }
    Ok(())
}

/// The security groups of the subnets.
fn holds(network: &Resource) -> Vec<Hold> {
    let subnets = VirtualNetwork::of(network).subnets();
    subnets
        .filter_map(|subnet| {
            Some(Hold::shared(
                network,
                subnet.security_group()?,
                subnet.id()?,
            ))
        })
        .collect()
}

fn refuse_in_use(call: &Call<'_>, subnet: Subnet<'_>) -> Result<(), Error> {
    let Some(id) = subnet.id() else {
        return Ok(());
    };
    match holds::user(call.cx.tx, id)? {
        Some(user) => Err(subnet_in_use(id, &user)),
        None => Ok(()),
    }
}

fn subnet_in_use(subnet: &str, user: &Hold) -> Error {
    Error::bad_request(
        "InUseSubnetCannotBeDeleted",
        format!(
            "Subnet {} is in use by {} and cannot be deleted. In order to delete the subnet, delete all the \
             resources within the subnet. See aka.ms/deletesubnet.",
            Subnet::parts(subnet).map_or(subnet, |(_, name)| name),
            user.holder
        ),
    )
}

fn in_use(_: &Resource, user: &Hold) -> Option<Error> {
    Some(subnet_in_use(&user.held, user))
}

/// Keeps a network whose subnets were changed. Gives the operation that does it, and where that is polled.
fn store(call: &Call<'_>, mut network: Resource) -> Result<(Operation, String), Error> {
    let taken = holds::take(call.cx.tx, &network.key(), &holds(&network))?;
    debug_assert!(taken.is_ok(), "security groups are shared");
    let takes = call.cx.knobs.takes(KIND.name, Work::Update);
    let operation = operations::begin(call.cx, "Updating", takes)?;
    network
        .hidden
        .insert("operation".to_owned(), json!(operation.id));
    call.cx.tx.put(&network)?;
    let url = operations::status_url(call, "Microsoft.Network", network.location(), &operation);
    Ok((operation, url))
}

/// `…/virtualNetworks/{network}/subnets[/{subnet}]`
pub(crate) fn subnets(call: &Call<'_>, provider: &ProviderPath) -> Result<Response, Error> {
    let name = provider.name(0);
    let id = format!("{}/providers/{}/{name}", call.path.scope, KIND.name);
    let action = match *call.method() {
        Method::GET => "read",
        Method::PUT => "write",
        Method::DELETE => "delete",
        _ => return Err(Error::method_not_allowed(call.method().as_str())),
    };
    call.authorize(&id, &format!("{}/subnets/{action}", KIND.name))?;
    group_scope::require(call)?;
    let mut network = call
        .resource(&id)?
        .ok_or_else(|| Error::resource_not_found(KIND.name, name, call.path.group.as_deref()))?;
    if action != "read" && operations::is_deleting(call.cx, &network)? {
        return Err((KIND.being_deleted)(&network));
    }
    let view = VirtualNetwork::of(&network);
    let spaces: Vec<Range> = view.prefixes().filter_map(Range::parse).collect();
    let mut list: Vec<Value> = view.subnets().map(|one| one.value().clone()).collect();
    if !provider.is_named() {
        show_users(call, &network, &mut list)?;
        return Ok(Response::json(StatusCode::OK, &json!({"value": list})));
    }
    let wanted = provider.name(1).to_owned();
    let same = |name: &str| name.eq_ignore_ascii_case(&wanted);
    let at = list
        .iter()
        .position(|subnet| Subnet::of(subnet).name().is_some_and(same));
    let mut subnet = Value::Null;
    match (action, at) {
        ("read", Some(at)) => {
            show_own_users(call, &mut list[at])?;
            return Ok(Response::json(StatusCode::OK, &list[at]));
        }
        ("read", None) => {
            return Err(Error::new(
                404,
                "NotFound",
                format!("Resource {}/subnets/{wanted} not found.", network.id),
            ));
        }
        ("delete", None) => return Ok(Response::empty(StatusCode::NO_CONTENT)),
        ("delete", Some(at)) => {
            refuse_in_use(call, Subnet::of(&list[at]))?;
            list.remove(at);
        }
        (_, at) => {
            let id = format!("{}/subnets/{wanted}", network.id);
            let asked = Value::Object(call.body()?);
            let action = format!("{}/subnets/write", KIND.name);
            reference::require(call, (&id, &action), (&asked, ""), OF_SUBNETS)?;
            subnet = subnet_view(&id, &wanted, &asked)?;
            let mut taken = Taken::default();
            let made = Subnet::of(&subnet);
            let others = list.iter().map(Subnet::of);
            for other in others.filter(|other| !same_name(*other, made)) {
                let range = other.prefix().and_then(Range::parse);
                taken
                    .0
                    .extend(range.map(|range| (range.first(), range.last())));
            }
            taken.take(made, network.name(), &spaces)?;
            match at {
                Some(at) => list[at] = subnet.clone(),
                None => list.push(subnet.clone()),
            }
        }
    }
    if let Some(properties) = network.body.get_mut("properties") {
        properties["subnets"] = Value::Array(list);
    }
    let (operation, url) = store(call, network)?;
    show_own_users(call, &mut subnet)?;
    let response = match (action, at) {
        ("delete", _) => Response::empty(StatusCode::ACCEPTED)
            .with_header("location", operations::result_url(call, &operation)),
        (_, Some(_)) => Response::json(StatusCode::OK, &subnet),
        (_, None) => Response::json(StatusCode::CREATED, &subnet),
    };
    Ok(operations::with_retry_after(
        call,
        response.with_header("azure-asyncoperation", url),
    ))
}
