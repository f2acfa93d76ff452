//! The bodies that the parts of a network are created with, by a request each or by a template.

use super::Network;
use crate::{
    cli::{NsgRule, PublicIpSku},
    vm::{security_rules, target::Target},
};
use az_core::arm::ResourceId;
use serde_json::{Value, json};

/// What all parts have: location and tags.
pub(crate) struct Base {
    location: String,
    tags: Value,
}

impl Base {
    pub(crate) fn of(target: &Target<'_>) -> Self {
        Base {
            location: target.location.canonical(),
            tags: target.tags.clone().unwrap_or_else(|| json!({})),
        }
    }

    pub(crate) fn with(&self, properties: Value) -> Value {
        json!({"location": self.location, "tags": self.tags, "properties": properties})
    }
}

impl Network {
    pub(crate) fn address_body(&self, base: &Base) -> Value {
        let sku = self.public_ip_sku.unwrap_or(PublicIpSku::Standard);
        let mut address = base.with(json!({"publicIPAllocationMethod": "Static"}));
        address["sku"] = json!({"name": sku.as_str()});
        if let Some(zone) = &self.zone {
            address["zones"] = json!([zone]);
        }
        address
    }

    pub(crate) fn security_group_body(&self, base: &Base, windows: bool) -> Value {
        let rule = self
            .rule
            .unwrap_or(if windows { NsgRule::Rdp } else { NsgRule::Ssh });
        base.with(json!({"securityRules": security_rules::new(rule, &self.ports)}))
    }

    /// A virtual network with its first subnet.
    pub(crate) fn network_body(&self, base: &Base) -> Value {
        base.with(json!({
            "addressSpace": {"addressPrefixes": [self.vnet_prefix.to_string()]},
            "subnets": [self.subnet_in_network()],
        }))
    }

    /// A subnet as a part of its network's body.
    pub(crate) fn subnet_in_network(&self) -> Value {
        let mut subnet = self.subnet_body();
        subnet["name"] = self.subnet_name().into();
        subnet
    }

    pub(crate) fn subnet_body(&self) -> Value {
        json!({"properties": {"addressPrefix": self.subnet_prefix.to_string()}})
    }

    pub(crate) fn interface_body(
        &self,
        base: &Base,
        subnet: &ResourceId,
        nsg: Option<&ResourceId>,
        public_ip: Option<&ResourceId>,
    ) -> Value {
        let mut configuration =
            json!({"privateIPAllocationMethod": "Dynamic", "subnet": {"id": subnet.as_str()}});
        if let Some(id) = public_ip {
            configuration["publicIPAddress"] = json!({"id": id.as_str()});
        }
        let name = format!("ipconfig{}", self.machine);
        let mut properties =
            json!({"ipConfigurations": [{"name": name, "properties": configuration}]});
        if let Some(id) = nsg {
            properties["networkSecurityGroup"] = json!({"id": id.as_str()});
        }
        base.with(properties)
    }
}
