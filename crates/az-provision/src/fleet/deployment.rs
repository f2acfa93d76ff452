//! The resources of a fleet, cut into template deployments.

use super::node::{Node, Nodes};
use az_core::arm::{Body, REDACTED, ResourceId};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value, json};
use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap, HashMap},
};

/// What Azure takes in one template.
/// <https://learn.microsoft.com/azure/azure-resource-manager/templates/best-practices#template-limits>
pub(super) const MOST_RESOURCES: usize = 800;
pub(super) const MOST_PARAMETERS: usize = 256;

/// The template with its expanded resources may have 4 MB; the rest is for what the service adds to each resource.
pub(super) const LARGEST: usize = 3 * 1024 * 1024;

/// A template deployment.
pub(super) struct Deployment {
    /// A group, or a subscription.
    pub(super) place: ResourceId,
    /// Where a subscription's deployment is kept; `None` for a group's.
    pub(super) location: Option<String>,
    /// Derived from the content: the same again has the same name.
    pub(super) name: String,
    pub(super) template: Value,
    /// The values of the parameters, all of them secrets.
    pub(super) secrets: Vec<(String, SecretString)>,
    /// The deployments that have to be done before, as places in the list.
    pub(super) after: Vec<usize>,
    /// The ids of what it makes.
    pub(super) resources: Vec<ResourceId>,
}

impl Deployment {
    pub(super) fn id(&self) -> ResourceId {
        self.place
            .resource("Microsoft.Resources", "deployments", &self.name)
    }

    /// What is sent to make it be done, or asked what would become of it.
    pub(super) fn body(&self) -> Body {
        let mut properties = json!({"mode": "Incremental", "template": self.template});
        properties["parameters"] = self.parameters();
        let mut body = json!({"properties": properties});
        if let Some(location) = &self.location {
            body["location"] = location.as_str().into();
        }
        let mut body = Body::from(body);
        for (name, secret) in &self.secrets {
            let pointer = format!("/properties/parameters/{name}/value");
            body = body.with_secret(pointer, secret.clone());
        }
        body
    }

    fn parameters(&self) -> Value {
        let names = self.secrets.iter().map(|(name, _)| name.clone());
        let values = names.map(|name| (name, json!({"value": REDACTED})));
        Value::Object(values.collect())
    }

    /// As it is printed: what would be sent, where to, and after what.
    pub(super) fn shown(&self, all: &[Deployment]) -> Value {
        let mut shown = json!({"subscription": self.place.subscription_id()});
        if let Some(group) = self.place.resource_group() {
            shown["resourceGroup"] = group.into();
        }
        if let Some(location) = &self.location {
            shown["location"] = location.as_str().into();
        }
        shown["name"] = self.name.as_str().into();
        let after = self.after.iter().map(|at| json!(all[*at].name));
        shown["after"] = after.collect();
        shown["parameters"] = self.parameters();
        shown["template"] = self.template.clone();
        shown
    }
}

/// Cuts a fleet into deployments, each behind those that it comes after. `locations` are those of subscriptions, where
/// their deployments are kept.
pub(super) fn cut(nodes: &Nodes, locations: &HashMap<String, String>) -> Vec<Deployment> {
    let needs = nodes.needs();
    let order = in_order(&needs);
    // What another place's deployment makes is there once that deployment is done: each time the place changes on the way
    // to a resource, its deployment is a later one.
    let mut stage = vec![0usize; nodes.all.len()];
    for &at in &order {
        let place = &nodes.all[at].place;
        let before = needs[at]
            .iter()
            .map(|needed| match nodes.all[*needed].place == *place {
                true => stage[*needed],
                false => stage[*needed] + 1,
            });
        stage[at] = before.max().unwrap_or(0);
    }
    let mut parts: BTreeMap<(usize, String), Vec<usize>> = BTreeMap::new();
    for at in order {
        let place = nodes.all[at].place.as_str().to_lowercase();
        parts.entry((stage[at], place)).or_default().push(at);
    }
    let mut made_by = vec![usize::MAX; nodes.all.len()];
    let mut all = Vec::new();
    for part in parts.into_values() {
        let mut left = part.into_iter().peekable();
        while left.peek().is_some() {
            let mut draft = Draft::default();
            while let Some(at) = left.next_if(|at| draft.takes(&nodes.all[*at])) {
                draft.add(at, &nodes.all[at]);
            }
            for at in &draft.taken {
                made_by[*at] = all.len();
            }
            all.push(draft.finish(nodes, &needs, &made_by, locations));
        }
    }
    all
}

/// Each after what it needs, and otherwise in the order that they have. What needs itself by a circle is left out: nothing
/// of a fleet can.
fn in_order(needs: &[Vec<usize>]) -> Vec<usize> {
    let mut needed_by = vec![Vec::new(); needs.len()];
    let mut missing: Vec<usize> = needs.iter().map(Vec::len).collect();
    for (at, needs) in needs.iter().enumerate() {
        for needed in needs {
            needed_by[*needed].push(at);
        }
    }
    let free = (0..needs.len()).filter(|at| missing[*at] == 0);
    let mut free: BinaryHeap<Reverse<usize>> = free.map(Reverse).collect();
    let mut order = Vec::with_capacity(needs.len());
    while let Some(Reverse(at)) = free.pop() {
        order.push(at);
        for &next in &needed_by[at] {
            missing[next] -= 1;
            if missing[next] == 0 {
                free.push(Reverse(next));
            }
        }
    }
    order
}

/// A deployment that is filled.
#[derive(Default)]
struct Draft {
    taken: Vec<usize>,
    secrets: Vec<(String, SecretString)>,
    size: usize,
}

impl Draft {
    /// Whether one more fits in.
    fn takes(&self, node: &Node) -> bool {
        self.taken.is_empty()
            || (self.taken.len() < MOST_RESOURCES
                && self.secrets.len() + node.secrets.len() <= MOST_PARAMETERS
                && self.size + size(node) <= LARGEST)
    }

    fn add(&mut self, at: usize, node: &Node) {
        self.taken.push(at);
        self.size += size(node);
        for (pointer, secret) in &node.secrets {
            if self.parameter_of(secret).is_none() {
                let word = pointer.rsplit('/').next().unwrap_or_default();
                let others = self.secrets.iter();
                let others = others.filter(|(name, _)| name.starts_with(word)).count();
                let name = match others {
                    0 => word.to_owned(),
                    others => format!("{word}{}", others + 1),
                };
                self.secrets.push((name, secret.clone()));
            }
        }
    }

    fn parameter_of(&self, secret: &SecretString) -> Option<&str> {
        let same =
            |known: &&(String, SecretString)| known.1.expose_secret() == secret.expose_secret();
        let found = self.secrets.iter().find(same);
        found.map(|(name, _)| name.as_str())
    }

    fn finish(
        self,
        nodes: &Nodes,
        needs: &[Vec<usize>],
        made_by: &[usize],
        locations: &HashMap<String, String>,
    ) -> Deployment {
        let own = made_by[self.taken[0]];
        let place = nodes.all[self.taken[0]].place.clone();
        let mut after = Vec::new();
        let mut resources = Vec::new();
        for &at in &self.taken {
            let mut here = Vec::new();
            for &needed in &needs[at] {
                match made_by[needed] == own {
                    true => here.push(json!(nodes.all[needed].id.as_str())),
                    false => after.push(made_by[needed]),
                }
            }
            resources.push(self.resource(&nodes.all[at], here));
        }
        after.sort_unstable();
        after.dedup();
        let mut template = json!({
            "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
            "contentVersion": "1.0.0.0",
            "resources": resources,
        });
        let mut location = None;
        if place.resource_group().is_none() {
            template["$schema"] = "https://schema.management.azure.com/schemas/2018-05-01/subscriptionDeploymentTemplate.json#".into();
            let subscription = place.subscription_id().unwrap_or_default();
            location = locations.get(subscription).cloned();
        }
        if !self.secrets.is_empty() {
            let names = self.secrets.iter().map(|(name, _)| name.clone());
            let declared = names.map(|name| (name, json!({"type": "securestring"})));
            template["parameters"] = Value::Object(declared.collect());
        }
        Deployment {
            name: name(&place, location.as_deref(), &template),
            place,
            location,
            template,
            secrets: self.secrets,
            after,
            resources: self
                .taken
                .iter()
                .map(|at| nodes.all[*at].id.clone())
                .collect(),
        }
    }

    /// A resource as a template has it.
    fn resource(&self, node: &Node, needs: Vec<Value>) -> Value {
        let named = Named::of(&node.id);
        let mut resource = Map::new();
        resource.insert("type".to_owned(), named.kind.into());
        resource.insert("apiVersion".to_owned(), node.version.into());
        resource.insert("name".to_owned(), named.name.into());
        if let Some(scope) = named.scope {
            resource.insert("scope".to_owned(), scope.into());
        }
        let mut body = literal(&node.body);
        for (pointer, secret) in &node.secrets {
            if let (Some(member), Some(name)) =
                (body.pointer_mut(pointer), self.parameter_of(secret))
            {
                *member = format!("[parameters('{name}')]").into();
            }
        }
        for (pointer, expression) in &node.expressions {
            if let Some(member) = body.pointer_mut(pointer) {
                *member = expression.as_str().into();
            }
        }
        if let Value::Object(members) = body {
            resource.extend(members);
        }
        // The published schemas of templates ask for it, of groups and identities too, which have nothing in it.
        resource
            .entry("properties")
            .or_insert_with(|| Value::Object(Map::new()));
        if !needs.is_empty() {
            resource.insert("dependsOn".to_owned(), needs.into());
        }
        Value::Object(resource)
    }
}

/// About what a resource takes of a template's size, its secrets in their places.
fn size(node: &Node) -> usize {
    const AROUND: usize = 1000;
    let secrets = node.secrets.iter();
    let secrets: usize = secrets
        .map(|(_, secret)| secret.expose_secret().len() * 2)
        .sum();
    node.body.to_string().len() + secrets + AROUND
}

/// What a template calls the resource with an id.
struct Named {
    kind: String,
    name: String,
    /// For a resource on another one: that one, from its provider on.
    scope: Option<String>,
}

impl Named {
    fn of(id: &ResourceId) -> Self {
        const PROVIDERS: &str = "/providers/";
        let text = id.as_str();
        let Some((above, own)) = text.rsplit_once(PROVIDERS) else {
            return Named {
                kind: "Microsoft.Resources/resourceGroups".to_owned(),
                name: id.name().to_owned(),
                scope: None,
            };
        };
        let mut words = own.split('/');
        let mut kind = words.next().unwrap_or_default().to_owned();
        let mut names = Vec::new();
        while let (Some(word), Some(name)) = (words.next(), words.next()) {
            kind = format!("{kind}/{word}");
            names.push(name);
        }
        let scope = above
            .split_once(PROVIDERS)
            .map(|(_, scope)| scope.to_owned());
        Named {
            kind,
            name: names.join("/"),
            scope,
        }
    }
}

/// A body whose texts are taken for what they are: one that begins with a bracket could be taken for an expression.
/// <https://learn.microsoft.com/azure/azure-resource-manager/templates/template-expressions#escape-characters>
fn literal(value: &Value) -> Value {
    let text = |text: &str| match text.starts_with('[') {
        true => format!("[concat('{}')]", text.replace('\'', "''")),
        false => text.to_owned(),
    };
    match value {
        Value::String(own) => text(own).into(),
        Value::Array(values) => values.iter().map(literal).collect(),
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| (text(name), literal(value)))
            .collect(),
        other => other.clone(),
    }
}

/// A name that comes of the content. No secret is in the content: it may be known to who knows the name.
fn name(place: &ResourceId, location: Option<&str>, template: &Value) -> String {
    let content = format!(
        "{}\n{}\n{template}",
        place.as_str().to_lowercase(),
        location.unwrap_or_default()
    );
    let hash = ring::digest::digest(&ring::digest::SHA256, content.as_bytes());
    let hash: String = hash.as_ref()[..12]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("fleet-{hash}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resources_are_named_as_templates_name_them() {
        let group = ResourceId::group("s", "g");
        let vault = group.resource("Microsoft.KeyVault", "vaults", "kv");
        let vnet = group.resource("Microsoft.Network", "virtualNetworks", "net");
        let role =
            |scope: &ResourceId| scope.resource("Microsoft.Authorization", "roleAssignments", "r");
        for (id, kind, name, scope) in [
            (vault.clone(), "Microsoft.KeyVault/vaults", "kv", None),
            (
                vnet.child("subnets", "one"),
                "Microsoft.Network/virtualNetworks/subnets",
                "net/one",
                None,
            ),
            (
                role(&vault),
                "Microsoft.Authorization/roleAssignments",
                "r",
                Some("Microsoft.KeyVault/vaults/kv"),
            ),
            (
                role(&group),
                "Microsoft.Authorization/roleAssignments",
                "r",
                None,
            ),
            (group, "Microsoft.Resources/resourceGroups", "g", None),
        ] {
            let named = Named::of(&id);
            assert_eq!((named.kind.as_str(), named.name.as_str()), (kind, name));
            assert_eq!(named.scope.as_deref(), scope);
        }
    }

    #[test]
    fn texts_that_look_like_expressions_are_none() {
        assert_eq!(
            literal(&json!({"[a]": ["[it's]", "plain", 1]})),
            json!({"[concat('[a]')]": ["[concat('[it''s]')]", "plain", 1]})
        );
    }
}
