//! Where a connection to a public IP address ends: the machine behind it, if the security rules let it through.

use crate::arm::network::network_security_groups as groups;
use crate::arm::network::range::Range;
use crate::arm::network::{network_interfaces, public_ip_addresses};
use crate::arm::operations;
use crate::request::Context;
use crate::state::machine;
use crate::state::{Resource, StateError, addresses, holds};
use serde_json::{Value, json};
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
    for id in linked(
        &machine.body,
        "/properties/networkProfile/networkInterfaces",
    ) {
        let Some(interface) = find(cx, &id, network_interfaces::KIND.name)? else {
            continue;
        };
        for configuration in list(&interface.body, "/properties/ipConfigurations") {
            let Some(id) = id_at(&configuration, "/properties/publicIPAddress/id") else {
                continue;
            };
            let address = find(cx, id, public_ip_addresses::KIND.name)?;
            if let Some(address) = address.as_ref().and_then(address_of) {
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
    let configuration = hold.holder.as_str();
    let Some(interface) = find(cx, &hold.owner, network_interfaces::KIND.name)? else {
        return Ok(Err(Unreached::Detached(address)));
    };
    let nic = json!(interface.body);
    let machine = match holds::holder(cx.tx, &interface.id)? {
        Some(hold) => machine::find(cx.tx, &hold.owner)?,
        None => None,
    };
    let Some(machine) = machine else {
        return Ok(Err(Unreached::Detached(address)));
    };

    let connection = Connection {
        from,
        from_machine: from != DESK,
        to: private_address(&nic, configuration),
        port,
    };
    if let Err(unreached) = pass_groups(cx, &connection, &public, &nic, configuration, address)? {
        return Ok(Err(unreached));
    }

    let name = machine.name().to_owned();
    if !machine::is_running(&machine) || operations::running(cx, &machine)?.is_some_and(starts) {
        let state = match machine.hidden.get("powerState").and_then(Value::as_str) {
            Some(state) if !machine::is_running(&machine) => state.to_owned(),
            _ => "starting".to_owned(),
        };
        return Ok(Err(Unreached::NotRunning {
            address,
            name,
            state,
        }));
    }
    let linux = machine
        .body
        .get("properties")
        .is_none_or(|properties| properties["storageProfile"]["osDisk"]["osType"] != "Windows");
    if port != SSH || !linux {
        return Ok(Err(Unreached::Refused {
            address,
            port,
            name,
        }));
    }
    Ok(Ok(machine))
}

/// Whether the security groups on the way let a connection pass.
fn pass_groups(
    cx: &Context<'_>,
    connection: &Connection,
    public: &Resource,
    nic: &Value,
    configuration: &str,
    address: Ipv4Addr,
) -> Result<Result<(), Unreached>, StateError> {
    let mut groups_passed = 0;
    for id in security_groups(cx, nic, configuration)? {
        let Some(group) = find(cx, &id, groups::KIND.name)? else {
            continue;
        };
        groups_passed += 1;
        let verdict = connection.judge(&json!(group.body));
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
    let standard = public.body.get("sku").and_then(|sku| sku["name"].as_str()) == Some("Standard");
    if groups_passed == 0 && standard {
        return Ok(Err(Unreached::NoSecurityGroup(address)));
    }
    Ok(Ok(()))
}

/// Whether a machine that is in this state is not up yet.
fn starts(state: String) -> bool {
    state.eq_ignore_ascii_case("Creating")
}

/// The groups that a connection passes on its way in: the subnet's, then the network interface's.
/// <https://learn.microsoft.com/azure/virtual-network/network-security-group-how-it-works>
fn security_groups(
    cx: &Context<'_>,
    nic: &Value,
    configuration: &str,
) -> Result<Vec<String>, StateError> {
    let mut ids = Vec::new();
    let subnet = configuration_of(nic, configuration)
        .and_then(|found| id_at(found, "/properties/subnet/id"))
        .and_then(|id| id.rsplit_once("/subnets/"));
    if let Some((network, name)) = subnet
        && let Some(network) = cx.tx.get::<Resource>(&Resource::key_of(network))?
    {
        let subnets = list(&network.body, "/properties/subnets");
        let found = subnets.iter().find(|subnet| {
            subnet["name"]
                .as_str()
                .is_some_and(|found| found.eq_ignore_ascii_case(name))
        });
        ids.extend(
            found
                .and_then(|subnet| id_at(subnet, "/properties/networkSecurityGroup/id"))
                .map(str::to_owned),
        );
    }
    ids.extend(id_at(nic, "/properties/networkSecurityGroup/id").map(str::to_owned));
    Ok(ids)
}

fn configuration_of<'a>(nic: &'a Value, id: &str) -> Option<&'a Value> {
    nic.pointer("/properties/ipConfigurations")?
        .as_array()?
        .iter()
        .find(|found| {
            found["id"]
                .as_str()
                .is_some_and(|found| found.eq_ignore_ascii_case(id))
        })
}

fn private_address(nic: &Value, configuration: &str) -> Option<Ipv4Addr> {
    configuration_of(nic, configuration)?
        .pointer("/properties/privateIPAddress")?
        .as_str()?
        .parse()
        .ok()
}

fn address_of(public: &Resource) -> Option<Ipv4Addr> {
    public
        .body
        .get("properties")?
        .get("ipAddress")?
        .as_str()?
        .parse()
        .ok()
}

fn find(cx: &Context<'_>, id: &str, kind: &str) -> Result<Option<Resource>, StateError> {
    let resource: Option<Resource> = cx.tx.get(&Resource::key_of(id))?;
    Ok(resource.filter(|resource| resource.kind.eq_ignore_ascii_case(kind)))
}

fn id_at<'a>(value: &'a Value, pointer: &str) -> Option<&'a str> {
    value.pointer(pointer).and_then(Value::as_str)
}

fn list(body: &serde_json::Map<String, Value>, pointer: &str) -> Vec<Value> {
    json!(body)
        .pointer(pointer)
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default()
}

fn linked(body: &serde_json::Map<String, Value>, pointer: &str) -> Vec<String> {
    list(body, pointer)
        .iter()
        .filter_map(|linked| linked["id"].as_str().map(str::to_owned))
        .collect()
}

/// A TCP connection, as security rules see it.
struct Connection {
    from: Ipv4Addr,
    /// Whether `from` is one of Azure's own addresses.
    from_machine: bool,
    /// The machine's private address: rules see what the public one was translated to.
    to: Option<Ipv4Addr>,
    port: u16,
}

/// A source port as clients have it.
const EPHEMERAL: u16 = 50_000;

struct Verdict {
    allowed: bool,
    rule: String,
}

impl Connection {
    /// The first rule by priority that fits decides.
    fn judge(&self, group: &Value) -> Verdict {
        let mut rules: Vec<&Value> = [
            "/properties/securityRules",
            "/properties/defaultSecurityRules",
        ]
        .iter()
        .filter_map(|pointer| group.pointer(pointer)?.as_array())
        .flatten()
        .collect();
        rules.sort_by_key(|rule| rule["properties"]["priority"].as_i64());
        match rules.iter().find(|rule| self.fits(&rule["properties"])) {
            Some(rule) => Verdict {
                allowed: rule["properties"]["access"]
                    .as_str()
                    .is_some_and(|access| access.eq_ignore_ascii_case("Allow")),
                rule: rule["name"].as_str().unwrap_or_default().to_owned(),
            },
            None => Verdict {
                allowed: false,
                rule: "DenyAllInBound".to_owned(),
            },
        }
    }

    fn fits(&self, rule: &Value) -> bool {
        let word = |member: &str| {
            rule[member]
                .as_str()
                .unwrap_or_default()
                .to_ascii_lowercase()
        };
        word("direction") == "inbound"
            && matches!(word("protocol").as_str(), "*" | "tcp")
            && values(rule, "sourceAddressPrefix").any(|prefix| self.comes_from(prefix))
            && values(rule, "destinationAddressPrefix").any(|prefix| self.goes_to(prefix))
            && ports(rule, "sourcePortRange", EPHEMERAL)
            && ports(rule, "destinationPortRange", self.port)
    }

    /// The service tags are those of
    /// <https://learn.microsoft.com/azure/virtual-network/service-tags-overview>.
    fn comes_from(&self, prefix: &str) -> bool {
        if let Some(found) = within(prefix, self.from) {
            return found;
        }
        let tag = prefix.to_ascii_lowercase();
        match tag.split('.').next().unwrap_or_default() {
            "*" | "any" | "internet" => true,
            "azurecloud" => self.from_machine,
            // VirtualNetwork and AzureLoadBalancer among them: nobody there has a public address.
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

/// The one value and the many that a rule may have.
fn values<'a>(rule: &'a Value, member: &str) -> impl Iterator<Item = &'a str> {
    let plural = if member.ends_with('x') {
        format!("{member}es")
    } else {
        format!("{member}s")
    };
    let many = rule[plural.as_str()].as_array().into_iter().flatten();
    rule[member]
        .as_str()
        .into_iter()
        .chain(many.filter_map(Value::as_str))
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

fn ports(rule: &Value, member: &str, port: u16) -> bool {
    values(rule, member).any(|range| {
        if range == "*" {
            return true;
        }
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        match (first.trim().parse::<u16>(), last.trim().parse::<u16>()) {
            (Ok(first), Ok(last)) => (first..=last).contains(&port),
            _ => false,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

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
            from_machine: false,
            to: Some(Ipv4Addr::new(10, 0, 0, 4)),
            port: 22,
        };
        let verdict = connection.judge(&json!({"properties": {"securityRules": rules}}));
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
