//! An instance with a resource group, and templates for it.

use crate::arm::handle;
use crate::entra::token::{Proof, issue};
use crate::rbac;
use crate::request::Context;
use crate::request::testing::{later, read, request, with_context};
use crate::state::{ServicePrincipal, Subscription, Tenant};
use http::Method;
use serde_json::{Map, Value, json};
use std::time::{Duration, Instant};

const TENANT: &str = "11111111-1111-4111-8111-111111111111";
pub(super) const SUBSCRIPTION: &str = "22222222-2222-4222-8222-222222222222";
const DESK: &str = "33333333-3333-4333-8333-333333333333";
pub(super) const GROUP: &str =
    "/subscriptions/22222222-2222-4222-8222-222222222222/resourceGroups/g";

/// The stack of a worker is 2 MiB; the quarter that is missing here is for what calls a service.
const STACK: usize = 3 * 1024 * 1024 / 2;

/// What is refused for its size is refused without doing it. A loaded computer in a debug build takes far less.
const FAST: Duration = Duration::from_secs(60);

/// Runs `work` with a resource group, on a small stack.
pub(super) fn with_group<R: Send + 'static>(
    work: impl FnOnce(&mut Context<'_>) -> R + Send + 'static,
) -> R {
    let thread = std::thread::Builder::new().stack_size(STACK);
    let running = thread.spawn(|| {
        with_context(|cx| {
            seed(cx);
            work(cx)
        })
    });
    running.expect("a thread").join().expect("no panic")
}

fn seed(cx: &Context<'_>) {
    let tenant = Tenant {
        id: TENANT.to_owned(),
        display_name: "Local".to_owned(),
        domains: Vec::new(),
    };
    cx.tx.put(&tenant).expect("a tenant");
    let subscription = Subscription {
        id: SUBSCRIPTION.to_owned(),
        display_name: "Local".to_owned(),
        tenant_id: TENANT.to_owned(),
        tags: serde_json::Map::new(),
        providers: vec![
            "microsoft.managedidentity".to_owned(),
            "microsoft.network".to_owned(),
        ],
    };
    cx.tx.put(&subscription).expect("a subscription");
    let desk = ServicePrincipal {
        object_id: DESK.to_owned(),
        app_id: "app".to_owned(),
        tenant_id: TENANT.to_owned(),
        display_name: "desk".to_owned(),
        managed_identity: None,
        created: cx.now,
    };
    cx.tx.put(&desk).expect("a principal");
    rbac::seed_owner(cx.tx, SUBSCRIPTION, DESK, cx.now).expect("an owner");
    let (status, answer) = send(cx, Method::PUT, GROUP, r#"{"location": "eastus"}"#);
    assert_eq!(status, 201, "{answer}");
}

pub(super) fn send(cx: &Context<'_>, method: Method, path: &str, body: &str) -> (u16, Value) {
    let desk: ServicePrincipal = cx.tx.get(DESK).expect("the state").expect("the desk");
    let audience = "https://management.azure.com";
    let token = issue(cx, &desk, audience, &Proof::ClientSecret).expect("a token");
    let header = format!("Bearer {}", token.jwt);
    let url = format!("{audience}{path}?api-version=2024-11-01");
    let request = request(method, &url, &[("authorization", &header)], body);
    read(&handle(cx, &request))
}

pub(super) fn path(name: &str) -> String {
    format!("{GROUP}/providers/Microsoft.Resources/deployments/{name}")
}

pub(super) fn body(template: &Value) -> Value {
    json!({"properties": {"mode": "Incremental", "template": template}})
}

pub(super) fn put_text(cx: &Context<'_>, body: &str) -> (u16, Value) {
    let began = Instant::now();
    let answer = send(cx, Method::PUT, &path("d"), body);
    assert!(began.elapsed() < FAST, "{:?}", began.elapsed());
    answer
}

pub(super) fn put(cx: &Context<'_>, template: &Value) -> (u16, Value) {
    put_text(cx, &body(template).to_string())
}

/// Deploys what must do, and gives its outputs.
pub(super) fn deployed(cx: &mut Context<'_>, template: &Value) -> Value {
    let (status, answer) = put(cx, template);
    assert!(status == 201 || status == 200, "{status}: {answer}");
    later(cx, time::Duration::hours(1));
    let (status, answer) = send(cx, Method::GET, &path("d"), "");
    assert_eq!(status, 200, "{answer}");
    assert_eq!(
        answer["properties"]["provisioningState"], "Succeeded",
        "{answer}"
    );
    answer["properties"]["outputs"].clone()
}

/// Deploys what must be refused as no valid template, for a reason with this word.
pub(super) fn refused(cx: &Context<'_>, template: &Value, word: &str) {
    let (status, answer) = put(cx, template);
    let error = answer["error"].to_string();
    assert_eq!(status, 400, "{error}");
    assert!(error.contains("InvalidTemplate"), "{error}");
    assert!(error.contains(word), "{word}: {error}");
    assert_eq!(
        send(cx, Method::GET, &path("d"), "").0,
        404,
        "nothing is kept"
    );
}

pub(super) fn template(members: Value) -> Value {
    let mut template = json!({
        "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
        "contentVersion": "1.0.0.0",
        "resources": [],
    });
    for (name, value) in members.as_object().expect("members") {
        template[name] = value.clone();
    }
    template
}

/// A template with an output of an expression.
pub(super) fn giving(expression: &str) -> Value {
    template(json!({"outputs": {"x": {"type": "object", "value": expression}}}))
}

pub(super) fn many(count: usize, value: impl Fn(usize) -> Value) -> Value {
    let members: Map<String, Value> = (0..count).map(|at| (format!("m{at}"), value(at))).collect();
    Value::Object(members)
}

pub(super) fn identity(name: &str) -> Value {
    json!({
        "type": "Microsoft.ManagedIdentity/userAssignedIdentities", "apiVersion": "2024-11-30", "name": name,
        "location": "eastus",
    })
}

/// Resources of which each depends on the next one.
pub(super) fn chain(count: usize, closed: bool) -> Value {
    let resource = |at: usize| {
        let mut one = identity(&format!("one-{at}"));
        if at + 1 < count {
            one["dependsOn"] = json!([format!("one-{}", at + 1)]);
        } else if closed {
            one["dependsOn"] = json!(["one-0"]);
        }
        one
    };
    template(json!({"resources": (0..count).map(resource).collect::<Vec<_>>()}))
}

pub(super) fn variables(count: usize, last: Value) -> Value {
    let next = |at: usize| {
        if at + 1 < count {
            json!(format!("[variables('m{}')]", at + 1))
        } else {
            last.clone()
        }
    };
    template(json!({
        "variables": many(count, next),
        "outputs": {"x": {"type": "string", "value": "[variables('m0')]"}},
    }))
}
