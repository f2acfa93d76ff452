//! `az-provision all --plan`: what it says is what the same command then does.

use assert_cmd::Command;
use end_to_end::{Azure, GROUP, PASSWORD, SIZE, VAULT, VM, json, stderr};
use predicates::str::contains;
use serde_json::Value;
use std::collections::BTreeSet;

fn all(azure: &Azure, more: &str) -> Command {
    let mut command = azure.run(&format!(
        "az-provision all -g {GROUP} -l eastus -n {VM} --vault-name {VAULT} --size {SIZE} --admin-username azureuser --admin-password-file - {more}"
    ));
    command.write_stdin(PASSWORD);
    command
}

/// The plan, which ends in this status and writes nothing.
fn plan(azure: &Azure, more: &str, status: i32) -> Value {
    let before = azure.log().len();
    let ended = all(azure, &format!("{more} --plan -o json"))
        .assert()
        .code(status);
    for one in &azure.log()[before..] {
        let url = one["url"].as_str().unwrap_or_default();
        let asks = url.contains("/checkNameAvailability?") || url.contains("/oauth2/");
        assert!(one["method"] == "GET" || asks, "{one}");
    }
    json(&ended)
}

fn states(plan: &Value) -> Vec<(String, String)> {
    let nodes = plan.as_array().expect("a list").iter();
    nodes
        .map(|node| {
            let text = |member: &str| node[member].as_str().expect("a text").to_owned();
            (text("name"), text("state"))
        })
        .collect()
}

/// Runs the command; what it writes is what the plan says, no more and no less.
fn carry_out(azure: &Azure, more: &str, plan: &Value, status: i32) {
    let before = azure.log().len();
    let ended = all(azure, more).assert().code(status);
    let written: BTreeSet<String> = azure.log()[before..]
        .iter()
        .filter(|one| one["method"] == "PUT" || one["method"] == "PATCH")
        .filter(|one| {
            // To have a password compared, a machine is changed to what it is.
            let properties = &one["requestBody"]["properties"];
            one["method"] == "PUT" || properties["osProfile"].is_null()
        })
        .map(|one| {
            let url = one["url"].as_str().unwrap_or_default();
            let path = url.split('?').next().unwrap_or_default();
            path.trim_start_matches("https://management.azure.com")
                .to_lowercase()
        })
        .collect();
    let planned: BTreeSet<String> = plan
        .as_array()
        .expect("a list")
        .iter()
        .filter(|node| node["state"] == "create" || node["state"] == "change")
        // A new network is made with its subnet.
        .filter(|node| node["type"] != "Microsoft.Network/virtualNetworks/subnets")
        .filter_map(|node| Some(node["id"].as_str()?.to_lowercase()))
        .collect();
    if status == 0 {
        assert_eq!(written, planned, "{}", stderr(&ended));
    } else {
        assert!(written.is_subset(&planned), "{written:?} {planned:?}");
    }
}

#[test]
fn where_nothing_is_there_all_is_made_and_then_nothing_more() {
    let azure = Azure::start();
    let first = plan(&azure, "", 0);
    let names = [
        GROUP,
        "go-on-azure-vmVNET",
        "go-on-azure-vmSubnet",
        "go-on-azure-vmNSG",
        "go-on-azure-vmPublicIP",
        "go-on-azure-vmVMNic",
        VM,
        VAULT,
    ];
    let with = |state: &str| names.map(|name| (name.to_owned(), state.to_owned()));
    assert_eq!(states(&first), with("create"));
    carry_out(&azure, "", &first, 0);
    let second = plan(&azure, "", 0);
    assert_eq!(states(&second), with("exists"));
    carry_out(&azure, "", &second, 0);
    let ids = |plan: &Value| -> Vec<String> {
        let nodes = plan.as_array().expect("a list").iter();
        nodes
            .map(|node| node["id"].as_str().expect("an id").to_lowercase())
            .collect()
    };
    assert_eq!(ids(&first), ids(&second));
}

#[test]
fn what_is_there_in_part_is_completed() {
    let azure = Azure::start().with_group().with_vault();
    azure.create_vm("other");
    let found = plan(&azure, "", 0);
    let state = |name: &str| {
        let all = states(&found);
        let one = all.iter().find(|(own, _)| own == name);
        one.unwrap_or_else(|| panic!("{name} in {all:?}")).1.clone()
    };
    // A network of the group is used.
    assert_eq!(state("otherVNET"), "exists");
    assert_eq!(state("otherSubnet"), "exists");
    assert_eq!(state("go-on-azure-vmNSG"), "create");
    assert_eq!(state(VM), "create");
    assert_eq!(state(VAULT), "exists");
    carry_out(&azure, "", &found, 0);

    // The interface of a machine that is gone stays, and is used again.
    azure
        .run(&format!("az-provision vm delete -g {GROUP} -n {VM} --yes"))
        .assert()
        .success();
    let found = plan(&azure, "", 0);
    let left: Vec<(String, String)> = states(&found);
    let made: Vec<&str> = left
        .iter()
        .filter(|(_, state)| state == "create")
        .map(|(name, _)| name.as_str())
        .collect();
    assert_eq!(made, [VM]);
    carry_out(&azure, "", &found, 0);
}

#[test]
fn tags_are_changed() {
    let azure = Azure::start();
    all(&azure, "").assert().success();
    let found = plan(&azure, "--tags team=red", 0);
    let changed: Vec<String> = states(&found)
        .into_iter()
        .filter(|(_, state)| state == "change")
        .map(|(name, _)| name)
        .collect();
    assert_eq!(changed, [GROUP, VM, VAULT]);
    carry_out(&azure, "--tags team=red", &found, 0);
    assert!(
        states(&plan(&azure, "--tags team=red", 0))
            .iter()
            .all(|(_, state)| state == "exists")
    );
}

#[test]
fn every_conflict_is_named_at_once() {
    let azure = Azure::start();
    all(&azure, "").assert().success();
    let more = "--retention-days 7 --zone 2 --open-ports 443";
    let found = plan(&azure, more, 6);
    let differences = |name: &str| {
        let nodes = found.as_array().expect("a list");
        let node = nodes.iter().find(|node| node["name"] == name);
        node.expect("a node")["differences"].to_string()
    };
    assert!(differences(VM).contains("zone is 'none', not '2'"));
    assert!(differences(VM).contains("does not open port 443"));
    assert!(differences(VAULT).contains("retention days is '90', not '7'"));
    carry_out(&azure, more, &found, 6);
    all(&azure, &format!("{more} --plan"))
        .assert()
        .code(6)
        .stdout(contains(
            "conflict  └─ key vault 'kv-end-to-end': retention days",
        ))
        .stderr(contains(
            "would not go through: virtual machine 'go-on-azure-vm', key vault 'kv-end-to-end'",
        ));
    let elsewhere = format!(
        "az-provision all --plan -g {GROUP} -l westus2 -n {VM} --vault-name {VAULT} --size {SIZE} --admin-username azureuser --admin-password-file -"
    );
    azure
        .run(&elsewhere)
        .write_stdin(PASSWORD)
        .assert()
        .code(6)
        .stdout(contains(
            "conflict  resource group 'go-on-azure': in location 'eastus', not in 'westus2'",
        ));
}

#[test]
fn an_image_that_is_not_there_and_a_name_that_is_held_are_conflicts() {
    let azure = Azure::start().with_group().with_vault();
    azure
        .run(&format!("az-cleanup keyvault delete -n {VAULT}"))
        .assert()
        .success();
    let missing = "--image canonical:no-such-offer:sku:latest";
    let found = plan(&azure, missing, 3);
    let conflicts: Vec<String> = states(&found)
        .into_iter()
        .filter(|(_, state)| state == "conflict")
        .map(|(name, _)| name)
        .collect();
    assert_eq!(conflicts, [VM, VAULT]);
    assert!(found.to_string().contains("--purge-deleted"));
    for (flag, said) in [
        ("--recover", "is recovered"),
        ("--purge-deleted --yes", "is purged first"),
    ] {
        let found = plan(&azure, flag, 0);
        assert!(found.to_string().contains(said), "{found}");
    }
    let recovered = plan(&azure, "--recover", 0);
    carry_out(&azure, "--recover", &recovered, 0);
}

#[test]
fn a_plan_shows_no_secret_and_is_no_dry_run() {
    let azure = Azure::start();
    let shown = all(&azure, "--plan --debug").assert().success();
    let text = format!(
        "{}{}",
        String::from_utf8_lossy(&shown.get_output().stdout),
        stderr(&shown)
    );
    assert!(!text.contains(PASSWORD), "{text}");
    assert!(text.contains("create    └─ key vault"), "{text}");
    all(&azure, "--plan --dry-run")
        .assert()
        .code(2)
        .stderr(contains("exclude each other"));
}
