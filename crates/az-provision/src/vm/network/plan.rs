//! What would become of a machine's network.

use super::Network;
use super::parts::Parts;
use crate::plan::node::{Node, State};
use az_core::arm::ResourceId;
use serde_json::Value;

/// The resources that a new machine's network is made of.
pub(in crate::vm) fn nodes(wanted: &Network, group: &ResourceId, parts: &Parts) -> Vec<Node> {
    let nic = wanted.interface_id(group);
    if let Some(there) = &parts.interface {
        let mut nodes = of_interface(there);
        nodes.retain(|node| node.id != nic);
        nodes.push(Node::there(nic, wanted.other_members(there), None));
        return nodes;
    }
    let mut nodes = networks(wanted, parts);
    let part = |id: Option<ResourceId>, there: Option<Vec<String>>| {
        id.map(|id| match there {
            Some(differences) => Node::there(id, differences, None),
            None => Node::new(id, State::Create),
        })
    };
    let security_group = parts.security_group.as_ref();
    nodes.extend(part(
        wanted.security_group_id(group),
        security_group.map(|there| wanted.closed(there)),
    ));
    let address = parts.address.as_ref();
    nodes.extend(part(
        wanted.address_id(group),
        address.map(|there| wanted.unfit(there)),
    ));
    nodes.push(Node::new(nic, State::Create));
    nodes
}

/// The resources that an interface stands on, and itself.
pub(in crate::vm) fn of_interface(interface: &Value) -> Vec<Node> {
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
fn networks(wanted: &Network, parts: &Parts) -> Vec<Node> {
    let subnet_name = wanted.subnet_name();
    let (id, there) = &parts.vnet;
    let new = id.child("subnets", &subnet_name);
    let Some(there) = there else {
        return [id.clone(), new]
            .map(|id| Node::new(id, State::Create))
            .into();
    };
    let chosen = wanted.chosen(there, &subnet_name);
    let subnet = match chosen.and_then(|subnet| subnet["id"].as_str()?.parse().ok()) {
        Some(subnet) => Node::new(subnet, State::Exists),
        None => Node::new(new, State::Create),
    };
    let differences = wanted.other_ranges(there, chosen);
    vec![Node::there(id.clone(), differences, None), subnet]
}
