//! The functions of JMESPath, as jmespath.py has them.

use crate::error::EvaluationError;
use crate::function::Function;
use crate::number::Number;
use crate::order::order;
use crate::value::{Order, Value};
use indexmap::IndexMap;
use std::cmp::Ordering;
use std::sync::Arc;

/// What a function is given.
pub(crate) enum Argument<'a> {
    Value(Value),
    /// `&expression`
    Reference(Reference<'a>),
}

/// An expression that a function applies to values of its choice.
pub(crate) type Reference<'a> = Box<dyn Fn(&Value) -> Result<Value, EvaluationError> + 'a>;

impl Function {
    pub(crate) fn call(self, arguments: Vec<Argument<'_>>) -> Result<Value, EvaluationError> {
        let mut arguments = Arguments {
            function: self,
            rest: arguments.into_iter(),
        };
        let arguments = &mut arguments;
        Ok(match self {
            Function::Abs => Value::Number(arguments.number()?.absolute()),
            Function::Ceil => self.rounded(arguments.number()?, f64::ceil)?,
            Function::Floor => self.rounded(arguments.number()?, f64::floor)?,
            Function::Avg => {
                let numbers = arguments.numbers()?;
                let sum = sum(&numbers).as_f64();
                match numbers.len() {
                    0 => Value::Null,
                    count => Value::Number(Number::Float(sum / count as f64)),
                }
            }
            Function::Sum => Value::Number(sum(&arguments.numbers()?)),
            Function::Contains => match (arguments.value()?, arguments.value()?) {
                (Value::Array(items), wanted) => {
                    Value::Bool(items.iter().any(|item| item.equals(&wanted)))
                }
                (Value::String(text), Value::String(part)) => Value::Bool(text.contains(&*part)),
                (Value::String(_), other) => {
                    return Err(self.refuse("a string to look for in a string", &other));
                }
                (other, _) => return Err(self.refuse("an array or a string first", &other)),
            },
            Function::EndsWith => Value::Bool(arguments.string()?.ends_with(&*arguments.string()?)),
            Function::StartsWith => {
                Value::Bool(arguments.string()?.starts_with(&*arguments.string()?))
            }
            Function::Join => {
                let glue = arguments.string()?;
                let mut texts = Vec::new();
                for item in arguments.array()?.iter() {
                    match item {
                        Value::String(text) => texts.push(Arc::clone(text)),
                        other => return Err(self.refuse("an array of strings", other)),
                    }
                }
                Value::String(texts.join(&*glue).into())
            }
            Function::Keys => {
                let object = arguments.object()?;
                let names = object.keys().map(|name| Value::String(Arc::clone(name)));
                Value::array(names.collect())
            }
            Function::Values => Value::array(arguments.object()?.values().cloned().collect()),
            Function::Length => Value::Number(Number::Integer(match arguments.value()? {
                Value::String(text) => text.chars().count(),
                Value::Array(items) => items.len(),
                Value::Object(object) => object.members.len(),
                other => return Err(self.refuse("a string, an array or an object", &other)),
            } as i128)),
            Function::Map => {
                let expression = arguments.reference()?;
                let items = arguments.array()?;
                let found = items.iter().map(expression);
                Value::array(found.collect::<Result<_, _>>()?)
            }
            Function::Max => self.outermost(&arguments.sortable()?, Ordering::Greater)?,
            Function::Min => self.outermost(&arguments.sortable()?, Ordering::Less)?,
            Function::MaxBy | Function::MinBy => {
                let items = arguments.array()?;
                let keys = self.keys(&items, &arguments.reference()?)?;
                let wanted = if self == Function::MaxBy {
                    Ordering::Greater
                } else {
                    Ordering::Less
                };
                match self.place_of_outermost(&keys, wanted)? {
                    Some(at) => items[at].clone(),
                    None => Value::Null,
                }
            }
            Function::Merge => {
                let mut merged = IndexMap::new();
                while arguments.rest.len() > 0 {
                    let members = arguments.object()?;
                    merged.extend(members.iter().map(|(k, v)| (Arc::clone(k), v.clone())));
                }
                Value::object(merged, Order::Found)
            }
            Function::NotNull => {
                let mut found = Value::Null;
                while found.is_null() && arguments.rest.len() > 0 {
                    found = arguments.value()?;
                }
                found
            }
            Function::Reverse => match arguments.value()? {
                Value::String(text) => Value::String(text.chars().rev().collect::<String>().into()),
                Value::Array(items) => Value::array(items.iter().rev().cloned().collect()),
                other => return Err(self.refuse("an array or a string", &other)),
            },
            Function::Sort => {
                let items = arguments.sortable()?;
                self.sorted(&items, &items)?
            }
            Function::SortBy => {
                let items = arguments.array()?;
                let keys = self.keys(&items, &arguments.reference()?)?;
                self.sorted(&items, &keys)?
            }
            Function::ToArray => match arguments.value()? {
                array @ Value::Array(_) => array,
                other => Value::array(vec![other]),
            },
            Function::ToNumber => match arguments.value()? {
                number @ Value::Number(_) => number,
                Value::String(text) => Number::read(&text).map(Value::Number).unwrap_or_default(),
                _ => Value::Null,
            },
            Function::ToString => match arguments.value()? {
                text @ Value::String(_) => text,
                other => Value::String(other.to_string().into()),
            },
            Function::Type => Value::String(arguments.value()?.type_name().into()),
        })
    }

    fn refuse(self, wanted: &'static str, found: &Value) -> EvaluationError {
        EvaluationError::Type {
            function: self.name(),
            wanted,
            found: shown(found),
        }
    }

    fn rounded(self, number: Number, round: fn(f64) -> f64) -> Result<Value, EvaluationError> {
        if !number.as_f64().is_finite() {
            return Err(EvaluationError::Arithmetic {
                function: self.name(),
                number: number.to_string(),
            });
        }
        Ok(Value::Number(number.rounded(round)))
    }

    /// What each item is ordered by: numbers or strings.
    fn keys(
        self,
        items: &[Value],
        expression: &Reference<'_>,
    ) -> Result<Vec<Value>, EvaluationError> {
        let keys = items.iter().map(|item| {
            let key = expression(item)?;
            match key {
                Value::Number(_) | Value::String(_) => Ok(key),
                other => Err(self.refuse("an expression that gives numbers or strings", &other)),
            }
        });
        keys.collect()
    }

    /// `items` in the order of `keys`; equal ones stay as they are.
    fn sorted(self, items: &[Value], keys: &[Value]) -> Result<Value, EvaluationError> {
        if let Some(other) = keys
            .iter()
            .find(|key| key.type_name() != keys[0].type_name())
        {
            return Err(self.refuse("numbers or strings, not both", other));
        }
        let mut places: Vec<usize> = (0..items.len()).collect();
        places.sort_by(|left, right| {
            order(&keys[*left], &keys[*right], self.name()).unwrap_or(Ordering::Equal)
        });
        Ok(Value::array(
            places.into_iter().map(|at| items[at].clone()).collect(),
        ))
    }

    fn outermost(self, items: &[Value], wanted: Ordering) -> Result<Value, EvaluationError> {
        let place = self.place_of_outermost(items, wanted)?;
        Ok(place.map(|at| items[at].clone()).unwrap_or_default())
    }

    /// The first of the greatest, or of the least.
    fn place_of_outermost(
        self,
        keys: &[Value],
        wanted: Ordering,
    ) -> Result<Option<usize>, EvaluationError> {
        let mut best = None;
        for (at, key) in keys.iter().enumerate() {
            best = match best {
                Some(known) if order(key, &keys[known], self.name())? != wanted => Some(known),
                _ => Some(at),
            };
        }
        Ok(best)
    }
}

fn sum(numbers: &[Number]) -> Number {
    let numbers = numbers.iter().copied();
    numbers.fold(Number::Integer(0), Number::plus)
}

/// A value in a message: its type, and it, if it is short.
fn shown(value: &Value) -> String {
    const LONGEST: usize = 60;
    let text = value.to_string();
    match value {
        Value::Null => "null".to_owned(),
        _ if text.len() <= LONGEST => format!("the {} {text}", value.type_name()),
        _ => format!("an {}", value.type_name()).replace("an string", "a string"),
    }
}

/// What is left of a function's arguments.
struct Arguments<'a> {
    function: Function,
    rest: std::vec::IntoIter<Argument<'a>>,
}

impl<'a> Arguments<'a> {
    fn next(&mut self) -> Result<Argument<'a>, EvaluationError> {
        let function = self.function.name();
        self.rest.next().ok_or(EvaluationError::TooFew { function })
    }

    fn value(&mut self) -> Result<Value, EvaluationError> {
        match self.next()? {
            Argument::Value(value) => Ok(value),
            Argument::Reference(_) => Err(EvaluationError::Reference),
        }
    }

    fn reference(&mut self) -> Result<Reference<'a>, EvaluationError> {
        match self.next()? {
            Argument::Reference(expression) => Ok(expression),
            Argument::Value(value) => {
                Err(self.function.refuse("an expression ('&name') here", &value))
            }
        }
    }

    fn number(&mut self) -> Result<Number, EvaluationError> {
        match self.value()? {
            Value::Number(number) => Ok(number),
            other => Err(self.function.refuse("a number", &other)),
        }
    }

    fn string(&mut self) -> Result<Arc<str>, EvaluationError> {
        match self.value()? {
            Value::String(text) => Ok(text),
            other => Err(self.function.refuse("a string here", &other)),
        }
    }

    fn array(&mut self) -> Result<Arc<Vec<Value>>, EvaluationError> {
        match self.value()? {
            Value::Array(items) => Ok(items),
            other => Err(self.function.refuse("an array here", &other)),
        }
    }

    fn object(&mut self) -> Result<IndexMap<Arc<str>, Value>, EvaluationError> {
        match self.value()? {
            Value::Object(object) => Ok(object.members.clone()),
            other => Err(self.function.refuse("an object", &other)),
        }
    }

    fn numbers(&mut self) -> Result<Vec<Number>, EvaluationError> {
        let items = self.array()?;
        let numbers = items.iter().map(|item| match item {
            Value::Number(number) => Ok(*number),
            other => Err(self.function.refuse("an array of numbers", other)),
        });
        numbers.collect()
    }

    /// Numbers, or strings.
    fn sortable(&mut self) -> Result<Arc<Vec<Value>>, EvaluationError> {
        let items = self.array()?;
        let Some(first) = items.first() else {
            return Ok(items);
        };
        let ordered = matches!(first, Value::Number(_) | Value::String(_));
        let other = items
            .iter()
            .find(|item| !ordered || item.type_name() != first.type_name());
        match other {
            None => Ok(items),
            Some(other) => Err(self
                .function
                .refuse("an array of numbers or an array of strings", other)),
        }
    }
}
