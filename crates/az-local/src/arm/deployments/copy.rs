//! Loops: what a template says once and has several times
//! (<https://learn.microsoft.com/azure/azure-resource-manager/templates/copy-resources>, and `copy-properties`,
//! `copy-variables`, `copy-outputs` beside it).

use super::content::{Step, place_of};
use super::error::invalid;
use super::evaluate::{Around, Scope};
use super::limits::MOST_COPIES;
use super::loops::Loop;
use super::resources::{NoResources, Resources};
use super::template::Template;
use crate::arm::error::{Error, Violation};
use serde_json::{Map, Value};

/// The loop of a resource.
pub(super) struct ResourceLoop {
    pub(super) name: String,
    pub(super) count: usize,
    /// How many are deployed before the next ones begin; `None` where all are at once.
    pub(super) batch: Option<usize>,
}

impl Template<'_> {
    /// The loop of a resource, if it has one.
    pub(super) fn resource_loop(&self, resource: &Value) -> Result<Option<ResourceLoop>, Error> {
        let Some(definition) = resource.get("copy").filter(|copy| !copy.is_null()) else {
            return Ok(None);
        };
        let around = Around::of(&NoResources);
        let name = definition.get("name").unwrap_or(&Value::Null);
        let name = self.evaluate_around(name, around)?;
        let count = definition.get("count").unwrap_or(&Value::Null);
        let count = self.evaluate_around(count, around)?;
        let count = self.checked_count(definition, &count)?;
        let name = name
            .as_str()
            .filter(|name| !name.is_empty())
            .ok_or_else(|| self.no_loop(definition))?;
        let batch = self.batch(definition, count)?;
        Ok(Some(ResourceLoop {
            name: name.to_owned(),
            count,
            batch,
        }))
    }

    fn batch(&self, definition: &Value, count: usize) -> Result<Option<usize>, Error> {
        let mode = definition.get("mode").and_then(Value::as_str);
        let mode = mode.unwrap_or("parallel").to_ascii_lowercase();
        let size = match definition.get("batchSize").filter(|size| !size.is_null()) {
            None => None,
            Some(size) => Some(self.evaluate_around(size, Around::of(&NoResources))?),
        };
        let size = match size {
            None => 1,
            Some(size) => {
                let size = whole_number(&size).and_then(|size| usize::try_from(size).ok());
                // <https://github.com/MicrosoftDocs/azure-docs/issues/62948>
                size.filter(|size| *size <= count).ok_or_else(|| {
                    self.refused(
                        definition,
                        &format!(
                            "has an invalid copy batch size. The copy batch size must be a non-negative integer value \
                             and cannot exceed the copy count '{count}'"
                        ),
                    )
                })?
            }
        };
        match mode.as_str() {
            "parallel" => Ok(None),
            "serial" => Ok(Some(size.max(1))),
            // Azure's words are not known.
            _ => Err(self.refused(
                definition,
                "has an invalid mode. The mode must be 'parallel' or 'serial'",
            )),
        }
    }

    /// The values of a loop within a value, under the loop's name.
    pub(super) fn copied(
        &self,
        definition: &Value,
        scope: Scope<'_>,
        depth: usize,
    ) -> Result<Value, Error> {
        let plain = scope.before_deployment();
        let part = |member: &str| definition.get(member).unwrap_or(&Value::Null);
        let name = self.evaluate_in(part("name"), plain, depth)?;
        let count = self.evaluate_in(part("count"), plain, depth)?;
        let count = self.checked_count(definition, &count)?;
        let (Some(name), Some(input)) = (name.as_str(), definition.get("input")) else {
            return Err(self.no_loop(definition));
        };
        let values = self.turns(count, scope, |index, scope| {
            let turn = Loop {
                name,
                index,
                nameless: false,
                outer: scope.loops,
            };
            self.evaluate_in(input, scope.within(&turn), depth + 1)
        })?;
        Ok(Value::Object(Map::from_iter([(name.to_owned(), values)])))
    }

    /// The values of an output's loop, which needs no name.
    pub(super) fn copied_output(
        &self,
        definition: &Value,
        resources: &dyn Resources,
    ) -> Result<Value, Error> {
        let count = definition.get("count").unwrap_or(&Value::Null);
        let count = self.evaluate(count, &NoResources)?;
        let count = self.checked_count(definition, &count)?;
        let Some(input) = definition.get("input") else {
            return Err(self.no_loop(definition));
        };
        let name = definition.get("name").and_then(Value::as_str);
        let value = |index| {
            let turn = Loop {
                name: name.unwrap_or_default(),
                index,
                nameless: true,
                outer: None,
            };
            let around = Around {
                loops: Some(&turn),
                ..Around::of(resources)
            };
            let value = self.evaluate_around(input, around)?;
            self.meter.keep(super::limits::size(&value).bytes)?;
            Ok(value)
        };
        (0..count).map(value).collect()
    }

    fn checked_count(&self, definition: &Value, count: &Value) -> Result<usize, Error> {
        /// The first version in which there may be none.
        const NONE_FROM: &str = "2019-05-10";
        let fewest = i64::from(self.call.api_version.as_str() < NONE_FROM);
        let count = whole_number(count).filter(|count| (fewest..=MOST_COPIES).contains(count));
        count
            .and_then(|count| usize::try_from(count).ok())
            .ok_or_else(|| {
                // <https://github.com/MicrosoftDocs/azure-docs/issues/60638>
                let limit = format!(
                    "has an invalid copy count. The copy count must be a positive integer value and cannot exceed \
                     '{MOST_COPIES}'"
                );
                self.refused(definition, &limit)
            })
    }

    /// Azure's words for a loop without a name or an input are not known.
    fn no_loop(&self, definition: &Value) -> Error {
        self.refused(
            definition,
            "is incomplete. It must have a name, a count and, but for a resource, an input",
        )
    }

    fn refused(&self, definition: &Value, reason: &str) -> Error {
        let place = self.place_of_copy(definition);
        let (line, column) = (place.line, place.column);
        let words = format!(
            "The template 'copy' definition at line '{line}' and column '{column}' {reason}. Please see \
             https://aka.ms/arm-copy for usage details."
        );
        invalid(words).violation(place)
    }

    /// Where a loop stands in what was sent: the first that reads the same.
    fn place_of_copy(&self, definition: &Value) -> Violation {
        for (section, value) in &self.body {
            let mut path = vec![Step::Member(section)];
            if find(value, definition, &mut path) {
                return place_of(self.call, &path);
            }
        }
        Violation::default()
    }
}

/// Finds a loop below a value; leaves the way to it in `path`.
fn find<'v>(value: &'v Value, definition: &Value, path: &mut Vec<Step<'v>>) -> bool {
    let mut step = |step: Step<'v>, value: &'v Value| {
        path.push(step);
        let is_it = matches!(step, Step::Member("copy")) && value == definition;
        let found = is_it || value.is_array() && has(value, definition, path) || {
            find(value, definition, path)
        };
        if !found {
            path.pop();
        }
        found
    };
    match value {
        Value::Object(members) => members
            .iter()
            .any(|(name, value)| step(Step::Member(name), value)),
        Value::Array(values) => values
            .iter()
            .enumerate()
            .any(|(index, value)| step(Step::Index(index), value)),
        _ => false,
    }
}

/// Whether a list of loops has this one; leaves its place in `path`.
fn has<'v>(list: &'v Value, definition: &Value, path: &mut Vec<Step<'v>>) -> bool {
    if !matches!(path.last(), Some(Step::Member("copy"))) {
        return false;
    }
    let mut loops = list.as_array().into_iter().flatten();
    match loops.position(|one| one == definition) {
        Some(index) => {
            path.push(Step::Index(index));
            true
        }
        None => false,
    }
}

/// A number, also as text: `"count": "3"` stands in Microsoft's own pages.
fn whole_number(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}
