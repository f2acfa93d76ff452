//! Applying an expression.

use crate::error::EvaluationError;
use crate::functions::Argument;
use crate::order::order;
use crate::tree::{Comparison, Node};
use crate::value::{Order, Value};
use std::cmp::Ordering;
use std::sync::Arc;

pub(crate) fn evaluate(node: &Node, value: &Value) -> Result<Value, EvaluationError> {
    Ok(match node {
        Node::Current => value.clone(),
        Node::Field(name) => match value {
            Value::Object(object) => object.members.get(name).cloned().unwrap_or_default(),
            _ => Value::Null,
        },
        Node::Literal(literal) => literal.clone(),
        Node::Index(index) => item(value, *index),
        Node::Slice { start, stop, step } => slice(value, *start, *stop, step.unwrap_or(1)),
        Node::Chain(parts) => {
            let Some((first, rest)) = parts.split_first() else {
                return Ok(value.clone());
            };
            let mut found = evaluate(first, value)?;
            for part in rest {
                found = evaluate(part, &found)?;
            }
            found
        }
        Node::Projection { of, each } => match evaluate(of, value)? {
            Value::Array(items) => project(each, items.iter())?,
            _ => Value::Null,
        },
        Node::Values { of, each } => match evaluate(of, value)? {
            Value::Object(object) => project(each, object.members.values())?,
            _ => Value::Null,
        },
        Node::Filter {
            of,
            each,
            condition,
        } => match evaluate(of, value)? {
            Value::Array(items) => {
                let mut fitting = Vec::new();
                for item in items.iter() {
                    if !evaluate(condition, item)?.is_false() {
                        fitting.push(item);
                    }
                }
                project(each, fitting.into_iter())?
            }
            _ => Value::Null,
        },
        Node::Flatten(of) => match evaluate(of, value)? {
            Value::Array(items) => flattened(&items),
            _ => Value::Null,
        },
        Node::List(_) | Node::Hash(_) if value.is_null() => Value::Null,
        Node::List(items) => {
            let items = items.iter().map(|item| evaluate(item, value));
            Value::array(items.collect::<Result<_, _>>()?)
        }
        Node::Hash(members) => {
            let members = members
                .iter()
                .map(|(name, member)| Ok((Arc::clone(name), evaluate(member, value)?)));
            Value::object(members.collect::<Result<_, _>>()?, Order::Written)
        }
        Node::Or(left, right) => {
            let found = evaluate(left, value)?;
            if found.is_false() {
                evaluate(right, value)?
            } else {
                found
            }
        }
        Node::And(left, right) => {
            let found = evaluate(left, value)?;
            if found.is_false() {
                found
            } else {
                evaluate(right, value)?
            }
        }
        Node::Not(inner) => Value::Bool(evaluate(inner, value)?.is_false()),
        Node::Comparison(comparison, left, right) => compare(
            *comparison,
            &evaluate(left, value)?,
            &evaluate(right, value)?,
        )?,
        Node::Call(function, arguments) => {
            let arguments = arguments.iter().map(|argument| match argument {
                Node::Reference(expression) => Ok(Argument::Reference(Box::new(|item| {
                    evaluate(expression, item)
                }))),
                other => evaluate(other, value).map(Argument::Value),
            });
            function.call(arguments.collect::<Result<_, _>>()?)?
        }
        Node::Reference(_) => return Err(EvaluationError::Reference),
    })
}

/// What is not null of `each` applied to each item.
fn project<'a>(
    each: &Node,
    items: impl Iterator<Item = &'a Value>,
) -> Result<Value, EvaluationError> {
    let mut found = Vec::new();
    for item in items {
        let one = evaluate(each, item)?;
        if !one.is_null() {
            found.push(one);
        }
    }
    Ok(Value::array(found))
}

fn flattened(items: &[Value]) -> Value {
    let mut all = Vec::new();
    for item in items {
        match item {
            Value::Array(inner) => all.extend(inner.iter().cloned()),
            other => all.push(other.clone()),
        }
    }
    Value::array(all)
}

fn item(value: &Value, index: i64) -> Value {
    let Value::Array(items) = value else {
        return Value::Null;
    };
    let index = match usize::try_from(index) {
        Ok(index) => Some(index),
        Err(_) => usize::try_from(index.unsigned_abs())
            .ok()
            .and_then(|back| items.len().checked_sub(back)),
    };
    index
        .and_then(|index| items.get(index))
        .cloned()
        .unwrap_or_default()
}

/// As Python slices: what lies outside is cut off, a negative step goes backwards.
fn slice(value: &Value, start: Option<i64>, stop: Option<i64>, step: i64) -> Value {
    let Value::Array(items) = value else {
        return Value::Null;
    };
    let length = i64::try_from(items.len()).unwrap_or(i64::MAX);
    let (lowest, highest) = if step < 0 {
        (-1, length - 1)
    } else {
        (0, length)
    };
    let within = |bound: Option<i64>, absent: i64| match bound {
        None => absent,
        Some(bound) if bound < 0 => bound.saturating_add(length).max(lowest),
        Some(bound) => bound.min(highest),
    };
    let (first, last) = if step < 0 {
        (highest, lowest)
    } else {
        (lowest, highest)
    };
    let (mut at, stop) = (within(start, first), within(stop, last));
    let mut found = Vec::new();
    while (step > 0 && at < stop) || (step < 0 && at > stop) {
        if let Some(item) = usize::try_from(at).ok().and_then(|at| items.get(at)) {
            found.push(item.clone());
        }
        at = at.saturating_add(step);
    }
    Value::array(found)
}

fn compare(comparison: Comparison, left: &Value, right: &Value) -> Result<Value, EvaluationError> {
    let fits = match comparison {
        Comparison::Equal => return Ok(Value::Bool(equal(left, right))),
        Comparison::NotEqual => return Ok(Value::Bool(!equal(left, right))),
        Comparison::Less => Ordering::is_lt,
        Comparison::LessOrEqual => Ordering::is_le,
        Comparison::Greater => Ordering::is_gt,
        Comparison::GreaterOrEqual => Ordering::is_ge,
    };
    let ordered = |value: &Value| matches!(value, Value::Number(_) | Value::String(_));
    if !ordered(left) || !ordered(right) {
        return Ok(Value::Null);
    }
    order(left, right, comparison.sign()).map(|order| Value::Bool(fits(order)))
}

/// `==`: 0 and 1 are not false and true, unless they are inside of something.
fn equal(left: &Value, right: &Value) -> bool {
    let special = |number: &Value, bool: &Value| matches!((number, bool), (Value::Number(number), Value::Bool(_)) if number.is_zero_or_one());
    !special(left, right) && !special(right, left) && left.equals(right)
}
