//! `POST …/whatIf`: what a deployment would change. It is tried, its changes are read, and it is undone
//! (<https://learn.microsoft.com/rest/api/resources/deployments/what-if>).

use super::asked::{asked, place, run};
use super::run::Deployed;
use crate::arm::call::Call;
use crate::arm::error::Error;
use crate::ground::wire::Response;
use crate::state::{Range, Resource};
use http::{Method, StatusCode};
use serde_json::{Value, json};
use std::collections::HashSet;
use uuid::Uuid;

/// Members that the service sets anew, whatever a deployment says.
const VOLATILE: &[&str] = &[
    "etag",
    "provisioningState",
    "resourceGuid",
    "systemData",
    "timeCreated",
    "vmId",
];

pub(super) fn answer(call: &Call<'_>, name: &str) -> Result<Response, Error> {
    let asked = asked(call)?;
    let place = place(call, &asked)?;
    let scope = place.scope.clone();
    let ids_only =
        asked.settings.get("resultFormat").and_then(Value::as_str) == Some("ResourceIdOnly");
    let changes = call.cx.trial(|| {
        let outcome = run(call, name, place, &asked)?;
        let mut changes = Vec::new();
        for one in &outcome.deployed {
            if let Err(error) = &one.result {
                return Err(error.clone());
            }
            let after = call.within(Method::GET, &one.id, &one.version, None)?;
            changes.push(change(one, &after, ids_only));
        }
        for one in &outcome.deleted {
            let mut change = json!({"resourceId": one.id, "changeType": "Delete"});
            if !ids_only {
                change["before"] = settled(&one.before, &[]);
            }
            changes.push(change);
        }
        if call.path.group.is_some() {
            let own: HashSet<String> = outcome
                .deployed
                .iter()
                .map(|one| &one.id)
                .chain(outcome.deleted.iter().map(|one| &one.id))
                .map(|id| id.to_ascii_lowercase())
                .collect();
            let below = Resource::key_of(&scope) + "/";
            call.cx
                .tx
                .each(&Range::Below(&below), |resource: Resource| {
                    if !own.contains(&resource.id.to_ascii_lowercase()) {
                        changes.push(json!({"resourceId": resource.id, "changeType": "Ignore"}));
                    }
                    Ok::<_, Error>(())
                })?;
        }
        Ok::<_, Error>(changes)
    })??;
    Ok(Response::json(
        StatusCode::OK,
        &json!({
            "status": "Succeeded",
            "properties": {"correlationId": Uuid::new_v4().to_string(), "changes": changes},
        }),
    ))
}

/// Members that say who uses a resource: another one's making changes them, not this one's.
fn users(kind: &str) -> &'static [&'static str] {
    const USERS: &[(&str, &[&str])] = &[
        ("Microsoft.Network/virtualNetworks", &["ipConfigurations"]),
        (
            "Microsoft.Network/networkSecurityGroups",
            &["networkInterfaces", "subnets"],
        ),
        ("Microsoft.Network/publicIPAddresses", &["ipConfiguration"]),
        ("Microsoft.Network/networkInterfaces", &["virtualMachine"]),
    ];
    let found = USERS
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(kind));
    found.map_or(&[], |(_, members)| members)
}

fn change(one: &Deployed, after: &Value, ids_only: bool) -> Value {
    let (id, users) = (&one.id, users(&one.kind));
    let after = settled(after, users);
    let before = one.before.as_ref().map(|before| settled(before, users));
    let mut delta = Vec::new();
    let kind = match &before {
        None => "Create",
        Some(before) => {
            compare("", before, &after, &mut delta);
            match (delta.is_empty(), ids_only) {
                (_, true) => "Deploy",
                (true, _) => "NoChange",
                (false, _) => "Modify",
            }
        }
    };
    let mut change = json!({"resourceId": id, "changeType": kind});
    if !ids_only {
        if let Some(before) = before {
            change["before"] = before;
        }
        change["after"] = after;
        if !delta.is_empty() {
            change["delta"] = Value::Array(delta);
        }
    }
    change
}

/// A resource without what changes by itself, and without who uses it.
fn settled(value: &Value, users: &[&str]) -> Value {
    match value {
        Value::Object(members) => Value::Object(
            members
                .iter()
                .filter(|(name, _)| {
                    !VOLATILE.contains(&name.as_str()) && !users.contains(&name.as_str())
                })
                .map(|(name, value)| (name.clone(), settled(value, users)))
                .collect(),
        ),
        Value::Array(values) => values.iter().map(|value| settled(value, users)).collect(),
        other => other.clone(),
    }
}

fn compare(path: &str, before: &Value, after: &Value, delta: &mut Vec<Value>) {
    let (Value::Object(old), Value::Object(new)) = (before, after) else {
        if before != after {
            delta.push(json!({"path": path, "propertyChangeType": "Modify", "before": before, "after": after}));
        }
        return;
    };
    for (name, value) in old {
        let path = if path.is_empty() {
            name.clone()
        } else {
            format!("{path}.{name}")
        };
        match new.get(name) {
            Some(now) => compare(&path, value, now, delta),
            None => {
                delta.push(json!({"path": path, "propertyChangeType": "Delete", "before": value}))
            }
        }
    }
    for (name, value) in new.iter().filter(|(name, _)| !old.contains_key(*name)) {
        let path = if path.is_empty() {
            name.clone()
        } else {
            format!("{path}.{name}")
        };
        delta.push(json!({"path": path, "propertyChangeType": "Create", "after": value}));
    }
}
