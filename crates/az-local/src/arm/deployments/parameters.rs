//! The parameters of a template and the values that they get.

use super::content::{Step, place_of};
use super::error::invalid;
use super::resources::NoResources;
use super::template::Template;
use crate::arm::error::Error;
use serde_json::{Map, Value, json};
use std::collections::HashSet;

impl Template<'_> {
    /// Gives every parameter its value.
    pub(super) fn read_parameters(&mut self, given: Option<&Value>) -> Result<(), Error> {
        let none = Map::new();
        let given = given.and_then(Value::as_object).unwrap_or(&none);
        let declared = self
            .body
            .get("parameters")
            .and_then(Value::as_object)
            .cloned()
            .unwrap_or_default();
        let find = |name: &str| {
            given
                .iter()
                .find(|(key, _)| key.eq_ignore_ascii_case(name))
                .map(|(_, v)| v)
        };
        let strangers: Vec<&str> = given
            .keys()
            .filter(|name| {
                !declared
                    .keys()
                    .any(|known| known.eq_ignore_ascii_case(name))
            })
            .map(String::as_str)
            .collect();
        if !strangers.is_empty() {
            return Err(invalid(format!(
                "The following parameters were supplied, but do not correspond to any parameters defined in the \
                 template: '{}'",
                strangers.join(", ")
            )));
        }
        for (name, declaration) in &declared {
            let value = match find(name) {
                Some(given) if given.get("reference").is_some() => {
                    return Err(invalid(format!(
                        "The value of the template parameter '{name}' is a reference to a Key Vault secret, which the \
                         local Azure does not resolve: give its value"
                    )));
                }
                Some(given) => given.get("value").cloned(),
                None => None,
            };
            let value = match (value, declaration.get("defaultValue")) {
                (Some(value), _) => value,
                (None, Some(default)) => self.evaluate(default, &NoResources)?,
                (None, None) if declaration.get("nullable") == Some(&json!(true)) => Value::Null,
                (None, None) => return Err(self.not_given(name)),
            };
            check_parameter(name, declaration, &value)?;
            self.meter.keep(self.meter.made(&value)?.bytes)?;
            self.parameters.insert(name.clone(), value);
        }
        Ok(())
    }
}

impl Template<'_> {
    /// A parameter has neither a value nor a default.
    fn not_given(&self, name: &str) -> Error {
        let path = [Step::Member("parameters"), Step::Member(name)];
        let place = place_of(self.call, &path);
        invalid(format!(
            "The value for the template parameter '{name}' at line '{}' and column '{}' is not provided. Please see \
             https://aka.ms/arm-create-parameter-file for usage details",
            place.line, place.column
        ))
        .violation(place)
    }
}

/// <https://learn.microsoft.com/azure/azure-resource-manager/templates/parameters>
fn check_parameter(name: &str, declaration: &Value, value: &Value) -> Result<(), Error> {
    let kind = declaration
        .get("type")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let fits = match kind.to_ascii_lowercase().as_str() {
        "string" | "securestring" => value.is_string(),
        "int" => value.is_i64(),
        "bool" => value.is_boolean(),
        "object" | "secureobject" => value.is_object(),
        "array" => value.is_array(),
        // A type that the template defines (`$ref`).
        "" if declaration.get("$ref").is_some() => true,
        _ => {
            return Err(invalid(format!(
                "The template parameter '{name}' has the type '{kind}', which is none of 'Array, Bool, Int, Object, SecureObject, SecureString, String'"
            )));
        }
    };
    let nullable = value.is_null() && declaration.get("nullable") == Some(&json!(true));
    if !fits && !nullable {
        return Err(invalid(format!(
            "Template parameter JToken type is not valid. Expected '{kind}' for the parameter '{name}'. Please see https://aka.ms/arm-create-parameter-file for usage details"
        )));
    }
    if let Some(allowed) = declaration.get("allowedValues").and_then(Value::as_array) {
        let known: HashSet<&Value> = allowed.iter().collect();
        let each: Vec<&Value> = match value {
            Value::Array(values) if !known.contains(value) => values.iter().collect(),
            one => vec![one],
        };
        if !each.iter().all(|one| known.contains(one)) {
            let shown: Vec<String> = allowed
                .iter()
                .map(|one| one.as_str().map_or(one.to_string(), str::to_owned))
                .collect();
            return Err(invalid(format!(
                "The provided value for the template parameter '{name}' is not valid. The value is not part of the allowed value(s): '{}'",
                shown.join(",")
            )));
        }
    }
    let size = match value {
        Value::String(text) => Some(text.chars().count() as i64),
        Value::Array(values) => Some(values.len() as i64),
        _ => None,
    };
    for (limit, of, what) in [
        ("Length", size, "length"),
        ("Value", value.as_i64(), "value"),
    ] {
        let Some(of) = of else { continue };
        let least = declaration
            .get(format!("min{limit}"))
            .and_then(Value::as_i64);
        let most = declaration
            .get(format!("max{limit}"))
            .and_then(Value::as_i64);
        if least.is_some_and(|least| of < least) || most.is_some_and(|most| of > most) {
            return Err(invalid(format!(
                "The provided value for the template parameter '{name}' is not valid. Its {what} '{of}' is outside the allowed range"
            )));
        }
    }
    Ok(())
}
