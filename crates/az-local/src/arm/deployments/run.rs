//! Deploying a template: its resources are put in the order that they need each other.

use super::template::{Place, Resources, Template, invalid, joined_id};
use crate::arm::call::Call;
use crate::arm::error::Error;
use crate::arm::path::Path;
use crate::state::deployments::Deployment;
use http::Method;
use serde_json::{Map, Value, json};
use std::cell::RefCell;

/// A resource of the template.
struct Planned {
    symbol: Option<String>,
    raw: Map<String, Value>,
    id: String,
    kind: String,
    name: String,
    version: String,
    /// The condition does not hold.
    skipped: bool,
    /// Only read, not deployed.
    existing: bool,
}

/// How far a resource is.
#[derive(Clone)]
enum Progress {
    Waiting,
    Begun,
    Done,
    /// Refused, or something that it needs was.
    Failed,
}

/// What became of one resource.
pub(super) struct Deployed {
    pub(super) id: String,
    pub(super) kind: String,
    pub(super) name: String,
    pub(super) location: Option<String>,
    /// Ids, types and names of what it depends on.
    pub(super) needs: Vec<(String, String, String)>,
    /// The resource before, where it was there.
    pub(super) before: Option<Value>,
    pub(super) result: Result<Value, Error>,
}

/// A nested deployment.
struct Module {
    properties: Map<String, Value>,
    failure: Option<Error>,
}

/// A template that is being deployed.
pub(super) struct Run<'a> {
    template: &'a Template<'a>,
    planned: Vec<Planned>,
    progress: RefCell<Vec<Progress>>,
    deployed: RefCell<Vec<Deployed>>,
}

impl<'a> Run<'a> {
    /// Reads the template's resources. Nothing is deployed yet.
    pub(super) fn new(template: &'a Template<'a>) -> Result<Self, Error> {
        let mut run = Run {
            template,
            planned: Vec::new(),
            progress: RefCell::default(),
            deployed: RefCell::default(),
        };
        match template.body.get("resources") {
            Some(Value::Array(all)) => {
                for raw in all {
                    run.plan(None, raw, None)?;
                }
            }
            // Language version 2.0 names its resources.
            Some(Value::Object(all)) => {
                for (symbol, raw) in all {
                    run.plan(Some(symbol.clone()), raw, None)?;
                }
            }
            _ => {
                return Err(invalid(
                    "The template's 'resources' are no array and no object",
                ));
            }
        }
        let mut ids: Vec<String> = run
            .planned
            .iter()
            .filter(|one| !one.skipped)
            .map(|one| one.id.to_lowercase())
            .collect();
        ids.sort();
        if let Some(twice) = ids.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(invalid(format!(
                "The resource '{}' is defined multiple times in a template. Please see https://aka.ms/arm-syntax-resources for usage details",
                twice[0]
            )));
        }
        run.progress = RefCell::new(vec![Progress::Waiting; run.planned.len()]);
        Ok(run)
    }

    fn plan(
        &mut self,
        symbol: Option<String>,
        raw: &Value,
        parent: Option<usize>,
    ) -> Result<(), Error> {
        let template = self.template;
        let evaluated = |member: &str| -> Result<Option<String>, Error> {
            let Some(value) = raw.get(member).filter(|value| !value.is_null()) else {
                return Ok(None);
            };
            match template.evaluate(value, &super::template::NoResources)? {
                Value::String(text) => Ok(Some(text)),
                _ => Err(invalid(format!(
                    "The template resource's '{member}' must be a string"
                ))),
            }
        };
        let required = |member: &str| -> Result<String, Error> {
            evaluated(member)?.filter(|text| !text.is_empty()).ok_or_else(|| {
                invalid(format!("The template resource has no '{member}'. Please see https://aka.ms/arm-syntax-resources for usage details"))
            })
        };
        let Value::Object(members) = raw else {
            return Err(invalid("A template resource is no object"));
        };
        let (mut kind, mut name, version) = (
            required("type")?,
            required("name")?,
            required("apiVersion")?,
        );
        let mut members = members.clone();
        if let Some(parent) = parent.map(|at| &self.planned[at]) {
            kind = format!("{}/{kind}", parent.kind);
            name = format!("{}/{name}", parent.name);
            let mut needs = members
                .get("dependsOn")
                .and_then(Value::as_array)
                .cloned()
                .unwrap_or_default();
            needs.push(json!(parent.id));
            members.insert("dependsOn".to_owned(), Value::Array(needs));
        }
        let place = &template.place;
        let scope = match evaluated("scope")? {
            Some(scope) if scope.starts_with('/') => scope,
            // Relative to the deployment: `Type/name/…`, types and names by turns.
            Some(scope) => format!("{}/providers/{scope}", place.scope),
            None => match (evaluated("subscriptionId")?, evaluated("resourceGroup")?) {
                (None, None) => place.scope.clone(),
                (subscription, group) => {
                    let subscription =
                        subscription.unwrap_or_else(|| place.subscription().to_owned());
                    match group {
                        Some(group) => {
                            format!("/subscriptions/{subscription}/resourceGroups/{group}")
                        }
                        None => format!("/subscriptions/{subscription}"),
                    }
                }
            },
        };
        let names: Vec<&str> = name.split('/').collect();
        let id = joined_id(&scope, &kind, &names).ok_or_else(|| {
            invalid(format!(
                "The template resource '{name}' for type '{kind}' has incorrect segment lengths. A nested resource type \
                 must have identical number of segments as its resource name. A root resource type must have segment \
                 length one greater than its resource name. Please see https://aka.ms/arm-syntax-resources for usage details"
            ))
        })?;
        let skipped = match raw.get("condition") {
            None | Some(Value::Null) => false,
            Some(condition) => match template.evaluate(condition, &super::template::NoResources)? {
                Value::Bool(holds) => !holds,
                _ => {
                    return Err(invalid(format!(
                        "The condition of the template resource '{name}' is no boolean"
                    )));
                }
            },
        };
        let children = members.remove("resources");
        let existing = raw.get("existing") == Some(&json!(true));
        self.planned.push(Planned {
            symbol,
            raw: members,
            id,
            kind,
            name,
            version,
            skipped,
            existing,
        });
        let parent = self.planned.len() - 1;
        if !skipped {
            for child in children
                .as_ref()
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
            {
                self.plan(None, child, Some(parent))?;
            }
        }
        Ok(())
    }

    /// Deploys what has not been deployed yet, and gives what became of each, in the order that it was done in.
    /// A resource that is refused stops what needs it and nothing else. A template that turns out not to be
    /// valid, or a circle, is an error of the whole.
    pub(super) fn deploy(self) -> Result<(Vec<Deployed>, Value), Error> {
        for at in 0..self.planned.len() {
            self.deploy_one(at)?;
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
            let value = self.template.evaluate(raw, self)?;
            if !kind.to_ascii_lowercase().starts_with("secure") {
                output["value"] = value;
            }
            outputs.insert(name.clone(), output);
        }
        Ok(Value::Object(outputs))
    }

    /// Deploys one, after what it depends on. Says whether it is there.
    fn deploy_one(&self, at: usize) -> Result<bool, Error> {
        let one = &self.planned[at];
        let progress = self.progress.borrow()[at].clone();
        match progress {
            Progress::Done => return Ok(true),
            Progress::Failed => return Ok(false),
            Progress::Begun => {
                return Err(invalid(format!(
                    "Circular dependency detected on resource: '{}'. Please see https://aka.ms/arm-circular-dependency for usage details",
                    one.id
                )));
            }
            Progress::Waiting => {}
        }
        if one.skipped || one.existing {
            self.progress.borrow_mut()[at] = Progress::Done;
            return Ok(true);
        }
        self.progress.borrow_mut()[at] = Progress::Begun;
        let mut needs = Vec::new();
        let mut ready = true;
        for needed in self.needed(one)? {
            ready &= self.deploy_one(needed)?;
            let needed = &self.planned[needed];
            if !needed.skipped {
                needs.push((needed.id.clone(), needed.kind.clone(), needed.name.clone()));
            }
        }
        if !ready {
            self.progress.borrow_mut()[at] = Progress::Failed;
            return Ok(false);
        }
        let call = self.template.call;
        let body = match self.body(one) {
            // An expression that another resource's refusal left without a value.
            Err(_) if self.deployed.borrow().iter().any(|one| one.result.is_err()) => {
                self.progress.borrow_mut()[at] = Progress::Failed;
                return Ok(false);
            }
            other => other?,
        };
        let before = call.within(Method::GET, &one.id, &one.version, None).ok();
        let put = || call.within(Method::PUT, &one.id, &one.version, Some(&body));
        let mut result = call.cx.attempt(put)?;
        if result.is_ok()
            && let Some(error) = self.module(&one.id)?.and_then(|module| module.failure)
        {
            result = Err(error);
        }
        let done = result.is_ok();
        self.progress.borrow_mut()[at] = if done {
            Progress::Done
        } else {
            Progress::Failed
        };
        self.deployed.borrow_mut().push(Deployed {
            id: one.id.clone(),
            kind: one.kind.clone(),
            name: one.name.clone(),
            location: body
                .get("location")
                .and_then(Value::as_str)
                .map(str::to_owned),
            needs,
            before,
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

    /// What a resource says it depends on. What it refers to is found when its expressions are evaluated.
    fn needed(&self, one: &Planned) -> Result<Vec<usize>, Error> {
        let mut found = Vec::new();
        let Some(all) = one.raw.get("dependsOn").filter(|all| !all.is_null()) else {
            return Ok(found);
        };
        let all = self.template.evaluate(all, self)?;
        let Value::Array(all) = all else {
            return Err(invalid(format!(
                "The 'dependsOn' of the template resource '{}' is no array",
                one.name
            )));
        };
        for needed in &all {
            let needed = needed.as_str().unwrap_or_default();
            let at = self.find(needed).ok_or_else(|| {
                invalid(format!(
                    "The resource '{needed}' is not defined in the template. Please see https://aka.ms/arm-syntax-resources for usage details"
                ))
            })?;
            if !found.contains(&at) {
                found.push(at);
            }
        }
        Ok(found)
    }

    /// A resource of the template by its id, its symbol, `Type/name`, or its name.
    fn find(&self, wanted: &str) -> Option<usize> {
        let wanted = wanted.trim_end_matches('/').to_lowercase();
        let by = |fits: &dyn Fn(&Planned) -> bool| self.planned.iter().position(fits);
        by(&|one| one.id.to_lowercase() == wanted)
            .or_else(|| {
                by(&|one| {
                    one.symbol
                        .as_ref()
                        .is_some_and(|symbol| symbol.to_lowercase() == wanted)
                })
            })
            .or_else(|| by(&|one| format!("{}/{}", one.kind, one.name).to_lowercase() == wanted))
            .or_else(|| {
                let below = format!("/providers/{wanted}");
                by(&|one| wanted.contains('/') && one.id.to_lowercase().ends_with(&below))
            })
            .or_else(|| by(&|one| one.name.to_lowercase() == wanted))
    }

    /// The body of the resource's PUT.
    fn body(&self, one: &Planned) -> Result<Value, Error> {
        let mut body = Map::new();
        for (member, raw) in &one.raw {
            if [
                "type",
                "name",
                "apiVersion",
                "dependsOn",
                "condition",
                "comments",
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
                self.nested(raw)?
            } else {
                self.template.evaluate(raw, self)?
            };
            body.insert(member.clone(), value);
        }
        Ok(Value::Object(body))
    }

    /// A nested deployment's properties. Its template's expressions are its own where it says so
    /// (<https://learn.microsoft.com/azure/azure-resource-manager/templates/linked-templates#expression-evaluation-scope-in-nested-templates>).
    fn nested(&self, raw: &Value) -> Result<Value, Error> {
        let inner = raw
            .pointer("/expressionEvaluationOptions/scope")
            .and_then(Value::as_str);
        let mut outer = raw.clone();
        let template = outer
            .as_object_mut()
            .and_then(|members| members.remove("template"));
        let mut properties = self.template.evaluate(&outer, self)?;
        if let Some(template) = template {
            properties["template"] = match inner {
                Some(scope) if scope.eq_ignore_ascii_case("inner") => template,
                _ => self.template.evaluate(&template, self)?,
            };
        }
        Ok(properties)
    }
}

impl Resources for Run<'_> {
    fn reference(&self, of: &str, version: Option<&str>, whole: bool) -> Result<Value, Error> {
        let planned = self.find(of);
        if let Some(at) = planned
            && !self.deploy_one(at)?
        {
            // Whoever asked is not deployed either; the reason is with the resource that was refused.
            return Err(Error::conflict(
                "DeploymentFailed",
                format!("The resource '{of}' was not deployed."),
            ));
        }
        let planned = planned.map(|at| &self.planned[at]);
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
        let mut resource = self.template.call.within(Method::GET, id, version, None)?;
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

impl Call<'_> {
    /// A request of the deployment's own to Resource Manager, with the caller's rights. Gives the answer's body.
    pub(super) fn within(
        &self,
        method: Method,
        id: &str,
        version: &str,
        body: Option<&Value>,
    ) -> Result<Value, Error> {
        let request = crate::ground::wire::Request {
            method,
            host: self.request.host.clone(),
            path: id
                .split('/')
                .map(|segment| {
                    percent_encoding::utf8_percent_encode(
                        segment,
                        percent_encoding::NON_ALPHANUMERIC,
                    )
                    .to_string()
                })
                .collect::<Vec<_>>()
                .join("/"),
            query: vec![("api-version".to_owned(), version.to_owned())],
            headers: http::HeaderMap::new(),
            body: body.map(Value::to_string).unwrap_or_default().into(),
            origin: self.request.origin.clone(),
        };
        crate::arm::version::check(version)?;
        let call = Call {
            cx: self.cx,
            path: Path::parse(&request.segments()),
            request: &request,
            principal: self.principal.clone(),
            api_version: version.to_owned(),
            router: self.router,
        };
        let response = self.router.route(&call)?;
        Ok(serde_json::from_slice(&response.body).unwrap_or_default())
    }
}
