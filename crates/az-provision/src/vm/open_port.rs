//! Opens ports of a machine to the internet: a rule of its security group.

use super::{
    machine::{id_of, shape},
    security_rules,
};
use crate::cli::OpenPort;
use az_core::{
    arm::{ResourceId, versions},
    cli::{Doing, Failure, Session, Status},
};
use serde_json::{Value, json};

/// The first priority that a rule is given, as `az` has it.
const FIRST: u16 = 900;

/// What is there of a machine's firewall.
struct Firewall {
    machine: Value,
    interface: Value,
    /// The security group's id, which is the interface's, or would be.
    id: ResourceId,
    /// The group, if it is there.
    group: Option<Value>,
    /// Whether the interface has it.
    joined: bool,
}

/// Makes a rule for the ports that are not open yet; prints the security group. One that the machine has not got is made.
pub(crate) async fn run(session: &Session, args: &OpenPort) -> Result<Value, Failure> {
    let doing = format!("opening ports of virtual machine '{}'", args.name);
    open(session, args).await.doing(doing)
}

async fn open(session: &Session, args: &OpenPort) -> Result<Value, Failure> {
    let arm = session.arm()?;
    let firewall = Firewall::look(session, args).await?;
    let none = Value::Null;
    let group = firewall.group.as_ref().unwrap_or(&none);
    let rule = rule(session, args, &firewall.id, group)?;
    match (&firewall.group, rule) {
        (Some(group), None) if firewall.joined => return Ok(shape(group)),
        (Some(_), None) => {}
        (Some(_), Some(rule)) => {
            let name = rule["name"].as_str().unwrap_or_default();
            let id = firewall.id.child("securityRules", name);
            let body = json!({"properties": rule["properties"]});
            arm.wait(arm.put(&id, versions::NETWORK, body).await?)
                .await?;
        }
        // With its rule: a machine that joins it is not closed for a moment.
        (None, rule) => {
            let rules: Vec<Value> = rule.into_iter().collect();
            let body = json!({"location": firewall.machine["location"], "properties": {"securityRules": rules}});
            arm.wait(arm.put(&firewall.id, versions::NETWORK, body).await?)
                .await?;
        }
    }
    if !firewall.joined {
        let own = firewall.interface["id"].as_str().unwrap_or_default();
        let mut interface = writable(&firewall.interface);
        interface["properties"]["networkSecurityGroup"] = json!({"id": firewall.id.as_str()});
        arm.wait(arm.put(own, versions::NETWORK, interface).await?)
            .await?;
    }
    if session.is_dry_run() {
        return Ok(Value::Null);
    }
    Ok(shape(&arm.get(&firewall.id, versions::NETWORK).await?))
}

impl Firewall {
    /// Reads it; refuses a machine with several interfaces, and one whose group is not the one that is named.
    async fn look(session: &Session, args: &OpenPort) -> Result<Self, Failure> {
        let arm = session.arm()?;
        let id = id_of(session, &args.name, args.resource_group.as_ref()).await?;
        let machine = arm.get(&id, versions::COMPUTE).await?;
        let interfaces = machine["properties"]["networkProfile"]["networkInterfaces"].as_array();
        let interface = match interfaces.map(Vec::as_slice).unwrap_or_default() {
            [one] => one["id"].as_str().unwrap_or_default(),
            several => {
                return Err(Failure::new(
                    Status::Failed,
                    format!("it has {} interfaces, not one", several.len()),
                )
                .hint("Add a rule to the security group that is meant."));
            }
        };
        let interface = arm.get(interface, versions::NETWORK).await?;
        let own = interface["properties"]["networkSecurityGroup"]["id"].as_str();
        let Some(own) = own else {
            let name = args
                .nsg_name
                .as_ref()
                .map_or_else(|| format!("{}NSG", args.name), ToString::to_string);
            let of_group = id
                .parent()
                .ok_or_else(|| Failure::usage(format!("'{id}' is in no resource group")))?;
            let id = of_group.resource("Microsoft.Network", "networkSecurityGroups", &name);
            let group = arm.find_lasting(&id, versions::NETWORK, &[]).await?;
            return Ok(Firewall {
                machine,
                interface,
                id,
                group,
                joined: false,
            });
        };
        let id: ResourceId = own.parse()?;
        if let Some(name) = &args.nsg_name
            && !id.name().eq_ignore_ascii_case(name.as_str())
        {
            return Err(Failure::new(
                Status::Conflict,
                format!("its security group is '{}', not '{name}'", id.name()),
            )
            .hint("Leave --nsg-name out: the rule goes into the group that the machine has."));
        }
        let group = Some(arm.get(&id, versions::NETWORK).await?);
        Ok(Firewall {
            machine,
            interface,
            id,
            group,
            joined: true,
        })
    }
}

/// The rule that is missing, if one is; `group` is null where there is none yet.
fn rule(
    session: &Session,
    args: &OpenPort,
    id: &ResourceId,
    group: &Value,
) -> Result<Option<Value>, Failure> {
    let all = args.port.iter().any(|port| port == "*");
    let wanted = args.port.iter().map(String::as_str);
    let closed: Vec<&str> = wanted
        .filter(|port| !all || *port == "*")
        .filter(|port| !security_rules::opens(group, port))
        .collect();
    if closed.is_empty() {
        if args.priority.is_some() {
            session.warn(format!(
                "security group '{}' opens these ports already; no rule is given --priority",
                id.name()
            ));
        }
        return Ok(None);
    }
    let priority = match args.priority {
        Some(priority) => match security_rules::of_priority(group, priority) {
            None => priority,
            Some(taken) => {
                return Err(Failure::new(
                    Status::Conflict,
                    format!(
                        "rule '{}' of security group '{}' has priority {priority}",
                        taken["name"].as_str().unwrap_or_default(),
                        id.name()
                    ),
                )
                .hint("Give another --priority, or leave it out for the first that is free."));
            }
        },
        None => security_rules::free_priority(group, FIRST).ok_or_else(|| {
            Failure::new(
                Status::Conflict,
                format!("no priority from {FIRST} on is free"),
            )
        })?,
    };
    let mut properties = json!({
        "protocol": "*", "access": "Allow", "direction": "Inbound", "priority": priority,
        "sourcePortRange": "*", "sourceAddressPrefix": "*", "destinationAddressPrefix": "*",
    });
    match closed.as_slice() {
        [port] => properties["destinationPortRange"] = json!(port),
        several => properties["destinationPortRanges"] = json!(several),
    }
    let name = security_rules::name_of(&closed.join("_"));
    Ok(Some(json!({"name": name, "properties": properties})))
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
