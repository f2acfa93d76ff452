//! What would become of a machine's network.

use super::{Network, network};
use crate::plan::node::{Node, State};
use az_core::{
    arm::{Client, ResourceId, versions},
    cli::{Doing, Failure},
    name::Location,
};
use serde_json::Value;

/// The resources that a new machine's network is made of; `in_group` is whether its group is there.
pub(crate) async fn look(
    wanted: &Network,
    arm: &Client,
    group: &ResourceId,
    location: &Location,
    in_group: bool,
) -> Result<Vec<Node>, Failure> {
    let nic = wanted.interface_id(group);
    let interface = find(arm, &nic, in_group).await?;
    if let Some(there) = interface {
        let mut nodes = of_interface(&there);
        nodes.retain(|node| node.id != nic);
        nodes.push(Node::there(nic, wanted.other_members(&there), None));
        return Ok(nodes);
    }
    let (mut nodes, nsg, address) = futures::try_join!(
        networks(wanted, arm, group, location, in_group),
        part(
            wanted
                .nsg
                .as_ref()
                .map(|name| network(group, "networkSecurityGroups", name.as_str())),
            arm,
            in_group,
            |there| wanted.closed(there)
        ),
        part(
            wanted.public_ip.as_ref().map(|name| network(
                group,
                "publicIPAddresses",
                name.as_str()
            )),
            arm,
            in_group,
            |there| wanted.other_sku(there)
        ),
    )?;
    nodes.extend(nsg);
    nodes.extend(address);
    nodes.push(Node::new(nic, State::Create));
    Ok(nodes)
}

/// The resources that an interface stands on, and itself.
pub(crate) fn of_interface(interface: &Value) -> Vec<Node> {
    let properties = &interface["properties"];
    let configuration = &properties["ipConfigurations"][0]["properties"];
    let id = |value: &Value| value["id"].as_str()?.parse::<ResourceId>().ok();
    let subnet = id(&configuration["subnet"]);
    let vnet = subnet.as_ref().and_then(ResourceId::parent);
    let all = [
        vnet,
        subnet,
        id(&properties["networkSecurityGroup"]),
        id(&configuration["publicIPAddress"]),
        id(interface),
    ];
    all.into_iter()
        .flatten()
        .map(|id| Node::new(id, State::Exists))
        .collect()
}

/// The virtual network and the subnet.
async fn networks(
    wanted: &Network,
    arm: &Client,
    group: &ResourceId,
    location: &Location,
    in_group: bool,
) -> Result<Vec<Node>, Failure> {
    let subnet_name = wanted.subnet_name();
    let (id, there) = match in_group {
        true => wanted.virtual_network(arm, group, location).await?,
        false => (wanted.new_network_id(group), None),
    };
    let Some(there) = there else {
        let subnet = id.child("subnets", &subnet_name);
        return Ok([id, subnet].map(|id| Node::new(id, State::Create)).into());
    };
    let chosen = wanted.chosen(&there, &subnet_name);
    let subnet = chosen.and_then(|subnet| subnet["id"].as_str()?.parse().ok());
    let differences = wanted.other_ranges(&there, chosen);
    let subnet = match subnet {
        Some(subnet) => Node::new(subnet, State::Exists),
        None => Node::new(id.child("subnets", &subnet_name), State::Create),
    };
    Ok(vec![Node::there(id, differences, None), subnet])
}

/// A resource that is used as it is if it is there.
async fn part(
    id: Option<ResourceId>,
    arm: &Client,
    in_group: bool,
    differences: impl Fn(&Value) -> Vec<String>,
) -> Result<Option<Node>, Failure> {
    let Some(id) = id else {
        return Ok(None);
    };
    Ok(Some(match find(arm, &id, in_group).await? {
        Some(there) => Node::there(id, differences(&there), None),
        None => Node::new(id, State::Create),
    }))
}

async fn find(arm: &Client, id: &ResourceId, in_group: bool) -> Result<Option<Value>, Failure> {
    if !in_group {
        return Ok(None);
    }
    arm.find(id, versions::NETWORK)
        .await
        .doing(format!("reading {id}"))
}
