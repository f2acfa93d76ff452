//! Deploying a template: its resources are put in the order that they need each other.

use super::error::{circle, invalid};
use super::evaluate::Around;
use super::limits::size;
use super::loops::Turn;
use super::plan::{Plan, Planned};
use super::resources::{NoResources, Resources, pending};
use super::template::{Place, Template};
use crate::arm::error::Error;
use crate::state::deployments::Deployment;
use http::Method;
use serde_json::{Map, Value, json};
use std::cell::RefCell;

/// How far a resource is.
enum Progress {
    Waiting,
    /// It is being deployed, after these.
    Begun(Vec<usize>),
    Done,
    /// Refused, or something that it needs was.
    Failed,
}

/// What became of one resource.
pub(super) struct Deployed {
    pub(super) id: String,
    pub(super) kind: String,
    /// The API version that the template says.
    pub(super) version: String,
    pub(super) name: String,
    pub(super) location: Option<String>,
    /// Ids, types and names of what it depends on.
    pub(super) needs: Vec<(String, String, String)>,
    /// The resource before, where it was there.
    pub(super) before: Option<Value>,
    /// How many batches of its loop come before it.
    pub(super) batch: usize,
    pub(super) result: Result<(), Error>,
}

/// A nested deployment.
struct Module {
    properties: Map<String, Value>,
    failure: Option<Error>,
}

/// A template that is being deployed.
pub(super) struct Run<'a> {
    template: &'a Template<'a>,
    plan: Plan,
    progress: RefCell<Vec<Progress>>,
    /// The resources that an evaluation asked for before they were deployed.
    missing: RefCell<Vec<usize>>,
    deployed: RefCell<Vec<Deployed>>,
}

impl<'a> Run<'a> {
    /// Reads the template's resources. Nothing is deployed yet.
    pub(super) fn new(template: &'a Template<'a>) -> Result<Self, Error> {
        let plan = Plan::new(template)?;
        let waiting = plan.all.iter().map(|_| Progress::Waiting).collect();
        Ok(Run {
            template,
            plan,
            progress: RefCell::new(waiting),
            missing: RefCell::default(),
            deployed: RefCell::default(),
        })
    }

    /// The resources whose conditions do not hold, by their ids in lower case.
    pub(super) fn skipped(&self) -> Vec<String> {
        let skipped = self.plan.all.iter().filter(|one| one.skipped);
        skipped.map(|one| one.id.to_ascii_lowercase()).collect()
    }

    /// Deploys what has not been deployed yet, and gives what became of each, in the order that it was done in.
    /// A resource that is refused stops what needs it and nothing else. A template that turns out not to be
    /// valid, or a circle, is an error of the whole.
    pub(super) fn deploy(self) -> Result<(Vec<Deployed>, Value), Error> {
        for at in 0..self.plan.all.len() {
            self.deploy_from(at)?;
        }
        let failed = self.deployed.borrow().iter().any(|one| one.result.is_err());
        let outputs = if failed { json!({}) } else { self.outputs()? };
        Ok((self.deployed.into_inner(), outputs))
    }

    fn outputs(&self) -> Result<Value, Error> {
        let mut outputs = Map::new();
        let declared = self.template.body.get("outputs").and_then(Value::as_object);
        for (name, declaration) in declared.into_iter().flatten() {
            if let Some(condition) = declaration.get("condition")
                && self.template.evaluate(condition, self)? == json!(false)
            {
                continue;
            }
            let kind = declaration
                .get("type")
                .and_then(Value::as_str)
                .unwrap_or("string");
            let raw = declaration.get("value").unwrap_or(&Value::Null);
            let mut output = json!({"type": shown_type(kind)});
            let value = match declaration.get("copy").filter(|copy| !copy.is_null()) {
                Some(copy) => self.template.copied_output(copy, self)?,
                None => self.template.evaluate(raw, self)?,
            };
            self.template.meter.keep(size(&value).bytes)?;
            if !kind.to_ascii_lowercase().starts_with("secure") {
                output["value"] = value;
            }
            outputs.insert(name.clone(), output);
        }
        Ok(Value::Object(outputs))
    }

    /// Deploys one, after all that it depends on, however long the chain is.
    fn deploy_from(&self, first: usize) -> Result<(), Error> {
        let mut left = vec![first];
        let mut begun: Vec<usize> = Vec::new();
        while let Some(&at) = left.last() {
            if matches!(self.progress.borrow()[at], Progress::Waiting) {
                begun.push(at);
                self.begin(at)?;
            }
            let needed = self.go_on(at)?;
            if needed.is_empty() {
                left.pop();
                if begun.last() == Some(&at) {
                    begun.pop();
                }
                continue;
            }
            for needed in &needed {
                if let Some(from) = begun.iter().position(|begun| begun == needed) {
                    let ids = begun[from..]
                        .iter()
                        .map(|at| self.plan.all[*at].id.as_str());
                    return Err(invalid(format!(
                        "Circular dependency detected on resource: '{}': {}. Please see \
                         https://aka.ms/arm-circular-dependency for usage details",
                        self.plan.all[*needed].id,
                        circle(ids)
                    )));
                }
            }
            left.extend(needed.into_iter().rev());
        }
        Ok(())
    }

    /// Finds what a resource says it depends on. What it refers to is found when its expressions are evaluated.
    fn begin(&self, at: usize) -> Result<(), Error> {
        let one = &self.plan.all[at];
        let progress = if one.skipped || one.existing {
            Progress::Done
        } else {
            Progress::Begun(self.needed(one)?)
        };
        self.progress.borrow_mut()[at] = progress;
        Ok(())
    }

    /// Gives what has to be deployed first; where that is nothing, the resource is deployed, or it has failed.
    fn go_on(&self, at: usize) -> Result<Vec<usize>, Error> {
        let needs = {
            let progress = self.progress.borrow();
            let Progress::Begun(needs) = &progress[at] else {
                return Ok(vec![]);
            };
            let ended = |at: &usize| matches!(progress[*at], Progress::Done | Progress::Failed);
            let missing: Vec<usize> = needs.iter().copied().filter(|at| !ended(at)).collect();
            if !missing.is_empty() {
                return Ok(missing);
            }
            let failed = |at: &usize| matches!(progress[*at], Progress::Failed);
            (!needs.iter().any(failed)).then(|| needs.clone())
        };
        let done = match needs {
            None => false,
            Some(needs) => {
                let body = self.body(&self.plan.all[at]);
                let missing = self.missing.take();
                if !missing.is_empty() {
                    return Ok(missing);
                }
                match body {
                    // An expression that another resource's refusal left without a value.
                    Err(_) if self.deployed.borrow().iter().any(|one| one.result.is_err()) => false,
                    body => self.put(at, &body?, &needs)?,
                }
            }
        };
        self.progress.borrow_mut()[at] = if done {
            Progress::Done
        } else {
            Progress::Failed
        };
        Ok(vec![])
    }

    /// Puts a resource. Says whether it is there.
    fn put(&self, at: usize, body: &Value, needs: &[usize]) -> Result<bool, Error> {
        let one = &self.plan.all[at];
        let needed = |at: &usize| &self.plan.all[*at];
        let needs: Vec<(String, String, String)> = needs
            .iter()
            .map(needed)
            .filter(|needed| !needed.skipped)
            .map(|needed| (needed.id.clone(), needed.kind.clone(), needed.name.clone()))
            .collect();
        let meter = &self.template.meter;
        meter.keep(size(body).bytes)?;
        // Dependencies of all on all are too large before their resources are.
        meter.keep(needs.iter().map(|(id, ..)| id.len()).sum())?;
        meter.put()?;
        let call = self.template.call;
        let before = call.within(Method::GET, &one.id, &one.version, None).ok();
        if let Some(before) = &before {
            meter.answered(before)?;
        }
        let put = || {
            call.within(Method::PUT, &one.id, &one.version, Some(body))
                .map(drop)
        };
        let mut result = call.cx.attempt(put)?;
        if result.is_ok()
            && let Some(error) = self.module(&one.id)?.and_then(|module| module.failure)
        {
            result = Err(error);
        }
        let done = result.is_ok();
        let location = body.get("location").and_then(Value::as_str);
        self.deployed.borrow_mut().push(Deployed {
            id: one.id.clone(),
            kind: one.kind.clone(),
            version: one.version.clone(),
            name: one.name.clone(),
            location: location.map(str::to_owned),
            needs,
            before,
            batch: one.batch,
            result,
        });
        Ok(done)
    }

    /// A nested deployment, if the id is one's.
    fn module(&self, id: &str) -> Result<Option<Module>, Error> {
        let found: Option<Deployment> = self.template.call.cx.tx.get(&id.to_ascii_lowercase())?;
        Ok(found.map(|found| Module {
            failure: found.error.as_ref().map(|_| {
                Error::conflict(
                    "DeploymentFailed",
                    format!(
                        "The nested deployment '{id}' failed: {}",
                        found.error.clone().unwrap_or_default()
                    ),
                )
            }),
            properties: found.properties,
        }))
    }

    /// What a resource says it depends on.
    fn needed(&self, one: &Planned) -> Result<Vec<usize>, Error> {
        let mut found = one.before.clone();
        let Some(all) = one.raw.get("dependsOn").filter(|all| !all.is_null()) else {
            return Ok(found);
        };
        let turn = one.turn.as_ref().map(Turn::as_loop);
        let around = Around {
            loops: turn.as_ref(),
            ..Around::of(&NoResources)
        };
        let all = self.template.evaluate_around(all, around)?;
        let Value::Array(all) = all else {
            return Err(invalid(format!(
                "The 'dependsOn' of the template resource '{}' is no array",
                one.name
            )));
        };
        let mut known = vec![false; self.plan.all.len()];
        for at in &found {
            known[*at] = true;
        }
        for needed in &all {
            let needed = needed.as_str().unwrap_or_default();
            if let Some(made) = self.plan.made_by_loop(needed) {
                for at in made {
                    if !std::mem::replace(&mut known[*at], true) {
                        found.push(*at);
                    }
                }
                continue;
            }
            let at = self.plan.find(needed).ok_or_else(|| {
                invalid(format!(
                    "The resource '{needed}' is not defined in the template. Please see https://aka.ms/arm-syntax-resources for usage details"
                ))
            })?;
            if !std::mem::replace(&mut known[at], true) {
                found.push(at);
            }
        }
        Ok(found)
    }

    /// The body of the resource's PUT.
    fn body(&self, one: &Planned) -> Result<Value, Error> {
        let mut body = Map::new();
        let turn = one.turn.as_ref().map(Turn::as_loop);
        let around = Around {
            loops: turn.as_ref(),
            ..Around::of(self)
        };
        for (member, raw) in &one.raw {
            if [
                "type",
                "name",
                "apiVersion",
                "dependsOn",
                "condition",
                "comments",
                "copy",
                "scope",
                "metadata",
                "existing",
                "resourceGroup",
                "subscriptionId",
            ]
            .contains(&member.as_str())
            {
                continue;
            }
            let value = if member == "properties"
                && one
                    .kind
                    .eq_ignore_ascii_case("Microsoft.Resources/deployments")
            {
                self.nested(raw, around)?
            } else {
                let copies = member == "properties";
                self.template
                    .evaluate_around(raw, Around { copies, ..around })?
            };
            body.insert(member.clone(), value);
        }
        Ok(Value::Object(body))
    }

    /// A nested deployment's properties. Its template's expressions are its own where it says so
    /// (<https://learn.microsoft.com/azure/azure-resource-manager/templates/linked-templates#expression-evaluation-scope-in-nested-templates>).
    fn nested(&self, raw: &Value, around: Around<'_>) -> Result<Value, Error> {
        let inner = raw
            .pointer("/expressionEvaluationOptions/scope")
            .and_then(Value::as_str);
        let mut outer = raw.clone();
        let template = outer
            .as_object_mut()
            .and_then(|members| members.remove("template"));
        let mut properties = self.template.evaluate_around(&outer, around)?;
        if let Some(template) = template {
            properties["template"] = match inner {
                Some(scope) if scope.eq_ignore_ascii_case("inner") => template,
                _ => self.template.evaluate_around(&template, around)?,
            };
        }
        Ok(properties)
    }
}

impl Resources for Run<'_> {
    fn reference(&self, of: &str, version: Option<&str>, whole: bool) -> Result<Value, Error> {
        let found = self.plan.find(of);
        if let Some(at) = found {
            match self.progress.borrow()[at] {
                Progress::Done => {}
                // Whoever asked is not deployed either; the reason is with the resource that was refused.
                Progress::Failed => {
                    return Err(Error::conflict(
                        "DeploymentFailed",
                        format!("The resource '{of}' was not deployed."),
                    ));
                }
                Progress::Waiting | Progress::Begun(_) => {
                    let mut missing = self.missing.borrow_mut();
                    if !missing.contains(&at) {
                        missing.push(at);
                    }
                    return Err(pending());
                }
            }
        }
        if self.waits() {
            return Err(pending());
        }
        let planned = found.map(|at| &self.plan.all[at]);
        let id = planned.map_or(of, |one| one.id.as_str());
        if !id.starts_with('/') {
            return Err(invalid(format!(
                "The resource '{of}' is not defined in the template. Please see https://aka.ms/arm-syntax-resources for usage details"
            )));
        }
        let version = match (version, planned) {
            (Some(version), _) => version,
            (None, Some(one)) => one.version.as_str(),
            (None, None) => {
                return Err(invalid(format!(
                    "The template function 'reference' needs an API version for '{of}', which the template does not define"
                )));
            }
        };
        self.template.meter.read()?;
        let mut resource = self.template.call.within(Method::GET, id, version, None)?;
        self.template.meter.answered(&resource)?;
        // A module's outputs are known to the template around it before its operation ends.
        if let Some(module) = self.module(id)? {
            resource["properties"] = Value::Object(module.properties);
        }
        if !whole {
            return Ok(resource
                .get("properties")
                .cloned()
                .unwrap_or_else(|| json!({})));
        }
        let place: &Place = &self.template.place;
        resource["apiVersion"] = json!(version);
        resource["resourceId"] = json!(id);
        resource["subscriptionId"] = json!(place.subscription());
        if let Some(group) = id.split('/').nth(4) {
            resource["resourceGroupName"] = json!(group);
        }
        Ok(resource)
    }

    fn waits(&self) -> bool {
        !self.missing.borrow().is_empty()
    }
}

/// A type as a deployment shows it.
pub(super) fn shown_type(kind: &str) -> &'static str {
    match kind.to_ascii_lowercase().as_str() {
        "int" => "Int",
        "bool" => "Bool",
        "object" => "Object",
        "array" => "Array",
        "securestring" => "SecureString",
        "secureobject" => "SecureObject",
        _ => "String",
    }
}
