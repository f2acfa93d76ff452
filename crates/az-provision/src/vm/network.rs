//! The network that a new machine is given.

use crate::cli::{Machine, NsgRule};
use az_core::{
    arm::{ArmError, Client, ResourceId, versions},
    cli::{Doing, Failure, Status},
    name::{Location, NetworkName},
};
use futures::try_join;
use serde_json::{Value, json};

/// What is to be there for one machine, with `az`'s names.
pub(crate) struct Network {
    machine: String,
    vnet: Option<NetworkName>,
    subnet: Option<NetworkName>,
    vnet_prefix: ipnet::Ipv4Net,
    subnet_prefix: ipnet::Ipv4Net,
    nsg: Option<NetworkName>,
    rule: Option<NsgRule>,
    ports: Vec<String>,
    public_ip: Option<NetworkName>,
    zone: Option<String>,
}

impl Network {
    /// The network that the arguments ask for, checked.
    pub(crate) fn checked(machine: &str, args: &Machine) -> Result<Self, Failure> {
        let named =
            |given: &Option<String>, suffix: &str| -> Result<Option<NetworkName>, Failure> {
                match given.as_deref() {
                    Some("") => Ok(None),
                    Some(name) => Ok(Some(name.parse()?)),
                    None => Ok(Some(format!("{machine}{suffix}").parse()?)),
                }
            };
        let range = |net: &ipnet::Ipv4Net, flag: &str, shortest: u8| {
            if net.trunc() != *net {
                return Err(Failure::usage(format!(
                    "{flag} {net}: the address has bits beyond the prefix; did you mean {}?",
                    net.trunc()
                )));
            }
            if !(shortest..=29).contains(&net.prefix_len()) {
                return Err(Failure::usage(format!(
                    "{flag} {net}: Azure takes prefixes from /{shortest} to /29"
                )));
            }
            Ok(())
        };
        range(&args.vnet_address_prefix, "--vnet-address-prefix", 2)?;
        range(&args.subnet_address_prefix, "--subnet-address-prefix", 2)?;
        if !args
            .vnet_address_prefix
            .contains(&args.subnet_address_prefix)
        {
            return Err(Failure::usage(format!(
                "--subnet-address-prefix {} is not within --vnet-address-prefix {}",
                args.subnet_address_prefix, args.vnet_address_prefix
            )));
        }
        Ok(Network {
            machine: machine.to_owned(),
            vnet: args.vnet_name.clone(),
            subnet: args.subnet.clone(),
            vnet_prefix: args.vnet_address_prefix,
            subnet_prefix: args.subnet_address_prefix,
            nsg: named(&args.nsg, "NSG")?,
            rule: args.nsg_rule,
            ports: args.open_ports.clone(),
            public_ip: named(&args.public_ip_address, "PublicIP")?,
            zone: args.zone.clone(),
        })
    }

    /// Makes the machine's network interface be there, with all it stands on; gives the interface's id.
    ///
    /// What exists is used as it is: a rule that somebody added to the security group stays. The three
    /// that do not depend on each other are made side by side.
    pub(crate) async fn ensure(
        &self,
        arm: &Client,
        group: &ResourceId,
        location: &Location,
        tags: &Value,
        windows: bool,
    ) -> Result<ResourceId, Failure> {
        let nic = network(
            group,
            "networkInterfaces",
            &format!("{}VMNic", self.machine),
        );
        if let Some(there) = arm
            .find(&nic, versions::NETWORK)
            .await
            .doing(format!("reading {nic}"))?
        {
            let there = arm
                .wait_for_resource(&nic, versions::NETWORK, there)
                .await
                .doing(format!("creating {nic}"))?;
            self.compare(&nic, &there)?;
            return Ok(nic);
        }
        let base = |properties: Value| json!({"location": location.canonical(), "tags": tags, "properties": properties});
        let (mut subnet, nsg, public_ip) = try_join!(
            async { Ok(self.subnet(arm, group, location, &base).await) },
            self.security_group(arm, group, windows, &base),
            self.public_address(arm, group, &base),
        )?;
        let mut tries = 0;
        loop {
            let made = match subnet {
                Ok(subnet) => {
                    let interface = self.interface(&subnet, nsg.as_ref(), public_ip.as_ref());
                    put(arm, &nic, base(interface)).await.map(|_| nic.clone())
                }
                Err(failure) => Err(failure),
            };
            tries += 1;
            match made {
                Err(failure) if tries < TRIES && is_overtaken(&failure) => {
                    subnet = self.subnet(arm, group, location, &base).await;
                }
                made => return made,
            }
        }
    }

    /// The security group, if one is asked for.
    async fn security_group(
        &self,
        arm: &Client,
        group: &ResourceId,
        windows: bool,
        base: &impl Fn(Value) -> Value,
    ) -> Result<Option<ResourceId>, Failure> {
        let Some(name) = &self.nsg else {
            return Ok(None);
        };
        let id = network(group, "networkSecurityGroups", name.as_str());
        let body = base(json!({"securityRules": self.rules(windows)}));
        create_unless_there(arm, &id, body).await.map(Some)
    }

    /// The public address, if one is asked for.
    async fn public_address(
        &self,
        arm: &Client,
        group: &ResourceId,
        base: &impl Fn(Value) -> Value,
    ) -> Result<Option<ResourceId>, Failure> {
        let Some(name) = &self.public_ip else {
            return Ok(None);
        };
        let id = network(group, "publicIPAddresses", name.as_str());
        let mut body = base(json!({"publicIPAllocationMethod": "Static"}));
        body["sku"] = json!({"name": "Standard"});
        if let Some(zone) = &self.zone {
            body["zones"] = json!([zone]);
        }
        create_unless_there(arm, &id, body).await.map(Some)
    }

    /// The properties of the machine's interface.
    fn interface(
        &self,
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
        properties
    }

    /// Says how an interface that is there, from an earlier run with other arguments, differs from the wanted one:
    /// a machine must not be on the internet, or without a firewall, against what was asked for.
    fn compare(&self, nic: &ResourceId, there: &Value) -> Result<(), Failure> {
        let properties = &there["properties"];
        let last = |id: &Value| {
            let id = id.as_str().unwrap_or_default();
            id.rsplit('/').next().unwrap_or_default().to_owned()
        };
        let shown = |name: &str| match name {
            "" => "none".to_owned(),
            name => format!("'{name}'"),
        };
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
                differences.push(format!("{what} is {}, not {}", shown(&is), shown(want)));
            }
        }
        if differences.is_empty() {
            return Ok(());
        }
        Err(Failure::new(
            Status::Conflict,
            format!(
                "network interface '{}' exists already, and its {}",
                nic.name(),
                differences.join(", its ")
            ),
        )
        .hint(
            "Give the same settings as before, or another machine name; or delete the interface.",
        ))
    }

    /// The virtual network's id, and the network if it is there: the named one, or one that the group has in this location
    /// (as `az` chooses), or one that is to be made.
    async fn virtual_network(
        &self,
        arm: &Client,
        group: &ResourceId,
        location: &Location,
    ) -> Result<(ResourceId, Option<Value>), Failure> {
        if let Some(name) = &self.vnet {
            let id = network(group, "virtualNetworks", name.as_str());
            let existing = arm
                .find(&id, versions::NETWORK)
                .await
                .doing(format!("reading {id}"))?;
            return Ok((id, existing));
        }
        let path = format!("{group}/providers/Microsoft.Network/virtualNetworks");
        let all = match arm.list(path, versions::NETWORK, &[]).await {
            // In a dry run the group may be one of those that would be made first.
            Err(error) if error.is_not_found() && arm.is_dry_run() => vec![],
            found => found.doing("reading the group's virtual networks")?,
        };
        let default = network(group, "virtualNetworks", &format!("{}VNET", self.machine));
        let own = all.iter().find(|vnet| {
            vnet["id"]
                .as_str()
                .is_some_and(|id| id.eq_ignore_ascii_case(default.as_str()))
        });
        let usable = own.or_else(|| {
            all.iter().find(|vnet| {
                vnet["location"]
                    .as_str()
                    .is_some_and(|there| there == location.canonical())
                    && first_subnet(vnet).is_some()
            })
        });
        match usable {
            Some(vnet) => Ok((
                vnet["id"].as_str().unwrap_or_default().parse()?,
                Some(vnet.clone()),
            )),
            None => Ok((default, None)),
        }
    }

    /// The subnet: the named one, or the first of a network that is there, or a new one.
    async fn subnet(
        &self,
        arm: &Client,
        group: &ResourceId,
        location: &Location,
        base: &impl Fn(Value) -> Value,
    ) -> Result<ResourceId, Failure> {
        let subnet_name = self
            .subnet
            .as_ref()
            .map_or_else(|| format!("{}Subnet", self.machine), ToString::to_string);
        let (vnet_id, existing) = self.virtual_network(arm, group, location).await?;
        let vnet = match existing {
            Some(vnet) => arm
                .wait_for_resource(&vnet_id, versions::NETWORK, vnet)
                .await
                .doing(format!("creating {vnet_id}"))?,
            None => {
                let body = base(json!({
                    "addressSpace": {"addressPrefixes": [self.vnet_prefix.to_string()]},
                    "subnets": [{"name": subnet_name, "properties": {"addressPrefix": self.subnet_prefix.to_string()}}],
                }));
                let made = put(arm, &vnet_id, body).await?;
                if arm.is_dry_run() {
                    return Ok(vnet_id.child("subnets", &subnet_name));
                }
                // Who made the same network at the same time may have put another subnet in this one's place.
                made
            }
        };
        let named = vnet["properties"]["subnets"]
            .as_array()
            .into_iter()
            .flatten()
            .find(|subnet| {
                subnet["name"]
                    .as_str()
                    .is_some_and(|name| name.eq_ignore_ascii_case(&subnet_name))
            });
        let found = named.or_else(|| {
            if self.subnet.is_none() {
                first_subnet(&vnet)
            } else {
                None
            }
        });
        match found.and_then(|subnet| subnet["id"].as_str()) {
            Some(id) => Ok(id.parse()?),
            None => {
                let id = vnet_id.child("subnets", &subnet_name);
                put(
                    arm,
                    &id,
                    json!({"properties": {"addressPrefix": self.subnet_prefix.to_string()}}),
                )
                .await?;
                Ok(id)
            }
        }
    }

    fn rules(&self, windows: bool) -> Vec<Value> {
        let rule = |name: &str, port: &str, priority: usize| {
            json!({"name": name, "properties": {
                "protocol": "Tcp", "sourcePortRange": "*", "destinationPortRange": port,
                "sourceAddressPrefix": "*", "destinationAddressPrefix": "*",
                "access": "Allow", "priority": priority, "direction": "Inbound",
            }})
        };
        let default = match self
            .rule
            .unwrap_or(if windows { NsgRule::Rdp } else { NsgRule::Ssh })
        {
            NsgRule::None => None,
            NsgRule::Rdp => Some(("rdp", "3389")),
            NsgRule::Ssh => Some(("default-allow-ssh", "22")),
        };
        let mut rules: Vec<Value> = default
            .iter()
            .map(|(name, port)| rule(name, port, 1000))
            .collect();
        let more = self
            .ports
            .iter()
            .filter(|port| default.is_none_or(|(_, known)| known != port.as_str()));
        for (index, port) in more.enumerate() {
            rules.push(rule(&format!("open-port-{port}"), port, 900 + index));
        }
        rules
    }
}

fn network(group: &ResourceId, kind: &str, name: &str) -> ResourceId {
    group.resource("Microsoft.Network", kind, name)
}

fn first_subnet(vnet: &Value) -> Option<&Value> {
    vnet["properties"]["subnets"]
        .as_array()?
        .iter()
        .find(|subnet| {
            subnet["name"]
                .as_str()
                .is_some_and(|name| !name.eq_ignore_ascii_case("GatewaySubnet"))
        })
}

async fn create_unless_there(
    arm: &Client,
    id: &ResourceId,
    body: Value,
) -> Result<ResourceId, Failure> {
    match arm
        .find(id, versions::NETWORK)
        .await
        .doing(format!("reading {id}"))?
    {
        Some(there) => {
            arm.wait_for_resource(id, versions::NETWORK, there)
                .await
                .doing(format!("creating {id}"))?;
        }
        None => {
            put(arm, id, body).await?;
        }
    }
    Ok(id.clone())
}

/// Creates or replaces a resource; gives it as it then is.
async fn put(arm: &Client, id: &ResourceId, body: Value) -> Result<Value, Failure> {
    let made = async { arm.wait(arm.put(id, versions::NETWORK, body).await?).await };
    let made: Result<Value, ArmError> = made.await;
    made.doing(format!("creating {}", id.name()))
}

/// How often a subnet is looked for anew when somebody else changes the network meanwhile.
const TRIES: usize = 5;

/// Whether machines that are created side by side met in one network: a PUT of it takes away the subnets that it does
/// not name, so that the one who was first finds its subnet gone, and the other is refused once it is in use. The
/// network as it is then serves both.
fn is_overtaken(failure: &Failure) -> bool {
    const CODES: [&str; 4] = [
        "InUseSubnetCannotBeDeleted",
        "InvalidResourceReference",
        "NetcfgSubnetRangesOverlap",
        "ReferencedResourceNotProvisioned",
    ];
    failure
        .code
        .as_deref()
        .is_some_and(|code| CODES.contains(&code))
}
