//! The resources of a template as it names them, and how they are found.

use super::error::invalid;
use super::ids::joined_id;
use super::resources::NoResources;
use super::template::Template;
use crate::arm::error::Error;
use serde_json::{Map, Value, json};
use std::collections::HashMap;

/// A resource of the template.
pub(super) struct Planned {
    pub(super) symbol: Option<String>,
    pub(super) raw: Map<String, Value>,
    pub(super) id: String,
    pub(super) kind: String,
    pub(super) name: String,
    pub(super) version: String,
    /// The condition does not hold.
    pub(super) skipped: bool,
    /// Only read, not deployed.
    pub(super) existing: bool,
}

/// The resources of a template, those within others behind them.
pub(super) struct Plan {
    pub(super) all: Vec<Planned>,
    names: HashMap<String, (By, usize)>,
}

/// What a resource is found by; the first is the strongest.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum By {
    Id,
    Symbol,
    TypeAndName,
    EndOfId,
    Name,
}

/// A resource that is to be planned.
struct Raw<'v> {
    symbol: Option<&'v str>,
    value: &'v Value,
    parent: Option<usize>,
}

impl Plan {
    /// Reads the template's resources.
    pub(super) fn new(template: &Template<'_>) -> Result<Self, Error> {
        let mut left: Vec<Raw<'_>> = match template.body.get("resources") {
            Some(Value::Array(all)) => below(all, None).collect(),
            // Language version 2.0 names its resources.
            Some(Value::Object(all)) => all
                .iter()
                .map(|(symbol, value)| Raw {
                    symbol: Some(symbol),
                    value,
                    parent: None,
                })
                .collect(),
            _ => {
                return Err(invalid(
                    "The template's 'resources' are no array and no object",
                ));
            }
        };
        left.reverse();
        let mut plan = Plan {
            all: Vec::new(),
            names: HashMap::new(),
        };
        while let Some(raw) = left.pop() {
            let parent = raw.parent.map(|at| &plan.all[at]);
            let planned = planned(template, &raw, parent)?;
            let children = raw.value["resources"].as_array();
            if let Some(children) = children.filter(|_| !planned.skipped) {
                left.extend(below(children, Some(plan.all.len())).rev());
            }
            plan.all.push(planned);
        }
        plan.refuse_twice()?;
        plan.name();
        Ok(plan)
    }

    fn refuse_twice(&self) -> Result<(), Error> {
        let deployed = self.all.iter().filter(|one| !one.skipped);
        let mut ids: Vec<String> = deployed.map(|one| one.id.to_lowercase()).collect();
        ids.sort();
        match ids.windows(2).find(|pair| pair[0] == pair[1]) {
            None => Ok(()),
            Some(twice) => Err(invalid(format!(
                "The resource '{}' is defined multiple times in a template. Please see \
                 https://aka.ms/arm-syntax-resources for usage details",
                twice[0]
            ))),
        }
    }

    fn name(&mut self) {
        for (at, one) in self.all.iter().enumerate() {
            let id = one.id.to_lowercase();
            let ends = id
                .match_indices("/providers/")
                .map(|(from, word)| (By::EndOfId, id[from + word.len()..].to_owned()));
            let symbol = one.symbol.as_ref().map(|symbol| symbol.to_lowercase());
            let names = [
                (By::Id, id.clone()),
                (
                    By::TypeAndName,
                    format!("{}/{}", one.kind, one.name).to_lowercase(),
                ),
                (By::Name, one.name.to_lowercase()),
            ];
            let names = names.into_iter().chain(ends);
            for (by, name) in names.chain(symbol.map(|symbol| (By::Symbol, symbol))) {
                let known = self.names.entry(name).or_insert((by, at));
                if by < known.0 {
                    *known = (by, at);
                }
            }
        }
    }

    /// A resource of the template by its id, its symbol, `Type/name`, or its name.
    pub(super) fn find(&self, wanted: &str) -> Option<usize> {
        let wanted = wanted.trim_end_matches('/').to_lowercase();
        self.names.get(&wanted).map(|(_, at)| *at)
    }
}

fn below(resources: &[Value], parent: Option<usize>) -> impl DoubleEndedIterator<Item = Raw<'_>> {
    resources.iter().map(move |value| Raw {
        symbol: None,
        value,
        parent,
    })
}

fn planned(
    template: &Template<'_>,
    raw: &Raw<'_>,
    parent: Option<&Planned>,
) -> Result<Planned, Error> {
    let Value::Object(members) = raw.value else {
        return Err(invalid("A template resource is no object"));
    };
    let mut kind = required(template, members, "type")?;
    let mut name = required(template, members, "name")?;
    let version = required(template, members, "apiVersion")?;
    // What is within it is planned for itself.
    let mut own: Map<String, Value> = members
        .iter()
        .filter(|(member, _)| *member != "resources")
        .map(|(member, value)| (member.clone(), value.clone()))
        .collect();
    if let Some(parent) = parent {
        kind = format!("{}/{kind}", parent.kind);
        name = format!("{}/{name}", parent.name);
        let needs = own.get("dependsOn").and_then(Value::as_array);
        let mut needs = needs.cloned().unwrap_or_default();
        needs.push(json!(parent.id));
        own.insert("dependsOn".to_owned(), Value::Array(needs));
    }
    let names: Vec<&str> = name.split('/').collect();
    let scope = scope(template, members)?;
    let id = joined_id(&scope, &kind, &names).ok_or_else(|| {
        invalid(format!(
            "The template resource '{name}' for type '{kind}' has incorrect segment lengths. A nested resource type \
             must have identical number of segments as its resource name. A root resource type must have segment \
             length one greater than its resource name. Please see https://aka.ms/arm-syntax-resources for usage details"
        ))
    })?;
    template.meter.keep(id.len() + version.len())?;
    let skipped = match members.get("condition") {
        None | Some(Value::Null) => false,
        Some(condition) => match template.evaluate(condition, &NoResources)? {
            Value::Bool(holds) => !holds,
            _ => {
                return Err(invalid(format!(
                    "The condition of the template resource '{name}' is no boolean"
                )));
            }
        },
    };
    Ok(Planned {
        symbol: raw.symbol.map(str::to_owned),
        raw: own,
        id,
        kind,
        name,
        version,
        skipped,
        existing: members.get("existing") == Some(&json!(true)),
    })
}

fn evaluated(
    template: &Template<'_>,
    members: &Map<String, Value>,
    member: &str,
) -> Result<Option<String>, Error> {
    let Some(value) = members.get(member).filter(|value| !value.is_null()) else {
        return Ok(None);
    };
    match template.evaluate(value, &NoResources)? {
        Value::String(text) => Ok(Some(text)),
        _ => Err(invalid(format!(
            "The template resource's '{member}' must be a string"
        ))),
    }
}

fn required(
    template: &Template<'_>,
    members: &Map<String, Value>,
    member: &str,
) -> Result<String, Error> {
    let text = evaluated(template, members, member)?;
    text.filter(|text| !text.is_empty()).ok_or_else(|| {
        invalid(format!(
            "The template resource has no '{member}'. Please see https://aka.ms/arm-syntax-resources for usage details"
        ))
    })
}

/// What the resource is deployed to: a resource, a group, a subscription.
fn scope(template: &Template<'_>, members: &Map<String, Value>) -> Result<String, Error> {
    let place = &template.place;
    match evaluated(template, members, "scope")? {
        Some(scope) if scope.starts_with('/') => return Ok(scope),
        // Relative to the deployment: `Type/name/…`, types and names by turns.
        Some(scope) => return Ok(format!("{}/providers/{scope}", place.scope)),
        None => {}
    }
    let subscription = evaluated(template, members, "subscriptionId")?;
    let group = evaluated(template, members, "resourceGroup")?;
    if subscription.is_none() && group.is_none() {
        return Ok(place.scope.clone());
    }
    let subscription = subscription.unwrap_or_else(|| place.subscription().to_owned());
    Ok(match group {
        Some(group) => format!("/subscriptions/{subscription}/resourceGroups/{group}"),
        None => format!("/subscriptions/{subscription}"),
    })
}
