//! `kv-set` and `kv-get`, and who may use them.

use end_to_end::{Azure, GROUP, IDENTITY, OFFICER, VAULT, VM, json, stderr};
use predicates::{
    prelude::*,
    str::{contains, is_match},
};
use serde_json::{Value, json};

/// A vault whose secrets the desk's principal may write.
fn ready() -> Azure {
    let azure = Azure::start().with_group().with_vault();
    let own = azure.own_object_id();
    azure.grant(&own, OFFICER);
    azure
}

fn set(azure: &Azure, line: &str, value: &'static str) -> assert_cmd::assert::Assert {
    azure
        .run(&format!(
            "kv-set {line} --vault-name {VAULT} --wait-for-access 1m"
        ))
        .write_stdin(value)
        .assert()
}

#[test]
fn a_secret_is_written_and_read_back() {
    let azure = ready();
    let written = json(&set(&azure, "quickstart-secret", "createdWithRust").success());
    assert_eq!(written["name"], "quickstart-secret");
    assert_eq!(
        written["value"],
        Value::Null,
        "the value is shown only on request"
    );
    assert_eq!(written["attributes"]["enabled"], true);
    let read = azure.json(&format!("kv-get quickstart-secret --vault-name {VAULT}"));
    assert_eq!(read["value"], "createdWithRust");
    assert_eq!(read["id"], written["id"]);
    let members: Vec<&str> = read
        .as_object()
        .expect("an object")
        .keys()
        .map(String::as_str)
        .collect();
    assert_eq!(
        members,
        [
            "attributes",
            "contentType",
            "id",
            "kid",
            "managed",
            "name",
            "tags",
            "value"
        ]
    );
}

#[test]
fn the_tutorials_line_is_printed_on_request() {
    let azure = ready();
    set(&azure, "quickstart-secret --show-value -o text", "createdWithRust").success().stdout(
        is_match(format!("^Name: https://{VAULT}\\.vault\\.azure\\.net/secrets/quickstart-secret/[0-9a-f]{{32}}, Value: createdWithRust\n$"))
            .expect("a pattern"),
    );
}

#[test]
fn each_write_is_a_version_and_each_version_can_be_read() {
    let azure = ready();
    let first = json(&set(&azure, "s", "one").success());
    let second = json(&set(&azure, "s", "two").success());
    assert_ne!(first["id"], second["id"]);
    let version = first["id"]
        .as_str()
        .and_then(|id| id.rsplit('/').next())
        .expect("a version");
    azure
        .run(&format!(
            "kv-get s --version {version} --vault-name {VAULT} --query value -o tsv"
        ))
        .assert()
        .success()
        .stdout("one\n");
    azure
        .run(&format!(
            "kv-get s --vault-name {VAULT} --query value -o tsv"
        ))
        .assert()
        .success()
        .stdout("two\n");
}

#[test]
fn attributes_tags_and_type_are_kept() {
    let azure = ready();
    let line = "s --content-type text/plain --tags a=1 b=2 --expires 2030-01-01T00:00:00Z --not-before 2020-01-01T00:00:00Z";
    set(&azure, line, "v").success();
    let read = azure.json(&format!("kv-get s --vault-name {VAULT}"));
    assert_eq!(read["contentType"], "text/plain");
    assert_eq!(read["tags"], json!({"a": "1", "b": "2"}));
    assert_eq!(read["attributes"]["expires"], "2030-01-01T00:00:00+00:00");
    assert_eq!(read["attributes"]["notBefore"], "2020-01-01T00:00:00+00:00");
    set(&azure, "off --disabled", "v").success();
    azure
        .run(&format!("kv-get off --vault-name {VAULT}"))
        .assert()
        .code(5)
        .stderr(contains("disabled"));
}

#[test]
fn the_value_comes_from_a_file_byte_for_byte() {
    let azure = ready();
    std::fs::write(azure.scratch().join("value"), "line one\nline two\n").expect("a file");
    set(&azure, "s --value-file value", "").success();
    let read = azure.json(&format!("kv-get s --vault-name {VAULT}"));
    assert_eq!(read["value"], "line one\nline two\n");
}

#[test]
fn names_are_listed_without_values() {
    let azure = ready();
    for name in ["one", "two"] {
        set(&azure, name, "hidden-value").success();
    }
    let listed = azure
        .run(&format!("kv-get --list --vault-name {VAULT}"))
        .assert()
        .success()
        .stdout(contains("hidden-value").not());
    let names: Vec<Value> = json(&listed)
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| one["name"].clone())
        .collect();
    assert_eq!(names, ["one", "two"]);
}

#[test]
fn without_a_role_the_answer_is_forbidden_by_rbac() {
    let azure = Azure::start().with_group().with_vault();
    azure
        .run(&format!("kv-set s --vault-name {VAULT}"))
        .write_stdin("v")
        .assert()
        .code(5)
        .stdout("")
        .stderr(contains("ForbiddenByRbac").and(contains("--wait-for-access")));
    azure
        .run(&format!("kv-get s --vault-name {VAULT}"))
        .assert()
        .code(5)
        .stderr(contains("ForbiddenByRbac"));
    azure
        .run(&format!("kv-get --list --vault-name {VAULT}"))
        .assert()
        .code(5);
    let forbidden: Vec<Value> = azure
        .log()
        .into_iter()
        .filter(|one| one["status"] == 403)
        .collect();
    assert_eq!(forbidden.len(), 3);
    assert_eq!(
        forbidden[0]["responseBody"]["error"]["innererror"]["code"],
        "ForbiddenByRbac"
    );
}

#[test]
fn a_late_role_is_waited_for() {
    let azure = Azure::with(&["--role-delay", "3s"])
        .with_group()
        .with_vault();
    let own = azure.own_object_id();
    azure.grant(&own, OFFICER);
    let written = set(&azure, "s", "v").success();
    assert!(stderr(&written).contains("waiting"), "{}", stderr(&written));
}

#[test]
fn waiting_for_a_role_that_never_comes_ends_denied() {
    let azure = Azure::start().with_group().with_vault();
    azure
        .run(&format!(
            "kv-set s --vault-name {VAULT} --wait-for-access 500ms"
        ))
        .write_stdin("v")
        .assert()
        .code(5);
}

#[test]
fn what_is_not_there_exits_with_3() {
    let azure = ready();
    set(&azure, "s", "v").success();
    azure
        .run(&format!("kv-get other --vault-name {VAULT}"))
        .assert()
        .code(3)
        .stderr(contains("SecretNotFound"));
    azure
        .run(&format!(
            "kv-get s --version {} --vault-name {VAULT}",
            "0".repeat(32)
        ))
        .assert()
        .code(3);
    azure
        .run("kv-get s --vault-name kv-not-there")
        .assert()
        .code(3)
        .stderr(contains("kv-not-there"));
}

#[test]
fn lines_in_give_lines_out() {
    let azure = ready();
    set(&azure, "first", "v").success();
    let lines = "{\"name\":\"a\",\"value\":\"1\"}\n{\"name\":\"b\",\"value\":\"2\"}\n";
    let made = azure
        .run(&format!(
            "kv-set - --vault-name {VAULT} --query name -o tsv"
        ))
        .write_stdin(lines)
        .assert()
        .success();
    made.stdout("a\nb\n");
    azure
        .run(&format!(
            "kv-get b --vault-name {VAULT} --query value -o tsv"
        ))
        .assert()
        .success()
        .stdout("2\n");
}

#[test]
fn the_machine_writes_with_its_system_assigned_identity() {
    let azure = Azure::start().with_group().with_vault().with_vm();
    let assigned = azure.json(&format!("az-identity vm assign -g {GROUP} -n {VM}"));
    let principal = assigned["systemAssignedIdentity"]
        .as_str()
        .expect("a principal")
        .to_owned();
    azure
        .on_machine(VM, "kv-set s --value v")
        .assert()
        .code(5)
        .stderr(contains("ForbiddenByRbac"));
    azure.grant(&principal, OFFICER);
    azure
        .on_machine(VM, "kv-set s --wait-for-access 1m --show-value -o text")
        .write_stdin("by-machine")
        .assert()
        .success()
        .stdout(contains("Value: by-machine"));

    let machine = azure
        .text(&format!("az-provision vm show -g {GROUP} -n {VM}"), "id")
        .to_lowercase();
    let log = azure.log();
    let write = log.iter().rfind(|one| {
        one["method"] == "PUT"
            && one["url"]
                .as_str()
                .is_some_and(|url| url.contains(".vault.azure.net/"))
            && one["status"] == 200
    });
    let caller = &write.expect("a write")["caller"];
    assert_eq!(caller["oid"], principal.as_str());
    assert_eq!(caller["tokenSource"], "imds");
    assert_eq!(
        caller["machine"].as_str().map(str::to_lowercase),
        Some(machine.clone())
    );
    assert_eq!(
        caller["tokenMachine"].as_str().map(str::to_lowercase),
        Some(machine)
    );
    assert!(
        !log.iter().any(|one| one.to_string().contains("by-machine")),
        "the log holds no value"
    );
}

#[test]
fn the_machine_writes_with_a_user_assigned_identity() {
    let azure = Azure::start().with_group().with_vault().with_vm();
    let identity = azure.json(&format!("az-identity create -g {GROUP} -n {IDENTITY}"));
    azure
        .run(&format!(
            "az-identity vm assign -g {GROUP} -n {VM} --identities {IDENTITY}"
        ))
        .assert()
        .success();
    azure.grant(
        identity["principalId"].as_str().expect("a principal"),
        OFFICER,
    );
    azure
        .on_machine(VM, "kv-set s --wait-for-access 1m --show-value -o text")
        .write_stdin("v")
        .assert()
        .success();
    let log = azure.log();
    let write = log.iter().rfind(|one| {
        one["url"]
            .as_str()
            .is_some_and(|url| url.contains(".vault.azure.net/"))
            && one["status"] == 200
    });
    assert_eq!(
        write.expect("a write")["caller"]["oid"],
        identity["principalId"]
    );
}

#[test]
fn the_users_own_identity_is_denied_until_it_has_a_role() {
    let azure = Azure::start().with_group().with_vault().with_vm();
    let assigned = azure.json(&format!("az-identity vm assign -g {GROUP} -n {VM}"));
    azure.grant(
        assigned["systemAssignedIdentity"]
            .as_str()
            .expect("a principal"),
        OFFICER,
    );
    azure
        .on_machine(VM, "kv-set s --wait-for-access 1m")
        .write_stdin("v")
        .assert()
        .success();
    let read = format!("kv-get s --vault-name {VAULT}");
    azure
        .run(&read)
        .assert()
        .code(5)
        .stderr(contains("ForbiddenByRbac"));
    azure.grant(&azure.own_object_id(), "Key Vault Secrets User");
    azure
        .run(&format!("{read} --wait-for-access 1m"))
        .assert()
        .success();
    azure
        .run(&format!("kv-set s --vault-name {VAULT}"))
        .write_stdin("v")
        .assert()
        .code(5);
}

#[test]
fn a_machine_without_an_identity_has_no_credential() {
    let azure = Azure::start().with_group().with_vault().with_vm();
    azure
        .on_machine(VM, "kv-set s")
        .write_stdin("v")
        .assert()
        .code(4)
        .stderr(contains("ManagedIdentityCredential"));
}
