//! An expression as a tree.

use crate::function::Function;
use crate::value::Value;
use std::sync::Arc;

/// A part of an expression.
#[derive(Clone, Debug)]
pub(crate) enum Node {
    /// What the part is applied to.
    Current,
    /// A member.
    Field(Arc<str>),
    Literal(Value),
    Index(i64),
    Slice {
        start: Option<i64>,
        stop: Option<i64>,
        step: Option<i64>,
    },
    /// Each applied to what the one before it gave.
    Chain(Vec<Node>),
    /// `each` of the items of what `of` gives.
    Projection {
        of: Box<Node>,
        each: Box<Node>,
    },
    /// `each` of the members' values of what `of` gives.
    Values {
        of: Box<Node>,
        each: Box<Node>,
    },
    /// `each` of the items of what `of` gives for which `condition` holds.
    Filter {
        of: Box<Node>,
        each: Box<Node>,
        condition: Box<Node>,
    },
    Flatten(Box<Node>),
    List(Vec<Node>),
    Hash(Vec<(Arc<str>, Node)>),
    Or(Box<Node>, Box<Node>),
    And(Box<Node>, Box<Node>),
    Not(Box<Node>),
    Comparison(Comparison, Box<Node>, Box<Node>),
    Call(Function, Vec<Node>),
    /// `&expression`: what a function applies to each item.
    Reference(Box<Node>),
}

impl Node {
    /// How deep the tree below this node is, itself included; counted without going down on the stack.
    pub(crate) fn levels(&self) -> usize {
        let mut deepest = 0;
        let mut open = vec![(self, 1)];
        while let Some((node, level)) = open.pop() {
            deepest = deepest.max(level);
            open.extend(node.parts().into_iter().map(|part| (part, level + 1)));
        }
        deepest
    }

    fn parts(&self) -> Vec<&Node> {
        match self {
            Node::Current
            | Node::Field(_)
            | Node::Literal(_)
            | Node::Index(_)
            | Node::Slice { .. } => vec![],
            Node::Chain(parts) | Node::List(parts) | Node::Call(_, parts) => parts.iter().collect(),
            Node::Hash(members) => members.iter().map(|(_, part)| part).collect(),
            Node::Projection { of, each } | Node::Values { of, each } => vec![of, each],
            Node::Filter {
                of,
                each,
                condition,
            } => vec![of, each, condition],
            Node::Or(left, right) | Node::And(left, right) | Node::Comparison(_, left, right) => {
                vec![left, right]
            }
            Node::Flatten(part) | Node::Not(part) | Node::Reference(part) => vec![part],
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Comparison {
    pub(crate) fn sign(self) -> &'static str {
        match self {
            Comparison::Equal => "==",
            Comparison::NotEqual => "!=",
            Comparison::Less => "<",
            Comparison::LessOrEqual => "<=",
            Comparison::Greater => ">",
            Comparison::GreaterOrEqual => ">=",
        }
    }
}
