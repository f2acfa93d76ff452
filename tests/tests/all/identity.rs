//! `az-identity`: user-assigned identities and those of machines.

use end_to_end::{Azure, GROUP, IDENTITY, VM, json};
use predicates::{prelude::*, str::contains};
use serde_json::{Value, json};

#[test]
fn an_identity_is_created_shown_listed_and_deleted() {
    let azure = Azure::start().with_group();
    let created = azure.json(&format!("az-identity create -g {GROUP} -n {IDENTITY}"));
    let members: Vec<&str> = created
        .as_object()
        .expect("an object")
        .keys()
        .map(String::as_str)
        .collect();
    assert_eq!(
        members,
        [
            "clientId",
            "id",
            "location",
            "name",
            "principalId",
            "resourceGroup",
            "tags",
            "tenantId",
            "type"
        ]
    );
    assert_eq!(created["location"], "eastus");
    assert_eq!(
        azure.json(&format!("az-identity show -g {GROUP} -n {IDENTITY}")),
        created
    );
    assert_eq!(
        azure.text(
            &format!("az-identity show --resource-group {GROUP} --name {IDENTITY}"),
            "principalId"
        ),
        created["principalId"]
    );
    assert_eq!(azure.json("az-identity list"), json!([created]));
    azure
        .run(&format!("az-identity delete -g {GROUP} -n {IDENTITY}"))
        .assert()
        .success()
        .stdout("");
    azure
        .run(&format!("az-identity delete -g {GROUP} -n {IDENTITY}"))
        .assert()
        .success();
    azure
        .run(&format!("az-identity show -g {GROUP} -n {IDENTITY}"))
        .assert()
        .code(3)
        .stderr(contains(IDENTITY));
}

#[test]
fn creating_an_identity_twice_keeps_its_principal() {
    let azure = Azure::start().with_group();
    let line = format!("az-identity create -g {GROUP} -n {IDENTITY}");
    let first = azure.json(&line);
    let before = azure.writes();
    assert_eq!(azure.json(&line), first);
    assert_eq!(azure.writes(), before);
}

#[test]
fn the_system_assigned_identity_is_assigned_shown_and_removed() {
    let azure = Azure::start().with_group().with_vm();
    let none = azure
        .run(&format!("az-identity vm show -g {GROUP} -n {VM}"))
        .assert()
        .success();
    none.stdout("");
    let assigned = azure.json(&format!("az-identity vm assign -g {GROUP} -n {VM}"));
    assert_eq!(assigned["userAssignedIdentities"], json!({}));
    let principal = assigned["systemAssignedIdentity"]
        .as_str()
        .expect("a principal")
        .to_owned();
    let shown = azure.json(&format!("az-identity vm show -g {GROUP} -n {VM}"));
    assert_eq!(shown["type"], "SystemAssigned");
    assert_eq!(shown["principalId"], principal.as_str());
    let before = azure.writes();
    assert_eq!(
        azure.json(&format!("az-identity vm assign -g {GROUP} -n {VM}")),
        assigned
    );
    assert_eq!(azure.writes(), before, "a second assignment writes nothing");
    let mut removed = azure.run(&format!("az-identity vm remove -g {GROUP} -n {VM}"));
    removed.assert().success().stdout("");
    azure
        .run(&format!("az-identity vm remove -g {GROUP} -n {VM}"))
        .assert()
        .success();
    let again = azure.json(&format!("az-identity vm assign -g {GROUP} -n {VM}"));
    assert_ne!(
        again["systemAssignedIdentity"],
        principal.as_str(),
        "a new identity is another principal"
    );
}

#[test]
fn user_assigned_identities_join_and_leave_one_by_one() {
    // Kept apart: the API takes one of several identities away by a null, as `az` sends it, and the published
    // schema of the type, which is made for creation, knows only objects there.
    let azure = Azure::apart().with_group().with_vm();
    for name in ["one-identity", "two-identity"] {
        azure
            .run(&format!("az-identity create -g {GROUP} -n {name}"))
            .assert()
            .success();
    }
    azure
        .run(&format!(
            "az-identity vm assign -g {GROUP} -n {VM} --identities one-identity [system]"
        ))
        .assert()
        .success();
    let both = azure.json(&format!(
        "az-identity vm assign -g {GROUP} -n {VM} --identities two-identity"
    ));
    let user = both["userAssignedIdentities"]
        .as_object()
        .expect("identities");
    assert_eq!(user.len(), 2);
    assert!(
        user.values()
            .all(|one| one["clientId"].is_string() && one["principalId"].is_string())
    );
    assert!(
        !both["systemAssignedIdentity"]
            .as_str()
            .unwrap_or_default()
            .is_empty()
    );
    azure
        .run(&format!(
            "az-identity vm remove -g {GROUP} -n {VM} --identities one-identity"
        ))
        .assert()
        .success();
    let left = azure.json(&format!("az-identity vm show -g {GROUP} -n {VM}"));
    assert_eq!(
        left["userAssignedIdentities"]
            .as_object()
            .map(serde_json::Map::len),
        Some(1)
    );
    azure
        .run(&format!(
            "az-identity vm remove -g {GROUP} -n {VM} --identities two-identity [system]"
        ))
        .assert()
        .success();
    azure
        .run(&format!("az-identity vm show -g {GROUP} -n {VM}"))
        .assert()
        .success();
}

#[test]
fn an_unknown_identity_or_machine_exits_with_3() {
    let azure = Azure::start().with_group().with_vm();
    azure
        .run(&format!(
            "az-identity vm assign -g {GROUP} -n {VM} --identities no-such-identity"
        ))
        .assert()
        .code(3)
        .stdout("")
        .stderr(contains("no-such-identity"));
    azure
        .run(&format!("az-identity vm assign -g {GROUP} -n nothing"))
        .assert()
        .code(3);
    azure.run("az-identity vm show -n nothing").assert().code(3);
    azure
        .run("az-identity create -g nowhere -n abc")
        .assert()
        .code(3)
        .stderr(contains("nowhere"));
}

#[test]
fn several_names_in_give_several_lines_out_in_order() {
    let azure = Azure::start().with_group();
    let made = azure
        .run(&format!("az-identity create -g {GROUP} -n -"))
        .write_stdin("id-one\nid-two\nid-three\n")
        .assert()
        .success();
    let text = String::from_utf8_lossy(&made.get_output().stdout).into_owned();
    let names: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("a line")["name"].clone())
        .collect();
    assert_eq!(names, ["id-one", "id-two", "id-three"]);
    let names = azure
        .run(&format!(
            "az-identity show -g {GROUP} -n - --query name -o tsv"
        ))
        .write_stdin(text)
        .assert()
        .success();
    names.stdout("id-one\nid-two\nid-three\n");
}

#[test]
fn a_line_that_fails_does_not_lose_the_others() {
    let azure = Azure::start().with_group();
    azure
        .run(&format!("az-identity create -g {GROUP} -n id-one"))
        .assert()
        .success();
    azure
        .run(&format!(
            "az-identity show -g {GROUP} -n - --query name -o tsv"
        ))
        .write_stdin("id-one\nid-none\nid-one\n")
        .assert()
        .code(3)
        .stdout("id-one\nid-one\n")
        .stderr(contains("line 2:"));
}

#[test]
fn a_bad_line_is_refused_before_anything_is_sent() {
    let azure = Azure::start().with_group();
    let before = azure.writes();
    azure
        .run(&format!("az-identity create -g {GROUP} -n -"))
        .write_stdin("id-one\nx\n")
        .assert()
        .code(2)
        .stderr(contains("line 2").and(contains("3 to 128")));
    assert_eq!(azure.writes(), before);
}

#[test]
fn an_identity_piped_into_a_machine_is_assigned() {
    let azure = Azure::start().with_group().with_vm();
    let script = format!(
        "az-identity create -g {GROUP} -n {IDENTITY} | az-identity vm assign -g {GROUP} -n {VM} --identities -"
    );
    let assigned = json(&azure.shell(&script).assert().success());
    assert_eq!(
        assigned["userAssignedIdentities"]
            .as_object()
            .map(serde_json::Map::len),
        Some(1)
    );
}
