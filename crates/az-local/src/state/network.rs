//! Kept resources of `Microsoft.Network`, read by what their members mean.

use super::holds;
use super::machine;
use super::resources::Resource;
use super::transaction::{StateError, Transaction};
use serde_json::Value;
use std::net::Ipv4Addr;

/// A network interface.
#[derive(Clone, Copy)]
pub(crate) struct NetworkInterface<'a>(&'a Resource);

/// One of an interface's IP configurations.
#[derive(Clone, Copy)]
pub(crate) struct IpConfiguration<'a>(&'a Value);

/// A virtual network.
#[derive(Clone, Copy)]
pub(crate) struct VirtualNetwork<'a>(&'a Resource);

/// One of a network's subnets, as it stands in the network.
#[derive(Clone, Copy)]
pub(crate) struct Subnet<'a>(&'a Value);

/// A network security group.
#[derive(Clone, Copy)]
pub(crate) struct SecurityGroup<'a>(&'a Resource);

/// One of a group's rules, or of those that every group has.
#[derive(Clone, Copy)]
pub(crate) struct SecurityRule<'a>(&'a Value);

/// A public IP address.
#[derive(Clone, Copy)]
pub(crate) struct PublicAddress<'a>(&'a Resource);

/// Where a machine is in its virtual network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Attachment {
    /// The virtual network's key.
    pub(crate) network: String,
    pub(crate) address: Ipv4Addr,
    /// How many bits of the address are the subnet's.
    pub(crate) bits: u8,
}

/// Where a machine's primary interface is; none where something on the way is missing.
pub(crate) fn attachment(
    tx: &Transaction<'_>,
    machine: &Resource,
) -> Result<Option<Attachment>, StateError> {
    let mut interfaces = machine::VirtualMachine::of(machine).interfaces();
    let Some(joined) = interfaces.find(|joined| joined.primary) else {
        return Ok(None);
    };
    let Some(interface) = tx.get::<Resource>(&Resource::key_of(joined.id))? else {
        return Ok(None);
    };
    let mut configurations = NetworkInterface::of(&interface).configurations();
    let place = configurations.find_map(|one| Some((one.private_address()?, one.subnet()?)));
    let Some((address, subnet)) = place else {
        return Ok(None);
    };
    let Some((network, name)) = Subnet::parts(subnet) else {
        return Ok(None);
    };
    let key = Resource::key_of(network);
    let Some(network) = tx.get::<Resource>(&key)? else {
        return Ok(None);
    };
    let subnet = VirtualNetwork::of(&network).subnet(name);
    let bits = subnet
        .and_then(Subnet::prefix)
        .and_then(|prefix| prefix.rsplit_once('/')?.1.parse().ok());
    Ok(Some(Attachment {
        network: key,
        address,
        bits: bits.unwrap_or(24),
    }))
}

/// The `id` of what a member refers to.
fn linked<'a>(value: &'a Value, pointer: &str) -> Option<&'a str> {
    value.pointer(pointer)?.get("id")?.as_str()
}

impl<'a> NetworkInterface<'a> {
    pub(crate) fn of(nic: &'a Resource) -> Self {
        NetworkInterface(nic)
    }

    pub(crate) fn configurations(self) -> impl Iterator<Item = IpConfiguration<'a>> {
        let all = self.0.items("ipConfigurations").iter();
        all.map(IpConfiguration)
    }

    /// The configuration with this id.
    pub(crate) fn configuration(self, id: &str) -> Option<IpConfiguration<'a>> {
        let same = |found: &str| found.eq_ignore_ascii_case(id);
        self.configurations().find(|one| one.id().is_some_and(same))
    }

    /// The id of its own security group.
    pub(crate) fn security_group(self) -> Option<&'a str> {
        self.0.property("networkSecurityGroup")?.get("id")?.as_str()
    }

    /// The hardware address, as `00-0D-3A-00-00-01`.
    pub(crate) fn hardware_address(self) -> Option<&'a str> {
        self.0.property("macAddress")?.as_str()
    }

    /// The machine that has it.
    pub(crate) fn machine(self, tx: &Transaction<'_>) -> Result<Option<Resource>, StateError> {
        match holds::holder(tx, &self.0.id)? {
            Some(hold) => machine::find(tx, &hold.owner),
            None => Ok(None),
        }
    }
}

impl<'a> IpConfiguration<'a> {
    pub(crate) fn of(value: &'a Value) -> Self {
        IpConfiguration(value)
    }

    pub(crate) fn id(self) -> Option<&'a str> {
        self.0.get("id")?.as_str()
    }

    pub(crate) fn name(self) -> Option<&'a str> {
        self.0.get("name")?.as_str()
    }

    pub(crate) fn private_address(self) -> Option<Ipv4Addr> {
        let address = self.0.pointer("/properties/privateIPAddress")?;
        address.as_str()?.parse().ok()
    }

    /// The id of its subnet.
    pub(crate) fn subnet(self) -> Option<&'a str> {
        linked(self.0, "/properties/subnet")
    }

    /// The id of its public address.
    pub(crate) fn public_address(self) -> Option<&'a str> {
        linked(self.0, "/properties/publicIPAddress")
    }
}

impl<'a> VirtualNetwork<'a> {
    pub(crate) fn of(network: &'a Resource) -> Self {
        VirtualNetwork(network)
    }

    /// `addressSpace.addressPrefixes`
    pub(crate) fn prefixes(self) -> impl Iterator<Item = &'a str> {
        let space = self.0.property("addressSpace");
        let all = space.and_then(|space| space.get("addressPrefixes")?.as_array());
        all.into_iter().flatten().filter_map(Value::as_str)
    }

    pub(crate) fn subnets(self) -> impl Iterator<Item = Subnet<'a>> {
        self.0.items("subnets").iter().map(Subnet)
    }

    /// The subnet of this name.
    pub(crate) fn subnet(self, name: &str) -> Option<Subnet<'a>> {
        let same = |found: &str| found.eq_ignore_ascii_case(name);
        self.subnets().find(|one| one.name().is_some_and(same))
    }
}

impl<'a> Subnet<'a> {
    /// The network's id and the subnet's name, of a subnet's id.
    pub(crate) fn parts(id: &str) -> Option<(&str, &str)> {
        const BETWEEN: &str = "/subnets/";
        let id = id.trim_end_matches('/');
        let at = id.to_ascii_lowercase().rfind(BETWEEN)?;
        Some((&id[..at], &id[at + BETWEEN.len()..]))
    }

    pub(crate) fn of(value: &'a Value) -> Self {
        Subnet(value)
    }

    pub(crate) fn value(self) -> &'a Value {
        self.0
    }

    pub(crate) fn id(self) -> Option<&'a str> {
        self.0.get("id")?.as_str()
    }

    pub(crate) fn name(self) -> Option<&'a str> {
        self.0.get("name")?.as_str()
    }

    /// The addresses, as `10.0.0.0/24`.
    pub(crate) fn prefix(self) -> Option<&'a str> {
        self.0.pointer("/properties/addressPrefix")?.as_str()
    }

    /// The id of its security group.
    pub(crate) fn security_group(self) -> Option<&'a str> {
        linked(self.0, "/properties/networkSecurityGroup")
    }
}

impl<'a> SecurityGroup<'a> {
    pub(crate) fn of(group: &'a Resource) -> Self {
        SecurityGroup(group)
    }

    /// Its rules, and those that every group has, by priority.
    pub(crate) fn rules(self) -> Vec<SecurityRule<'a>> {
        let own = self.0.items("securityRules").iter();
        let all = own.chain(self.0.items("defaultSecurityRules"));
        let mut all: Vec<SecurityRule<'a>> = all.map(SecurityRule).collect();
        all.sort_by_key(|rule| rule.priority());
        all
    }
}

impl<'a> SecurityRule<'a> {
    pub(crate) fn name(self) -> Option<&'a str> {
        self.0.get("name")?.as_str()
    }

    /// The lowest number is considered first.
    pub(crate) fn priority(self) -> Option<i64> {
        self.0.pointer("/properties/priority")?.as_i64()
    }

    pub(crate) fn allows(self) -> bool {
        self.is("access", &["Allow"])
    }

    pub(crate) fn is_inbound(self) -> bool {
        self.is("direction", &["Inbound"])
    }

    pub(crate) fn is_outbound(self) -> bool {
        self.is("direction", &["Outbound"])
    }

    /// Whether it is for a protocol: `Tcp`, `Udp`, `Icmp`, or one without a name (`*`).
    pub(crate) fn is_for(self, protocol: &str) -> bool {
        self.is("protocol", &["*", protocol])
    }

    fn is(self, member: &str, words: &[&str]) -> bool {
        let word = self.property(member).and_then(Value::as_str);
        word.is_some_and(|word| words.iter().any(|one| one.eq_ignore_ascii_case(word)))
    }

    pub(crate) fn sources(self) -> impl Iterator<Item = &'a str> {
        self.either("sourceAddressPrefix", "sourceAddressPrefixes")
    }

    pub(crate) fn destinations(self) -> impl Iterator<Item = &'a str> {
        self.either("destinationAddressPrefix", "destinationAddressPrefixes")
    }

    pub(crate) fn source_ports(self) -> impl Iterator<Item = &'a str> {
        self.either("sourcePortRange", "sourcePortRanges")
    }

    pub(crate) fn destination_ports(self) -> impl Iterator<Item = &'a str> {
        self.either("destinationPortRange", "destinationPortRanges")
    }

    /// The one value and the many that a rule may have.
    fn either(self, one: &str, many: &str) -> impl Iterator<Item = &'a str> {
        let many = self.property(many).and_then(Value::as_array);
        let all = self.property(one).into_iter();
        all.chain(many.into_iter().flatten())
            .filter_map(Value::as_str)
    }

    fn property(self, member: &str) -> Option<&'a Value> {
        self.0.get("properties")?.get(member)
    }
}

impl<'a> PublicAddress<'a> {
    pub(crate) fn of(address: &'a Resource) -> Self {
        PublicAddress(address)
    }

    pub(crate) fn address(self) -> Option<Ipv4Addr> {
        self.0.property("ipAddress")?.as_str()?.parse().ok()
    }

    /// Whether it is closed until a security group opens it.
    pub(crate) fn is_standard(self) -> bool {
        let sku = self.0.body.get("sku").and_then(|sku| sku.get("name"));
        sku.and_then(Value::as_str) == Some("Standard")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subnets_id_is_its_networks_and_its_name_in_any_case() {
        for (id, parts) in [
            ("/n/subnets/default", Some(("/n", "default"))),
            ("/n/SUBNETS/default/", Some(("/n", "default"))),
            ("/subnets/n/Subnets/s", Some(("/subnets/n", "s"))),
            ("/n", None),
            ("", None),
        ] {
            assert_eq!(Subnet::parts(id), parts, "{id}");
        }
    }
}
