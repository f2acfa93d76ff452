//! `az-cleanup`: what destroys, and what brings back.

use end_to_end::{Azure, GROUP, OFFICER, VAULT, VM, json};
use predicates::{prelude::*, str::contains};
use serde_json::json;

#[test]
fn a_group_is_deleted_only_when_confirmed() {
    let azure = Azure::start().with_group();
    let before = azure.writes();
    azure
        .run(&format!("az-cleanup group delete -n {GROUP}"))
        .write_stdin(GROUP)
        .assert()
        .code(2)
        .stderr(contains("--yes"));
    azure
        .run(&format!("az-cleanup all -g {GROUP}"))
        .assert()
        .code(2)
        .stderr(contains("--yes"));
    assert_eq!(azure.writes(), before);
    azure
        .run(&format!("az-cleanup group delete --name {GROUP} --force-deletion-types Microsoft.Compute/virtualMachines --yes"))
        .assert()
        .success()
        .stdout("");
    azure
        .run(&format!("az-provision group show -n {GROUP}"))
        .assert()
        .code(3);
    azure
        .run(&format!("az-cleanup group delete -n {GROUP} --yes"))
        .assert()
        .code(3)
        .stderr(contains("ResourceGroupNotFound"));
}

#[test]
fn all_leaves_nothing() {
    let azure = Azure::start().with_group().with_vault().with_vm();
    let assigned = azure.json(&format!("az-identity vm assign -g {GROUP} -n {VM}"));
    azure.grant(
        assigned["systemAssignedIdentity"]
            .as_str()
            .expect("a principal"),
        OFFICER,
    );
    let done = azure.json(&format!("az-cleanup all -g {GROUP} --yes"));
    assert_eq!(done["purgedVaults"], json!([VAULT]));
    azure
        .local()
        .args(["resources", "--count"])
        .assert()
        .success()
        .stdout("0\n");
    let again = azure
        .run(&format!("az-cleanup all -g {GROUP} --yes"))
        .assert()
        .success()
        .stderr(contains("there is no resource group"));
    assert_eq!(
        json(&again),
        json!({"deleted": false, "purgedVaults": [], "resourceGroup": GROUP})
    );
}

#[test]
fn all_goes_on_where_an_earlier_run_stopped() {
    let azure = Azure::start().with_group().with_vault();
    azure
        .run(&format!("az-cleanup group delete -n {GROUP} --yes"))
        .assert()
        .success();
    let done = azure.json(&format!("az-cleanup all -g {GROUP} --yes"));
    assert_eq!(
        done,
        json!({"deleted": false, "purgedVaults": [VAULT], "resourceGroup": GROUP})
    );
    assert_eq!(azure.json("az-cleanup keyvault list-deleted"), json!([]));
}

#[test]
fn a_deletion_that_is_not_waited_for_ends_by_the_clock() {
    let azure = Azure::with(&["--operation-time", "1h"]);
    azure
        .run(&format!("az-provision group create -n {GROUP} -l eastus"))
        .assert()
        .success();
    azure
        .run(&format!(
            "az-cleanup group delete -n {GROUP} --yes --no-wait"
        ))
        .assert()
        .success();
    assert_eq!(
        azure.text(
            &format!("az-provision group show -n {GROUP}"),
            "properties.provisioningState"
        ),
        "Deleting"
    );
    azure
        .local()
        .args(["clock", "advance", "2h"])
        .assert()
        .success();
    azure
        .run(&format!("az-provision group show -n {GROUP}"))
        .assert()
        .code(3);
}

#[test]
fn giving_up_on_an_operation_says_how_to_resume() {
    let azure = Azure::with(&["--operation-time", "1h"]);
    azure
        .run(&format!("az-provision group create -n {GROUP} -l eastus"))
        .assert()
        .success();
    azure
        .run(&format!(
            "az-cleanup group delete -n {GROUP} --yes --timeout 4s"
        ))
        .assert()
        .code(7)
        .stderr(contains("--timeout").and(contains("un the same command again")));
}

#[test]
fn a_vault_is_deleted_listed_recovered_and_purged() {
    let azure = Azure::start().with_group().with_vault();
    let own = azure.own_object_id();
    azure.grant(&own, OFFICER);
    azure
        .run(&format!(
            "kv-set s --vault-name {VAULT} --wait-for-access 1m"
        ))
        .write_stdin("v")
        .assert()
        .success();
    let scope = azure.vault_id();

    azure
        .run(&format!("az-cleanup keyvault purge -n {VAULT}"))
        .assert()
        .code(3)
        .stderr(contains("must be deleted"));
    azure
        .run(&format!("az-cleanup keyvault delete -n {VAULT}"))
        .assert()
        .success()
        .stdout("");
    azure
        .run(&format!("az-cleanup keyvault delete -n {VAULT}"))
        .assert()
        .code(3);
    azure
        .run(&format!("kv-get s --vault-name {VAULT}"))
        .assert()
        .code(3);
    let listed = azure.json("az-cleanup keyvault list-deleted");
    assert_eq!(listed[0]["name"], VAULT);
    assert_eq!(listed[0]["properties"]["vaultId"], scope.as_str());

    azure
        .run(&format!("az-cleanup keyvault recover -n {VAULT}"))
        .assert()
        .success();
    // Azure drops the role assignments of a deleted vault for good.
    assert_eq!(
        azure.json(&format!("az-role assignment list --scope {scope}")),
        json!([])
    );
    azure
        .run(&format!("kv-get s --vault-name {VAULT}"))
        .assert()
        .code(5);
    azure.grant(&own, OFFICER);
    let read = azure.json(&format!(
        "kv-get s --vault-name {VAULT} --wait-for-access 1m"
    ));
    assert_eq!(read["value"], "v");

    azure
        .run(&format!("az-cleanup keyvault delete -n {VAULT} -g {GROUP}"))
        .assert()
        .success();
    azure
        .run(&format!("az-cleanup keyvault purge -n {VAULT} -l eastus"))
        .assert()
        .success()
        .stdout("");
    assert_eq!(azure.json("az-cleanup keyvault list-deleted"), json!([]));
    azure
        .run(&format!("az-cleanup keyvault recover -n {VAULT}"))
        .assert()
        .code(3);
}

#[test]
fn several_groups_do_not_touch_each_other() {
    let azure = Azure::start().with_group().with_vault();
    azure
        .run("az-provision group create -n other -l eastus")
        .assert()
        .success();
    azure
        .run("az-provision keyvault create -g other -n kv-other")
        .assert()
        .success();
    azure
        .run(&format!("az-cleanup all -g {GROUP} --yes"))
        .assert()
        .success();
    let left = json(
        &azure
            .run("az-provision keyvault show -n kv-other")
            .assert()
            .success(),
    );
    assert_eq!(left["resourceGroup"], "other");
}

#[test]
fn a_deletion_that_somebody_undoes_is_not_waited_for() {
    let azure = Azure::start().with_group().with_vault().with_secrets();
    azure.set_secret("undone", "value");
    // Whoever deletes it does not learn when it is deleted.
    azure
        .local()
        .args(["faults", "set", "-"])
        .write_stdin(
            "[[fault]]\nhost = \"key-vault\"\nmethod = \"GET\"\npath = \"/deletedsecrets/undone\"\n\
             status = 404\ncode = \"SecretNotFound\"\n",
        )
        .assert()
        .success();
    let deleting = std::process::Command::new(end_to_end::binary("az-cleanup"))
        .args(["secret", "delete", "undone", "--vault-name", VAULT])
        .env_clear()
        .envs(azure.variables().iter().cloned())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("it starts");
    let is_deleted = || {
        let log = azure.log();
        log.iter()
            .any(|one| one["method"] == "DELETE" && one["status"] == 200)
    };
    while !is_deleted() {
        std::thread::yield_now();
    }
    azure
        .run(&format!(
            "az-cleanup secret recover undone --vault-name {VAULT}"
        ))
        .assert()
        .success();
    let output = deleting.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(6), "{said}");
    assert!(said.contains("brought it back"), "{said}");
}
