//! How what is there of a network is not what the flags ask for.

use super::Network;
use crate::cli::{NsgRule, PublicIpSku};
use crate::vm::security_rules::{opens, texts};
use az_core::{
    arm::{Client, ResourceId, versions},
    cli::{Failure, Status},
    name::NetworkName,
};
use futures::try_join;
use serde_json::Value;

impl Network {
    /// What an interface that is there joins in place of what is wanted: a machine must not be on the internet, or without
    /// a firewall, against what was asked for.
    pub(super) fn other_members(&self, there: &Value) -> Vec<String> {
        let properties = &there["properties"];
        let last = |id: &Value| last_part(id.as_str().unwrap_or_default()).to_owned();
        let mut differences = Vec::new();
        for (what, is, want) in [
            (
                "public IP address",
                last(&properties["ipConfigurations"][0]["properties"]["publicIPAddress"]["id"]),
                &self.public_ip,
            ),
            (
                "security group",
                last(&properties["networkSecurityGroup"]["id"]),
                &self.nsg,
            ),
        ] {
            let want = want.as_ref().map_or("", NetworkName::as_str);
            if !is.eq_ignore_ascii_case(want) {
                differences.push(format!("{what} is {}, not {}", quoted(&is), quoted(want)));
            }
        }
        differences
    }

    /// How the network of a machine that is there differs from what the flags ask for; `interface` is the machine's first.
    pub(in crate::vm) async fn differences(
        &self,
        arm: &Client,
        interface: &Value,
    ) -> Result<Vec<String>, Failure> {
        let properties = &interface["properties"];
        let configuration = &properties["ipConfigurations"][0]["properties"];
        let address = configuration["publicIPAddress"]["id"].as_str();
        let group = properties["networkSecurityGroup"]["id"].as_str();
        let subnet = configuration["subnet"]["id"].as_str();
        let vnet = subnet.and_then(|id| id.split("/subnets/").next());
        let mut differences = Vec::new();
        let mut named = |what: &str, is: Option<&str>, want: Option<&NetworkName>| {
            let is = last_part(is.unwrap_or_default());
            let want = want.map_or("", NetworkName::as_str);
            if !is.eq_ignore_ascii_case(want) {
                differences.push(format!("{what} is {}, not {}", quoted(is), quoted(want)));
            }
        };
        if self.given.public_ip {
            named("public IP address", address, self.public_ip.as_ref());
        }
        if self.given.nsg {
            named("security group", group, self.nsg.as_ref());
        }
        if self.vnet.is_some() {
            named("virtual network", vnet, self.vnet.as_ref());
        }
        if self.subnet.is_some() {
            named("subnet", subnet, self.subnet.as_ref());
        }
        // What the machine's interface does not show is read where a flag asks for it.
        let read = async |id: Option<&str>, wanted: bool| match id.filter(|_| wanted) {
            Some(id) => arm.get(id, versions::NETWORK).await.map(Some),
            None => Ok(None),
        };
        let ranges = self.given.vnet_prefix || self.given.subnet_prefix;
        let (group, address, vnet) = try_join!(
            read(group, self.rule.is_some() || !self.ports.is_empty()),
            read(address, self.public_ip_sku.is_some()),
            read(vnet, ranges),
        )?;
        differences.extend(group.map_or(vec![], |group| self.closed(&group)));
        differences.extend(address.map_or(vec![], |address| self.other_sku(&address)));
        if let Some(vnet) = vnet {
            let own = self.chosen(&vnet, last_part(subnet.unwrap_or_default()));
            differences.extend(self.other_ranges(&vnet, own));
        }
        Ok(differences)
    }

    /// How a public address that is there cannot be a new machine's.
    pub(super) fn unfit(&self, address: &Value) -> Vec<String> {
        let mut differences = self.other_sku(address);
        let user = address["properties"]["ipConfiguration"]["id"].as_str();
        if let Some(user) = user.and_then(|id| id.split("/ipConfigurations/").next()) {
            differences.push(format!("user is '{}'", last_part(user)));
        }
        differences
    }

    /// Which ports a security group that is there does not open though flags ask for them, or opens though they forbid it.
    pub(super) fn closed(&self, group: &Value) -> Vec<String> {
        let name = group["name"].as_str().unwrap_or_default();
        let wanted = self.rules_asked_for();
        let mut differences: Vec<String> = wanted
            .iter()
            .filter(|port| !opens(group, port))
            .map(|port| format!("security group '{name}' does not open port {port}"))
            .collect();
        if self.rule == Some(NsgRule::None) {
            let open = ["22", "3389"]
                .into_iter()
                .filter(|port| !self.ports.iter().any(|known| known == port) && opens(group, port));
            differences
                .extend(open.map(|port| format!("security group '{name}' opens port {port}")));
        }
        differences
    }

    /// The ports that the flags name.
    fn rules_asked_for(&self) -> Vec<&str> {
        let rule = match self.rule {
            Some(NsgRule::Ssh) => Some("22"),
            Some(NsgRule::Rdp) => Some("3389"),
            Some(NsgRule::None) | None => None,
        };
        rule.into_iter()
            .chain(self.ports.iter().map(String::as_str))
            .collect()
    }

    pub(super) fn other_sku(&self, address: &Value) -> Vec<String> {
        let is = address["sku"]["name"].as_str().unwrap_or("Basic");
        match self.public_ip_sku.map(PublicIpSku::as_str) {
            Some(want) if !is.eq_ignore_ascii_case(want) => {
                vec![format!("public IP address is of SKU '{is}', not '{want}'")]
            }
            _ => vec![],
        }
    }

    /// How a network's ranges are not those that flags ask for.
    pub(crate) fn other_ranges(&self, vnet: &Value, subnet: Option<&Value>) -> Vec<String> {
        let mut differences = Vec::new();
        let mut check = |what: &str, of: &Value, is: Vec<&str>, want: ipnet::Ipv4Net| {
            if !is.contains(&want.to_string().as_str()) {
                let name = of["name"].as_str().unwrap_or_default();
                differences.push(format!("{what} '{name}' has {}, not {want}", is.join(", ")));
            }
        };
        if self.given.vnet_prefix {
            let is = texts(&vnet["properties"]["addressSpace"]["addressPrefixes"]);
            check("virtual network", vnet, is, self.vnet_prefix);
        }
        if let (true, Some(subnet)) = (self.given.subnet_prefix, subnet) {
            let mut is = texts(&subnet["properties"]["addressPrefixes"]);
            is.extend(subnet["properties"]["addressPrefix"].as_str());
            check("subnet", subnet, is, self.subnet_prefix);
        }
        differences
    }
}

/// The failure that says how a resource that is there, and would be used, is not as the flags want it.
pub(super) fn refuse(id: &ResourceId, differences: Vec<String>) -> Result<(), Failure> {
    if differences.is_empty() {
        return Ok(());
    }
    Err(Failure::new(
        Status::Conflict,
        format!(
            "'{}' exists already, and its {}",
            id.name(),
            differences.join(", its ")
        ),
    )
    .hint("What is there is not changed: leave the flag out, give another name, or change it yourself."))
}

fn last_part(id: &str) -> &str {
    id.rsplit('/').next().unwrap_or_default()
}

fn quoted(name: &str) -> String {
    match name {
        "" => "none".to_owned(),
        name => format!("'{name}'"),
    }
}
