//! The documents that expressions are applied to, and what they select.

use crate::number::Number;
use indexmap::IndexMap;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use std::fmt::{self, Write as _};
use std::sync::Arc;

/// A JSON value whose members keep their order. Copies share what they hold.
#[derive(Clone, Debug, Default)]
pub enum Value {
    /// Null.
    #[default]
    Null,
    /// True or false.
    Bool(bool),
    /// A number.
    Number(Number),
    /// A string.
    String(Arc<str>),
    /// An array.
    Array(Arc<Vec<Value>>),
    /// An object.
    Object(Arc<Object>),
}

/// An object.
#[derive(Clone, Debug)]
pub struct Object {
    /// The members, in order.
    pub members: IndexMap<Arc<str>, Value>,
    /// Whether the order means something.
    pub order: Order,
}

/// Whether the order of an object's members means something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// As the expression says: a multi-select hash.
    Written,
    /// As the document happened to be.
    Found,
}

impl Value {
    /// What JMESPath calls the type: `null`, `boolean`, `number`, `string`, `array` or `object`.
    pub fn type_name(&self) -> &'static str {
        match self {
            Value::Null => "null",
            Value::Bool(_) => "boolean",
            Value::Number(_) => "number",
            Value::String(_) => "string",
            Value::Array(_) => "array",
            Value::Object(_) => "object",
        }
    }

    /// Whether this is null.
    pub fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }

    /// Whether this is false, null, or empty: what a filter leaves out.
    pub fn is_false(&self) -> bool {
        match self {
            Value::Null | Value::Bool(false) => true,
            Value::Bool(true) | Value::Number(_) => false,
            Value::String(text) => text.is_empty(),
            Value::Array(items) => items.is_empty(),
            Value::Object(object) => object.members.is_empty(),
        }
    }

    pub(crate) fn array(items: Vec<Value>) -> Value {
        Value::Array(Arc::new(items))
    }

    pub(crate) fn object(members: IndexMap<Arc<str>, Value>, order: Order) -> Value {
        Value::Object(Arc::new(Object { members, order }))
    }

    /// As Python's `==`: true is 1, and two hashes that were written are the same only in the same order.
    pub(crate) fn equals(&self, other: &Value) -> bool {
        match (self, other) {
            (Value::Null, Value::Null) => true,
            (Value::String(left), Value::String(right)) => left == right,
            (Value::Array(left), Value::Array(right)) => {
                left.len() == right.len() && left.iter().zip(right.iter()).all(|(l, r)| l.equals(r))
            }
            (Value::Object(left), Value::Object(right)) => left.equals(right),
            (left, right) => match (left.as_number(), right.as_number()) {
                (Some(left), Some(right)) => left == right,
                _ => false,
            },
        }
    }

    fn as_number(&self) -> Option<Number> {
        match self {
            Value::Number(number) => Some(*number),
            Value::Bool(bool) => Some(Number::Integer((*bool).into())),
            _ => None,
        }
    }
}

impl Object {
    fn equals(&self, other: &Object) -> bool {
        if self.members.len() != other.members.len() {
            return false;
        }
        let ordered = self.order == Order::Written && other.order == Order::Written;
        if ordered && !self.members.keys().eq(other.members.keys()) {
            return false;
        }
        self.members.iter().all(|(name, value)| {
            other
                .members
                .get(name)
                .is_some_and(|other| value.equals(other))
        })
    }
}

impl From<&serde_json::Value> for Value {
    fn from(value: &serde_json::Value) -> Self {
        match value {
            serde_json::Value::Null => Value::Null,
            serde_json::Value::Bool(bool) => Value::Bool(*bool),
            serde_json::Value::Number(number) => Value::Number(number.into()),
            serde_json::Value::String(text) => Value::String(text.as_str().into()),
            serde_json::Value::Array(items) => {
                Value::array(items.iter().map(Value::from).collect())
            }
            serde_json::Value::Object(members) => Value::object(
                members
                    .iter()
                    .map(|(name, value)| (name.as_str().into(), value.into()))
                    .collect(),
                Order::Found,
            ),
        }
    }
}

impl From<serde_json::Value> for Value {
    fn from(value: serde_json::Value) -> Self {
        Value::from(&value)
    }
}

impl From<&Value> for serde_json::Value {
    fn from(value: &Value) -> Self {
        match value {
            Value::Null => serde_json::Value::Null,
            Value::Bool(bool) => (*bool).into(),
            Value::Number(number) => (*number).into(),
            Value::String(text) => text.as_ref().into(),
            Value::Array(items) => items.iter().map(serde_json::Value::from).collect(),
            Value::Object(object) => object
                .members
                .iter()
                .map(|(name, value)| (name.to_string(), value.into()))
                .collect::<serde_json::Map<_, _>>()
                .into(),
        }
    }
}

/// JSON on one line, in ASCII: as `to_string` of an expression gives it.
impl fmt::Display for Value {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Null => out.write_str("null"),
            Value::Bool(bool) => write!(out, "{bool}"),
            Value::Number(number) => write!(out, "{number}"),
            Value::String(text) => quote(text, out),
            Value::Array(items) => {
                out.write_char('[')?;
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        out.write_char(',')?;
                    }
                    write!(out, "{item}")?;
                }
                out.write_char(']')
            }
            Value::Object(object) => {
                out.write_char('{')?;
                for (index, (name, value)) in object.members.iter().enumerate() {
                    if index > 0 {
                        out.write_char(',')?;
                    }
                    quote(name, out)?;
                    write!(out, ":{value}")?;
                }
                out.write_char('}')
            }
        }
    }
}

fn quote(text: &str, out: &mut fmt::Formatter<'_>) -> fmt::Result {
    out.write_char('"')?;
    for letter in text.chars() {
        match letter {
            '"' => out.write_str("\\\"")?,
            '\\' => out.write_str("\\\\")?,
            '\n' => out.write_str("\\n")?,
            '\r' => out.write_str("\\r")?,
            '\t' => out.write_str("\\t")?,
            '\u{8}' => out.write_str("\\b")?,
            '\u{c}' => out.write_str("\\f")?,
            ' '..='\u{7e}' => out.write_char(letter)?,
            _ => {
                for unit in letter.encode_utf16(&mut [0; 2]) {
                    write!(out, "\\u{unit:04x}")?;
                }
            }
        }
    }
    out.write_char('"')
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Value;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, bool: bool) -> Result<Value, E> {
        Ok(Value::Bool(bool))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(Value::Number(Number::Integer(number.into())))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(Value::Number(Number::Integer(number.into())))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
        Ok(Value::Number(Number::Float(number)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::String(text.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut all = Vec::new();
        while let Some(item) = items.next_element()? {
            all.push(item);
        }
        Ok(Value::array(all))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut all = IndexMap::new();
        while let Some((name, value)) = members.next_entry::<String, Value>()? {
            all.insert(name.into(), value);
        }
        Ok(Value::object(all, Order::Found))
    }
}
