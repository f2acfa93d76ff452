//! A template with its parameters: what it declares, and the values of its expressions.

use super::expression::{self, Expression, Text, functions};
use crate::arm::call::Call;
use crate::arm::error::Error;
use crate::state::Resource;
use serde_json::{Map, Value, json};
use std::cell::RefCell;
use std::collections::HashMap;
use uuid::Uuid;

/// Functions that need the deployment, not only their arguments.
const CONTEXTUAL: &[&str] = &[
    "and",
    "deployer",
    "deployment",
    "environment",
    "extensionResourceId",
    "if",
    "newGuid",
    "or",
    "parameters",
    "reference",
    "resourceGroup",
    "resourceId",
    "subscription",
    "subscriptionResourceId",
    "tenant",
    "tenantResourceId",
    "utcNow",
    "variables",
];

/// A template is not valid.
pub(super) fn invalid(reason: impl std::fmt::Display) -> Error {
    Error::bad_request(
        "InvalidTemplate",
        format!("Deployment template validation failed: '{reason}'."),
    )
}

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

/// Gives the state of a resource, which it deploys first when it is the template's own.
pub(super) trait Resources {
    /// Name or id, API version if one is given, and whether the whole resource is wanted.
    fn reference(&self, of: &str, version: Option<&str>, whole: bool) -> Result<Value, Error>;
}

/// Where expressions are that must not ask for a resource's state: names, variables, parameters.
pub(super) struct NoResources;

impl Resources for NoResources {
    fn reference(&self, of: &str, _: Option<&str>, _: bool) -> Result<Value, Error> {
        Err(invalid(format!(
            "The template function 'reference' is not expected at this location: '{of}'. Please see \
             https://aka.ms/arm-functions for usage details."
        )))
    }
}

/// A template, its parameters' values, and the place that it is deployed to.
pub(super) struct Template<'a> {
    pub(super) call: &'a Call<'a>,
    pub(super) deployment: String,
    pub(super) place: Place,
    pub(super) body: Map<String, Value>,
    pub(super) parameters: Map<String, Value>,
    /// Values as far as they are known; `None` while one is being found.
    variables: RefCell<HashMap<String, Option<Value>>>,
}

impl<'a> Template<'a> {
    /// Reads a template: every expression in it is checked, every parameter gets its value.
    pub(super) fn new(
        call: &'a Call<'a>,
        deployment: &str,
        place: Place,
        body: &Value,
        given: Option<&Value>,
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
        let mut template = Template {
            call,
            deployment: deployment.to_owned(),
            place,
            body: members.clone(),
            parameters: Map::new(),
            variables: RefCell::default(),
        };
        template.check_expressions(body, "")?;
        template.read_parameters(given)?;
        Ok(template)
    }

    /// Finds what is no expression of the language, wherever it stands: also where it would never be evaluated.
    fn check_expressions(&self, value: &Value, path: &str) -> Result<(), Error> {
        match value {
            Value::String(text) => {
                let expression = match expression::read(text) {
                    Ok(Text::Expression(expression)) => expression,
                    Ok(Text::Literal(_)) => return Ok(()),
                    Err(reason) => return Err(invalid(format!("{reason} Path '{path}'"))),
                };
                let mut unknown = None;
                expression::names(&expression, &mut |name| {
                    let known = functions::is_known(name)
                        || CONTEXTUAL.iter().any(|known| known.eq_ignore_ascii_case(name))
                        || self.own_function(name).is_some();
                    if !known {
                        unknown.get_or_insert_with(|| name.to_owned());
                    }
                });
                match unknown {
                    None => Ok(()),
                    Some(name) => Err(invalid(format!(
                        "The template function '{name}' at '{path}' is not valid, or the local Azure does not have it. \
                         Please see https://aka.ms/arm-functions for usage details"
                    ))),
                }
            }
            Value::Array(values) => values
                .iter()
                .enumerate()
                .try_for_each(|(index, value)| self.check_expressions(value, &format!("{path}[{index}]"))),
            Value::Object(members) => members.iter().try_for_each(|(name, value)| {
                if name == "copy" && (path.contains("resources") || path == "variables" || path.contains("outputs")) {
                    return Err(invalid(format!(
                        "'copy' at '{path}' is not supported by the local Azure: write each instance out"
                    )));
                }
                // A nested template has functions, parameters and variables of its own.
                if path.contains("resources") && name == "template" {
                    return Ok(());
                }
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                self.check_expressions(value, &path)
            }),
            _ => Ok(()),
        }
    }

    /// A function that the template itself defines, by `namespace.name`.
    fn own_function(&self, name: &str) -> Option<&Map<String, Value>> {
        let (namespace, name) = name.split_once('.')?;
        self.body
            .get("functions")?
            .as_array()?
            .iter()
            .find_map(|one| {
                let fits = one
                    .get("namespace")?
                    .as_str()?
                    .eq_ignore_ascii_case(namespace);
                let members = one.get("members")?.as_object().filter(|_| fits)?;
                members
                    .iter()
                    .find(|(key, _)| key.eq_ignore_ascii_case(name))?
                    .1
                    .as_object()
            })
    }

    fn read_parameters(&mut self, given: Option<&Value>) -> Result<(), Error> {
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
                (None, None) => {
                    return Err(invalid(format!(
                        "The value for the template parameter '{name}' is not provided. Please see \
                         https://aka.ms/arm-create-parameter-file for usage details"
                    )));
                }
            };
            check_parameter(name, declaration, &value)?;
            self.parameters.insert(name.clone(), value);
        }
        Ok(())
    }

    /// A value of the template, its expressions replaced by what they give.
    pub(super) fn evaluate(
        &self,
        value: &Value,
        resources: &dyn Resources,
    ) -> Result<Value, Error> {
        self.evaluate_in(value, resources, None)
    }

    fn evaluate_in(
        &self,
        value: &Value,
        resources: &dyn Resources,
        arguments: Option<&Map<String, Value>>,
    ) -> Result<Value, Error> {
        match value {
            Value::String(text) => match expression::read(text).map_err(invalid)? {
                Text::Literal(text) => Ok(Value::String(text)),
                Text::Expression(expression) => self.value_of(&expression, resources, arguments),
            },
            Value::Array(values) => values
                .iter()
                .map(|value| self.evaluate_in(value, resources, arguments))
                .collect(),
            Value::Object(members) => {
                let mut evaluated = Map::new();
                for (name, value) in members {
                    let name = match self.evaluate_in(&json!(name), resources, arguments)? {
                        Value::String(name) => name,
                        other => other.to_string(),
                    };
                    evaluated.insert(name, self.evaluate_in(value, resources, arguments)?);
                }
                Ok(Value::Object(evaluated))
            }
            other => Ok(other.clone()),
        }
    }

    fn value_of(
        &self,
        expression: &Expression,
        resources: &dyn Resources,
        frame: Option<&Map<String, Value>>,
    ) -> Result<Value, Error> {
        let (name, arguments) = match expression {
            Expression::Text(text) => return Ok(json!(text)),
            Expression::Integer(number) => return Ok(json!(number)),
            Expression::Member(of, name) => {
                let of = self.value_of(of, resources, frame)?;
                let name = self.value_of(name, resources, frame)?;
                return functions::member(&of, &name).map_err(invalid);
            }
            Expression::Call(name, arguments) => (name.as_str(), arguments.as_slice()),
        };
        let value = |at: usize| self.value_of(&arguments[at], resources, frame);
        let truth = |at: usize| value(at).and_then(|v| functions::truth(&v).map_err(invalid));
        // What is not needed is not evaluated.
        match (name.to_ascii_lowercase().as_str(), arguments.len()) {
            ("if", 3) => return value(if truth(0)? { 1 } else { 2 }),
            ("and", 2..) => {
                for at in 0..arguments.len() {
                    if !truth(at)? {
                        return Ok(json!(false));
                    }
                }
                return Ok(json!(true));
            }
            ("or", 2..) => {
                for at in 0..arguments.len() {
                    if truth(at)? {
                        return Ok(json!(true));
                    }
                }
                return Ok(json!(false));
            }
            _ => {}
        }
        let values: Vec<Value> = (0..arguments.len()).map(value).collect::<Result<_, _>>()?;
        if let Some(own) = self.own_function(name) {
            return self.call_own(name, own, values);
        }
        if functions::is_known(name) {
            return functions::call(name, &values).map_err(invalid);
        }
        self.contextual(name, &values, resources, frame)
    }

    fn call_own(
        &self,
        name: &str,
        own: &Map<String, Value>,
        values: Vec<Value>,
    ) -> Result<Value, Error> {
        let parameters = own
            .get("parameters")
            .and_then(Value::as_array)
            .map_or(&[][..], Vec::as_slice);
        if parameters.len() != values.len() {
            return Err(invalid(format!(
                "The template function '{name}' takes '{}' argument(s), not '{}'",
                parameters.len(),
                values.len()
            )));
        }
        let frame: Map<String, Value> = parameters
            .iter()
            .filter_map(|parameter| parameter.get("name")?.as_str().map(str::to_owned))
            .zip(values)
            .collect();
        let output = own
            .get("output")
            .and_then(|output| output.get("value"))
            .unwrap_or(&Value::Null);
        self.evaluate_in(output, &NoResources, Some(&frame))
    }

    fn contextual(
        &self,
        name: &str,
        values: &[Value],
        resources: &dyn Resources,
        frame: Option<&Map<String, Value>>,
    ) -> Result<Value, Error> {
        let texts = || -> Result<Vec<&str>, Error> {
            values
                .iter()
                .map(|value| functions::text(value).map_err(invalid))
                .collect()
        };
        let place = &self.place;
        let subscription = format!("/subscriptions/{}", place.subscription());
        let wrong = || {
            invalid(format!(
                "Unable to evaluate template language function '{name}': the function does not take '{}' argument(s). \
                 Please see https://aka.ms/arm-functions for usage details",
                values.len()
            ))
        };
        match (name.to_ascii_lowercase().as_str(), values) {
            ("parameters", [Value::String(wanted)]) => frame
                .unwrap_or(&self.parameters)
                .iter()
                .find(|(key, _)| key.eq_ignore_ascii_case(wanted))
                .map(|(_, value)| value.clone())
                .ok_or_else(|| invalid(format!("The template parameter '{wanted}' is not found. Please see https://aka.ms/arm-syntax-parameters for usage details"))),
            ("variables", [Value::String(wanted)]) => self.variable(wanted),
            ("reference", [Value::String(of)]) => resources.reference(of, None, false),
            ("reference", [Value::String(of), Value::String(version)]) => resources.reference(of, Some(version), false),
            ("reference", [Value::String(of), version, Value::String(whole)]) if whole.eq_ignore_ascii_case("full") => {
                resources.reference(of, version.as_str(), true)
            }
            ("resourceid", [_, ..]) => self.resource_id(&texts()?),
            ("subscriptionresourceid", [_, ..]) => {
                let texts = texts()?;
                match texts.as_slice() {
                    [other, rest @ ..] if !other.contains('/') => id_of(name, &format!("/subscriptions/{other}"), rest),
                    all => id_of(name, &subscription, all),
                }
            }
            ("tenantresourceid", [_, ..]) => id_of(name, "", &texts()?),
            ("extensionresourceid", [_, ..]) => {
                let texts = texts()?;
                id_of(name, texts[0], &texts[1..])
            }
            ("resourcegroup", []) => {
                let group = place.group.as_ref().ok_or_else(|| {
                    invalid("The template function 'resourceGroup' is not expected at this location: the deployment has no resource group")
                })?;
                let mut value = json!({
                    "id": group.id, "name": group.name(), "type": "Microsoft.Resources/resourceGroups",
                    "location": place.location, "properties": {"provisioningState": "Succeeded"},
                });
                if let Some(tags) = group.body.get("tags") {
                    value["tags"] = tags.clone();
                }
                Ok(value)
            }
            ("subscription", []) => {
                let known = self.call.known_subscription()?;
                Ok(json!({
                    "id": subscription, "subscriptionId": place.subscription(), "tenantId": known.tenant_id,
                    "displayName": known.display_name,
                }))
            }
            ("tenant", []) => Ok(json!({"tenantId": self.call.principal.tenant_id})),
            ("deployer", []) => Ok(json!({
                "objectId": self.call.principal.object_id, "tenantId": self.call.principal.tenant_id,
            })),
            ("deployment", []) => Ok(json!({
                "name": self.deployment, "location": place.location,
                "properties": {
                    "template": {"contentVersion": self.body.get("contentVersion"), "$schema": self.body.get("$schema")},
                    "mode": "Incremental", "provisioningState": "Accepted",
                },
            })),
            // <https://learn.microsoft.com/azure/azure-resource-manager/templates/template-functions-deployment#environment>
            ("environment", []) => Ok(json!({
                "name": "AzureCloud",
                "resourceManager": "https://management.azure.com/",
                "authentication": {
                    "loginEndpoint": "https://login.microsoftonline.com/", "tenant": "common",
                    "audiences": ["https://management.core.windows.net/", "https://management.azure.com/"],
                },
                "graph": "https://graph.windows.net/",
                "suffixes": {"keyvaultDns": ".vault.azure.net", "storage": "core.windows.net"},
            })),
            ("utcnow", [] | [Value::String(_)]) => {
                let format = values.first().and_then(Value::as_str).unwrap_or("yyyyMMddTHHmmssZ");
                functions::date(self.call.cx.now, format).map(|text| json!(text)).map_err(invalid)
            }
            ("newguid", []) => Ok(json!(Uuid::new_v4().to_string())),
            _ => Err(wrong()),
        }
    }

    fn variable(&self, wanted: &str) -> Result<Value, Error> {
        let key = wanted.to_ascii_lowercase();
        match self.variables.borrow().get(&key) {
            Some(Some(value)) => return Ok(value.clone()),
            Some(None) => {
                return Err(invalid(format!(
                    "Circular dependency detected on variable '{wanted}'. Please see https://aka.ms/arm-syntax-variables for usage details"
                )));
            }
            None => {}
        }
        let raw = self
            .body
            .get("variables")
            .and_then(Value::as_object)
            .and_then(|all| all.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted)))
            .map(|(_, raw)| raw)
            .ok_or_else(|| invalid(format!("The template variable '{wanted}' is not found. Please see https://aka.ms/arm-syntax-variables for usage details")))?;
        self.variables.borrow_mut().insert(key.clone(), None);
        let value = self.evaluate(raw, &NoResources)?;
        self.variables.borrow_mut().insert(key, Some(value.clone()));
        Ok(value)
    }

    /// `resourceId([subscription], [group], type, name, …)`
    fn resource_id(&self, texts: &[&str]) -> Result<Value, Error> {
        let place = &self.place;
        match texts {
            [kind, ..] if kind.contains('/') => id_of("resourceId", &place.scope, texts),
            [group, rest @ ..] if rest.first().is_some_and(|kind| kind.contains('/')) => {
                // In a subscription's deployment the one before the type is a subscription.
                let scope = match &place.group {
                    Some(_) => format!(
                        "/subscriptions/{}/resourceGroups/{group}",
                        place.subscription()
                    ),
                    None => format!("/subscriptions/{group}"),
                };
                id_of("resourceId", &scope, rest)
            }
            [subscription, group, rest @ ..] => id_of(
                "resourceId",
                &format!("/subscriptions/{subscription}/resourceGroups/{group}"),
                rest,
            ),
            _ => id_of("resourceId", &place.scope, texts),
        }
    }
}

/// The id of a type and names at a scope.
pub(super) fn joined_id(scope: &str, kind: &str, names: &[&str]) -> Option<String> {
    let (namespace, types) = kind.split_once('/')?;
    let types: Vec<&str> = types.split('/').collect();
    if types.len() != names.len() || names.iter().any(|name| name.is_empty()) {
        return None;
    }
    let mut id = if kind.eq_ignore_ascii_case("Microsoft.Resources/resourceGroups") {
        scope.to_owned()
    } else {
        format!("{scope}/providers/{namespace}")
    };
    for (kind, name) in types.iter().zip(names) {
        id += &format!("/{kind}/{name}");
    }
    Some(id)
}

fn id_of(function: &str, scope: &str, texts: &[&str]) -> Result<Value, Error> {
    let wrong = || {
        invalid(format!(
            "Unable to evaluate template language function '{function}': the type '{}' and the names do not fit \
             together. Please see https://aka.ms/arm-functions-resource for usage details",
            texts.first().unwrap_or(&"")
        ))
    };
    let (kind, names) = texts.split_first().ok_or_else(wrong)?;
    joined_id(scope, kind, names)
        .map(|id| json!(id))
        .ok_or_else(wrong)
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
        let each: Vec<&Value> = match value {
            Value::Array(values) if !allowed.contains(value) => values.iter().collect(),
            one => vec![one],
        };
        if !each.iter().all(|one| allowed.contains(one)) {
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
