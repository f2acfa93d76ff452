use super::azure::Azure;
use http::Method;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Every member of a document that is there, as a JSON pointer.
fn members(value: &Value, at: &str, found: &mut Vec<String>) {
    let children: Vec<(String, &Value)> = match value {
        Value::Object(all) => all
            .iter()
            .map(|(key, inner)| (key.clone(), inner))
            .collect(),
        Value::Array(all) => all
            .iter()
            .enumerate()
            .map(|(index, inner)| (index.to_string(), inner))
            .collect(),
        _ => Vec::new(),
    };
    for (key, inner) in children {
        let pointer = format!("{at}/{}", key.replace('~', "~0").replace('/', "~1"));
        found.push(pointer.clone());
        members(inner, &pointer, found);
    }
}

/// What stands in a member's place: nothing that Azure takes everywhere.
fn wrong() -> Vec<Value> {
    let nowhere = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/no/providers/Microsoft.Network/\
                   networkInterfaces/no";
    vec![
        Value::Null,
        json!("nonsense of no kind"),
        json!([]),
        json!({"id": nowhere}),
        json!([{"name": "x", "id": nowhere, "properties": {"subnet": {"id": nowhere}}}]),
    ]
}

#[test]
fn what_is_refused_leaves_nothing_behind() {
    let azure = Azure::start();
    azure.furnish("there", "1");
    let mut refused: BTreeMap<String, usize> = BTreeMap::new();
    // New resources, and changes of those that are there.
    for n in ["1", "2"] {
        for (path, body) in azure.bodies("there", n) {
            let kind = path.split('/').nth(5).expect("a type").to_owned();
            let mut pointers = Vec::new();
            members(&body, "", &mut pointers);
            let mut attempts = vec!["{".to_owned(), String::new(), "[]".to_owned()];
            for pointer in &pointers {
                for value in wrong() {
                    let mut changed = body.clone();
                    *changed.pointer_mut(pointer).expect("a member") = value;
                    attempts.push(changed.to_string());
                }
            }
            for method in [Method::PUT, Method::PATCH] {
                let mut before = azure.state();
                for attempt in &attempts {
                    let (status, answer) = azure.arm_text(method.clone(), &path, attempt);
                    if status < 400 {
                        before = azure.state();
                    } else {
                        *refused.entry(kind.clone()).or_default() += 1;
                        let after = azure.state();
                        let changed: Vec<&String> =
                            after.iter().filter(|line| !before.contains(line)).collect();
                        assert!(
                            before == after,
                            "{method} {path} {attempt}: {status} {answer} left {changed:?}"
                        );
                    }
                }
            }
        }
    }
    for kind in [
        "networkSecurityGroups",
        "virtualNetworks",
        "publicIPAddresses",
        "networkInterfaces",
        "userAssignedIdentities",
        "disks",
        "virtualMachines",
        "vaults",
    ] {
        let count = refused.get(kind).copied().unwrap_or_default();
        assert!(count >= 8, "only {count} refusals of {kind} were seen");
    }
}

#[test]
fn a_refused_machine_leaves_its_interface_free() {
    let azure = Azure::start();
    azure.furnish("g", "1");
    let bodies = azure.bodies("g", "2");
    for (path, body) in &bodies[..6] {
        azure.done(Method::PUT, path, body);
    }
    azure.later();
    let (path, mut body) = bodies[6].clone();
    body["properties"]["storageProfile"]["imageReference"]["offer"] = json!("no-such-offer");
    let before = azure.state();
    let (status, answer) = azure.arm(Method::PUT, &path, &body);
    assert!(status >= 400, "{status} {answer}");
    assert_eq!(azure.state(), before);
    azure.done(Method::DELETE, &bodies[3].0, &Value::Null);
    azure.later();
    let (status, _) = azure.arm(Method::GET, &bodies[3].0, &Value::Null);
    assert_eq!(status, 404);
}

#[test]
fn a_refused_interface_keeps_its_public_address() {
    let azure = Azure::start();
    azure.furnish("g", "1");
    let (path, mut body) = azure.bodies("g", "1")[3].clone();
    body["properties"]["ipConfigurations"][0]["properties"]["subnet"]["id"] = json!(format!(
        "/subscriptions/{}/none/subnets/none",
        azure.subscription
    ));
    let (status, answer) = azure.arm(Method::PUT, &path, &body);
    assert_eq!(status, 400, "{answer}");
    let address = azure.done(Method::GET, &azure.bodies("g", "1")[2].0, &Value::Null);
    let holder = address["properties"]["ipConfiguration"]["id"].as_str();
    assert!(holder.is_some_and(|id| id.contains("/nic1/")), "{address}");
}
