//! What the lines of a list ask for, as resources: pure, once all that has to be known of Azure was looked up.

use super::node::{Node, Nodes, key};
use crate::{
    cli::{Line, Scope},
    keyvault,
    vm::{
        image::Facts, network::bodies::Base, request::Request, target::Target,
        template::resources as machine_resources,
    },
};
use az_core::{
    arm::{ResourceId, versions},
    cli::{Doing, Failure},
    identity::{Word, user_assigned_body, user_assigned_id},
    name::Location,
    role::{ASSIGNMENTS, Assignment},
};
use serde_json::{Value, json};
use std::collections::{HashMap, HashSet};

/// What a line asks for, where it is asked for.
pub(super) struct Wanted {
    pub(super) number: usize,
    pub(super) line: Line,
    pub(super) group: ResourceId,
    pub(super) location: Location,
    pub(super) machine: Option<Machine>,
}

/// A machine that a line asks for.
pub(super) struct Machine {
    pub(super) request: Request,
    /// The public keys of its user.
    pub(super) keys: Vec<String>,
}

/// What was looked up.
#[derive(Default)]
pub(super) struct Known {
    /// The tenants of subscriptions.
    pub(super) tenants: HashMap<String, String>,
    /// The keys of the groups that are there.
    pub(super) groups: HashSet<String>,
    /// What images are, by [`catalogue_key`].
    pub(super) facts: HashMap<String, Facts>,
    /// The networks that there are for machines, by [`network_key`].
    pub(super) networks: HashMap<String, (ResourceId, Value)>,
    /// Role definitions, by [`role_key`].
    pub(super) roles: HashMap<String, ResourceId>,
}

/// By what the facts of a machine's image are known.
pub(super) fn catalogue_key(wanted: &Wanted, machine: &Request) -> String {
    let subscription = wanted.group.subscription_id().unwrap_or_default();
    let (image, size) = machine.looked_up();
    format!(
        "{subscription}|{}|{image}|{size}",
        wanted.location.canonical()
    )
}

/// By what the network is known that a machine would be put in: the one of its name, or the one of group and location.
pub(super) fn network_key(wanted: &Wanted, machine: &Request) -> String {
    let network = machine.network();
    if network.names_network() {
        return key(&network.new_network_id(&wanted.group));
    }
    shared_network_key(wanted)
}

fn shared_network_key(wanted: &Wanted) -> String {
    format!("{}|{}", key(&wanted.group), wanted.location.canonical())
}

/// By what a role's definition is known.
pub(super) fn role_key(scope: &ResourceId, role: &str) -> String {
    format!("{}|{role}", scope.subscription_id().unwrap_or_default())
}

impl Wanted {
    pub(super) fn doing(&self) -> String {
        format!("line {}", self.number)
    }

    pub(super) fn subscription(&self) -> &str {
        self.group.subscription_id().unwrap_or_default()
    }

    /// Where its roles hold.
    pub(super) fn scope(&self) -> ResourceId {
        let vault = self.line.vault.as_ref();
        let vault = vault.map(|name| {
            self.group
                .resource("Microsoft.KeyVault", "vaults", name.as_str())
        });
        match (&self.line.scope, vault) {
            (Some(Scope::At(id)), _) => id.clone(),
            (Some(Scope::Subscription), _) => ResourceId::subscription(self.subscription()),
            (None | Some(Scope::Vault), Some(vault)) => vault,
            (None | Some(Scope::Vault | Scope::Group), _) => self.group.clone(),
        }
    }

    fn target(&self) -> Target<'_> {
        Target {
            group: &self.group,
            location: &self.location,
            tags: self.line.tags.to_json(),
            no_wait: false,
        }
    }
}

/// All resources that lines ask for. `tags` are those of new groups.
pub(super) fn resources(
    all: &[Wanted],
    known: &Known,
    tags: Option<&Value>,
) -> Result<Nodes, Failure> {
    let mut nodes = Nodes::default();
    let mut networks = Networks::default();
    for wanted in all {
        group(wanted, known, tags, &mut nodes)?;
        networks.subnet_of(wanted, known, &mut nodes)?;
    }
    networks.keep_what_is_there(&mut nodes)?;
    for wanted in all {
        identity(wanted, &mut nodes)?;
        vault(wanted, known, &mut nodes)?;
        if let Some(machine) = &wanted.machine {
            let subnet = networks.of(wanted)?;
            let facts = known.facts.get(&catalogue_key(wanted, &machine.request));
            let facts = facts.cloned().unwrap_or_default();
            let target = wanted.target();
            for new in machine_resources(&machine.request, &target, &facts, &machine.keys, &subnet)
            {
                let mut node = Node::new(wanted.number, new.id, new.version, new.body);
                for needed in &new.needs {
                    node = node.needs(needed);
                }
                nodes.add(if new.shared { node.shared() } else { node })?;
            }
        }
        roles(wanted, known, &mut nodes)?;
    }
    Ok(nodes)
}

/// A group that is not there is made; one that is there stays as it is, tags and all.
fn group(
    wanted: &Wanted,
    known: &Known,
    tags: Option<&Value>,
    nodes: &mut Nodes,
) -> Result<(), Failure> {
    if known.groups.contains(&key(&wanted.group)) || nodes.find(&wanted.group).is_some() {
        return Ok(());
    }
    let mut body = json!({"location": wanted.location.canonical()});
    if let Some(tags) = tags {
        body["tags"] = tags.clone();
    }
    let id = wanted.group.clone();
    nodes.add(Node::new(wanted.number, id, versions::RESOURCES, body).shared())
}

fn identity(wanted: &Wanted, nodes: &mut Nodes) -> Result<(), Failure> {
    let Some(Word::Name(name)) = &wanted.line.identity else {
        return Ok(());
    };
    let tags = wanted.line.tags.to_json();
    let body = user_assigned_body(&wanted.location, tags.as_ref());
    let id = user_assigned_id(&wanted.group, name);
    nodes.add(Node::new(wanted.number, id, versions::MANAGED_IDENTITY, body).shared())
}

fn vault(wanted: &Wanted, known: &Known, nodes: &mut Nodes) -> Result<(), Failure> {
    let Some(name) = &wanted.line.vault else {
        return Ok(());
    };
    let vault = keyvault::wanted::Wanted {
        name,
        group: &wanted.group,
        location: &wanted.location,
        location_given: true,
        vault: &wanted.line.vault_settings,
        tags: wanted.line.tags.to_json(),
        no_wait: false,
    };
    let tenant = known.tenants.get(wanted.subscription());
    let body = vault.body(
        tenant.map_or("", String::as_str),
        &wanted.location.canonical(),
    );
    nodes.add(Node::new(wanted.number, vault.id(), versions::KEY_VAULT, body).shared())
}

fn roles(wanted: &Wanted, known: &Known, nodes: &mut Nodes) -> Result<(), Failure> {
    let scope = wanted.scope();
    for role in &wanted.line.role {
        let Some(role) = known.roles.get(&role_key(&scope, role)) else {
            return Err(Failure::usage(format!("there is no role '{role}'")).doing(wanted.doing()));
        };
        let who = Who::of(wanted)?;
        let assignment = Assignment {
            scope: scope.as_str(),
            principal: &who.name,
            principal_type: Some(&who.kind),
            role,
            description: None,
            condition: None,
            condition_version: None,
        };
        let (namespace, kind) = ASSIGNMENTS.split_once('/').unwrap_or_default();
        let id = scope.resource(namespace, kind, &assignment.name().to_string());
        let mut node = Node::new(
            wanted.number,
            id,
            versions::AUTHORIZATION,
            assignment.body(),
        )
        .shared()
        .needs(&scope);
        if let Some((id, expression)) = who.found {
            node = node
                .needs(&id)
                .with_expression("/properties/principalId", expression);
        }
        nodes.add(node)?;
    }
    Ok(())
}

/// Who gets a role.
struct Who {
    /// What the assignment's name is derived from: an object id, or the id of the resource that has one.
    name: String,
    kind: String,
    /// The resource that has the object id, and the expression that reads it.
    found: Option<(ResourceId, String)>,
}

impl Who {
    fn of(wanted: &Wanted) -> Result<Self, Failure> {
        let line = &wanted.line;
        if let (Some(id), Some(kind)) = (line.assignee_object_id, &line.assignee_principal_type) {
            return Ok(Who {
                name: id.to_string(),
                kind: kind.clone(),
                found: None,
            });
        }
        let user_assigned = |id: ResourceId| {
            let version = versions::MANAGED_IDENTITY;
            let expression = format!("[reference('{id}', '{version}').principalId]");
            (id, expression)
        };
        let (id, expression) = match (&line.identity, &wanted.machine) {
            (Some(Word::Name(name)), _) => user_assigned(user_assigned_id(&wanted.group, name)),
            (Some(Word::Id(id)), _) => user_assigned(id.clone()),
            (Some(Word::System), Some(machine)) => {
                let id = machine.request.id(&wanted.group);
                let version = versions::COMPUTE;
                let expression =
                    format!("[reference('{id}', '{version}', 'Full').identity.principalId]");
                (id, expression)
            }
            _ => {
                return Err(Failure::usage("the role is for nobody").doing(wanted.doing()));
            }
        };
        Ok(Who {
            name: id.to_string(),
            kind: "ServicePrincipal".to_owned(),
            found: Some((id, expression)),
        })
    }
}

/// The networks of the machines: what is there is used as a single command uses it, the rest is made.
#[derive(Default)]
struct Networks {
    by_id: HashMap<String, Network>,
    /// The one that machines without a network of their own are in, by group and location.
    shared: HashMap<String, ResourceId>,
    /// The subnet of each line's machine.
    subnets: HashMap<usize, ResourceId>,
    /// How many addresses each subnet has left.
    left: HashMap<String, u64>,
    /// In the order in which they were asked for.
    order: Vec<String>,
}

/// A network that machines are put in.
struct Network {
    id: ResourceId,
    there: Option<Value>,
    /// It is there, and nothing of the list made it.
    foreign: bool,
    /// Its subnets as the list wants them: the body within the network's, and the one of their own, with their lines.
    wanted: Vec<(Value, Value, usize)>,
}

/// Addresses of a subnet that Azure keeps for itself.
/// <https://learn.microsoft.com/azure/virtual-network/virtual-networks-faq#are-there-any-restrictions-on-using-ip-addresses-within-these-subnets>
const RESERVED: u64 = 5;

impl Networks {
    /// Chooses the subnet of a line's machine.
    fn subnet_of(
        &mut self,
        wanted: &Wanted,
        known: &Known,
        nodes: &mut Nodes,
    ) -> Result<(), Failure> {
        let Some(machine) = &wanted.machine else {
            return Ok(());
        };
        let network = machine.request.network();
        let found = known.networks.get(&network_key(wanted, &machine.request));
        let id = if network.names_network() {
            network.new_network_id(&wanted.group)
        } else {
            let shared = self.shared.get(&shared_network_key(wanted));
            let there = || found.map(|(id, _)| id.clone());
            shared
                .cloned()
                .or_else(there)
                .unwrap_or_else(|| network.new_network_id(&wanted.group))
        };
        self.shared
            .entry(shared_network_key(wanted))
            .or_insert_with(|| id.clone());
        if !self.by_id.contains_key(&key(&id)) {
            let there = found
                .filter(|(found, _)| *found == id)
                .map(|(_, there)| there.clone());
            let body = network.network_body(&Base::of(&wanted.target()));
            let foreign = there
                .as_ref()
                .is_some_and(|there| !is_made_so(there, &body));
            if !foreign {
                let node = Node::new(wanted.number, id.clone(), versions::NETWORK, body);
                nodes.add(node.shared())?;
            }
            let made = Network {
                id: id.clone(),
                there,
                foreign,
                wanted: vec![],
            };
            self.order.push(key(&id));
            self.by_id.insert(key(&id), made);
        }
        let Some(chosen) = self.by_id.get_mut(&key(&id)) else {
            return Ok(());
        };
        let (subnet, range) = chosen.subnet(wanted, network)?;
        let room = self.left.entry(key(&subnet)).or_insert_with(|| {
            let all = range.map_or(u64::MAX, |range| {
                1u64 << (32 - u32::from(range.prefix_len()))
            });
            all.saturating_sub(RESERVED)
        });
        *room = room.checked_sub(1).ok_or_else(|| {
            Failure::usage(format!(
                "line {}: subnet '{}' has no address left for it: the lines before have all",
                wanted.number,
                subnet.name()
            ))
            .hint("Write a larger 'subnetAddressPrefix', or another 'vnetName' or 'subnet'.")
        })?;
        self.subnets.insert(wanted.number, subnet);
        Ok(())
    }

    fn of(&self, wanted: &Wanted) -> Result<ResourceId, Failure> {
        let subnet = self.subnets.get(&wanted.number).cloned();
        subnet.ok_or_else(|| Failure::usage("it has no subnet").doing(wanted.doing()))
    }

    /// Puts the subnets into the networks: a network that is made is written with all of them. One that is there, and has
    /// more than those, is not written: a subnet that is missing in it is written by itself.
    fn keep_what_is_there(&mut self, nodes: &mut Nodes) -> Result<(), Failure> {
        for at in &self.order {
            let Some(network) = self.by_id.get(at) else {
                continue;
            };
            let inside: Vec<Value> = network
                .wanted
                .iter()
                .map(|(inside, ..)| inside.clone())
                .collect();
            let has_others = network.subnets_there().iter().any(|there| {
                !inside
                    .iter()
                    .any(|inside| same_text(&inside["name"], &there["name"]))
            });
            if !network.foreign && !has_others {
                if let Some(node) = nodes.find(&network.id) {
                    nodes.all[node].body["properties"]["subnets"] = inside.into();
                }
                continue;
            }
            nodes.remove(&network.id);
            // Azure changes one subnet of a network at a time.
            let mut before: Option<ResourceId> = None;
            for (inside, body, line) in &network.wanted {
                let name = inside["name"].as_str().unwrap_or_default();
                let id = network.id.child("subnets", name);
                let there = network.subnets_there();
                if there
                    .iter()
                    .any(|there| same_text(&there["name"], &inside["name"]))
                {
                    continue;
                }
                let mut node =
                    Node::new(*line, id.clone(), versions::NETWORK, body.clone()).shared();
                if let Some(before) = &before {
                    node = node.needs(before);
                }
                nodes.add(node)?;
                before = Some(id);
            }
        }
        Ok(())
    }
}

impl Network {
    fn subnets_there(&self) -> &[Value] {
        let there = self.there.as_ref();
        there
            .and_then(|there| there["properties"]["subnets"].as_array())
            .map_or(&[], Vec::as_slice)
    }

    /// The subnet of a machine, and its range as far as it is known.
    fn subnet(
        &mut self,
        wanted: &Wanted,
        network: &crate::vm::network::Network,
    ) -> Result<(ResourceId, Option<ipnet::Ipv4Net>), Failure> {
        if self.foreign
            && let Some(there) = &self.there
        {
            let chosen = network.chosen(there, &network.subnet_name());
            let differences = network.other_ranges(there, chosen);
            if !differences.is_empty() {
                return Err(Failure::new(
                    az_core::cli::Status::Conflict,
                    format!(
                        "line {}: '{}' exists already, and its {}",
                        wanted.number,
                        self.id.name(),
                        differences.join(", its ")
                    ),
                ));
            }
            if let Some(chosen) = chosen {
                let name = chosen["name"].as_str().unwrap_or_default();
                let range = chosen["properties"]["addressPrefix"].as_str();
                let range = range.and_then(|range| range.parse().ok());
                return Ok((self.id.child("subnets", name), range));
            }
        }
        // The first one of the network, where the line names none.
        let name = network.subnet_name();
        let known = self.wanted.iter().find(|(inside, ..)| {
            !network.names_subnet()
                || inside["name"]
                    .as_str()
                    .is_some_and(|there| there.eq_ignore_ascii_case(&name))
        });
        let inside = match known {
            Some((inside, ..)) => inside.clone(),
            None => {
                let inside = network.subnet_in_network();
                self.wanted
                    .push((inside.clone(), network.subnet_body(), wanted.number));
                inside
            }
        };
        let range = inside["properties"]["addressPrefix"].as_str();
        let range: Option<ipnet::Ipv4Net> = range.and_then(|range| range.parse().ok());
        if network.names_subnet() && range.is_some_and(|range| range != network.subnet_range()) {
            return Err(Failure::usage(format!(
                "line {}: subnet '{name}' has another range in a line before",
                wanted.number
            )));
        }
        let name = inside["name"].as_str().unwrap_or_default();
        Ok((self.id.child("subnets", name), range))
    }
}

/// Whether a network that is there is what the list makes: a run before this one made it.
fn is_made_so(there: &Value, body: &Value) -> bool {
    let (is, want) = (&there["properties"], &body["properties"]);
    let first = |network: &Value| {
        let subnet = &network["subnets"][0];
        let name = subnet["name"].as_str().unwrap_or_default().to_lowercase();
        (name, subnet["properties"]["addressPrefix"].clone())
    };
    is["addressSpace"]["addressPrefixes"] == want["addressSpace"]["addressPrefixes"]
        && first(is) == first(want)
        && there["location"] == body["location"]
}

fn same_text(left: &Value, right: &Value) -> bool {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_lowercase();
    text(left) == text(right)
}

/// What a look-up found, for the line that asked.
pub(super) fn of_line<T>(wanted: &Wanted, result: Result<T, Failure>) -> Result<T, Failure> {
    result.doing(wanted.doing())
}
