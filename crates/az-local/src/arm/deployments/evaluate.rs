//! The values of a template's expressions.
//!
//! Nothing waits on the stack for something else of the template: an evaluation that needs a variable without a value
//! yet, or a resource that is not deployed yet, notes it, goes on to find what else it needs, and ends. It is done
//! again once all that is there. What is left of recursion is the nesting of what was written, which is bounded.

use super::error::{circle, invalid};
use super::expression::{self, Expression, Text, functions};
use super::loops::Loop;
use super::resources::{NoResources, Resources};
use super::template::{OwnFunction, Template};
use crate::arm::error::Error;
use serde_json::{Map, Value, json};
use std::ops::Deref;
use std::rc::Rc;

/// What an expression sees.
#[derive(Clone, Copy)]
pub(super) struct Scope<'s> {
    pub(super) resources: &'s dyn Resources,
    /// The arguments of the template's own function that is evaluated.
    pub(super) arguments: Option<&'s Map<String, Value>>,
    function: Option<&'s Within<'s>>,
    /// The loops that it is in, the innermost first.
    pub(super) loops: Option<&'s Loop<'s>>,
    /// A member `copy` is a loop that makes members.
    pub(super) copies: bool,
}

impl<'s> Scope<'s> {
    /// The same in a turn of a loop.
    pub(super) fn within<'t>(self, turn: &'t Loop<'t>) -> Scope<'t>
    where
        's: 't,
    {
        Scope {
            loops: Some(turn),
            ..self
        }
    }

    /// The same for what has to be known before anything is deployed.
    pub(super) fn before_deployment(self) -> Self {
        Scope {
            resources: &NoResources,
            copies: false,
            ..self
        }
    }
}

/// What is around a value that is evaluated.
#[derive(Clone, Copy)]
pub(super) struct Around<'s> {
    pub(super) resources: &'s dyn Resources,
    pub(super) loops: Option<&'s Loop<'s>>,
    /// A member `copy` is a loop that makes members.
    pub(super) copies: bool,
}

impl<'s> Around<'s> {
    /// Where there are no loops.
    pub(super) fn of(resources: &'s dyn Resources) -> Self {
        Around {
            resources,
            loops: None,
            copies: false,
        }
    }
}

/// The template's own functions that an expression is evaluated for, the last called first.
struct Within<'s> {
    name: &'s str,
    outer: Option<&'s Within<'s>>,
}

/// A variable as the template declares it.
pub(super) enum Declared<'t> {
    Value(&'t Value),
    /// The values of a loop.
    Loop(&'t Value),
}

/// A value where it is, or one that was made.
enum Found<'s> {
    There(&'s Value),
    Kept(Rc<Value>),
    Made(Value),
}

impl Deref for Found<'_> {
    type Target = Value;

    fn deref(&self) -> &Value {
        match self {
            Found::There(value) => value,
            Found::Kept(value) => value,
            Found::Made(value) => value,
        }
    }
}

/// Values that are at hand together.
#[derive(Default)]
struct Together {
    size: usize,
    /// The first that could not be evaluated, because it waits for something.
    waiting: Option<Error>,
}

impl Template<'_> {
    /// A value of the template, its expressions replaced by what they give.
    pub(super) fn evaluate(
        &self,
        value: &Value,
        resources: &dyn Resources,
    ) -> Result<Value, Error> {
        self.evaluate_around(value, Around::of(resources))
    }

    /// The same within loops.
    pub(super) fn evaluate_around(
        &self,
        value: &Value,
        around: Around<'_>,
    ) -> Result<Value, Error> {
        loop {
            let result = self.once(around, |scope| self.evaluate_in(value, scope, 0));
            let wanted = self.wanted.take();
            if wanted.is_empty() {
                return result;
            }
            self.find_variables(wanted)?;
        }
    }

    fn once(
        &self,
        around: Around<'_>,
        work: impl FnOnce(Scope<'_>) -> Result<Value, Error>,
    ) -> Result<Value, Error> {
        self.meter.begin();
        let value = work(Scope {
            resources: around.resources,
            arguments: None,
            function: None,
            loops: around.loops,
            copies: around.copies,
        })?;
        self.meter.made(&value)?;
        Ok(value)
    }

    /// The value of a variable, once those that it refers to are known.
    fn variable_of(&self, declared: &Declared<'_>) -> Result<Value, Error> {
        let around = Around {
            copies: true,
            ..Around::of(&NoResources)
        };
        match declared {
            Declared::Value(value) => self.once(around, |scope| self.evaluate_in(value, scope, 0)),
            Declared::Loop(definition) => self.once(around, |scope| {
                let made = self.copied(definition, scope, 0)?;
                // The loop's values are its only member.
                let mut made = made.as_object().cloned().unwrap_or_default().into_iter();
                Ok(made.next().map(|(_, values)| values).unwrap_or_default())
            }),
        }
    }

    /// Finds the values of variables, and first of those that they refer to.
    fn find_variables(&self, wanted: Vec<String>) -> Result<(), Error> {
        let mut left = wanted;
        left.reverse();
        let mut begun: Vec<String> = Vec::new();
        while let Some(name) = left.last().cloned() {
            if self.variables.borrow().contains_key(&name) {
                left.pop();
                continue;
            }
            if begun.last() != Some(&name) {
                begun.push(name.clone());
            }
            let result = self.variable_of(&self.declared(&name)?);
            let mut next = self.wanted.take();
            if next.is_empty() {
                let value = result?;
                self.meter.keep(self.meter.made(&value)?.bytes)?;
                self.variables.borrow_mut().insert(name, Rc::new(value));
                begun.pop();
                left.pop();
                continue;
            }
            for next in &next {
                if let Some(at) = begun.iter().position(|begun| begun == next) {
                    return Err(invalid(format!(
                        "Circular dependency detected on variable '{next}': {}. Please see \
                         https://aka.ms/arm-syntax-variables for usage details",
                        circle(begun[at..].iter().map(String::as_str))
                    )));
                }
            }
            next.reverse();
            left.append(&mut next);
        }
        Ok(())
    }

    /// A variable as the template declares it.
    pub(super) fn declared(&self, wanted: &str) -> Result<Declared<'_>, Error> {
        let all = self.body.get("variables").and_then(Value::as_object);
        let plain = all.and_then(|all| {
            all.get(wanted).or_else(|| {
                all.iter()
                    .find(|(name, _)| name.eq_ignore_ascii_case(wanted))
                    .map(|(_, value)| value)
            })
        });
        let loops = all
            .and_then(|all| all.get("copy"))
            .and_then(Value::as_array);
        if let Some(loops) = loops {
            let name = |one: &Value| one["name"].as_str().map(str::to_ascii_lowercase);
            let wanted = wanted.to_ascii_lowercase();
            let found = loops
                .iter()
                .find(|one| name(one).as_deref() == Some(&wanted));
            if let Some(found) = found {
                return Ok(Declared::Loop(found));
            }
        }
        plain.map(Declared::Value).ok_or_else(|| {
            invalid(format!(
                "The template variable '{wanted}' is not found. Please see https://aka.ms/arm-syntax-variables for \
                 usage details"
            ))
        })
    }

    /// The values of a loop's turns, together.
    pub(super) fn turns(
        &self,
        count: usize,
        scope: Scope<'_>,
        turn: impl Fn(usize, Scope<'_>) -> Result<Value, Error>,
    ) -> Result<Value, Error> {
        let mut together = Together::default();
        let mut values = Vec::new();
        for index in 0..count {
            let result = turn(index, scope);
            values.extend(self.take_in(&mut together, result, scope)?);
        }
        self.release(together)?;
        Ok(Value::Array(values))
    }

    fn waits(&self, scope: Scope<'_>) -> bool {
        !self.wanted.borrow().is_empty() || scope.resources.waits()
    }

    /// Takes in one of several values. While something is waited for, the others are evaluated only to find what else
    /// is: an error that is met then may come of what is missing.
    fn take_in(
        &self,
        together: &mut Together,
        result: Result<Value, Error>,
        scope: Scope<'_>,
    ) -> Result<Option<Value>, Error> {
        match result {
            Ok(_) if together.waiting.is_some() => Ok(None),
            Ok(value) => {
                let bytes = super::limits::size(&value).bytes;
                together.size += bytes;
                self.meter.hold(bytes)?;
                Ok(Some(value))
            }
            Err(error) if self.waits(scope) => {
                together.waiting.get_or_insert(error);
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// The values are no longer at hand beside what is made of them.
    fn release(&self, together: Together) -> Result<(), Error> {
        self.meter.release(together.size);
        together.waiting.map_or(Ok(()), Err)
    }

    pub(super) fn evaluate_in(
        &self,
        value: &Value,
        scope: Scope<'_>,
        depth: usize,
    ) -> Result<Value, Error> {
        self.meter.step(depth)?;
        match value {
            Value::String(text) => self.text(text, scope, depth),
            Value::Array(values) => self.array(values, scope, depth + 1),
            Value::Object(members) => self.object(members, scope, depth + 1),
            other => Ok(other.clone()),
        }
    }

    fn text(&self, text: &str, scope: Scope<'_>, depth: usize) -> Result<Value, Error> {
        self.meter.looked_at(text.len())?;
        match expression::read(text).map_err(invalid)? {
            Text::Literal(text) => Ok(Value::String(text)),
            Text::Expression(expression) => self.value_of(&expression, scope, depth + 1),
        }
    }

    fn array(&self, values: &[Value], scope: Scope<'_>, depth: usize) -> Result<Value, Error> {
        let mut together = Together::default();
        let mut evaluated = Vec::new();
        for value in values {
            let result = self.evaluate_in(value, scope, depth);
            evaluated.extend(self.take_in(&mut together, result, scope)?);
        }
        self.release(together)?;
        Ok(Value::Array(evaluated))
    }

    fn object(
        &self,
        members: &Map<String, Value>,
        scope: Scope<'_>,
        depth: usize,
    ) -> Result<Value, Error> {
        let mut together = Together::default();
        let mut evaluated = Map::new();
        for (name, value) in members {
            if scope.copies
                && name == "copy"
                && let Value::Array(loops) = value
            {
                for one in loops {
                    let made = self.copied(one, scope, depth);
                    let made = self.take_in(&mut together, made, scope)?;
                    if let Some(Value::Object(made)) = made {
                        evaluated.extend(made);
                    }
                }
                continue;
            }
            let name = self.text(name, scope, depth);
            let name = self.take_in(&mut together, name, scope)?;
            let value = self.evaluate_in(value, scope, depth);
            let value = self.take_in(&mut together, value, scope)?;
            if let (Some(name), Some(value)) = (name, value) {
                let name = match name {
                    Value::String(name) => name,
                    other => other.to_string(),
                };
                evaluated.insert(name, value);
            }
        }
        self.release(together)?;
        Ok(Value::Object(evaluated))
    }

    fn value_of(
        &self,
        expression: &Expression,
        scope: Scope<'_>,
        depth: usize,
    ) -> Result<Value, Error> {
        self.meter.step(depth)?;
        match expression {
            Expression::Text(text) => Ok(json!(text)),
            Expression::Integer(number) => Ok(json!(number)),
            Expression::Member(of, names) => self.member(of, names, scope, depth + 1),
            Expression::Call(name, arguments) => self.function(name, arguments, scope, depth + 1),
        }
    }

    fn member(
        &self,
        of: &Expression,
        names: &[Expression],
        scope: Scope<'_>,
        depth: usize,
    ) -> Result<Value, Error> {
        let whole = self.found(of, scope, depth)?;
        let mut value: &Value = &whole;
        for name in names {
            let name = self.value_of(name, scope, depth)?;
            if let Value::Object(members) = value {
                self.meter.looked_at(members.len())?;
            }
            value = functions::member(value, &name).map_err(invalid)?;
        }
        self.meter.made(value)?;
        Ok(value.clone())
    }

    /// The value of an expression; that of a parameter or variable is not copied, as only a part of it is wanted.
    fn found<'s>(
        &'s self,
        of: &Expression,
        scope: Scope<'s>,
        depth: usize,
    ) -> Result<Found<'s>, Error> {
        if let Expression::Call(function, arguments) = of
            && let [Expression::Text(name)] = arguments.as_slice()
        {
            if function.eq_ignore_ascii_case("parameters") {
                return self.parameter(name, scope).map(Found::There);
            }
            if function.eq_ignore_ascii_case("variables")
                && let Some(value) = self.variables.borrow().get(&name.to_ascii_lowercase())
            {
                return Ok(Found::Kept(Rc::clone(value)));
            }
        }
        self.value_of(of, scope, depth).map(Found::Made)
    }

    /// The value of a parameter, or of an argument where a function of the template's own is evaluated.
    pub(super) fn parameter<'s>(
        &'s self,
        wanted: &str,
        scope: Scope<'s>,
    ) -> Result<&'s Value, Error> {
        scope
            .arguments
            .unwrap_or(&self.parameters)
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(wanted))
            .map(|(_, value)| value)
            .ok_or_else(|| {
                invalid(format!(
                    "The template parameter '{wanted}' is not found. Please see \
                     https://aka.ms/arm-syntax-parameters for usage details"
                ))
            })
    }

    fn function(
        &self,
        name: &str,
        arguments: &[Expression],
        scope: Scope<'_>,
        depth: usize,
    ) -> Result<Value, Error> {
        if let Some(value) = self.as_needed(name, arguments, scope, depth)? {
            return Ok(value);
        }
        let mut together = Together::default();
        let mut values = Vec::new();
        for argument in arguments {
            let result = self.value_of(argument, scope, depth);
            values.extend(self.take_in(&mut together, result, scope)?);
        }
        if together.waiting.is_some() {
            return self.release(together).map(|()| Value::Null);
        }
        let own = self.functions.get_key_value(&name.to_ascii_lowercase());
        let value = if let Some((name, own)) = own {
            self.own_function(name, own, values, scope, depth)
        } else if functions::is_known(name) {
            functions::call(name, &values).map_err(invalid)
        } else {
            self.contextual(name, &values, scope)
        };
        self.release(together)?;
        let value = value?;
        self.meter.made(&value)?;
        Ok(value)
    }

    /// The functions that do not evaluate what they do not need.
    fn as_needed(
        &self,
        name: &str,
        arguments: &[Expression],
        scope: Scope<'_>,
        depth: usize,
    ) -> Result<Option<Value>, Error> {
        let truth = |argument| {
            let value = self.value_of(argument, scope, depth)?;
            functions::truth(&value).map_err(invalid)
        };
        match (name.to_ascii_lowercase().as_str(), arguments) {
            ("if", [condition, then, otherwise]) => {
                let chosen = if truth(condition)? { then } else { otherwise };
                self.value_of(chosen, scope, depth).map(Some)
            }
            (kind @ ("and" | "or"), [_, _, ..]) => {
                let decisive = kind == "or";
                for argument in arguments {
                    if truth(argument)? == decisive {
                        return Ok(Some(json!(decisive)));
                    }
                }
                Ok(Some(json!(!decisive)))
            }
            _ => Ok(None),
        }
    }

    fn own_function(
        &self,
        name: &str,
        own: &OwnFunction,
        values: Vec<Value>,
        scope: Scope<'_>,
        depth: usize,
    ) -> Result<Value, Error> {
        if own.parameters.len() != values.len() {
            return Err(invalid(format!(
                "The template function '{name}' takes '{}' argument(s), not '{}'",
                own.parameters.len(),
                values.len()
            )));
        }
        let mut outer = scope.function;
        let mut names = vec![name];
        while let Some(within) = outer {
            if within.name == name {
                names.reverse();
                return Err(invalid(format!(
                    "Circular dependency detected on the template function '{name}': {}. Please see \
                     https://aka.ms/arm-syntax-functions for usage details",
                    circle(names.into_iter())
                )));
            }
            names.push(within.name);
            outer = within.outer;
        }
        let arguments: Map<String, Value> = own.parameters.iter().cloned().zip(values).collect();
        let within = Within {
            name,
            outer: scope.function,
        };
        let inner = Scope {
            resources: &NoResources,
            arguments: Some(&arguments),
            function: Some(&within),
            loops: None,
            copies: false,
        };
        self.evaluate_in(&own.output, inner, depth + 1)
    }
}
