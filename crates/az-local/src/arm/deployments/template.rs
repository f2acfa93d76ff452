//! A template with its parameters: what it declares.

use super::content::{Step, place_of, shown};
use super::error::invalid;
use super::expression::{self, Text, functions};
use super::limits::{
    LARGEST_TEMPLATE, MOST_OUTPUTS, MOST_PARAMETERS, MOST_RESOURCES, MOST_VARIABLES, at_most, size,
};
use super::meter::Meter;
use crate::arm::call::Call;
use crate::arm::error::Error;
use crate::state::Resource;
use serde_json::{Map, Value};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

/// Where a deployment takes place.
#[derive(Clone)]
pub(super) struct Place {
    /// A resource group's id, or a subscription's.
    pub(super) scope: String,
    pub(super) group: Option<Resource>,
    pub(super) location: String,
}

impl Place {
    pub(super) fn subscription(&self) -> &str {
        self.scope.split('/').nth(2).unwrap_or_default()
    }
}

/// A function that the template itself defines.
pub(super) struct OwnFunction {
    /// The names of its parameters.
    pub(super) parameters: Vec<String>,
    pub(super) output: Value,
}

/// A template, its parameters' values, and the place that it is deployed to.
pub(super) struct Template<'a> {
    pub(super) call: &'a Call<'a>,
    pub(super) deployment: String,
    pub(super) place: Place,
    pub(super) body: Map<String, Value>,
    pub(super) parameters: Map<String, Value>,
    pub(super) meter: Meter<'a>,
    /// By `namespace.name` in lower case.
    pub(super) functions: HashMap<String, OwnFunction>,
    /// The variables whose values are known, by their names in lower case.
    pub(super) variables: RefCell<HashMap<String, Rc<Value>>>,
    /// The variables that an evaluation asked for before their values were known.
    pub(super) wanted: RefCell<Vec<String>>,
}

impl<'a> Template<'a> {
    /// Reads a template: every expression in it is checked, every parameter gets its value. `left` is the work that
    /// the request may still do.
    pub(super) fn new(
        call: &'a Call<'a>,
        deployment: &str,
        place: Place,
        body: &Value,
        given: Option<&Value>,
        left: &'a Cell<u64>,
    ) -> Result<Self, Error> {
        let Value::Object(members) = body else {
            return Err(invalid("The template is no object"));
        };
        for member in ["$schema", "contentVersion"] {
            if members.get(member).and_then(Value::as_str).is_none() {
                return Err(invalid(format!(
                    "Required property '{member}' not found in JSON. Path ''"
                )));
            }
        }
        if !members.contains_key("resources") {
            return Err(invalid(
                "Required property 'resources' not found in JSON. Path ''",
            ));
        }
        check_counts(body)?;
        let mut template = Template {
            call,
            deployment: deployment.to_owned(),
            place,
            body: members.clone(),
            parameters: Map::new(),
            meter: Meter::new(left),
            functions: own_functions(members),
            variables: RefCell::default(),
            wanted: RefCell::default(),
        };
        template.check_expressions(body, &mut Vec::new())?;
        template.read_parameters(given)?;
        Ok(template)
    }

    /// Finds what is no expression of the language, wherever it stands: also where it would never be evaluated.
    fn check_expressions<'v>(
        &self,
        value: &'v Value,
        path: &mut Vec<Step<'v>>,
    ) -> Result<(), Error> {
        match value {
            Value::String(text) => self.check_expression(text, path),
            Value::Array(values) => {
                for (index, value) in values.iter().enumerate() {
                    path.push(Step::Index(index));
                    self.check_expressions(value, path)?;
                    path.pop();
                }
                Ok(())
            }
            Value::Object(members) => {
                let section = match path.first() {
                    Some(Step::Member(section)) => *section,
                    _ => "",
                };
                for (name, value) in members {
                    // A nested template has functions, parameters and variables of its own.
                    if section == "resources" && name == "template" {
                        continue;
                    }
                    path.push(Step::Member(name));
                    self.check_expressions(value, path)?;
                    path.pop();
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn check_expression(&self, text: &str, path: &[Step<'_>]) -> Result<(), Error> {
        self.meter.looked_at(text.len())?;
        let expression = match expression::read(text) {
            Ok(Text::Expression(expression)) => expression,
            Ok(Text::Literal(_)) => return Ok(()),
            Err(reason) => {
                let error = invalid(format!("{reason} Path '{}'", shown(path)));
                return Err(error.violation(place_of(self.call, path)));
            }
        };
        let mut unknown = None;
        expression::names(&expression, &mut |name| {
            let known = functions::is_known(name)
                || functions::CONTEXTUAL
                    .iter()
                    .any(|known| known.eq_ignore_ascii_case(name))
                || self.functions.contains_key(&name.to_ascii_lowercase());
            if !known {
                unknown.get_or_insert_with(|| name.to_owned());
            }
        });
        match unknown {
            None => Ok(()),
            Some(name) => Err(invalid(format!(
                "The template function '{name}' at '{}' is not valid, or the local Azure does not have it. Please see \
                 https://aka.ms/arm-functions for usage details",
                shown(path)
            ))
            .violation(place_of(self.call, path))),
        }
    }
}

/// Refuses a template that declares too much.
fn check_counts(body: &Value) -> Result<(), Error> {
    let bytes = size(body).bytes;
    if bytes > LARGEST_TEMPLATE {
        return Err(invalid(format!(
            "The template size limit exceeded. Limit: '{LARGEST_TEMPLATE}' and actual: '{bytes}'. Please see \
             https://aka.ms/arm-template-limits for usage details"
        )));
    }
    for (section, most) in [
        ("parameters", MOST_PARAMETERS),
        ("variables", MOST_VARIABLES),
        ("outputs", MOST_OUTPUTS),
    ] {
        let declared = body[section].as_object();
        let mut count = declared.map_or(0, Map::len);
        // Variables that a loop makes each have their own.
        if section == "variables"
            && let Some(loops) = declared.and_then(|all| all.get("copy")?.as_array())
        {
            count = count - 1 + loops.len();
        }
        at_most(most, section, count)?;
    }
    at_most(
        MOST_RESOURCES,
        "resources",
        resource_count(&body["resources"]),
    )
}

/// The resources that a template deploys: those within resources too, those of nested templates not. What a loop makes
/// is one here: how often it turns is known later.
pub(super) fn resource_count(resources: &Value) -> usize {
    let mut count = 0;
    let mut left = vec![resources];
    while let Some(resources) = left.pop() {
        let mut add = |resource: &'_ Value| {
            if resource["existing"] != Value::Bool(true) {
                count += 1;
            }
        };
        match resources {
            Value::Array(all) => {
                all.iter().for_each(&mut add);
                left.extend(all.iter().map(|resource| &resource["resources"]));
            }
            Value::Object(all) => {
                all.values().for_each(&mut add);
                left.extend(all.values().map(|resource| &resource["resources"]));
            }
            _ => {}
        }
    }
    count
}

/// <https://learn.microsoft.com/azure/azure-resource-manager/templates/user-defined-functions>
fn own_functions(body: &Map<String, Value>) -> HashMap<String, OwnFunction> {
    let mut functions = HashMap::new();
    let namespaces = body.get("functions").and_then(Value::as_array);
    for one in namespaces.into_iter().flatten() {
        let Some(namespace) = one["namespace"].as_str() else {
            continue;
        };
        for (name, function) in one["members"].as_object().into_iter().flatten() {
            if !function.is_object() {
                continue;
            }
            let parameters = function["parameters"].as_array();
            let own = OwnFunction {
                parameters: parameters
                    .into_iter()
                    .flatten()
                    .map(|parameter| parameter["name"].as_str().unwrap_or_default().to_owned())
                    .collect(),
                output: function["output"]["value"].clone(),
            };
            functions
                .entry(format!("{namespace}.{name}").to_ascii_lowercase())
                .or_insert(own);
        }
    }
    functions
}
