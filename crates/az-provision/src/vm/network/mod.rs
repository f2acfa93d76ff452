//! The network that a new machine is given.

pub(crate) mod bodies;
mod compare;
pub(super) mod parts;
pub(super) mod plan;
mod shared;

use crate::cli::{Machine, NsgRule, PublicIpSku};
use az_core::{arm::ResourceId, cli::Failure, name::NetworkName};
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
        for (none, flag, useless) in [
            (
                args.nsg.as_deref() == Some("")
                    && (!args.open_ports.is_empty()
                        || !matches!(args.nsg_rule, None | Some(NsgRule::None))),
                "--nsg",
                "--open-ports and --nsg-rule",
            ),
            (
                args.public_ip_address.as_deref() == Some("") && args.public_ip_sku.is_some(),
                "--public-ip-address",
                "--public-ip-sku",
            ),
        ] {
            if none {
                return Err(Failure::usage(format!(
                    "{flag} '' asks for none: {useless} cannot be used with it"
                )));
            }
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

    pub(crate) fn interface_id(&self, group: &ResourceId) -> ResourceId {
        let name = format!("{}VMNic", self.machine);
        network(group, "networkInterfaces", &name)
    }

    pub(crate) fn security_group_id(&self, group: &ResourceId) -> Option<ResourceId> {
        let name = self.nsg.as_ref()?;
        Some(network(group, "networkSecurityGroups", name.as_str()))
    }

    pub(crate) fn address_id(&self, group: &ResourceId) -> Option<ResourceId> {
        let name = self.public_ip.as_ref()?;
        Some(network(group, "publicIPAddresses", name.as_str()))
    }

    /// The id of a virtual network that is made.
    pub(crate) fn new_network_id(&self, group: &ResourceId) -> ResourceId {
        let default = || format!("{}VNET", self.machine);
        let name = self.vnet.as_ref().map_or_else(default, ToString::to_string);
        network(group, "virtualNetworks", &name)
    }

    pub(crate) fn subnet_name(&self) -> String {
        let default = || format!("{}Subnet", self.machine);
        self.subnet
            .as_ref()
            .map_or_else(default, ToString::to_string)
    }
}

impl Network {
    /// Whether a flag names the virtual network.
    pub(crate) fn names_network(&self) -> bool {
        self.vnet.is_some()
    }

    /// Whether a flag names the subnet.
    pub(crate) fn names_subnet(&self) -> bool {
        self.subnet.is_some()
    }

    /// The range of a new subnet.
    pub(crate) fn subnet_range(&self) -> ipnet::Ipv4Net {
        self.subnet_prefix
    }
}

fn network(group: &ResourceId, kind: &str, name: &str) -> ResourceId {
    group.resource("Microsoft.Network", kind, name)
}
