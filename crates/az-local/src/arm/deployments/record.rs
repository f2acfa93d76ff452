//! What a deployment answers about itself.

use super::asked::{Asked, Outcome};
use super::complete::Deleted;
use super::run::Deployed;
use crate::arm::error::Error;
use crate::arm::times;
use crate::request::Context;
use crate::state::deployments::Deployment;
use crate::state::durations::Work;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use time::Duration;
use uuid::Uuid;

pub(super) use super::ids::KIND;

pub(super) fn active(name: &str, there: &Deployment) -> Error {
    Error::conflict(
        "DeploymentActive",
        format!(
            "Unable to edit or replace deployment '{name}': previous deployment from '{}' is still active. Please see \
             https://aka.ms/arm-deploy for usage details.",
            times::text(there.began)
        ),
    )
}

pub(super) fn runs(deployment: &Deployment, cx: &Context<'_>) -> bool {
    deployment.ends > cx.now
}

pub(super) fn state(deployment: &Deployment, cx: &Context<'_>) -> &'static str {
    match (&deployment.error, runs(deployment, cx)) {
        (_, true) => "Running",
        (Some(_), false) => "Failed",
        (None, false) => "Succeeded",
    }
}

pub(super) fn view(deployment: &Deployment, cx: &Context<'_>) -> Value {
    let state = state(deployment, cx);
    let mut properties = deployment.properties.clone();
    properties.insert("provisioningState".to_owned(), json!(state));
    let until = if runs(deployment, cx) {
        cx.now
    } else {
        deployment.ends
    };
    properties.insert("timestamp".to_owned(), json!(times::text(until)));
    properties.insert(
        "duration".to_owned(),
        json!(duration(until - deployment.began)),
    );
    if runs(deployment, cx) {
        properties.remove("outputs");
        properties.remove("outputResources");
    } else if let Some(error) = &deployment.error {
        properties.insert("error".to_owned(), error.clone());
    }
    let name = deployment.id.rsplit('/').next().unwrap_or_default();
    let mut view = json!({"id": deployment.id, "name": name, "type": KIND});
    if let Some(location) = &deployment.location {
        view["location"] = json!(location);
    }
    if let Some(tags) = &deployment.tags {
        view["tags"] = tags.clone();
    }
    view["properties"] = Value::Object(properties);
    view
}

/// ISO 8601
fn duration(time: Duration) -> String {
    format!("PT{}S", time.as_seconds_f64().max(0.0))
}

/// What a deployment answers about what it deploys.
pub(super) fn properties(asked: &Asked, outcome: &Outcome) -> Map<String, Value> {
    let mut providers: BTreeMap<String, BTreeMap<String, Option<String>>> = BTreeMap::new();
    for one in &outcome.deployed {
        let (namespace, kind) = one.kind.split_once('/').unwrap_or((one.kind.as_str(), ""));
        let kinds = providers.entry(namespace.to_owned()).or_default();
        kinds.insert(kind.to_owned(), one.location.clone());
    }
    let providers: Vec<Value> = providers
        .into_iter()
        .map(|(namespace, kinds)| {
            let kinds: Vec<Value> = kinds
                .into_iter()
                .map(|(kind, location)| json!({"resourceType": kind, "locations": [location]}))
                .collect();
            json!({"namespace": namespace, "resourceTypes": kinds})
        })
        .collect();
    let reference = |(id, kind, name): &(String, String, String)| json!({"id": id, "resourceType": kind, "resourceName": name});
    let dependencies: Vec<Value> = outcome
        .deployed
        .iter()
        .filter(|one| !one.needs.is_empty())
        .map(|one| {
            let mut entry = reference(&(one.id.clone(), one.kind.clone(), one.name.clone()));
            entry["dependsOn"] = one.needs.iter().map(reference).collect();
            entry
        })
        .collect();
    let hash = ring::digest::digest(&ring::digest::SHA256, asked.template.to_string().as_bytes());
    let hash = u64::from_be_bytes(std::array::from_fn(|at| hash.as_ref()[at]));
    let shown = json!({
        "templateHash": hash.to_string(),
        "parameters": outcome.parameters,
        "mode": if asked.complete { "Complete" } else { "Incremental" },
        "provisioningState": "Accepted",
        "correlationId": Uuid::new_v4().to_string(),
        "providers": providers,
        "dependencies": dependencies,
    });
    match shown {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

pub(super) fn steps(
    cx: &Context<'_>,
    id: &str,
    deployed: &[Deployed],
    deleted: &[Deleted],
) -> Vec<Value> {
    let made = deployed.iter().map(|one| Step {
        operation: "Create",
        good: "Created",
        takes: cx.knobs.takes(&one.kind, Work::Create),
        target: [&one.id, &one.kind, &one.name],
        result: &one.result,
    });
    let gone = deleted.iter().map(|one| Step {
        operation: "Delete",
        good: "OK",
        takes: cx.knobs.takes(&one.kind, Work::Delete),
        target: [&one.id, &one.kind, &one.name],
        result: &one.result,
    });
    made.chain(gone).map(|step| step.shown(cx, id)).collect()
}

/// What a deployment did to one resource.
struct Step<'s> {
    operation: &'s str,
    /// The status code of one that went well.
    good: &'s str,
    takes: Duration,
    /// Id, type and name.
    target: [&'s String; 3],
    result: &'s Result<(), Error>,
}

impl Step<'_> {
    fn shown(&self, cx: &Context<'_>, id: &str) -> Value {
        let operation = Uuid::new_v4().simple().to_string().to_uppercase();
        let [target, kind, name] = self.target;
        let mut properties = json!({
            "provisioningOperation": self.operation,
            "provisioningState": if self.result.is_ok() { "Succeeded" } else { "Failed" },
            "timestamp": times::text(cx.now),
            "duration": duration(self.takes),
            "trackingId": Uuid::new_v4().to_string(),
            "statusCode": self.good,
            "targetResource": {"id": target, "resourceType": kind, "resourceName": name},
        });
        if let Err(error) = self.result {
            let reason = error.status().canonical_reason().unwrap_or_default();
            properties["statusCode"] = json!(reason.replace(' ', ""));
            properties["statusMessage"] = json!({"error": error.body()});
        }
        json!({"id": format!("{id}/operations/{operation}"), "operationId": operation, "properties": properties})
    }
}
