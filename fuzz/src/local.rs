//! What the local Azure's services read.

use crate::{first_line, text};
use az_local::fuzzing::{self, Azure};
use serde_json::{Map, Value, json};
use std::sync::LazyLock;

pub static AZURE: LazyLock<Azure> = LazyLock::new(|| Azure::open().expect("an instance"));

/// The first line is an output's expression, each other one a variable's: `m0`, `m1`, …
pub fn expression(data: &[u8]) {
    let Some(text) = text(data) else { return };
    let mut lines = text.split('\n');
    let output = lines.next().unwrap_or_default();
    let variables: Map<String, Value> = lines
        .enumerate()
        .map(|(at, line)| (format!("m{at}"), Value::from(format!("[{line}]"))))
        .collect();
    let own = json!({"parameters": [{"name": "a", "type": "string"}],
        "output": {"type": "string", "value": "[concat(parameters('a'), 'x')]"}});
    let template = json!({
        "$schema": "https://schema.management.azure.com/schemas/2018-05-01/subscriptionDeploymentTemplate.json#",
        "contentVersion": "1.0.0.0",
        "parameters": {"p": {"type": "object", "defaultValue": {"a": [1, "b", null, {"c": true}]}}},
        "functions": [{"namespace": "f", "members": {"g": own}}],
        "variables": variables,
        "resources": [],
        "outputs": {"x": {"type": "object", "value": {"y": format!("[{output}]"), "z": output}}},
    });
    let body =
        json!({"location": "eastus", "properties": {"mode": "Incremental", "template": template}});
    let (status, answer) = AZURE.validate(&body);
    assert!(status == 200 || status == 400, "{status}: {answer}");
}

pub fn graph_filter(data: &[u8]) {
    let Some(text) = text(data) else { return };
    fuzzing::graph_filter(text);
    let (status, answer) = AZURE.principals(text);
    assert!(status < 500, "{answer}");
}

pub fn arm_filter(data: &[u8]) {
    let Some(text) = text(data) else { return };
    if let Some(found) = fuzzing::arm_filter(text) {
        let terms: Vec<String> = found
            .iter()
            .map(|(field, value)| format!("{field} eq '{}'", value.replace('\'', "''")))
            .collect();
        let written = terms.join(" and ");
        assert_eq!(fuzzing::arm_filter(&written), Some(found), "{written}");
    }
    let (status, answer) = AZURE.resources(text);
    assert!(status < 500, "{answer}");
}

pub fn condition(data: &[u8]) {
    let Some(text) = text(data) else { return };
    const WRITE: &str = "Microsoft.Authorization/roleAssignments/write";
    let value = "11111111-2222-3333-4444-555555555555";
    let Some(holds) = fuzzing::condition(text, WRITE, value) else {
        return;
    };
    // Each of these means the same, or the opposite.
    let not = fuzzing::condition(&format!("NOT ({text})"), WRITE, value);
    let both = fuzzing::condition(&format!("({text}) AND ({text})"), WRITE, value);
    // One that is nested as deep as it may be cannot be nested deeper.
    assert!(not.is_none_or(|not| not != holds), "{text}");
    assert!(both.is_none_or(|both| both == holds), "{text}");
}

/// A first line `header`: the rest is what stands in `Authorization`. `claims`: the rest is what a good token says. Else all
/// is a client assertion.
pub fn jwt(data: &[u8]) {
    let Some(text) = text(data) else { return };
    match first_line(text) {
        ("header", header) => {
            assert_eq!(AZURE.authorized(header), None, "nobody signed it");
        }
        ("claims", claims) => {
            // The tenant is another one each time.
            let claims = claims.replace("$TENANT", AZURE.desk()[1]);
            let Ok(claims) = serde_json::from_str::<Value>(&claims) else {
                return;
            };
            let jwt = AZURE.signed(&claims).expect("a signature");
            if let Some(who) = AZURE.authorized(&format!("Bearer {jwt}")) {
                assert_eq!(claims["oid"], *who);
                assert_eq!(claims["tid"], *AZURE.desk()[1]);
            }
        }
        _ => assert!(!AZURE.asserted(text, CERTIFICATE), "nobody signed it"),
    }
}

/// Some DER, in base64, that is no certificate: its digest is known all the same.
const CERTIFICATE: &str = "MAA=";

/// A request to the services: method, host and path with query in the first line, all else is the body. `$S` stands for the
/// subscription, `$T` for the tenant, which are others each time.
pub fn request(data: &[u8]) {
    let Some(text) = text(data) else { return };
    let [subscription, tenant] = AZURE.desk();
    let text = text.replace("$S", subscription).replace("$T", tenant);
    let (first, body) = first_line(&text);
    let mut words = first.splitn(3, ' ');
    let (Some(method), Some(host), Some(path)) = (words.next(), words.next(), words.next()) else {
        return;
    };
    // Whatever else it is, it is the vault.
    let host = match host {
        "arm" => "management.azure.com",
        "graph" => "graph.microsoft.com",
        "entra" => "login.microsoftonline.com",
        _ => "kv-fuzz.vault.azure.net",
    };
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    if let Some(status) = AZURE.answer(method, host, path, query, body.as_bytes()) {
        assert!(status < 500 || status == 501, "{status}: {first}");
    }
}

/// What a body has beside secrets' names must not hide them, and what it has there must not be in the log.
pub fn request_log(data: &[u8]) {
    const SECRET: &str = "S3cr3t";
    let Some(text) = text(data) else { return };
    let (first, body) = first_line(text);
    let (host, path, kind) = match first.bytes().next().unwrap_or_default() % 4 {
        0 => (
            "https://management.azure.com",
            "/subscriptions/s/resourceGroups/g",
            "application/json",
        ),
        1 => (
            "https://v.vault.azure.net",
            "/secrets/s",
            "application/json",
        ),
        2 => (
            "https://login.microsoftonline.com",
            "/t/oauth2/v2.0/token",
            "application/x-www-form-urlencoded",
        ),
        _ => (
            "https://management.azure.com",
            "/a/runCommand",
            "application/json",
        ),
    };
    let query = first.get(1..).unwrap_or_default();
    let line = fuzzing::logged(host, path, query, kind, body.as_bytes());
    assert!(!line.contains('\n'));
    serde_json::from_str::<Value>(&line).expect("JSON");
    let Ok(value) = serde_json::from_str::<Value>(body) else {
        return;
    };
    if query.is_empty() && kind == "application/json" && !is_open(&value, SECRET) {
        assert!(!line.contains(SECRET), "{line}");
    }
}

/// Whether a text stands anywhere but in the value of a secret's name.
fn is_open(value: &Value, text: &str) -> bool {
    const SECRETS: [&str; 6] = [
        "password",
        "adminpassword",
        "client_secret",
        "access_token",
        "customdata",
        "protectedsettings",
    ];
    match value {
        Value::String(one) => one.contains(text),
        Value::Array(items) => items.iter().any(|item| is_open(item, text)),
        Value::Object(members) => members.iter().any(|(name, value)| {
            name.contains(text)
                || (is_open_within(value, text)
                    || !SECRETS.contains(&name.to_ascii_lowercase().as_str())
                        && is_open(value, text))
        }),
        _ => false,
    }
}

/// Whether a text stands in a name within a secret: names stay.
fn is_open_within(value: &Value, text: &str) -> bool {
    match value {
        Value::Array(items) => items.iter().any(|item| is_open_within(item, text)),
        Value::Object(members) => members
            .iter()
            .any(|(name, value)| name.contains(text) || is_open_within(value, text)),
        _ => false,
    }
}
