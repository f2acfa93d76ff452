use super::azure::Azure;
use http::Method;
use serde_json::{Value, json};

const GROUP: &str = "/resourceGroups/g";
const VAULT: &str = "/resourceGroups/g/providers/Microsoft.KeyVault/vaults/kv-g1";

fn lock(scope: &str, name: &str) -> String {
    format!("{scope}/providers/Microsoft.Authorization/locks/{name}")
}

fn level(level: &str) -> Value {
    json!({"properties": {"level": level, "notes": "n"}})
}

#[test]
fn what_must_not_be_deleted_is_not_nor_what_holds_it() {
    let azure = Azure::start();
    azure.furnish("g", "1");
    let one = lock(VAULT, "keep");
    assert_eq!(azure.arm(Method::PUT, &one, &level("CanNotDelete")).0, 201);
    let before = azure.state();
    for path in [VAULT, GROUP] {
        let (status, answer) = azure.arm(Method::DELETE, path, &Value::Null);
        assert_eq!(
            (status, &answer["error"]["code"]),
            (409, &json!("ScopeLocked")),
            "{path}"
        );
        let message = answer["error"]["message"].as_str().expect("a message");
        assert!(
            message.contains("cannot perform delete operation")
                && message.contains("/vaults/kv-g1"),
            "{message}"
        );
        assert_eq!(azure.state(), before);
    }
    // It can be changed, and what is beside it goes.
    azure.done(Method::PATCH, VAULT, &json!({"tags": {"a": "b"}}));
    azure.done(Method::PUT, &one, &level("CanNotDelete"));
    let identity =
        "/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/who1";
    assert!(azure.arm(Method::DELETE, identity, &Value::Null).0 < 300);
    azure.done(Method::DELETE, &one, &Value::Null);
    assert_eq!(azure.arm(Method::DELETE, &one, &Value::Null).0, 204);
    azure.done(Method::DELETE, GROUP, &Value::Null);
}

#[test]
fn what_is_read_only_is_neither_changed_nor_acted_on() {
    let azure = Azure::start();
    azure.furnish("g", "1");
    let vm = "/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/vm1";
    azure.done(Method::PUT, &lock(GROUP, "frozen"), &level("readonly"));
    let role = format!(
        "{VAULT}/providers/Microsoft.Authorization/roleAssignments/7d5f2f6c-3b0a-4d6e-9a53-2f3c8f3f0b01"
    );
    let assignment = json!({"properties": {
        "roleDefinitionId": "/providers/Microsoft.Authorization/roleDefinitions/acdd72a7-3385-48ef-bd42-f606fba81ae7",
        "principalId": "22222222-2222-4222-8222-222222222222",
    }});
    let tags = json!({"operation": "Merge", "properties": {"tags": {"a": "b"}}});
    let before = azure.state();
    for (method, path, body) in [
        (Method::PATCH, VAULT.to_owned(), json!({"tags": {}})),
        (Method::DELETE, VAULT.to_owned(), Value::Null),
        (Method::PATCH, GROUP.to_owned(), json!({"tags": {}})),
        (Method::POST, format!("{vm}/restart"), Value::Null),
        (Method::PUT, role, assignment),
        (
            Method::PATCH,
            format!("{VAULT}/providers/Microsoft.Resources/tags/default"),
            tags,
        ),
    ] {
        let (status, answer) = azure.arm(method.clone(), &path, &body);
        assert_eq!(
            (status, &answer["error"]["code"]),
            (409, &json!("ScopeLocked")),
            "{method} {path}"
        );
        assert_eq!(azure.state(), before, "{method} {path}");
    }
    azure.done(Method::GET, VAULT, &Value::Null);
    // Data is not locked, and other groups are not.
    assert_eq!(
        azure
            .vault(Method::PUT, "kv-g1", "/secrets/one", r#"{"value": "x"}"#)
            .0,
        200
    );
    azure.done(
        Method::PUT,
        "/resourceGroups/gg",
        &json!({"location": "eastus"}),
    );
    azure.done(Method::DELETE, &lock(GROUP, "frozen"), &Value::Null);
    azure.done(Method::POST, &format!("{vm}/restart"), &Value::Null);
}

#[test]
fn locks_are_listed_by_scope_and_named_well() {
    let azure = Azure::start();
    azure.furnish("g", "1");
    for (scope, name) in [("", "all"), (GROUP, "group"), (VAULT, "vault")] {
        azure.done(Method::PUT, &lock(scope, name), &level("CanNotDelete"));
    }
    let names = |scope: &str| {
        let list = azure.done(
            Method::GET,
            lock(scope, "").trim_end_matches('/'),
            &Value::Null,
        );
        let items = list["value"].as_array().cloned().unwrap_or_default();
        let names = items
            .iter()
            .map(|one| one["name"].as_str().unwrap_or_default().to_owned());
        names.collect::<Vec<_>>()
    };
    assert_eq!(names(""), ["all", "group", "vault"]);
    assert_eq!(names(GROUP), ["group", "vault"]);
    assert_eq!(names(VAULT), ["vault"]);
    assert_eq!(
        azure
            .arm(Method::PUT, &lock(GROUP, "x"), &level("Nothing"))
            .0,
        400
    );
    assert_eq!(
        azure
            .arm(
                Method::PUT,
                &lock("/resourceGroups/none", "x"),
                &level("ReadOnly")
            )
            .0,
        404
    );
    assert_eq!(
        azure.arm(Method::GET, &lock(GROUP, "none"), &Value::Null).0,
        404
    );
}

#[test]
fn tags_are_changed_by_themselves_everywhere() {
    let azure = Azure::start();
    azure.furnish("g", "1");
    for scope in ["", GROUP, VAULT] {
        let path = format!("{scope}/providers/Microsoft.Resources/tags/default");
        let tags = |tags: Value| json!({"properties": {"tags": tags}});
        let mut merge = tags(json!({"b": "2"}));
        merge["operation"] = json!("Merge");
        azure.done(Method::PUT, &path, &tags(json!({"a": "1"})));
        let merged = azure.done(Method::PATCH, &path, &merge);
        assert_eq!(merged["properties"]["tags"], json!({"a": "1", "b": "2"}));
        let owner = azure.done(Method::GET, scope, &Value::Null);
        assert_eq!(owner["tags"], merged["properties"]["tags"], "{scope}");
        let too_many: Value = (0..51).map(|n| (n.to_string(), json!("x"))).collect();
        assert_eq!(azure.arm(Method::PUT, &path, &tags(too_many)).0, 400);
        azure.done(Method::DELETE, &path, &Value::Null);
        let none = azure.done(Method::GET, &path, &Value::Null);
        assert_eq!(none["properties"]["tags"], json!({}));
    }
    let nowhere = "/resourceGroups/none/providers/Microsoft.Resources/tags/default";
    assert_eq!(azure.arm(Method::GET, nowhere, &Value::Null).0, 404);
}

#[test]
fn a_group_on_its_way_out_takes_no_lock_and_leaves_none() {
    let azure = Azure::start();
    azure.furnish("g", "1");
    azure.done(Method::DELETE, GROUP, &Value::Null);
    let tags = json!({"properties": {"tags": {"a": "b"}}});
    let identity =
        "/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/who1";
    let federation =
        json!({"properties": {"issuer": "https://i", "subject": "s", "audiences": ["a"]}});
    for (path, body) in [
        (lock(GROUP, "late"), level("CanNotDelete")),
        (lock(VAULT, "late"), level("ReadOnly")),
        (
            format!("{GROUP}/providers/Microsoft.Resources/tags/default"),
            tags,
        ),
        (
            format!("{identity}/federatedIdentityCredentials/late"),
            federation,
        ),
    ] {
        let (status, answer) = azure.arm(Method::PUT, &path, &body);
        assert_eq!(
            (status, &answer["error"]["code"]),
            (409, &json!("ResourceGroupBeingDeleted")),
            "{path}"
        );
    }
    azure.later();
    let locks = azure.done(
        Method::GET,
        "/providers/Microsoft.Authorization/locks",
        &Value::Null,
    );
    assert_eq!(locks["value"], json!([]));
}

#[test]
fn a_part_of_a_network_is_a_scope() {
    let azure = Azure::start();
    azure.furnish("g", "1");
    let network = "/resourceGroups/g/providers/Microsoft.Network";
    for (part, status) in [
        ("virtualNetworks/net1/subnets/DEFAULT", 201),
        ("networkSecurityGroups/nsg1/securityRules/ssh", 201),
        ("virtualNetworks/net1/subnets/none", 404),
        ("virtualNetworks/none/subnets/default", 404),
        ("virtualNetworks/net1/addressSpace/default", 404),
    ] {
        let scope = format!("{network}/{part}");
        assert_eq!(
            azure
                .arm(Method::PUT, &lock(&scope, "l"), &level("CanNotDelete"))
                .0,
            status,
            "{part}"
        );
    }
    let (status, _) = azure.arm(
        Method::DELETE,
        &format!("{network}/virtualNetworks/net1"),
        &Value::Null,
    );
    assert_eq!(status, 409);
}
