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
