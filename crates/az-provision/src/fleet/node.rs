//! The resources of a fleet, each once, with what has to be there before it.

use az_core::{
    arm::{Body, ResourceId},
    cli::Failure,
};
use secrecy::SecretString;
use serde_json::Value;
use std::collections::HashMap;

/// A resource that a deployment makes.
pub(super) struct Node {
    pub(super) id: ResourceId,
    /// The group, or the subscription, whose deployment makes it.
    pub(super) place: ResourceId,
    pub(super) version: &'static str,
    pub(super) body: Value,
    /// What its body holds of secrets, by JSON pointers.
    pub(super) secrets: Vec<(String, SecretString)>,
    /// What its body holds of expressions, by JSON pointers.
    pub(super) expressions: Vec<(&'static str, String)>,
    /// The ids of what it needs; what no deployment of the fleet makes is there.
    needs: Vec<String>,
    /// The line that asks for it.
    line: usize,
    shared: bool,
}

impl Node {
    /// One that nobody else may ask for, in a group or at a subscription.
    pub(super) fn new(
        line: usize,
        id: ResourceId,
        version: &'static str,
        body: impl Into<Body>,
    ) -> Self {
        let (body, secrets) = body.into().into_parts();
        let place = place_of(&id);
        Node {
            id,
            place,
            version,
            body,
            secrets: secrets
                .into_iter()
                .map(|(pointer, secret)| (pointer.into_owned(), secret))
                .collect(),
            expressions: vec![],
            needs: vec![],
            line,
            shared: false,
        }
    }

    /// One that several lines may ask for, if they ask for the same.
    pub(super) fn shared(self) -> Self {
        Node {
            shared: true,
            ..self
        }
    }

    /// The same with something that has to be there before.
    pub(super) fn needs(mut self, id: &ResourceId) -> Self {
        self.needs.push(key(id));
        self
    }

    /// The same with an expression at a JSON pointer.
    pub(super) fn with_expression(mut self, pointer: &'static str, expression: String) -> Self {
        self.expressions.push((pointer, expression));
        self
    }
}

/// Where what has this id is deployed: its group, else its subscription. A group is deployed at the subscription.
fn place_of(id: &ResourceId) -> ResourceId {
    let subscription = id.subscription_id().unwrap_or_default();
    match id.resource_group() {
        Some(group) if id.resource_type().is_some() => ResourceId::group(subscription, group),
        _ => ResourceId::subscription(subscription),
    }
}

/// By which resources are found.
pub(super) fn key(id: &ResourceId) -> String {
    id.as_str().to_lowercase()
}

/// The resources of a fleet.
#[derive(Default)]
pub(super) struct Nodes {
    pub(super) all: Vec<Node>,
    known: HashMap<String, usize>,
}

impl Nodes {
    /// Takes one in.
    ///
    /// # Errors
    /// Two lines ask for it, and it is one machine's, or they ask for different ones.
    pub(super) fn add(&mut self, node: Node) -> Result<(), Failure> {
        let Some(&at) = self.known.get(&key(&node.id)) else {
            self.known.insert(key(&node.id), self.all.len());
            self.all.push(node);
            return Ok(());
        };
        let there = &self.all[at];
        let what = az_core::arm::described(&node.id);
        if !(there.shared && node.shared) {
            return Err(Failure::usage(format!(
                "line {}: the {what} is line {}'s",
                node.line, there.line
            )));
        }
        if untagged(&there.body) == untagged(&node.body) {
            return Ok(());
        }
        Err(Failure::usage(format!(
            "line {}: the {what} is another one than line {}'s",
            node.line, there.line
        ))
        .hint("What several lines share must be the same in all of them; tags may differ, and the first line's count."))
    }

    pub(super) fn find(&self, id: &ResourceId) -> Option<usize> {
        self.known.get(&key(id)).copied()
    }

    /// What each needs of the others, as places in the list.
    pub(super) fn needs(&self) -> Vec<Vec<usize>> {
        let of = |node: &Node| {
            let mut needs: Vec<usize> = node
                .needs
                .iter()
                .filter_map(|id| self.known.get(id).copied())
                .collect();
            if let Some(group) = self.find(&node.place) {
                needs.push(group);
            }
            needs.sort_unstable();
            needs.dedup();
            needs
        };
        self.all.iter().map(of).collect()
    }

    /// Takes one out again.
    pub(super) fn remove(&mut self, id: &ResourceId) {
        let Some(at) = self.known.remove(&key(id)) else {
            return;
        };
        self.all.remove(at);
        for place in self.known.values_mut().filter(|place| **place > at) {
            *place -= 1;
        }
    }
}

/// A body without its tags.
fn untagged(body: &Value) -> Value {
    let mut body = body.clone();
    if let Some(members) = body.as_object_mut() {
        members.remove("tags");
    }
    body
}
