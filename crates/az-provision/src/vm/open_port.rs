//! Opens ports of a machine to the internet: a rule of its security group.

use super::{
    machine::{id_of, shape},
    security_rules,
};
use crate::cli::OpenPort;
use az_core::{
    arm::{Client, ResourceId, versions},
    cli::{Doing, Failure, Session, Status},
};
use serde_json::{Value, json};

/// The first priority that a rule is given, as `az` has it.
const FIRST: u16 = 900;

/// Makes a rule for the ports that are not open yet; prints the security group. One that the machine has not got is made.
pub(crate) async fn run(session: &Session, args: &OpenPort) -> Result<Value, Failure> {
    let arm = session.arm()?;
    let doing = format!("opening ports of virtual machine '{}'", args.name);
    let id = id_of(session, &args.name, args.resource_group.as_ref()).await?;
    let machine = arm.get(&id, versions::COMPUTE).await.doing(&doing)?;
    let interfaces = machine["properties"]["networkProfile"]["networkInterfaces"].as_array();
    let interface = match interfaces.map(Vec::as_slice).unwrap_or_default() {
        [one] => one["id"].as_str().unwrap_or_default(),
        several => {
            return Err(Failure::new(
                Status::Failed,
                format!("{doing}: it has {} interfaces, not one", several.len()),
            )
            .hint("Add a rule to the security group that is meant."));
        }
    };
    let interface = arm.get(interface, versions::NETWORK).await.doing(&doing)?;
    let group = interface["properties"]["networkSecurityGroup"]["id"].as_str();
    let group = match group {
        Some(group) => arm.get(group, versions::NETWORK).await.doing(&doing)?,
        None => make_group(arm, args, &id, &machine, &interface)
            .await
            .doing(&doing)?,
    };
    if session.is_dry_run() && group.is_null() {
        return Ok(Value::Null);
    }
    let closed: Vec<&str> = args
        .port
        .iter()
        .map(String::as_str)
        .filter(|port| !security_rules::opens(&group, port))
        .collect();
    if closed.is_empty() {
        return Ok(shape(&group));
    }
    let group: ResourceId = {
        let id: ResourceId = group["id"].as_str().unwrap_or_default().parse()?;
        let priority = args
            .priority
            .or_else(|| security_rules::free_priority(&group, FIRST));
        let Some(priority) = priority else {
            return Err(Failure::new(
                Status::Conflict,
                format!("{doing}: no priority from {FIRST} on is free"),
            ));
        };
        let rule = id.child("securityRules", &format!("open-port-{}", closed.join("_")));
        let mut body = json!({"properties": {
            "protocol": "*", "access": "Allow", "direction": "Inbound", "priority": priority,
            "sourcePortRange": "*", "sourceAddressPrefix": "*", "destinationAddressPrefix": "*",
        }});
        match closed.as_slice() {
            [port] => body["properties"]["destinationPortRange"] = json!(port),
            several => body["properties"]["destinationPortRanges"] = json!(several),
        }
        let answer = arm
            .put(&rule, versions::NETWORK, body)
            .await
            .doing(&doing)?;
        arm.wait(answer).await.doing(&doing)?;
        id
    };
    if session.is_dry_run() {
        return Ok(Value::Null);
    }
    Ok(shape(
        &arm.get(&group, versions::NETWORK).await.doing(&doing)?,
    ))
}

/// A security group for the machine's interface, which has none.
async fn make_group(
    arm: &Client,
    args: &OpenPort,
    machine: &ResourceId,
    there: &Value,
    interface: &Value,
) -> Result<Value, Failure> {
    let name = args
        .nsg_name
        .as_ref()
        .map_or_else(|| format!("{}NSG", args.name), ToString::to_string);
    let of_group = machine
        .parent()
        .ok_or_else(|| Failure::usage(format!("'{machine}' is in no resource group")))?;
    let id = of_group.resource("Microsoft.Network", "networkSecurityGroups", &name);
    let group = match arm.find(&id, versions::NETWORK).await? {
        Some(group) => group,
        None => {
            let body = json!({"location": there["location"], "properties": {"securityRules": []}});
            let answer = arm.put(&id, versions::NETWORK, body).await?;
            arm.wait(answer).await?
        }
    };
    let own = interface["id"].as_str().unwrap_or_default().to_owned();
    let mut interface = writable(interface);
    interface["properties"]["networkSecurityGroup"] = json!({"id": id.as_str()});
    let answer = arm.put(own, versions::NETWORK, interface).await?;
    arm.wait(answer).await?;
    Ok(group)
}

/// An interface as it may be put back: without what only answers have
/// (<https://learn.microsoft.com/rest/api/virtualnetwork/network-interfaces/create-or-update>).
fn writable(interface: &Value) -> Value {
    const OF_ANSWERS: [&str; 10] = [
        "etag",
        "provisioningState",
        "resourceGuid",
        "macAddress",
        "virtualMachine",
        "hostedWorkloads",
        "tapConfigurations",
        "appliedDnsServers",
        "internalDomainNameSuffix",
        "vnetEncryptionSupported",
    ];
    fn strip(value: &mut Value) {
        match value {
            Value::Array(items) => items.iter_mut().for_each(strip),
            Value::Object(members) => {
                members.retain(|name, _| !OF_ANSWERS.contains(&name.as_str()));
                members.values_mut().for_each(strip);
            }
            _ => {}
        }
    }
    let mut interface = interface.clone();
    strip(&mut interface);
    let mut drop = |pointer: &str, names: &[&str]| {
        if let Some(members) = interface
            .pointer_mut(pointer)
            .and_then(Value::as_object_mut)
        {
            members.retain(|name, _| !names.contains(&name.as_str()));
        }
    };
    drop("", &["id", "name", "type"]);
    drop("/properties", &["primary"]);
    let configurations = interface["properties"]["ipConfigurations"].as_array_mut();
    for configuration in configurations.into_iter().flatten() {
        if let Some(members) = configuration.as_object_mut() {
            members.retain(|name, _| !["id", "type"].contains(&name.as_str()));
        }
    }
    interface
}
