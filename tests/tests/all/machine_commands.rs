//! What is done to machines that are there: addresses, ports, users, waiting, several at once.

use end_to_end::ssh::{Machine, USER, key_pair};
use end_to_end::{Azure, GROUP, VAULT, VM, json};
use predicates::{prelude::*, str::contains};
use serde_json::json;
use std::thread;

/// Machines with these names, side by side.
fn machines(azure: &Azure, names: &[&str]) {
    thread::scope(|scope| {
        for name in names {
            scope.spawn(move || azure.create_vm(name));
        }
    });
}

#[test]
fn addresses_are_listed_by_machine() {
    let azure = Azure::start().with_group().with_vm();
    azure
        .run("az-provision group create -n other -l eastus -o none")
        .assert()
        .success();
    azure
        .run("az-provision vm create -g other -n bare --generate-ssh-keys --public-ip-address= -o none")
        .assert()
        .success();
    let shown = azure.json(&format!("az-provision vm show -d -g {GROUP} -n {VM}"));
    let all = azure.json("az-provision vm list-ip-addresses");
    assert_eq!(all.as_array().map(Vec::len), Some(2));
    let one = azure.json(&format!("az-provision vm list-ip-addresses -n {VM}"));
    let machine = &one[0]["virtualMachine"];
    assert_eq!(
        (&machine["name"], &machine["resourceGroup"]),
        (&json!(VM), &json!(GROUP))
    );
    let network = &machine["network"];
    assert_eq!(network["privateIpAddresses"], json!([shown["privateIps"]]));
    let public = &network["publicIpAddresses"][0];
    assert_eq!(public["ipAddress"], shown["publicIps"]);
    assert_eq!(public["ipAllocationMethod"], "Static");
    let other = azure.json("az-provision vm list-ip-addresses -g other");
    assert_eq!(
        other[0]["virtualMachine"]["network"]["publicIpAddresses"],
        json!([])
    );
    let table = azure
        .run("az-provision vm list-ip-addresses -o table")
        .assert()
        .success();
    table.stdout(contains("VirtualMachine").and(contains("PublicIPAddresses")));
}

#[test]
fn ports_are_opened_once_and_each_with_a_priority_of_its_own() {
    let azure = Azure::start().with_group().with_vm();
    let open = |words: &str| {
        azure.run(&format!(
            "az-provision vm open-port -g {GROUP} -n {VM} {words}"
        ))
    };
    let rules = |group: &serde_json::Value| -> Vec<(String, u64)> {
        let rules = group["securityRules"].as_array().expect("rules");
        let mut rules: Vec<_> = rules
            .iter()
            .map(|rule| {
                let name = rule["name"].as_str().expect("a name").to_owned();
                (name, rule["priority"].as_u64().expect("a priority"))
            })
            .collect();
        rules.sort_by_key(|(_, priority)| *priority);
        rules
    };
    open("--port 80").assert().success();
    let group = json(&open("--port 443,8000-8100").assert().success());
    let expected = [
        ("open-port-80".to_owned(), 900),
        ("open-port-443_8000-8100".to_owned(), 901),
        ("default-allow-ssh".to_owned(), 1000),
    ];
    assert_eq!(rules(&group), expected);
    // What is open already is left alone.
    let before = azure.writes();
    let again = json(&open("--port 80,8050").assert().success());
    assert_eq!((azure.writes(), rules(&again)), (before, expected.to_vec()));
    let planned = open("--port 81 --dry-run").assert().success();
    planned.stdout(contains("open-port-81"));
    assert_eq!(azure.writes(), before);
    open("--port 90000")
        .assert()
        .code(2)
        .stderr(contains("65535"));
    open("--port 82 --priority 900")
        .assert()
        .code(6)
        .stderr(contains("rule 'open-port-80'").and(contains("has priority 900")));
    open("--port 80 --priority 950")
        .assert()
        .success()
        .stderr(contains("no rule is given --priority"));
    open("--port *")
        .assert()
        .success()
        .stdout(contains("open-port-all"));
    // A machine that has no security group is given one.
    azure
        .run(&format!(
            "az-provision vm create -g {GROUP} -n bare --generate-ssh-keys --nsg= -o none"
        ))
        .assert()
        .success();
    let made = azure.json(&format!(
        "az-provision vm open-port -g {GROUP} -n bare --port 22"
    ));
    assert_eq!((&made["name"], rules(&made).len()), (&json!("bareNSG"), 1));
    assert_eq!(
        azure.json(&format!(
            "az-provision vm open-port -g {GROUP} -n bare --port 22"
        ))["name"],
        "bareNSG"
    );
}

#[test]
fn a_user_signs_in_with_what_was_set() {
    let azure = Azure::start().with_group();
    let key = key_pair(azure.scratch(), "first");
    let other = key_pair(azure.scratch(), "other");
    azure
        .run(&format!(
            "az-provision vm create -g {GROUP} -n {VM} --admin-username {USER} --ssh-key-values {}.pub -o none",
            key.display()
        ))
        .assert()
        .success();
    let update = |words: &str| {
        azure.run(&format!(
            "az-provision vm user update -g {GROUP} -n {VM} -u {USER} {words}"
        ))
    };
    let machine = Machine::there(&azure, VM, other.clone());
    let refused = machine.ssh(&[], "true").output().expect("ssh runs");
    assert_eq!(refused.status.code(), Some(255));
    update(&format!("--ssh-key-value {}.pub", other.display()))
        .assert()
        .success()
        .stdout("");
    assert_eq!(machine.says("echo $USER").trim(), USER);
    // The key of before is still one.
    assert_eq!(
        Machine::there(&azure, VM, key).says("echo $USER").trim(),
        USER
    );
    update("--password-file -")
        .write_stdin("Another-Horse-1\n")
        .assert()
        .success();
    update("--password-file -")
        .write_stdin("short\n")
        .assert()
        .code(2)
        .stderr(contains("12 to 72"));
    update("")
        .env("HOME", azure.scratch().join("nobody"))
        .assert()
        .code(2)
        .stderr(contains("neither a password nor an SSH key"));
    assert!(!azure.log_text().contains("Another-Horse-1"));
}

#[test]
fn several_machines_by_their_ids_and_by_pipe() {
    let azure = Azure::start().with_group();
    machines(&azure, &["one", "two", "three"]);
    let states = || azure.json("az-provision vm list -d --query sort([].powerState)");
    azure
        .shell("set -e; az-provision vm stop --ids $(az-provision vm list --query '[?name!=`two`].id' -o tsv)")
        .assert()
        .success()
        .stdout("");
    assert_eq!(states(), json!(["VM running", "VM stopped", "VM stopped"]));
    azure
        .shell("set -e; az-provision vm list | az-provision vm start --ids -")
        .assert()
        .success();
    assert_eq!(states(), json!(["VM running", "VM running", "VM running"]));
    let assigned = azure
        .shell(
            "set -e; az-provision vm list --query '[].id' -o tsv | az-identity vm assign --ids -",
        )
        .assert()
        .success();
    let lines = String::from_utf8_lossy(&assigned.get_output().stdout).into_owned();
    assert_eq!(lines.lines().count(), 3);
    assert_eq!(
        azure.json("az-provision vm list --query [].identity.type"),
        json!(["SystemAssigned", "SystemAssigned", "SystemAssigned"])
    );
    // One that is no machine is found before anything is sent.
    let before = azure.writes();
    azure
        .shell("az-provision vm list --query '[].id' -o tsv | sed '$s/virtualMachines/disks/' | az-provision vm stop --ids -")
        .assert()
        .code(2)
        .stderr(contains("is not the id of a virtual machine"));
    assert_eq!(azure.writes(), before);
    azure
        .shell("az-provision vm list --query '[].id' -o tsv | az-provision vm delete --ids - </dev/null")
        .assert()
        .code(2);
    azure
        .shell("set -e; az-provision vm list --query '[].id' -o tsv | az-provision vm delete --ids - --yes")
        .assert()
        .success();
    assert_eq!(azure.json("az-provision vm list"), json!([]));
}

#[test]
fn each_long_operation_can_be_waited_for() {
    let azure = Azure::with(&["--operation-time", "1s"]);
    let script = format!(
        "set -eux
         az-provision group wait -n {GROUP} --deleted
         az-provision group exists -n {GROUP}
         az-provision group create -n {GROUP} -l eastus -o none
         az-provision group wait -n {GROUP} --exists
         az-provision group exists -n {GROUP}
         az-provision keyvault create -g {GROUP} -n {VAULT} --no-wait
         az-provision keyvault wait -g {GROUP} -n {VAULT} --created
         az-provision vm create -g {GROUP} -n {VM} --generate-ssh-keys --no-wait
         az-provision vm wait -g {GROUP} -n {VM} --created --interval 100ms
         az-provision vm wait -g {GROUP} -n {VM} --custom \"instanceView.statuses[?code=='PowerState/running']\"
         az-provision vm stop -g {GROUP} -n {VM} --no-wait
         az-provision vm wait -g {GROUP} -n {VM} --custom \"instanceView.statuses[?code=='PowerState/stopped']\" --interval 100ms
         az-provision vm delete -g {GROUP} -n {VM} --yes --no-wait
         az-provision vm wait -g {GROUP} -n {VM} --deleted --interval 100ms
         az-cleanup group delete -n {GROUP} --yes --no-wait
         az-provision group wait -n {GROUP} --deleted --interval 100ms"
    );
    azure
        .shell(&script)
        .assert()
        .success()
        .stdout("false\ntrue\n");
    azure
        .run(&format!(
            "az-provision group wait -n {GROUP} --exists --timeout 4s --interval 3s"
        ))
        .assert()
        .code(7)
        .stderr(contains("it is not so after 4s"));
    azure
        .run(&format!("az-provision vm wait -g {GROUP} -n {VM}"))
        .assert()
        .code(2)
        .stderr(contains("--created"));
}

#[test]
fn several_machines_are_created_at_once_and_again() {
    let azure = Azure::start().with_group();
    let create =
        format!("az-provision vm create -g {GROUP} -n worker --count 3 --generate-ssh-keys");
    let made = azure.json(&create);
    let ips: Vec<&str> = made
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|one| one["privateIpAddress"].as_str())
        .collect();
    assert_eq!(ips.len(), 3);
    assert_eq!(
        azure.json("az-provision vm list --query sort([].name)"),
        json!(["worker0", "worker1", "worker2"])
    );
    assert_eq!(
        azure.json("az-provision vm list-ip-addresses --query [].virtualMachine.network.publicIpAddresses[].name|sort(@)"),
        json!(["worker0PublicIP", "worker1PublicIP", "worker2PublicIP"])
    );
    let before = azure.writes();
    assert_eq!(azure.json(&create), made);
    assert_eq!(azure.writes(), before);
    azure
        .run(&format!("{create} --size Standard_B1s"))
        .assert()
        .code(6)
        .stdout("")
        .stderr(contains(
            "virtual machines 'worker0', 'worker1', 'worker2': it exists already",
        ));
    azure
        .run(&format!("{create} --public-ip-address one"))
        .assert()
        .code(2)
        .stderr(contains("--public-ip-address"));
}

#[test]
fn names_in_a_list_of_assignments_are_looked_up_unless_nobody_wants_them() {
    let azure = Azure::start();
    let list = "az-role assignment list --all";
    let whole = azure.json(list);
    assert!(whole[0]["principalName"].is_string() && whole[0]["roleDefinitionName"].is_string());
    let asked = |word: &str| azure.log_text().matches(word).count();
    let before = (asked("/getByIds"), asked("/roleDefinitions?"));
    let bare = azure.json(&format!(
        "{list} --fill-principal-name false --fill-role-definition-name false"
    ));
    assert!(bare[0].get("principalName").is_none() && bare[0].get("roleDefinitionName").is_none());
    assert_eq!((asked("/getByIds"), asked("/roleDefinitions?")), before);
    assert!(before.0 > 0 && before.1 > 0);
}

#[test]
fn the_status_shows_the_knobs() {
    let azure = Azure::with(&["--operation-time", "1234ms"]);
    azure
        .run("az-local status")
        .assert()
        .success()
        .stdout(contains("operation-time 1234ms").and(contains("secret-deletion-time 0ms")));
}
