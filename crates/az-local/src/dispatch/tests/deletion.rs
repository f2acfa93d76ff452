use super::azure::Azure;
use http::Method;
use serde_json::{Value, json};

/// Where Azure answers a deletion at once, there is nothing to come between.
fn goes_slowly(path: &str) -> bool {
    !path.contains("/userAssignedIdentities/") && !path.contains("/vaults/")
}

/// Takes away what stands against the deletion of `bodies[at]`: those that came after it.
fn clear_above(azure: &Azure, bodies: &[(String, Value)], at: usize) {
    for (path, _) in bodies[at + 1..].iter().rev() {
        azure.arm(Method::DELETE, path, &Value::Null);
        azure.later();
    }
}

#[test]
fn a_deletion_ends_the_one_that_it_was_asked_for() {
    for at in 0..8 {
        let azure = Azure::start();
        azure.furnish("g", "1");
        let bodies = azure.bodies("g", "1");
        let (path, body) = &bodies[at];
        clear_above(&azure, &bodies, at);
        let (first, _) = azure.arm(Method::DELETE, path, &Value::Null);
        // The second joins the first; where that was done at once, there is nothing any more.
        let (second, _) = azure.arm(Method::DELETE, path, &Value::Null);
        let expected = if goes_slowly(path) {
            (202, 202)
        } else {
            (200, 204)
        };
        assert_eq!((first, second), expected, "{path}");
        azure.later();
        let (gone, _) = azure.arm(Method::GET, path, &Value::Null);
        assert_eq!(gone, 404, "{path}");
        if path.contains("/vaults/") {
            continue;
        }
        azure.done(Method::PUT, path, body);
        azure.later();
        azure.later();
        azure.done(Method::GET, path, &Value::Null);
    }
}

#[test]
fn nothing_is_put_on_what_is_being_deleted() {
    for at in 0..8 {
        let azure = Azure::start();
        azure.furnish("g", "1");
        let bodies = azure.bodies("g", "1");
        let (path, body) = &bodies[at];
        if !goes_slowly(path) {
            continue;
        }
        clear_above(&azure, &bodies, at);
        azure.done(Method::DELETE, path, &Value::Null);
        let before = azure.state();
        for (method, path, body) in [
            (Method::PUT, path.clone(), body.clone()),
            (Method::PATCH, path.clone(), json!({"tags": {"x": "y"}})),
            (Method::POST, format!("{path}/start"), Value::Null),
            (
                Method::PUT,
                format!("{path}/subnets/two"),
                json!({"properties": {"addressPrefix": "10.0.9.0/24"}}),
            ),
            (
                Method::PUT,
                format!("{path}/securityRules/two"),
                json!({"properties": {"protocol": "Tcp", "access": "Allow",
                "direction": "Inbound", "priority": 200, "destinationPortRange": "80"}}),
            ),
        ] {
            let (status, answer) = azure.arm(method.clone(), &path, &body);
            let is_part = path != bodies[at].0;
            assert!(
                status == 409 || (is_part && [404, 405, 501].contains(&status)),
                "{method} {path}: {status} {answer}"
            );
        }
        assert_eq!(azure.state(), before, "{path}");
        azure.later();
        let (gone, _) = azure.arm(Method::GET, path, &Value::Null);
        assert_eq!(gone, 404, "{path}");
        azure.done(Method::PUT, path, body);
    }
}

#[test]
fn a_group_is_deleted_once_and_can_be_made_again() {
    let azure = Azure::start();
    azure.furnish("g", "1");
    let group = "/resourceGroups/g";
    let (first, _) = azure.arm(Method::DELETE, group, &Value::Null);
    let (second, _) = azure.arm(Method::DELETE, group, &Value::Null);
    assert_eq!((first, second), (202, 202));
    for (path, body) in azure.bodies("g", "2") {
        let (status, answer) = azure.arm(Method::PUT, &path, &body);
        assert_eq!(status, 409, "{path}: {answer}");
    }
    let (status, _) = azure.arm(Method::PUT, group, &json!({"location": "eastus"}));
    assert_eq!(status, 409);
    azure.later();
    let (gone, _) = azure.arm(Method::GET, group, &Value::Null);
    assert_eq!(gone, 404);
    azure.furnish("g", "2");
    azure.later();
    for (path, _) in azure.bodies("g", "2") {
        azure.done(Method::GET, &path, &Value::Null);
    }
}

#[test]
fn a_group_of_many_resources_goes_whole() {
    let azure = Azure::start();
    azure.done(
        Method::PUT,
        "/resourceGroups/g",
        &json!({"location": "eastus"}),
    );
    for at in 0..450 {
        let path = format!(
            "/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/who{at}"
        );
        azure.done(Method::PUT, &path, &json!({"location": "eastus"}));
    }
    azure.done(Method::DELETE, "/resourceGroups/g", &Value::Null);
    azure.later();
    let left = azure.state();
    assert!(!left.iter().any(|line| line.contains("/who")), "{left:?}");
}

#[test]
fn a_secret_that_comes_back_is_not_purged_when_its_retention_would_have_ended() {
    let azure = Azure::start();
    azure.furnish("g", "1");
    let vault = "kv-g1";
    let send = |method: Method, path: &str, body: &str| azure.vault(method, vault, path, body);
    assert_eq!(
        send(Method::PUT, "/secrets/s", r#"{"value": "one"}"#).0,
        200
    );
    assert_eq!(send(Method::DELETE, "/secrets/s", "").0, 200);
    assert_eq!(send(Method::POST, "/deletedsecrets/s/recover", "").0, 200);
    assert_eq!(
        send(Method::PUT, "/secrets/t", r#"{"value": "two"}"#).0,
        200
    );
    assert_eq!(send(Method::DELETE, "/secrets/t", "").0, 200);
    azure.instance.clock.advance(time::Duration::days(91));
    assert_eq!(send(Method::GET, "/secrets/s", "").1["value"], "one");
    assert_eq!(send(Method::GET, "/deletedsecrets/t", "").0, 404);
    assert_eq!(
        send(Method::PUT, "/secrets/t", r#"{"value": "three"}"#).0,
        200
    );
    assert!(!azure.state().iter().any(|line| line.contains("\"two\"")));
}
