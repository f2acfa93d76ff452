//! The network that a new machine is given.

pub(super) mod plan;

use super::security_rules::{opens, texts};
use crate::cli::{Machine, NsgRule, PublicIpSku};
use az_core::{
    arm::{ArmError, Client, ResourceId, versions},
    cli::{Doing, Failure, Status},
    name::{Location, NetworkName},
};
use futures::try_join;
use serde_json::{Value, json};
use std::net::Ipv4Addr;

/// The ranges of a new network, as `az` has them.
const DEFAULT_VNET: ipnet::Ipv4Net = ipnet::Ipv4Net::new_assert(Ipv4Addr::new(10, 0, 0, 0), 16);
const DEFAULT_SUBNET: ipnet::Ipv4Net = ipnet::Ipv4Net::new_assert(Ipv4Addr::new(10, 0, 0, 0), 24);

/// What is to be there for one machine, with `az`'s names.
#[derive(Clone)]
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
    public_ip_sku: Option<PublicIpSku>,
    zone: Option<String>,
    given: Given,
}

/// Which flags were given: what is there is compared with these alone.
#[derive(Clone)]
struct Given {
    public_ip: bool,
    nsg: bool,
    vnet_prefix: bool,
    subnet_prefix: bool,
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
        let vnet_prefix = args.vnet_address_prefix.unwrap_or(DEFAULT_VNET);
        let subnet_prefix = args.subnet_address_prefix.unwrap_or(DEFAULT_SUBNET);
        range(&vnet_prefix, "--vnet-address-prefix", 2)?;
        range(&subnet_prefix, "--subnet-address-prefix", 2)?;
        if !vnet_prefix.contains(&subnet_prefix) {
            return Err(Failure::usage(format!(
                "--subnet-address-prefix {subnet_prefix} is not within --vnet-address-prefix {vnet_prefix}"
            )));
        }
        Ok(Network {
            machine: machine.to_owned(),
            vnet: args.vnet_name.clone(),
            subnet: args.subnet.clone(),
            vnet_prefix,
            subnet_prefix,
            nsg: named(&args.nsg, "NSG")?,
            rule: args.nsg_rule,
            ports: args.open_ports.clone(),
            public_ip: named(&args.public_ip_address, "PublicIP")?,
            public_ip_sku: args.public_ip_sku,
            zone: args.zone.clone(),
            given: Given {
                public_ip: args.public_ip_address.is_some(),
                nsg: args.nsg.is_some(),
                vnet_prefix: args.vnet_address_prefix.is_some(),
                subnet_prefix: args.subnet_address_prefix.is_some(),
            },
        })
    }

    /// The same for another machine: what is named after the machine is named after that one.
    pub(super) fn of_machine(&self, machine: &str) -> Result<Self, Failure> {
        let named = |is: &Option<NetworkName>, given: bool, suffix: &str| match is {
            Some(_) if !given => Ok::<_, Failure>(Some(format!("{machine}{suffix}").parse()?)),
            is => Ok(is.clone()),
        };
        Ok(Network {
            machine: machine.to_owned(),
            nsg: named(&self.nsg, self.given.nsg, "NSG")?,
            public_ip: named(&self.public_ip, self.given.public_ip, "PublicIP")?,
            ..self.clone()
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
        let nic = self.interface_id(group);
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
        let there = create_unless_there(arm, &id, body).await?;
        refuse(&id, there.map_or(vec![], |there| self.closed(&there)))?;
        Ok(Some(id))
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
        let sku = self.public_ip_sku.unwrap_or(PublicIpSku::Standard);
        body["sku"] = json!({"name": sku.as_str()});
        if let Some(zone) = &self.zone {
            body["zones"] = json!([zone]);
        }
        let there = create_unless_there(arm, &id, body).await?;
        refuse(&id, there.map_or(vec![], |there| self.other_sku(&there)))?;
        Ok(Some(id))
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

    fn interface_id(&self, group: &ResourceId) -> ResourceId {
        let name = format!("{}VMNic", self.machine);
        network(group, "networkInterfaces", &name)
    }

    /// Refuses an interface that is there, from an earlier run with other arguments, and is not the wanted one.
    fn compare(&self, nic: &ResourceId, there: &Value) -> Result<(), Failure> {
        let differences = self.other_members(there);
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

    /// What an interface that is there joins in place of what is wanted: a machine must not be on the internet, or without
    /// a firewall, against what was asked for.
    fn other_members(&self, there: &Value) -> Vec<String> {
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

    /// The id of a virtual network that is made.
    fn new_network_id(&self, group: &ResourceId) -> ResourceId {
        let default = || format!("{}VNET", self.machine);
        let name = self.vnet.as_ref().map_or_else(default, ToString::to_string);
        network(group, "virtualNetworks", &name)
    }

    fn subnet_name(&self) -> String {
        let default = || format!("{}Subnet", self.machine);
        self.subnet
            .as_ref()
            .map_or_else(default, ToString::to_string)
    }

    /// The virtual network's id, and the network if it is there: the named one, or one that the group has in this location
    /// (as `az` chooses), or one that is to be made.
    async fn virtual_network(
        &self,
        arm: &Client,
        group: &ResourceId,
        location: &Location,
    ) -> Result<(ResourceId, Option<Value>), Failure> {
        let default = self.new_network_id(group);
        if self.vnet.is_some() {
            let existing = arm
                .find(&default, versions::NETWORK)
                .await
                .doing(format!("reading {default}"))?;
            return Ok((default, existing));
        }
        let path = format!("{group}/providers/Microsoft.Network/virtualNetworks");
        let all = match arm.list(path, versions::NETWORK, &[]).await {
            // In a dry run the group may be one of those that would be made first.
            Err(error) if error.is_not_found() && arm.is_dry_run() => vec![],
            found => found.doing("reading the group's virtual networks")?,
        };
        if let Some(own) = all.iter().find(|vnet| is_at(vnet, default.as_str())) {
            return Ok((default, Some(own.clone())));
        }
        let usable: Vec<&Value> = all
            .iter()
            .filter(|vnet| is_usable(vnet, location))
            .collect();
        if usable.is_empty() {
            return Ok((default, None));
        }
        let first = earliest(arm, group, usable).await?;
        let id = first["id"].as_str().unwrap_or_default().parse()?;
        Ok((id, Some(first.clone())))
    }

    /// Which network counts, of those that machines created side by side have made, each because it saw none: the first one.
    /// Whoever made another sees the first when it looks again, and takes its own away; whoever made the first sees it
    /// first, whatever else it sees. Gives the network's id, and it.
    async fn settle(
        &self,
        arm: &Client,
        group: &ResourceId,
        location: &Location,
        own: ResourceId,
        made: Value,
    ) -> Result<(ResourceId, Value), Failure> {
        let path = format!("{group}/providers/Microsoft.Network/virtualNetworks");
        let all = arm.list(path, versions::NETWORK, &[]).await?;
        let usable: Vec<&Value> = all
            .iter()
            .filter(|vnet| is_usable(vnet, location))
            .collect();
        if usable.len() < 2 {
            return Ok((own, made));
        }
        let first = earliest(arm, group, usable).await?;
        if is_at(first, own.as_str()) {
            return Ok((own, made));
        }
        // Nobody but this run has used it. One that cannot be deleted does no harm.
        if let Ok(answer) = arm.delete(&own, versions::NETWORK, &[]).await {
            let _ = arm.wait(answer).await;
        }
        let id: ResourceId = first["id"].as_str().unwrap_or_default().parse()?;
        let first = arm
            .wait_for_resource(&id, versions::NETWORK, first.clone())
            .await?;
        Ok((id, first))
    }

    /// The subnet: the named one, or the first of a network that is there, or a new one.
    async fn subnet(
        &self,
        arm: &Client,
        group: &ResourceId,
        location: &Location,
        base: &impl Fn(Value) -> Value,
    ) -> Result<ResourceId, Failure> {
        let subnet_name = self.subnet_name();
        let (mut vnet_id, existing) = self.virtual_network(arm, group, location).await?;
        let vnet = match existing {
            Some(vnet) => {
                let vnet = arm
                    .wait_for_resource(&vnet_id, versions::NETWORK, vnet)
                    .await
                    .doing(format!("creating {vnet_id}"))?;
                let subnet = self.chosen(&vnet, &subnet_name);
                refuse(&vnet_id, self.other_ranges(&vnet, subnet))?;
                vnet
            }
            None => {
                let body = base(json!({
                    "addressSpace": {"addressPrefixes": [self.vnet_prefix.to_string()]},
                    "subnets": [{"name": subnet_name, "properties": {"addressPrefix": self.subnet_prefix.to_string()}}],
                }));
                let mut made = put(arm, &vnet_id, body).await?;
                if arm.is_dry_run() {
                    return Ok(vnet_id.child("subnets", &subnet_name));
                }
                if self.vnet.is_none() {
                    (vnet_id, made) = self.settle(arm, group, location, vnet_id, made).await?;
                }
                // Who made the same network at the same time may have put another subnet in this one's place.
                made
            }
        };
        let found = self.chosen(&vnet, &subnet_name);
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

    /// The subnet of a network that a machine would be put in, if the network has it: the named one, or else the first.
    fn chosen<'a>(&self, vnet: &'a Value, name: &str) -> Option<&'a Value> {
        let subnets = vnet["properties"]["subnets"].as_array();
        let named = subnets.into_iter().flatten().find(|subnet| {
            subnet["name"]
                .as_str()
                .is_some_and(|there| there.eq_ignore_ascii_case(name))
        });
        match named {
            None if self.subnet.is_none() => first_subnet(vnet),
            named => named,
        }
    }

    /// How the network of a machine that is there differs from what the flags ask for; `interface` is the machine's first.
    pub(super) async fn differences(
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

    /// Which ports a security group that is there does not open though flags ask for them, or opens though they forbid it.
    fn closed(&self, group: &Value) -> Vec<String> {
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

    fn other_sku(&self, address: &Value) -> Vec<String> {
        let is = address["sku"]["name"].as_str().unwrap_or("Basic");
        match self.public_ip_sku.map(PublicIpSku::as_str) {
            Some(want) if !is.eq_ignore_ascii_case(want) => {
                vec![format!("public IP address is of SKU '{is}', not '{want}'")]
            }
            _ => vec![],
        }
    }

    /// How a network's ranges are not those that flags ask for.
    fn other_ranges(&self, vnet: &Value, subnet: Option<&Value>) -> Vec<String> {
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

fn last_part(id: &str) -> &str {
    id.rsplit('/').next().unwrap_or_default()
}

fn quoted(name: &str) -> String {
    match name {
        "" => "none".to_owned(),
        name => format!("'{name}'"),
    }
}

fn network(group: &ResourceId, kind: &str, name: &str) -> ResourceId {
    group.resource("Microsoft.Network", kind, name)
}

fn is_at(resource: &Value, id: &str) -> bool {
    resource["id"]
        .as_str()
        .is_some_and(|known| known.eq_ignore_ascii_case(id))
}

/// The network that was made first, of those that a group has.
async fn earliest<'a>(
    arm: &Client,
    group: &ResourceId,
    networks: Vec<&'a Value>,
) -> Result<&'a Value, Failure> {
    if let [only] = networks.as_slice() {
        return Ok(only);
    }
    let query = [
        (
            "$filter",
            "resourceType eq 'Microsoft.Network/virtualNetworks'",
        ),
        ("$expand", "createdTime"),
    ];
    let dated = arm
        .list(format!("{group}/resources"), versions::RESOURCES, &query)
        .await
        .doing("reading the ages of the group's virtual networks")?;
    // One that Resource Manager does not list yet is the newest.
    let age = |vnet: &&Value| {
        let id = vnet["id"].as_str().unwrap_or_default();
        let found = dated.iter().find(|one| is_at(one, id));
        let time = found.and_then(|one| one["createdTime"].as_str());
        (
            time.is_none(),
            time.unwrap_or_default().to_owned(),
            id.to_lowercase(),
        )
    };
    networks
        .into_iter()
        .min_by_key(age)
        .ok_or_else(|| Failure::new(Status::Failed, "there is no virtual network"))
}

/// Whether a machine of this location can be put in a network.
fn is_usable(vnet: &Value, location: &Location) -> bool {
    vnet["location"]
        .as_str()
        .is_some_and(|there| there == location.canonical())
        && first_subnet(vnet).is_some()
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

/// Makes a resource be there; gives it if it was there already.
async fn create_unless_there(
    arm: &Client,
    id: &ResourceId,
    body: Value,
) -> Result<Option<Value>, Failure> {
    match arm
        .find(id, versions::NETWORK)
        .await
        .doing(format!("reading {id}"))?
    {
        Some(there) => arm
            .wait_for_resource(id, versions::NETWORK, there)
            .await
            .doing(format!("creating {id}"))
            .map(Some),
        None => put(arm, id, body).await.map(|_| None),
    }
}

/// The failure that says how a resource that is there, and would be used, is not as the flags want it.
fn refuse(id: &ResourceId, differences: Vec<String>) -> Result<(), Failure> {
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
