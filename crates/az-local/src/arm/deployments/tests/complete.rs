//! Mode `Complete`: what goes and what stays.

use super::support::{
    GROUP, SUBSCRIPTION, body, deployed, identity, path, put_text, send, template, with_group,
};
use crate::request::Context;
use crate::request::testing::later;
use http::Method;
use serde_json::{Value, json};

fn complete(template: &Value) -> String {
    let mut body = body(template);
    body["properties"]["mode"] = json!("Complete");
    body.to_string()
}

fn group(names: &[&str]) -> Value {
    let all: Vec<Value> = names.iter().map(|name| identity(name)).collect();
    template(json!({"resources": all}))
}

fn there(cx: &Context<'_>) -> Vec<String> {
    let (_, answer) = send(cx, Method::GET, &format!("{GROUP}/resources"), "");
    let all = answer["value"].as_array().expect("a list");
    let mut names: Vec<String> = all
        .iter()
        .map(|one| one["name"].as_str().expect("a name").to_owned())
        .collect();
    names.sort();
    names
}

fn completed(cx: &mut Context<'_>, template: &Value) -> Value {
    let (status, answer) = put_text(cx, &complete(template));
    assert!(status == 201 || status == 200, "{status}: {answer}");
    later(cx, time::Duration::hours(1));
    send(cx, Method::GET, &path("d"), "").1
}

#[test]
fn what_is_not_in_the_template_goes() {
    with_group(|cx| {
        deployed(cx, &group(&["aaa", "bbb", "ccc"]));
        let (_, whatif) = send(
            cx,
            Method::POST,
            &format!("{}/whatIf", path("d")),
            &complete(&group(&["aaa", "ddd"])),
        );
        let changes = whatif["properties"]["changes"].as_array().expect("changes");
        let kinds: Vec<(&str, &str)> = changes
            .iter()
            .map(|change| {
                let id = change["resourceId"].as_str().expect("an id");
                let kind = change["changeType"].as_str().expect("a kind");
                (id.rsplit('/').next().unwrap_or_default(), kind)
            })
            .collect();
        assert_eq!(
            kinds,
            [
                ("aaa", "NoChange"),
                ("ddd", "Create"),
                ("bbb", "Delete"),
                ("ccc", "Delete")
            ]
        );
        assert_eq!(changes[2]["before"]["name"], "bbb");
        assert_eq!(changes[2]["after"], Value::Null);
        assert_eq!(there(cx), ["aaa", "bbb", "ccc"], "nothing was done");
        let (status, answer) = send(
            cx,
            Method::POST,
            &format!("{}/validate", path("d")),
            &complete(&group(&[])),
        );
        assert_eq!(status, 200, "{answer}");
        assert_eq!(there(cx), ["aaa", "bbb", "ccc"], "nothing was done");
        let made = completed(cx, &group(&["aaa", "ddd"]));
        assert_eq!(made["properties"]["mode"], "Complete");
        assert_eq!(made["properties"]["provisioningState"], "Succeeded");
        assert_eq!(there(cx), ["aaa", "ddd"]);
        let (_, steps) = send(cx, Method::GET, &format!("{}/operations", path("d")), "");
        let acts: Vec<(&Value, &Value)> = steps["value"]
            .as_array()
            .expect("steps")
            .iter()
            .map(|step| {
                let step = &step["properties"];
                (
                    &step["provisioningOperation"],
                    &step["targetResource"]["resourceName"],
                )
            })
            .collect();
        assert_eq!(
            json!(acts),
            json!([
                ["Create", "aaa"],
                ["Create", "ddd"],
                ["Delete", "bbb"],
                ["Delete", "ccc"]
            ])
        );
        // The mode that is not said deletes nothing.
        deployed(cx, &group(&["eee"]));
        assert_eq!(there(cx), ["aaa", "ddd", "eee"]);
        completed(cx, &group(&[]));
        assert_eq!(there(cx), Vec::<String>::new());
    });
}

#[test]
fn a_nested_deployments_resources_are_a_part_of_the_template() {
    with_group(|cx| {
        let nested = |mode: &str| {
            template(json!({"resources": [{
                "type": "Microsoft.Resources/deployments", "apiVersion": "2022-09-01", "name": "nested",
                "properties": {"mode": mode, "template": group(&["inner"])},
            }]}))
        };
        deployed(cx, &group(&["inner", "outer"]));
        completed(cx, &nested("Incremental"));
        assert_eq!(there(cx), ["inner"]);
        let (status, answer) = put_text(cx, &complete(&nested("Complete")));
        assert_eq!(status, 400, "{answer}");
        let words = "Specified deployment mode 'Complete' is not supported for nested deployment";
        assert!(answer.to_string().contains(words), "{answer}");
    });
}

#[test]
fn a_resource_whose_condition_does_not_hold_goes_from_a_version_on() {
    with_group(|cx| {
        let mut skipped = identity("maybe");
        skipped["condition"] = json!(false);
        let text = complete(&template(json!({"resources": [skipped]})));
        for (version, left) in [("2019-05-01", 1), ("2019-05-10", 0)] {
            deployed(cx, &group(&["maybe"]));
            let url = format!("{}?api-version={version}&x=", path(version));
            let (status, answer) = send(cx, Method::PUT, &url, &text);
            assert_eq!(status, 201, "{answer}");
            later(cx, time::Duration::hours(1));
            assert_eq!(there(cx).len(), left, "{version}");
        }
    });
}

#[test]
fn what_is_locked_stays_and_is_no_failure() {
    with_group(|cx| {
        deployed(cx, &group(&["aaa", "bbb"]));
        let identity = "Microsoft.ManagedIdentity/userAssignedIdentities/bbb";
        let lock =
            format!("{GROUP}/providers/{identity}/providers/Microsoft.Authorization/locks/l");
        let (status, answer) = send(
            cx,
            Method::PUT,
            &format!("{lock}?api-version=2020-05-01&x="),
            r#"{"properties": {"level": "CanNotDelete"}}"#,
        );
        assert_eq!(status, 201, "{answer}");
        let made = completed(cx, &group(&[]));
        assert_eq!(
            made["properties"]["provisioningState"], "Succeeded",
            "{made}"
        );
        assert_eq!(there(cx), ["bbb"]);
    });
}

#[test]
fn nothing_goes_where_something_is_not_made() {
    with_group(|cx| {
        deployed(cx, &group(&["aaa"]));
        // The same identity is elsewhere already: a conflict, which fails the deployment and not its validation.
        let mut other = identity("aaa");
        other["location"] = json!("westus2");
        let (status, answer) = put_text(cx, &complete(&template(json!({"resources": [other]}))));
        assert_eq!(status, 200, "{answer}");
        later(cx, time::Duration::hours(1));
        let (_, made) = send(cx, Method::GET, &path("d"), "");
        assert_eq!(made["properties"]["provisioningState"], "Failed", "{made}");
        assert_eq!(there(cx), ["aaa"]);
    });
}

/// Networks hold each other: what is held by something that goes, goes after it.
#[test]
fn what_holds_goes_before_what_is_held_and_what_stays_holds() {
    with_group(|cx| {
        let subnet =
            "[concat(resourceId('Microsoft.Network/virtualNetworks', 'net'), '/subnets/one')]";
        let network = json!({
            "type": "Microsoft.Network/virtualNetworks", "apiVersion": "2024-05-01", "name": "net", "location": "eastus",
            "properties": {"addressSpace": {"addressPrefixes": ["10.0.0.0/16"]},
                "subnets": [{"name": "one", "properties": {"addressPrefix": "10.0.0.0/24"}}]},
        });
        let interface = json!({
            "type": "Microsoft.Network/networkInterfaces", "apiVersion": "2024-05-01", "name": "nic", "location": "eastus",
            "dependsOn": ["net"],
            "properties": {"ipConfigurations": [{"name": "c", "properties": {"subnet": {"id": subnet}}}]},
        });
        let both = template(json!({"resources": [network, interface]}));
        deployed(cx, &both);
        completed(cx, &group(&["aaa"]));
        assert_eq!(there(cx), ["aaa"]);
        deployed(cx, &both);
        let mut alone = interface.clone();
        alone["dependsOn"] = json!([]);
        let id = format!("{GROUP}/providers/Microsoft.Network/virtualNetworks/net/subnets/one");
        alone["properties"]["ipConfigurations"][0]["properties"]["subnet"]["id"] = json!(id);
        let made = completed(cx, &template(json!({"resources": [alone]})));
        assert_eq!(made["properties"]["provisioningState"], "Failed", "{made}");
        assert_eq!(there(cx), ["net", "nic"], "the identity went");
        let details = made["properties"]["error"]["details"].to_string();
        assert!(details.contains("InUse"), "{made}");
    });
}

#[test]
fn a_subscription_has_no_such_mode() {
    with_group(|cx| {
        let url =
            format!("/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Resources/deployments/d");
        let mut body: Value = serde_json::from_str(&complete(&template(json!({})))).expect("JSON");
        body["location"] = json!("eastus");
        let (status, answer) = send(cx, Method::PUT, &url, &body.to_string());
        assert_eq!(status, 400, "{answer}");
        assert_eq!(answer["error"]["code"], "InvalidDeployment");
        assert_eq!(
            answer["error"]["message"],
            "Specified deployment mode 'Complete' is not supported for deployment at the current scope. Please see \
             https://aka.ms/deployment-modes for usage details."
        );
    });
}
