//! Where a connection to a public IP address ends: the machine behind it, if the security rules let it through.

use crate::arm::network::network_security_groups as groups;
use crate::arm::network::range::Range;
use crate::arm::network::{network_interfaces, public_ip_addresses};
use crate::arm::operations;
use crate::request::Context;
use crate::state::machine::VirtualMachine;
use crate::state::network::{
    Attachment, IpConfiguration, NetworkInterface, PublicAddress, SecurityGroup, SecurityRule,
    Subnet, VirtualNetwork,
};
use crate::state::{Resource, StateError, addresses, holds};
use std::net::Ipv4Addr;

/// The address that the desk's connections come from. No public IP address of the instance ever has it.
pub(crate) const DESK: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 1);

/// The address of machines without a public one (Azure's default outbound access).
const OUTBOUND: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 2);

/// The port of SSH.
pub(crate) const SSH: u16 = 22;

/// Why a connection does not reach a machine.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unreached {
    #[error("{0}: no public IP address of this local Azure.")]
    NoSuchAddress(Ipv4Addr),
    #[error("{0}: the public IP address belongs to no virtual machine.")]
    Detached(Ipv4Addr),
    #[error(
        "{address}: the security rule '{rule}' of network security group '{group}' denies TCP port {port} from {from}."
    )]
    Denied {
        address: Ipv4Addr,
        port: u16,
        from: Ipv4Addr,
        group: String,
        rule: String,
    },
    #[error(
        "{0}: a public IP address of the Standard SKU is closed until a network security group allows a connection, and \
         neither the network interface nor the subnet has one."
    )]
    NoSecurityGroup(Ipv4Addr),
    #[error("{address}: the virtual machine '{name}' is not running ({state}).")]
    NotRunning {
        address: Ipv4Addr,
        name: String,
        state: String,
    },
    #[error("{address}: nothing listens on port {port} of the virtual machine '{name}'.")]
    Refused {
        address: Ipv4Addr,
        port: u16,
        name: String,
    },
}

impl Unreached {
    /// A word for it, as an error code.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Unreached::NoSuchAddress(_) | Unreached::Detached(_) => "HostUnreachable",
            Unreached::Denied { .. } | Unreached::NoSecurityGroup(_) => {
                "DeniedByNetworkSecurityGroup"
            }
            Unreached::NotRunning { .. } => "VirtualMachineNotRunning",
            Unreached::Refused { .. } => "ConnectionRefused",
        }
    }
}

/// The address that a machine's connections to public addresses come from.
pub(crate) fn source(cx: &Context<'_>, machine: &Resource) -> Result<Ipv4Addr, StateError> {
    for joined in VirtualMachine::of(machine).interfaces() {
        let Some(interface) = find(cx, joined.id, network_interfaces::KIND.name)? else {
            continue;
        };
        let configurations = NetworkInterface::of(&interface).configurations();
        for id in configurations.filter_map(|one| one.public_address()) {
            let public = find(cx, id, public_ip_addresses::KIND.name)?;
            if let Some(address) = public.and_then(|public| PublicAddress::of(&public).address()) {
                return Ok(address);
            }
        }
    }
    Ok(OUTBOUND)
}

/// The machine that a connection to a public address reaches, or why it reaches none.
pub(crate) fn reach(
    cx: &Context<'_>,
    address: Ipv4Addr,
    port: u16,
    from: Ipv4Addr,
) -> Result<Result<Resource, Unreached>, StateError> {
    let owner = addresses::find(cx.tx, addresses::PUBLIC, address.into())?;
    let public = match &owner {
        Some(owner) => find(cx, &owner.owner, public_ip_addresses::KIND.name)?,
        None => None,
    };
    let Some(public) = public else {
        return Ok(Err(Unreached::NoSuchAddress(address)));
    };
    let Some(hold) = holds::holder(cx.tx, &public.id)? else {
        return Ok(Err(Unreached::Detached(address)));
    };
    let Some(interface) = find(cx, &hold.owner, network_interfaces::KIND.name)? else {
        return Ok(Err(Unreached::Detached(address)));
    };
    let nic = NetworkInterface::of(&interface);
    let Some(machine) = nic.machine(cx.tx)? else {
        return Ok(Err(Unreached::Detached(address)));
    };
    let Some(configuration) = nic.configuration(&hold.holder) else {
        return Ok(Err(Unreached::Detached(address)));
    };

    let connection = Connection {
        from,
        whence: if from == DESK {
            Whence::Internet
        } else {
            Whence::Azure
        },
        to: configuration.private_address(),
        protocol: TCP,
        port,
        out: false,
    };
    if let Err(unreached) = pass_groups(cx, &connection, &public, nic, configuration, address)? {
        return Ok(Err(unreached));
    }

    if let Some(unreached) = is_down(cx, &machine, address)? {
        return Ok(Err(unreached));
    }
    let (name, vm) = (machine.name().to_owned(), VirtualMachine::of(&machine));
    if port != SSH || vm.is_windows() {
        return Ok(Err(Unreached::Refused {
            address,
            port,
            name,
        }));
    }
    Ok(Ok(machine))
}

/// Why a machine cannot be reached itself, if it cannot.
fn is_down(
    cx: &Context<'_>,
    machine: &Resource,
    address: Ipv4Addr,
) -> Result<Option<Unreached>, StateError> {
    let vm = VirtualMachine::of(machine);
    let state = match operations::running(cx, machine)? {
        _ if !vm.is_running() => vm.power().to_owned(),
        Some(state) if starts(&state) => "starting".to_owned(),
        _ => return Ok(None),
    };
    Ok(Some(Unreached::NotRunning {
        address,
        name: machine.name().to_owned(),
        state,
    }))
}

/// What a machine sends to an address of its own virtual network.
pub(crate) struct Within<'a> {
    pub(crate) from: &'a Attachment,
    pub(crate) to: Ipv4Addr,
    /// As security rules name it: `Tcp`, `Udp`, `Icmp`, `*`.
    pub(crate) protocol: &'static str,
    /// 0 where the protocol has none.
    pub(crate) port: u16,
}

/// The protocol of most connections, as security rules name it.
pub(crate) const TCP: &str = "Tcp";

/// The machine that has an address of a virtual network, if the security rules on the way let what is sent pass: those of
/// the sender's interface and subnet on its way out, those of the other's on its way in
/// (<https://learn.microsoft.com/azure/virtual-network/network-security-group-how-it-works>).
pub(crate) fn reach_within(
    cx: &Context<'_>,
    sent: &Within<'_>,
) -> Result<Result<Resource, Unreached>, StateError> {
    let address = sent.to;
    let Some((interface, machine)) = owner_within(cx, &sent.from.network, address)? else {
        return Ok(Err(Unreached::NoSuchAddress(address)));
    };
    let way = |out| Connection {
        from: sent.from.address,
        whence: Whence::Network,
        to: Some(address),
        protocol: sent.protocol,
        port: sent.port,
        out,
    };
    let sender = owner_within(cx, &sent.from.network, sent.from.address)?;
    let ends = [
        sender.map(|(interface, _)| (interface, sent.from.address, true)),
        Some((interface, address, false)),
    ];
    for (interface, address, out) in ends.into_iter().flatten() {
        let nic = NetworkInterface::of(&interface);
        let mut configurations = nic.configurations();
        let own = configurations.find(|one| one.private_address() == Some(address));
        let Some(configuration) = own else {
            continue;
        };
        for id in security_groups(cx, nic, configuration)? {
            let Some(group) = find(cx, &id, groups::KIND.name)? else {
                continue;
            };
            let verdict = way(out).judge(SecurityGroup::of(&group));
            if !verdict.allowed {
                return Ok(Err(Unreached::Denied {
                    address: sent.to,
                    port: sent.port,
                    from: sent.from.address,
                    group: group.name().to_owned(),
                    rule: verdict.rule,
                }));
            }
        }
    }
    match is_down(cx, &machine, address)? {
        Some(unreached) => Ok(Err(unreached)),
        None => Ok(Ok(machine)),
    }
}

/// The interface that has an address of a virtual network, and its machine.
fn owner_within(
    cx: &Context<'_>,
    network: &str,
    address: Ipv4Addr,
) -> Result<Option<(Resource, Resource)>, StateError> {
    let Some(network) = cx.tx.get::<Resource>(network)? else {
        return Ok(None);
    };
    for subnet in VirtualNetwork::of(&network).subnets() {
        let around = subnet.prefix().and_then(Range::around);
        let (Some(range), Some(id)) = (around, subnet.id()) else {
            continue;
        };
        if !range.contains(address) {
            continue;
        }
        let pool = Resource::key_of(id);
        let Some(owner) = addresses::find(cx.tx, &pool, address.into())? else {
            return Ok(None);
        };
        let Some(interface) = find(cx, &owner.owner, network_interfaces::KIND.name)? else {
            return Ok(None);
        };
        let machine = NetworkInterface::of(&interface).machine(cx.tx)?;
        return Ok(machine.map(|machine| (interface, machine)));
    }
    Ok(None)
}

/// Whether the security groups on the way let a connection pass.
fn pass_groups(
    cx: &Context<'_>,
    connection: &Connection,
    public: &Resource,
    nic: NetworkInterface<'_>,
    configuration: IpConfiguration<'_>,
    address: Ipv4Addr,
) -> Result<Result<(), Unreached>, StateError> {
    let mut groups_passed = 0;
    for id in security_groups(cx, nic, configuration)? {
        let Some(group) = find(cx, &id, groups::KIND.name)? else {
            continue;
        };
        groups_passed += 1;
        let verdict = connection.judge(SecurityGroup::of(&group));
        if !verdict.allowed {
            return Ok(Err(Unreached::Denied {
                address,
                port: connection.port,
                from: connection.from,
                group: group.name().to_owned(),
                rule: verdict.rule,
            }));
        }
    }
    // https://learn.microsoft.com/azure/virtual-network/ip-services/public-ip-addresses#sku
    if groups_passed == 0 && PublicAddress::of(public).is_standard() {
        return Ok(Err(Unreached::NoSecurityGroup(address)));
    }
    Ok(Ok(()))
}

/// Whether a machine that is in this state is not up yet.
fn starts(state: &str) -> bool {
    state.eq_ignore_ascii_case("Creating")
}

/// The groups that a connection passes on its way in: the subnet's, then the network interface's.
/// <https://learn.microsoft.com/azure/virtual-network/network-security-group-how-it-works>
fn security_groups(
    cx: &Context<'_>,
    nic: NetworkInterface<'_>,
    configuration: IpConfiguration<'_>,
) -> Result<Vec<String>, StateError> {
    let mut ids = Vec::new();
    if let Some((network, name)) = configuration.subnet().and_then(Subnet::parts)
        && let Some(network) = cx.tx.get::<Resource>(&Resource::key_of(network))?
    {
        let subnet = VirtualNetwork::of(&network).subnet(name);
        let group = subnet.and_then(Subnet::security_group);
        ids.extend(group.map(str::to_owned));
    }
    ids.extend(nic.security_group().map(str::to_owned));
    Ok(ids)
}

fn find(cx: &Context<'_>, id: &str, kind: &str) -> Result<Option<Resource>, StateError> {
    let resource: Option<Resource> = cx.tx.get(&Resource::key_of(id))?;
    Ok(resource.filter(|resource| resource.kind.eq_ignore_ascii_case(kind)))
}

/// A connection, as security rules see it.
struct Connection {
    from: Ipv4Addr,
    whence: Whence,
    /// The machine's private address: rules see what the public one was translated to.
    to: Option<Ipv4Addr>,
    protocol: &'static str,
    port: u16,
    /// Whether it is on its way out.
    out: bool,
}

/// What an address is one of, to service tags.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Whence {
    /// Anybody's.
    Internet,
    /// One of Azure's own.
    Azure,
    /// The virtual network's.
    Network,
}

/// A source port as clients have it.
const EPHEMERAL: u16 = 50_000;

struct Verdict {
    allowed: bool,
    rule: String,
}

impl Connection {
    /// The first rule by priority that fits decides.
    fn judge(&self, group: SecurityGroup<'_>) -> Verdict {
        let rules = group.rules();
        let first = rules.into_iter().find(|rule| self.fits(*rule));
        match first {
            Some(rule) => Verdict {
                allowed: rule.allows(),
                rule: rule.name().unwrap_or("(without a name)").to_owned(),
            },
            None => Verdict {
                allowed: false,
                rule: match self.out {
                    true => "DenyAllOutBound".to_owned(),
                    false => "DenyAllInBound".to_owned(),
                },
            },
        }
    }

    fn fits(&self, rule: SecurityRule<'_>) -> bool {
        let direction = match self.out {
            true => rule.is_outbound(),
            false => rule.is_inbound(),
        };
        direction
            && rule.is_for(self.protocol)
            && rule.sources().any(|prefix| self.comes_from(prefix))
            && rule.destinations().any(|prefix| self.goes_to(prefix))
            && rule.source_ports().any(|range| contains(range, EPHEMERAL))
            && rule
                .destination_ports()
                .any(|range| contains(range, self.port))
    }

    /// The service tags are those of
    /// <https://learn.microsoft.com/azure/virtual-network/service-tags-overview>.
    fn comes_from(&self, prefix: &str) -> bool {
        if let Some(found) = within(prefix, self.from) {
            return found;
        }
        let prefix = prefix.to_ascii_lowercase();
        // A tag may be one region's: `AzureCloud.EastUS`.
        let tag = prefix
            .split_once('.')
            .map_or(prefix.as_str(), |(tag, _)| tag);
        match tag {
            "*" | "any" => true,
            "internet" => self.whence != Whence::Network,
            "azurecloud" => self.whence == Whence::Azure,
            "virtualnetwork" => self.whence == Whence::Network,
            // AzureLoadBalancer among them: nobody is there.
            _ => false,
        }
    }

    fn goes_to(&self, prefix: &str) -> bool {
        match self.to.and_then(|to| within(prefix, to)) {
            Some(found) => found,
            None => matches!(
                prefix.to_ascii_lowercase().as_str(),
                "*" | "any" | "virtualnetwork"
            ),
        }
    }
}

/// Whether an address is in a prefix: `10.0.0.0/8`, one address, or `10.0.0.1-10.0.0.9`. None for what is no address.
fn within(prefix: &str, address: Ipv4Addr) -> Option<bool> {
    if let Ok(one) = prefix.parse::<Ipv4Addr>() {
        return Some(one == address);
    }
    if let Some((first, last)) = prefix.split_once('-') {
        let (first, last): (Ipv4Addr, Ipv4Addr) = (first.parse().ok()?, last.parse().ok()?);
        return Some((first..=last).contains(&address));
    }
    Range::around(prefix).map(|range| range.contains(address))
}

/// Whether a port is in a range: `*`, `22` or `20-25`.
fn contains(range: &str, port: u16) -> bool {
    if range == "*" {
        return true;
    }
    let (first, last) = range.split_once('-').unwrap_or((range, range));
    match (first.trim().parse::<u16>(), last.trim().parse::<u16>()) {
        (Ok(first), Ok(last)) => (first..=last).contains(&port),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn rule(name: &str, priority: i64, access: &str, members: Value) -> Value {
        let mut properties = json!({
            "direction": "Inbound", "protocol": "Tcp", "access": access, "priority": priority,
            "sourceAddressPrefix": "*", "destinationAddressPrefix": "*",
            "sourcePortRange": "*", "destinationPortRange": "22",
        });
        for (name, value) in members.as_object().expect("members") {
            properties[name] = value.clone();
        }
        json!({"name": name, "properties": properties})
    }

    fn judged(rules: &[Value]) -> (bool, String) {
        let connection = Connection {
            from: DESK,
            whence: Whence::Internet,
            to: Some(Ipv4Addr::new(10, 0, 0, 4)),
            protocol: TCP,
            port: 22,
            out: false,
        };
        let mut group = Resource::new("/g".to_owned(), groups::KIND.name);
        let properties = json!({"securityRules": rules});
        group.body.insert("properties".to_owned(), properties);
        let verdict = connection.judge(SecurityGroup::of(&group));
        (verdict.allowed, verdict.rule)
    }

    #[test]
    fn a_rule_fits_by_all_of_its_members() {
        for (members, fits) in [
            (json!({}), true),
            (json!({"direction": "Outbound"}), false),
            (json!({"protocol": "Udp"}), false),
            (json!({"protocol": "*"}), true),
            (json!({"destinationPortRange": "20-25"}), true),
            (json!({"destinationPortRange": "80"}), false),
            (
                json!({"destinationPortRange": null, "destinationPortRanges": ["80", "22"]}),
                true,
            ),
            (json!({"sourcePortRange": "1-1024"}), false),
            (json!({"sourceAddressPrefix": "Internet"}), true),
            (json!({"sourceAddressPrefix": "VirtualNetwork"}), false),
            (json!({"sourceAddressPrefix": "AzureCloud.EastUS"}), false),
            (json!({"sourceAddressPrefix": "198.18.0.1"}), true),
            (json!({"sourceAddressPrefix": "198.18.0.0/15"}), true),
            (json!({"sourceAddressPrefix": "0.0.0.0/0"}), true),
            (json!({"sourceAddressPrefix": "198.18.0.7/24"}), true),
            (json!({"sourceAddressPrefix": "203.0.113.0/24"}), false),
            (
                json!({"sourceAddressPrefix": "198.18.0.0-198.18.0.9"}),
                true,
            ),
            (
                json!({"sourceAddressPrefix": null, "sourceAddressPrefixes": ["203.0.113.4", "198.18.0.1/32"]}),
                true,
            ),
            (json!({"destinationAddressPrefix": "10.0.0.0/24"}), true),
            (json!({"destinationAddressPrefix": "10.0.1.0/24"}), false),
            (json!({"destinationAddressPrefix": "VirtualNetwork"}), true),
            (json!({"destinationAddressPrefix": "198.18.0.4"}), false),
        ] {
            let (allowed, _) = judged(&[rule("one", 100, "Allow", members.clone())]);
            assert_eq!(allowed, fits, "{members}");
        }
    }

    #[test]
    fn the_lowest_priority_number_decides() {
        let deny = rule("no", 200, "Deny", json!({}));
        let allow = rule("yes", 100, "Allow", json!({}));
        assert_eq!(judged(&[deny.clone(), allow]), (true, "yes".to_owned()));
        let later = rule("yes", 300, "Allow", json!({}));
        assert_eq!(judged(&[later, deny]), (false, "no".to_owned()));
        assert_eq!(judged(&[]), (false, "DenyAllInBound".to_owned()));
    }
}
