//! Attributes and versions of secrets, and their deletion.

use end_to_end::{Azure, GROUP, VAULT, json, stderr};
use predicates::{prelude::*, str::contains};
use serde_json::{Value, json};

fn names(list: &Value) -> Vec<&str> {
    let items = list.as_array().expect("a list");
    items
        .iter()
        .map(|item| item["name"].as_str().expect("a name"))
        .collect()
}

#[test]
fn attributes_change_without_a_new_version_and_without_a_look_at_standard_input() {
    let azure = Azure::start().with_secrets();
    azure.set_secret("s", "first");
    azure.set_secret("s", "second");
    let before = azure.json(&format!("kv-get s --vault-name {VAULT}"));
    let line = format!("kv-set s --attributes-only --vault-name {VAULT}");
    let changed = azure
        .run(&format!(
            "{line} --expires 2030-12-31 --tags a=1 b=2 --content-type text/plain"
        ))
        .write_stdin("never-a-value")
        .assert()
        .success();
    let changed = json(&changed);
    assert_eq!(changed["id"], before["id"]);
    assert_eq!(changed["value"], Value::Null);
    assert_eq!(
        changed["attributes"]["expires"],
        "2030-12-31T00:00:00+00:00"
    );
    // What is not said stays.
    azure.json(&format!("{line} --not-before 2020-01-01"));
    let after = azure.json(&format!("kv-get s --vault-name {VAULT}"));
    assert_eq!(after["value"], "second");
    assert_eq!(after["tags"], json!({"a": "1", "b": "2"}));
    assert_eq!(after["contentType"], "text/plain");
    assert_eq!(after["attributes"]["expires"], "2030-12-31T00:00:00+00:00");
    let list = azure.json(&format!("kv-get s --list-versions --vault-name {VAULT}"));
    assert_eq!(list.as_array().map(Vec::len), Some(2));
}

#[test]
fn a_version_is_disabled_and_enabled_by_its_id() {
    let azure = Azure::start().with_secrets();
    azure.set_secret("s", "first");
    let id = azure.text(&format!("kv-get s --vault-name {VAULT}"), "id");
    let version = id.rsplit('/').next().expect("a version");
    azure.set_secret("s", "second");
    let line = format!("kv-set s --attributes-only --version {version} --vault-name {VAULT}");
    azure.json(&format!("{line} --disabled"));
    let read = format!("kv-get s -v {version} --vault-name {VAULT}");
    let refused = azure.run(&read).assert().code(5);
    assert!(stderr(&refused).contains("kv-set NAME --attributes-only --enabled"));
    assert_eq!(
        azure.json(&format!("kv-get s --vault-name {VAULT}"))["value"],
        "second"
    );
    azure.json(&format!(
        "kv-set --id {id} --attributes-only --enabled true"
    ));
    assert_eq!(azure.json(&read)["value"], "first");
}

#[test]
fn attributes_alone_need_an_attribute_and_no_value() {
    let azure = Azure::start();
    let writes = azure.writes();
    for line in [
        "kv-set s --attributes-only",
        "kv-set s --attributes-only --expires 2030-01-01 --value hunter2",
        "kv-set s --version 1 --value hunter2",
        "kv-set s --attributes-only --expires 2027-01-01 --not-before 2028-01-01",
    ] {
        azure
            .run(&format!("{line} --vault-name {VAULT}"))
            .assert()
            .code(2)
            .stdout("")
            .stderr(contains("hunter2").not());
    }
    // A value that does not come is no value, and says how to do without.
    azure
        .run(&format!(
            "kv-set s --expires 2030-01-01 --vault-name {VAULT}"
        ))
        .write_stdin("")
        .assert()
        .code(2)
        .stderr(contains("--attributes-only"));
    azure
        .run(&format!(
            "kv-set s --attributes-only --disabled --vault-name {VAULT} --dry-run"
        ))
        .assert()
        .success()
        .stdout(contains(r#""method":"PATCH""#).and(contains(r#"{"enabled":false}"#)));
    assert_eq!(azure.writes(), writes);
}

#[test]
fn versions_are_listed_as_az_prints_them() {
    let azure = Azure::start().with_secrets();
    for value in ["one", "two", "three"] {
        azure.set_secret("s", value);
    }
    let line = format!("kv-get s --list-versions --vault-name {VAULT}");
    let list = azure.json(&line);
    assert_eq!(names(&list), ["s", "s", "s"]);
    let members: Vec<&String> = list[0].as_object().expect("an object").keys().collect();
    assert_eq!(
        members,
        ["attributes", "contentType", "id", "managed", "name", "tags"]
    );
    let two = azure.json(&format!("{line} --maxresults 2"));
    assert_eq!(two.as_array().map(Vec::len), Some(2));
    let none = format!("kv-get none --list-versions --vault-name {VAULT}");
    let none = azure.run(&none).assert().code(3);
    assert!(stderr(&none).contains("there is no secret 'none'"));
    // Of one that is there, another version is not there: the name is right.
    let version = "0123456789abcdef0123456789abcdef";
    let none = azure
        .run(&format!(
            "kv-get s --version {version} --vault-name {VAULT}"
        ))
        .assert()
        .code(3);
    assert!(stderr(&none).contains("'kv-get s --list-versions' shows its versions"));
    let some = azure.json(&format!(
        "kv-get --list --maxresults 1 --vault-name {VAULT}"
    ));
    assert_eq!(names(&some), ["s"]);
}

#[test]
fn a_secret_is_deleted_shown_recovered_and_purged() {
    let azure = Azure::with(&["--secret-deletion-time", "2s"]).with_secrets();
    azure.set_secret("s", "kept");
    let at = format!("--vault-name {VAULT}");
    let deleted = azure.json(&format!("az-cleanup secret delete --name s {at}"));
    assert_eq!(deleted["name"], "s");
    assert_eq!(deleted["value"], Value::Null);
    assert_eq!(
        deleted["recoveryId"],
        format!("https://{VAULT}.vault.azure.net/deletedsecrets/s")
    );
    // It waited: the secret is among the deleted ones.
    let shown = azure.json(&format!("kv-get s --deleted {at}"));
    assert_eq!(shown, deleted);
    let list = azure.json(&format!("kv-get --deleted {at}"));
    assert_eq!(names(&list), ["s"]);
    assert!(list[0].get("kid").is_none() && list[0]["scheduledPurgeDate"].is_string());
    // Gone already is no error.
    assert_eq!(
        azure.json(&format!("az-cleanup secret delete s {at}"))["recoveryId"],
        deleted["recoveryId"]
    );
    let recovered = azure.json(&format!("az-cleanup secret recover -n s {at}"));
    assert_eq!(recovered["value"], Value::Null);
    let read = azure.json(&format!("kv-get s {at}"));
    assert_eq!(
        (&read["value"], &read["id"]),
        (&json!("kept"), &recovered["id"])
    );
    let again = azure
        .run(&format!("az-cleanup secret recover s {at}"))
        .assert()
        .success();
    assert!(stderr(&again).contains("it is not deleted"));
    azure
        .run(&format!("az-cleanup secret purge s {at}"))
        .assert()
        .code(6)
        .stderr(contains("az-cleanup secret delete"));
    // A purge waits for a deletion that is under way.
    azure
        .run(&format!(
            "az-cleanup keyvault secret delete --name s --no-wait {at}"
        ))
        .assert()
        .success();
    for _ in 0..2 {
        azure
            .run(&format!("az-cleanup secret purge --name s --yes {at}"))
            .assert()
            .success()
            .stdout("");
    }
    azure
        .run(&format!("kv-get s --deleted {at}"))
        .assert()
        .code(3);
    azure
        .run(&format!("az-cleanup secret recover s {at}"))
        .assert()
        .code(3)
        .stderr(contains("kv-get --deleted"));
    let none = azure
        .run(&format!("az-cleanup secret delete s {at}"))
        .assert()
        .success()
        .stdout("");
    assert!(stderr(&none).contains("nothing is done"));
}

#[test]
fn a_deletion_that_takes_too_long_says_how_to_go_on() {
    let azure = Azure::with(&["--secret-deletion-time", "1h"]).with_secrets();
    azure.set_secret("s", "v");
    azure
        .run(&format!(
            "az-cleanup secret delete s --timeout 4s --vault-name {VAULT}"
        ))
        .assert()
        .code(7)
        .stderr(contains("--timeout"));
}

#[test]
fn a_secret_of_a_protected_vault_is_not_purged() {
    let azure = Azure::start().with_secrets();
    azure
        .run(&format!(
            "az-provision keyvault create -g {GROUP} -n kv-protected --enable-purge-protection true"
        ))
        .assert()
        .success();
    let scope = azure.text("az-provision keyvault show -n kv-protected", "id");
    azure
        .run(&format!(
            "az-role assignment create --assignee-object-id {} --assignee-principal-type ServicePrincipal --scope {scope} --role",
            azure.own_object_id()
        ))
        .arg("Key Vault Secrets Officer")
        .assert()
        .success();
    azure
        .run("kv-set s --value v --vault-name kv-protected --wait-for-access 1m")
        .assert()
        .success();
    azure.json("az-cleanup secret delete s --vault-name kv-protected");
    azure
        .run("az-cleanup secret purge s --vault-name kv-protected")
        .assert()
        .code(6)
        .stderr(contains("protected from being purged until 20"));
}

#[test]
fn several_secrets_are_deleted_by_lines() {
    let azure = Azure::start().with_secrets();
    for name in ["a", "b"] {
        azure.set_secret(name, "v");
    }
    let writes = azure.writes();
    azure
        .run(&format!(
            "az-cleanup secret delete a --dry-run --vault-name {VAULT}"
        ))
        .assert()
        .success()
        .stdout(contains(r#""method":"DELETE""#));
    assert_eq!(azure.writes(), writes);
    azure
        .run(&format!(
            "az-cleanup secret delete - --query name -o tsv --vault-name {VAULT}"
        ))
        .write_stdin("a\nb\n")
        .assert()
        .success()
        .stdout("a\nb\n");
    let list = azure.json(&format!(
        "kv-get --deleted --maxresults 1 --vault-name {VAULT}"
    ));
    assert_eq!(names(&list), ["a"]);
}
