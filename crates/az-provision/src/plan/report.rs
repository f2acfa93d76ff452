//! A plan as text and as data.

use super::node::{Node, State};
use az_core::{
    arm::{ResourceId, described},
    cli::{Failure, Status},
    shown::shown,
};
use serde_json::Value;
use std::fmt::Write as _;

/// The columns of its table.
pub(crate) const COLUMNS: &str =
    "[].{State:state, Type:type, Name:name, Differences:join(', ', differences)}";

/// A tree: each resource below the one that it is in, after its state.
pub(crate) fn text(nodes: &[Node]) -> String {
    let mut out = String::new();
    for node in nodes.iter().filter(|node| parent(nodes, node).is_none()) {
        line(&mut out, node, "");
        children(&mut out, nodes, node, "");
    }
    out
}

fn children(out: &mut String, nodes: &[Node], of: &Node, before: &str) {
    let own: Vec<&Node> = nodes
        .iter()
        .filter(|node| parent(nodes, node) == Some(&of.id))
        .collect();
    for (index, node) in own.iter().enumerate() {
        let (branch, rest) = if index + 1 < own.len() {
            ("├─ ", "│  ")
        } else {
            ("└─ ", "   ")
        };
        line(out, node, &format!("{before}{branch}"));
        children(out, nodes, node, &format!("{before}{rest}"));
    }
}

/// The resource that a resource is in, where the plan has it.
fn parent<'a>(nodes: &'a [Node], node: &Node) -> Option<&'a ResourceId> {
    let id = node.id.parent()?;
    nodes.iter().map(|one| &one.id).find(|known| **known == id)
}

fn line(out: &mut String, node: &Node, tree: &str) {
    let mut said = described(&node.id);
    if !node.differences.is_empty() {
        let _ = write!(said, ": {}", node.differences.join(", "));
    }
    let words: Vec<&str> = said.split_whitespace().collect();
    let _ = writeln!(
        out,
        "{:10}{tree}{}",
        node.state.as_str(),
        shown(&words.join(" "))
    );
}

/// The same as data: a list, in the order of the tree's first level.
pub(crate) fn data(nodes: &[Node]) -> Value {
    nodes.iter().map(Node::to_json).collect()
}

/// Nothing, or the failure that the command would end in.
pub(crate) fn result(nodes: &[Node]) -> Result<(), Failure> {
    let conflicts: Vec<(&Node, Status)> = nodes
        .iter()
        .filter_map(|node| match node.state {
            State::Conflict(status) => Some((node, status)),
            _ => None,
        })
        .collect();
    let Some((_, status)) = conflicts.first() else {
        return Ok(());
    };
    let names: Vec<String> = conflicts
        .iter()
        .map(|(node, _)| described(&node.id))
        .collect();
    Err(Failure::new(
        *status,
        format!("this would not go through: {}", names.join(", ")),
    )
    .hint("Give other settings or names for what is in conflict."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_resource_stands_below_the_one_that_it_is_in() {
        let group = ResourceId::group("s", "g");
        let vnet = group.resource("Microsoft.Network", "virtualNetworks", "v");
        let other =
            ResourceId::group("s", "far").resource("Microsoft.Network", "virtualNetworks", "w");
        let mut vault = Node::new(
            group.resource("Microsoft.KeyVault", "vaults", "kv"),
            State::Conflict(Status::Conflict),
        );
        vault.differences.push("taken\u{1b}".to_owned());
        let nodes = [
            Node::new(group, State::Exists),
            Node::new(vnet.clone(), State::Create),
            Node::new(vnet.child("subnets", "n"), State::Create),
            vault,
            Node::new(other, State::Exists),
        ];
        assert_eq!(
            text(&nodes),
            "exists    resource group 'g'\n\
             create    ├─ virtual network 'v'\n\
             create    │  └─ subnet 'n'\n\
             conflict  └─ key vault 'kv': taken\\u{1b}\n\
             exists    virtual network 'w'\n"
        );
        let failure = result(&nodes).expect_err("a conflict");
        assert_eq!(failure.status, Status::Conflict);
        assert!(result(&nodes[..3]).is_ok());
        assert_eq!(data(&nodes)[1]["parent"], nodes[0].id.as_str());
    }
}
