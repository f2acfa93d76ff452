//! `Microsoft.Network/networkSecurityGroups` and their rules.

use super::reference::{self, duplicate_name};
use crate::arm::call::Call;
use crate::arm::error::Error;
use crate::arm::group_scope;
use crate::arm::keep::{Members, keep_part};
use crate::arm::names;
use crate::arm::operations;
use crate::arm::path::ProviderPath;
use crate::arm::resource_type::{Answers, Draft, Kind, etag};
use crate::ground::wire::Response;
use crate::state::Resource;
use crate::state::holds::{self, Hold};
use crate::state::network::Subnet;
use http::{Method, StatusCode};
use serde_json::{Value, json};
use std::collections::{HashMap, HashSet};

pub(crate) const KIND: Kind = Kind {
    name: reference::SECURITY_GROUP,
    answers: Answers::Operation,
    members: MEMBERS,
    put,
    view,
    in_use,
    ..Kind::PLAIN
};

const MEMBERS: Members = Members {
    own: &[
        "properties/defaultSecurityRules",
        "properties/networkInterfaces",
        "properties/subnets",
        "properties/flowLogs",
    ],
    ..Members::PLAIN
};

/// What a rule refers to.
const OF_RULES: &[&str] = &[
    "properties/sourceApplicationSecurityGroups/*",
    "properties/destinationApplicationSecurityGroups/*",
];

/// Refuses a rule that refers to what is not there.
fn require_references(call: &Call<'_>, group: &str, rule: &Value, at: &str) -> Result<(), Error> {
    let action = format!("{}/securityRules/write", KIND.name);
    reference::require(call, (group, &action), (rule, at), OF_RULES)
}

fn put(call: &Call<'_>, draft: &mut Draft) -> Result<(), Error> {
    let id = draft.id().to_owned();
    let mut rules: Vec<Value> = Vec::new();
    let (mut names, mut places) = (HashSet::new(), HashMap::new());
    for (index, asked) in draft
        .properties()
        .get("securityRules")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .enumerate()
    {
        let name = asked
            .get("name")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let rule = rule_view(&id, name, asked)?;
        require_references(
            call,
            &id,
            asked,
            &format!("properties.securityRules[{index}]"),
        )?;
        if !names.insert(name.to_ascii_lowercase()) {
            return Err(duplicate_name(&id, name));
        }
        if let Some(other) = places.insert(place_of(&rule), name.to_owned()) {
            return Err(conflict(name, &other));
        }
        rules.push(rule);
    }
    draft.set("etag", etag());
    draft.set(
        "properties",
        json!({
            "provisioningState": "Succeeded",
            "resourceGuid": draft.guid(),
            "securityRules": rules,
            "defaultSecurityRules": default_rules(&id),
        }),
    );
    Ok(())
}

fn rule_view(group: &str, name: &str, asked: &Value) -> Result<Value, Error> {
    let properties = asked
        .get("properties")
        .and_then(Value::as_object)
        .cloned()
        .unwrap_or_default();
    let invalid = |what: &str| {
        Error::bad_request(
            "SecurityRuleInvalidParameter",
            format!("Security rule parameter {what} for rule '{name}' is missing or not valid."),
        )
    };
    if name.is_empty() {
        return Err(invalid("Name"));
    }
    names::network(name)?;
    let word = |member: &str, allowed: &[&'static str]| {
        let given = properties
            .get(member)
            .and_then(Value::as_str)
            .unwrap_or_default();
        allowed
            .iter()
            .find(|word| word.eq_ignore_ascii_case(given))
            .copied()
    };
    let access = word("access", &["Allow", "Deny"]).ok_or_else(|| invalid("Access"))?;
    let direction =
        word("direction", &["Inbound", "Outbound"]).ok_or_else(|| invalid("Direction"))?;
    let protocol = word("protocol", &["*", "Tcp", "Udp", "Icmp", "Esp", "Ah"])
        .ok_or_else(|| invalid("Protocol"))?;
    let priority = properties
        .get("priority")
        .and_then(Value::as_i64)
        .filter(|at| (100..=4096).contains(at));
    let priority = priority.ok_or_else(|| {
        Error::bad_request(
            "SecurityRuleInvalidPriority",
            format!("Security rule has invalid Priority. Value provided for rule '{name}' must be in the range 100-4096."),
        )
    })?;
    let ports = properties
        .get("destinationPortRange")
        .and_then(Value::as_str);
    let many = properties
        .get("destinationPortRanges")
        .and_then(Value::as_array)
        .filter(|list| !list.is_empty());
    if ports.is_none() && many.is_none() {
        return Err(invalid("DestinationPortRange"));
    }
    let mut view = json!({
        "name": name,
        "id": format!("{group}/securityRules/{name}"),
        "etag": etag(),
        "type": "Microsoft.Network/networkSecurityGroups/securityRules",
        "properties": {
            "provisioningState": "Succeeded", "protocol": protocol, "access": access, "direction": direction, "priority": priority,
        },
    });
    for list in [
        "sourcePortRanges",
        "destinationPortRanges",
        "sourceAddressPrefixes",
        "destinationAddressPrefixes",
    ] {
        // Answered also where none is sent.
        view["properties"][list] = json!([]);
    }
    keep_part(
        MEMBERS,
        &["properties", "securityRules", "*"],
        asked,
        &mut view,
    )?;
    Ok(view)
}

/// Direction and priority: no two rules of a group have both the same.
fn place_of(rule: &Value) -> (String, Option<i64>) {
    let properties = &rule["properties"];
    let direction = properties["direction"].to_string();
    (direction, properties["priority"].as_i64())
}

fn conflict(rule: &str, other: &str) -> Error {
    Error::bad_request(
        "SecurityRuleConflict",
        format!(
            "Security rule {rule} conflicts with rule {other}. Rules cannot have the same Priority and Direction."
        ),
    )
}

/// <https://learn.microsoft.com/azure/virtual-network/network-security-groups-overview#default-security-rules>
fn default_rules(group: &str) -> Vec<Value> {
    [
        ("AllowVnetInBound", 65000, "Inbound", "Allow", "VirtualNetwork", "VirtualNetwork", "Allow inbound traffic from all VMs in VNET"),
        ("AllowAzureLoadBalancerInBound", 65001, "Inbound", "Allow", "AzureLoadBalancer", "*", "Allow inbound traffic from azure load balancer"),
        ("DenyAllInBound", 65500, "Inbound", "Deny", "*", "*", "Deny all inbound traffic"),
        ("AllowVnetOutBound", 65000, "Outbound", "Allow", "VirtualNetwork", "VirtualNetwork", "Allow outbound traffic from all VMs to all VMs in VNET"),
        ("AllowInternetOutBound", 65001, "Outbound", "Allow", "*", "Internet", "Allow outbound traffic from all VMs to Internet"),
        ("DenyAllOutBound", 65500, "Outbound", "Deny", "*", "*", "Deny all outbound traffic"),
    ]
    .iter()
    .map(|(name, priority, direction, access, source, destination, description)| {
        json!({
            "name": name,
            "id": format!("{group}/defaultSecurityRules/{name}"),
            "etag": etag(),
            "type": "Microsoft.Network/networkSecurityGroups/defaultSecurityRules",
            "properties": {
                "provisioningState": "Succeeded", "description": description, "protocol": "*", "access": access, "direction": direction,
                "priority": priority, "sourcePortRange": "*", "destinationPortRange": "*",
                "sourceAddressPrefix": source, "destinationAddressPrefix": destination,
                "sourcePortRanges": [], "destinationPortRanges": [],
                "sourceAddressPrefixes": [], "destinationAddressPrefixes": [],
            },
        })
    })
    .collect()
}

/// Who uses the group is known by who holds it: interfaces, and subnets.
fn view(call: &Call<'_>, group: &Resource, value: &mut Value) -> Result<(), Error> {
    for user in holds::users(call.cx.tx, &group.id)? {
        let list = match Subnet::parts(&user.holder) {
            Some(_) => "subnets",
            None => "networkInterfaces",
        };
        match value["properties"][list].as_array_mut() {
            Some(shown) => shown.push(json!({"id": user.holder})),
            None => value["properties"][list] = json!([{"id": user.holder}]),
        }
    }
    Ok(())
}

fn in_use(group: &Resource, user: &Hold) -> Option<Error> {
    Some(Error::bad_request(
        "InUseNetworkSecurityGroupCannotBeDeleted",
        format!(
            "Network security group {} cannot be deleted because it is in use by the following resources: {}. \
             In order to delete the Network security group, remove the association with the resource(s). To \
             learn how to do this, see aka.ms/deletensg.",
            group.id, user.holder
        ),
    ))
}

/// `…/networkSecurityGroups/{group}/securityRules[/{rule}]`
pub(crate) fn rules(call: &Call<'_>, provider: &ProviderPath) -> Result<Response, Error> {
    let name = provider.name(0);
    let id = format!("{}/providers/{}/{name}", call.path.scope, KIND.name);
    let action = match *call.method() {
        Method::GET => "read",
        Method::PUT => "write",
        Method::DELETE => "delete",
        _ => return Err(Error::method_not_allowed(call.method().as_str())),
    };
    call.authorize(&id, &format!("{}/securityRules/{action}", KIND.name))?;
    group_scope::require(call)?;
    let mut group = call
        .resource(&id)?
        .ok_or_else(|| Error::resource_not_found(KIND.name, name, call.path.group.as_deref()))?;
    if action != "read" && operations::is_deleting(call.cx, &group)? {
        return Err((KIND.being_deleted)(&group));
    }
    let mut list = group.items("securityRules").to_vec();
    if !provider.is_named() {
        return Ok(Response::json(StatusCode::OK, &json!({"value": list})));
    }
    let wanted = provider.name(1).to_owned();
    let at = list.iter().position(|rule| {
        rule["name"]
            .as_str()
            .is_some_and(|name| name.eq_ignore_ascii_case(&wanted))
    });
    let response = match (action, at) {
        ("read", Some(at)) => return Ok(Response::json(StatusCode::OK, &list[at])),
        ("read", None) => {
            return Err(Error::new(
                404,
                "NotFound",
                format!("Resource {}/securityRules/{wanted} not found.", group.id),
            ));
        }
        ("delete", None) => return Ok(Response::empty(StatusCode::NO_CONTENT)),
        ("delete", Some(at)) => {
            list.remove(at);
            Response::empty(StatusCode::OK)
        }
        (_, at) => {
            let asked = Value::Object(call.body()?);
            let rule = rule_view(&group.id, &wanted, &asked)?;
            require_references(call, &group.id, &asked, "")?;
            let place = place_of(&rule);
            let mut others = list.iter().filter(|other| other["name"] != rule["name"]);
            if let Some(other) = others.find(|other| place_of(other) == place) {
                return Err(conflict(&wanted, other["name"].as_str().unwrap_or(&wanted)));
            }
            match at {
                Some(at) => list[at] = rule.clone(),
                None => list.push(rule.clone()),
            }
            Response::json(
                if at.is_some() {
                    StatusCode::OK
                } else {
                    StatusCode::CREATED
                },
                &rule,
            )
        }
    };
    if let Some(properties) = group.body.get_mut("properties") {
        properties["securityRules"] = Value::Array(list);
    }
    call.cx.tx.put(&group)?;
    Ok(response)
}
