//! The resources of a template as it names them, and how they are found.

use super::error::invalid;
use super::evaluate::Around;
use super::ids::joined_id;
use super::limits::{MOST_RESOURCES, at_most};
use super::loops::Turn;
use super::resources::NoResources;
use super::template::{Template, resource_count};
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
    /// The turn of the loop that makes it.
    pub(super) turn: Option<Turn>,
    /// What comes before it in its loop, and how many batches that is.
    pub(super) before: Vec<usize>,
    pub(super) batch: usize,
}

/// The resources of a template, those within others behind them.
pub(super) struct Plan {
    pub(super) all: Vec<Planned>,
    names: HashMap<String, (By, usize)>,
    /// What loops make, by their names and symbols.
    loops: HashMap<String, Vec<usize>>,
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
#[derive(Clone)]
struct Raw<'v> {
    symbol: Option<&'v str>,
    value: &'v Value,
    parent: Option<usize>,
    turn: Option<Turn>,
}

impl Plan {
    /// Reads the template's resources.
    pub(super) fn new(template: &Template<'_>) -> Result<Self, Error> {
        let roots: Vec<Raw<'_>> = match template.body.get("resources") {
            Some(Value::Array(all)) => below(all, None, None).collect(),
            // Language version 2.0 names its resources.
            Some(Value::Object(all)) => all
                .iter()
                .map(|(symbol, value)| Raw {
                    symbol: Some(symbol),
                    value,
                    parent: None,
                    turn: None,
                })
                .collect(),
            _ => {
                return Err(invalid(
                    "The template's 'resources' are no array and no object",
                ));
            }
        };
        let (mut left, batches) = turned(template, roots)?;
        left.reverse();
        let mut plan = Plan {
            all: Vec::new(),
            names: HashMap::new(),
            loops: batches
                .iter()
                .map(|(name, _)| (name.to_lowercase(), vec![]))
                .collect(),
        };
        while let Some(raw) = left.pop() {
            let parent = raw.parent.map(|at| &plan.all[at]);
            let planned = planned(template, &raw, parent)?;
            let at = plan.all.len();
            let children = raw.value["resources"].as_array();
            if let Some(children) = children.filter(|_| !planned.skipped) {
                left.extend(below(children, Some(at), raw.turn.as_ref()).rev());
            }
            if let (Some(turn), None) = (&raw.turn, raw.parent) {
                let names = [Some(turn.name.as_str()), raw.symbol];
                for name in names.into_iter().flatten() {
                    let made = plan.loops.entry(name.to_lowercase()).or_default();
                    if made.last() != Some(&at) {
                        made.push(at);
                    }
                }
            }
            plan.all.push(planned);
        }
        plan.put_in_batches(batches);
        plan.refuse_twice()?;
        plan.name();
        Ok(plan)
    }

    /// What is deployed so many at a time waits for those before it.
    fn put_in_batches(&mut self, batches: Vec<(String, Option<usize>)>) {
        for (name, size) in batches {
            let Some(size) = size else { continue };
            let made = self.loops.get(&name.to_lowercase()).cloned();
            let made = made.unwrap_or_default();
            let mut before: &[usize] = &[];
            for (batch, here) in made.chunks(size).enumerate() {
                for at in here {
                    self.all[*at].before = before.to_vec();
                    self.all[*at].batch = batch;
                }
                before = here;
            }
        }
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
            // One that a loop makes is found by its place: `symbol[0]`.
            let symbol = one.symbol.as_ref().map(|symbol| match &one.turn {
                Some(turn) => format!("{symbol}[{}]", turn.index).to_lowercase(),
                None => symbol.to_lowercase(),
            });
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

    /// What a loop of this name or symbol makes, if there is one.
    pub(super) fn made_by_loop(&self, wanted: &str) -> Option<&[usize]> {
        let made = self.loops.get(&wanted.to_lowercase());
        made.map(Vec::as_slice)
    }
}

fn below<'v>(
    resources: &'v [Value],
    parent: Option<usize>,
    turn: Option<&Turn>,
) -> impl DoubleEndedIterator<Item = Raw<'v>> {
    let turn = turn.cloned();
    resources.iter().map(move |value| Raw {
        symbol: None,
        value,
        parent,
        turn: turn.clone(),
    })
}

/// Each resource as often as its loop turns, and the loops with the sizes of their batches.
type Turned<'v> = (Vec<Raw<'v>>, Vec<(String, Option<usize>)>);

fn turned<'v>(template: &Template<'_>, roots: Vec<Raw<'v>>) -> Result<Turned<'v>, Error> {
    let mut loops = Vec::with_capacity(roots.len());
    let mut count = 0;
    for raw in &roots {
        let own = template.resource_loop(raw.value)?;
        let turns = own.as_ref().map_or(1, |own| own.count);
        let within = resource_count(&Value::Array(vec![raw.value.clone()]));
        count += turns * within;
        loops.push(own);
    }
    at_most(MOST_RESOURCES, "resources", count)?;
    let mut all = Vec::new();
    let mut batches = Vec::new();
    for (raw, own) in roots.into_iter().zip(loops) {
        let Some(own) = own else {
            all.push(raw);
            continue;
        };
        all.extend((0..own.count).map(|index| Raw {
            turn: Some(Turn {
                name: own.name.clone(),
                index,
            }),
            ..raw.clone()
        }));
        if let Some(symbol) = raw.symbol {
            batches.push((symbol.to_owned(), None));
        }
        batches.push((own.name, own.batch));
    }
    Ok((all, batches))
}

fn planned(
    template: &Template<'_>,
    raw: &Raw<'_>,
    parent: Option<&Planned>,
) -> Result<Planned, Error> {
    let Value::Object(members) = raw.value else {
        return Err(invalid("A template resource is no object"));
    };
    if parent.is_some() && members.get("copy").is_some_and(|copy| !copy.is_null()) {
        // Azure's words are not known.
        return Err(invalid(
            "A template resource within another one has a 'copy': only resources at the top level can have one. Please see \
             https://aka.ms/arm-copy for usage details",
        ));
    }
    let turn = raw.turn.as_ref().map(Turn::as_loop);
    let around = Around {
        loops: turn.as_ref(),
        ..Around::of(&NoResources)
    };
    let read = Read {
        template,
        members,
        around,
    };
    let mut kind = read.required("type")?;
    let mut name = read.required("name")?;
    let version = read.required("apiVersion")?;
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
    let scope = read.scope()?;
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
        Some(condition) => match template.evaluate_around(condition, around)? {
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
        turn: raw.turn.clone(),
        before: vec![],
        batch: 0,
    })
}

/// The members of a resource, which are read before anything is deployed.
struct Read<'r> {
    template: &'r Template<'r>,
    members: &'r Map<String, Value>,
    around: Around<'r>,
}

impl Read<'_> {
    fn evaluated(&self, member: &str) -> Result<Option<String>, Error> {
        let Some(value) = self.members.get(member).filter(|value| !value.is_null()) else {
            return Ok(None);
        };
        match self.template.evaluate_around(value, self.around)? {
            Value::String(text) => Ok(Some(text)),
            _ => Err(invalid(format!(
                "The template resource's '{member}' must be a string"
            ))),
        }
    }

    fn required(&self, member: &str) -> Result<String, Error> {
        let text = self.evaluated(member)?;
        text.filter(|text| !text.is_empty()).ok_or_else(|| {
            invalid(format!(
                "The template resource has no '{member}'. Please see https://aka.ms/arm-syntax-resources for usage details"
            ))
        })
    }

    /// What the resource is deployed to: a resource, a group, a subscription.
    fn scope(&self) -> Result<String, Error> {
        let place = &self.template.place;
        match self.evaluated("scope")? {
            Some(scope) if scope.starts_with('/') => return Ok(scope),
            // Relative to the deployment: `Type/name/…`, types and names by turns.
            Some(scope) => return Ok(format!("{}/providers/{scope}", place.scope)),
            None => {}
        }
        let subscription = self.evaluated("subscriptionId")?;
        let group = self.evaluated("resourceGroup")?;
        if subscription.is_none() && group.is_none() {
            return Ok(place.scope.clone());
        }
        let subscription = subscription.unwrap_or_else(|| place.subscription().to_owned());
        Ok(match group {
            Some(group) => format!("/subscriptions/{subscription}/resourceGroups/{group}"),
            None => format!("/subscriptions/{subscription}"),
        })
    }
}
