//! `az-provision all --as-template`: a list of machines by Resource Manager's own engine.

use end_to_end::{Azure, SIZE, binary, http::Client};
use predicates::prelude::*;
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    process::{Command, Stdio},
};

/// Three subscriptions, as the scripts of many hosts see them.
fn three() -> Azure {
    Azure::with(&["--subscriptions", "3"])
}

fn subscriptions(azure: &Azure) -> Vec<String> {
    let all = azure.status();
    let all = all["tenants"][0]["subscriptions"].as_array();
    let ids = all.expect("subscriptions").iter();
    ids.map(|one| one["id"].as_str().expect("an id").to_owned())
        .collect()
}

/// Thirty machines in six groups of three subscriptions, with a vault, an identity and roles for each group; and a public
/// address, data disks and the system-assigned identity for some.
fn thirty(subscriptions: &[String]) -> Vec<Value> {
    (0..30)
        .map(|at| {
            let (subscription, group) = (at % 3, at % 6);
            let mut line = json!({
                "name": format!("vm{at}"), "subscription": subscriptions[subscription],
                "resourceGroup": format!("fleet-{group}"), "location": "eastus", "vault": format!("kv-fleet-{group}-x"),
                "identity": format!("id-{group}"), "role": ["Key Vault Secrets Officer"],
            });
            if at % 2 == 0 {
                line["publicIpAddress"] = "".into();
            }
            if at % 5 == 0 {
                line["dataDiskSizesGb"] = json!([4, 8]);
                line["tags"] = json!({"number": at.to_string(), "odd [name]": "[it's]"});
            }
            if at % 7 == 0 {
                line["identity"] = "[system]".into();
                line["scope"] = "group".into();
                line["role"] = "Reader".into();
            }
            line
        })
        .collect()
}

fn write(azure: &Azure, lines: &[Value]) -> PathBuf {
    let path = azure.scratch().join("fleet.jsonl");
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    std::fs::write(&path, text).expect("a list");
    path
}

const FLAGS: &str = "--admin-username ada --generate-ssh-keys";

fn line(azure: &Azure, list: &std::path::Path, more: &str) -> assert_cmd::Command {
    let list = list.display();
    let line = format!("az-provision all --as-template {list} --size {SIZE} {FLAGS} {more}");
    azure.run(&line)
}

/// The lines of JSON that a command prints.
fn printed(command: &mut assert_cmd::Command) -> Vec<Value> {
    let output = command.assert().success();
    let text = String::from_utf8_lossy(&output.get_output().stdout).into_owned();
    let line = |line: &str| serde_json::from_str(line).expect("a line of JSON");
    text.lines().map(line).collect()
}

/// How many requests have put a deployment so far.
fn sent(azure: &Azure) -> usize {
    let is_one = |exchange: &&Value| {
        let url = exchange["url"].as_str().unwrap_or_default();
        exchange["method"] == "PUT" && url.contains("/providers/Microsoft.Resources/deployments/")
    };
    azure.log().iter().filter(is_one).count()
}

/// All that is there, without what differs between two instances or two moments.
fn state(azure: &Azure, subscriptions: &[String]) -> BTreeMap<String, Value> {
    let mut all = BTreeMap::new();
    for (at, id) in subscriptions.iter().enumerate() {
        let in_it = format!("--subscription {id}");
        let mut take = |value: Value| {
            for one in value.as_array().expect("a list") {
                let text = one.to_string().replace(id.as_str(), &format!("<{at}>"));
                let one: Value = serde_json::from_str(&text).expect("JSON");
                let name = one["id"].as_str().expect("an id").to_owned();
                all.insert(name, plain(&one));
            }
        };
        take(azure.json(&format!("az-provision group list {in_it}")));
        take(azure.json(&format!("az-provision vm list -d {in_it}")));
        take(azure.json(&format!("az-provision keyvault list {in_it}")));
        take(azure.json(&format!("az-identity list {in_it}")));
        for kind in [
            "virtualNetworks",
            "networkSecurityGroups",
            "publicIPAddresses",
            "networkInterfaces",
        ] {
            let path = format!("/subscriptions/{id}/providers/Microsoft.Network/{kind}");
            let url = format!("https://management.azure.com{path}?api-version=2024-05-01");
            let client = Client::new(azure);
            let token = client.token("https://management.azure.com/.default");
            take(client.get(&url, &token).json()["value"].clone());
        }
        let roles = format!("az-role assignment list --all {in_it}");
        let roles = azure.json(&roles);
        for role in roles.as_array().expect("roles") {
            let text = |member: &str| role[member].as_str().unwrap_or_default().to_owned();
            let scope = text("scope").replace(id.as_str(), &format!("<{at}>"));
            // Principals are others in another instance; how many have the role is the same.
            let key = format!("role {scope} {}", text("roleDefinitionName"));
            let count = all.entry(key).or_insert(json!(0));
            *count = json!(count.as_u64().unwrap_or_default() + 1);
        }
    }
    all
}

fn plain(value: &Value) -> Value {
    const OTHER: [&str; 17] = [
        "etag",
        "vmId",
        "resourceGuid",
        "timeCreated",
        "principalId",
        "clientId",
        "tenantId",
        "macAddress",
        "macAddresses",
        "ipAddress",
        "publicIps",
        "privateIps",
        "privateIPAddress",
        "uniqueId",
        "systemData",
        "internalDomainNameSuffix",
        "defaultSecurityRules",
    ];
    match value {
        Value::Object(members) => Value::Object(
            members
                .iter()
                .filter(|(name, _)| !OTHER.contains(&name.as_str()))
                // Names of disks that Azure makes are at random.
                .filter(|(name, _)| *name != "managedDisk" && *name != "keyData")
                .map(|(name, value)| (name.clone(), plain(value)))
                .collect(),
        ),
        Value::Array(values) => values.iter().map(plain).collect(),
        Value::String(text) if text.contains("_OsDisk_") || text.contains("_DataDisk_") => {
            "disk".into()
        }
        other => other.clone(),
    }
}

#[test]
fn a_fleet_is_as_the_single_commands_make_it() {
    let azure = three();
    let own = subscriptions(&azure);
    let lines = thirty(&own);
    let list = write(&azure, &lines);
    let made = printed(&mut line(&azure, &list, "--deploy"));
    // Three deployments of groups, six of what is in them.
    assert_eq!(made.len(), 9);
    assert!(
        made.iter().all(|one| one["state"] == "deployed"),
        "{made:?}"
    );
    let total: u64 = made
        .iter()
        .filter_map(|one| one["resources"].as_u64())
        .sum();
    assert!(total > 130, "{total}");
    let after = state(&azure, &own);
    // Nothing new the second time: no deployment is sent.
    let before = sent(&azure);
    let again = printed(&mut line(&azure, &list, "--deploy"));
    assert_eq!(sent(&azure), before);
    assert_eq!(again.len(), 6);
    assert!(again.iter().all(|one| one["state"] == "there"), "{again:?}");
    assert_eq!(state(&azure, &own), after);

    let other = three();
    let own = subscriptions(&other);
    let mut made = BTreeSet::new();
    for line in thirty(&own) {
        single(&other, &line, &mut made);
    }
    let single = state(&other, &own);
    assert_same(&after, &single);
}

fn assert_same(left: &BTreeMap<String, Value>, right: &BTreeMap<String, Value>) {
    let mut differences = Vec::new();
    for (id, one) in left {
        match right.get(id) {
            Some(other) => compare(id, one, other, &mut differences),
            None => differences.push(format!("{id} is missing")),
        }
    }
    let more = right.keys().filter(|id| !left.contains_key(*id));
    differences.extend(more.map(|id| format!("{id} is one more")));
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

fn compare(at: &str, left: &Value, right: &Value, differences: &mut Vec<String>) {
    match (left, right) {
        (Value::Object(left), Value::Object(right)) => {
            for name in left.keys().chain(right.keys()) {
                let of = |members: &serde_json::Map<String, Value>| {
                    members.get(name).cloned().unwrap_or_default()
                };
                compare(&format!("{at}.{name}"), &of(left), &of(right), differences);
            }
        }
        (Value::Array(left), Value::Array(right)) if left.len() == right.len() => {
            for (index, (left, right)) in left.iter().zip(right).enumerate() {
                compare(&format!("{at}[{index}]"), left, right, differences);
            }
        }
        _ if left != right => differences.push(format!("{at}: {left} is not {right}")),
        _ => {}
    }
}

/// Makes what a line says by the single commands; `made` is what the lines before it share.
fn single(azure: &Azure, line: &Value, made: &mut BTreeSet<String>) {
    let text = |member: &str| line[member].as_str().unwrap_or_default();
    let (subscription, group) = (text("subscription"), text("resourceGroup"));
    let common = format!("--subscription {subscription} -g {group}");
    let tags = line["tags"].as_object().cloned().unwrap_or_default();
    let tagged = |mut command: assert_cmd::Command| {
        if !tags.is_empty() {
            command.arg("--tags");
            command.args(
                tags.iter()
                    .map(|(name, value)| format!("{name}={}", value.as_str().unwrap_or_default())),
            );
        }
        command.args(["-o", "none"]).assert().success();
    };
    let run = |line: String| azure.run(&line);
    let identity = text("identity");
    let mut is_first = |what: String| made.insert(format!("{common} {what}"));
    if is_first("group".to_owned()) {
        let create = format!("az-provision group create {common} -l eastus -o none");
        run(create).assert().success();
        let vault = text("vault");
        tagged(run(format!(
            "az-provision keyvault create {common} -n {vault} -l eastus"
        )));
    }
    if identity != "[system]" && is_first(identity.to_owned()) {
        tagged(run(format!(
            "az-identity create {common} -n {identity} -l eastus"
        )));
    }
    let mut create = run(format!(
        "az-provision vm create {common} -n {} -l eastus --size {SIZE} {FLAGS} --assign-identity {identity}",
        text("name")
    ));
    if line["publicIpAddress"] == "" {
        create.args(["--public-ip-address", ""]);
    }
    if line["dataDiskSizesGb"].is_array() {
        create.args(["--data-disk-sizes-gb", "4", "8"]);
    }
    tagged(create);
    let group_id = format!("/subscriptions/{subscription}/resourceGroups/{group}");
    let (scope, role) = match text("scope") {
        "group" => (group_id, "Reader"),
        _ => (
            format!(
                "{group_id}/providers/Microsoft.KeyVault/vaults/{}",
                text("vault")
            ),
            "Key Vault Secrets Officer",
        ),
    };
    let who = match identity {
        "[system]" => azure.text(
            &format!("az-identity vm show {common} -n {}", text("name")),
            "principalId",
        ),
        identity => azure.text(
            &format!("az-identity show {common} -n {identity}"),
            "principalId",
        ),
    };
    let mut assign = run(format!(
        "az-role assignment create --subscription {subscription} --assignee-object-id {who} \
         --assignee-principal-type ServicePrincipal --scope {scope} -o none --role"
    ));
    assign.arg(role).assert().success();
}

#[test]
fn a_fleet_that_is_cut_goes_on_from_there() {
    let azure = three();
    let own = subscriptions(&azure);
    let list = write(&azure, &thirty(&own));
    // Operations go on until the clock is moved, so that it is killed in the middle for certain.
    azure
        .local()
        .args(["set", "operation-time", "10m"])
        .assert()
        .success();
    let mut command = Command::new(binary("az-provision"));
    command
        .env_clear()
        .envs(azure.variables().iter().map(|(name, value)| (name, value)));
    command
        .current_dir(azure.scratch())
        .arg("all")
        .arg("--as-template")
        .arg(&list);
    command
        .args(["--size", SIZE, "--deploy", "--jobs", "2"])
        .args(FLAGS.split(' '));
    let mut cut = command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("it runs");
    let began = std::time::Instant::now();
    while sent(&azure) < 2 {
        assert!(began.elapsed().as_secs() < 120, "nothing is sent");
        assert!(cut.try_wait().expect("a process").is_none(), "it ended");
        std::thread::yield_now();
    }
    cut.kill().expect("it is killed");
    cut.wait().expect("it ended");
    let before = sent(&azure);
    azure
        .local()
        .args(["set", "operation-time", "0s"])
        .assert()
        .success();
    azure
        .local()
        .args(["clock", "advance", "11m"])
        .assert()
        .success();
    let on = printed(&mut line(&azure, &list, "--deploy"));
    assert!(on.iter().all(|one| one["state"] == "deployed"), "{on:?}");
    let after = state(&azure, &own);
    // What the first run had sent was not sent again: two deployments of groups.
    assert_eq!(sent(&azure) - before, 9 - before);
    let whole = three();
    let own = subscriptions(&whole);
    let list = write(&whole, &thirty(&own));
    line(&whole, &list, "--deploy -o none").assert().success();
    assert_same(&after, &state(&whole, &own));
}

#[test]
fn what_would_be_changed_is_asked_for() {
    let azure = Azure::start();
    let list = write(
        &azure,
        &[json!({"name": "vm1", "resourceGroup": "g", "location": "eastus"})],
    );
    let plan = |more: &str| {
        let mut command = line(&azure, &list, &format!("--plan {more}"));
        let output = command.assert().success();
        String::from_utf8_lossy(&output.get_output().stdout).into_owned()
    };
    let writes = azure.writes();
    assert!(
        plan("").contains("create    resource group 'g': fleet-"),
        "{}",
        plan("")
    );
    assert_eq!(azure.writes(), writes, "a plan writes nothing");
    line(&azure, &list, "--deploy -o none").assert().success();
    assert!(
        plan("").starts_with("exists    resource group 'g': fleet-"),
        "{}",
        plan("")
    );
    // Somebody opens a port; the list then gets another machine, so that its deployment is another one.
    azure
        .run("az-provision vm open-port -g g -n vm1 --port 80 -o none")
        .assert()
        .success();
    let more = [
        json!({"name": "vm1", "resourceGroup": "g", "location": "eastus"}),
        json!({"name": "vm2", "resourceGroup": "g", "location": "eastus"}),
    ];
    let list = write(&azure, &more);
    let shown = plan("");
    assert!(
        shown.starts_with("change    resource group 'g': fleet-"),
        "{shown}"
    );
    assert!(shown.contains("security group 'vm1NSG'"), "{shown}");
    line(&azure, &list, "--deploy")
        .assert()
        .code(2)
        .stderr(predicate::str::contains(
            "What is there would be changed: security group 'vm1NSG'",
        ));
    assert_eq!(
        azure
            .json("az-provision vm list -g g")
            .as_array()
            .map(Vec::len),
        Some(1)
    );
    line(&azure, &list, "--deploy --yes -o none")
        .assert()
        .success();
    assert_eq!(
        azure
            .json("az-provision vm list -g g")
            .as_array()
            .map(Vec::len),
        Some(2)
    );
}

#[test]
fn passwords_are_parameters_and_nowhere_in_clear() {
    let azure = Azure::start();
    let secret = azure.scratch().join("password");
    std::fs::write(&secret, "Correct-Horse-7\n").expect("a password");
    let list = write(
        &azure,
        &[
            json!({"name": "vm1", "resourceGroup": "g", "location": "eastus"}),
            json!({"name": "vm2", "resourceGroup": "g", "customData": "#!/bin/sh\necho hidden-word"}),
        ],
    );
    let run = |more: &str| {
        let list = list.display();
        let line = format!(
            "az-provision all --as-template {list} -l eastus --size {SIZE} --admin-username ada --admin-password-file {} {more}",
            secret.display()
        );
        azure.run(&line)
    };
    let shown = printed(&mut run(""));
    let template = &shown[1]["template"];
    assert_eq!(
        template["parameters"],
        json!({"adminPassword": {"type": "securestring"}, "customData": {"type": "securestring"}})
    );
    assert_eq!(
        shown[1]["parameters"]["adminPassword"]["value"],
        "<redacted>"
    );
    assert!(!json!(shown).to_string().contains("Correct-Horse-7"));
    let planned = run("--deploy --dry-run").assert().success();
    let planned = String::from_utf8_lossy(&planned.get_output().stdout).into_owned();
    assert!(
        planned.contains("/providers/Microsoft.Resources/deployments/fleet-"),
        "{planned}"
    );
    assert!(
        !planned.contains("Correct-Horse-7") && !planned.contains("aGlkZGVu"),
        "{planned}"
    );
    assert_eq!(sent(&azure), 0);
    run("--deploy")
        .assert()
        .success()
        .stdout(predicate::str::contains("Correct").not());
    assert_eq!(
        azure.text(
            "az-provision vm show -g g -n vm2",
            "osProfile.adminUsername"
        ),
        "ada"
    );
    // It is the machine's password.
    azure
        .run(&format!(
            "az-provision vm create -g g -n vm1 -l eastus --size {SIZE} --admin-username ada --admin-password-file {}",
            secret.display()
        ))
        .assert()
        .success();
    let log = azure.log_text();
    assert!(
        !log.contains("Correct-Horse-7") && !log.contains("aGlkZGVu"),
        "it is in the log"
    );
}

#[test]
fn a_list_that_is_wrong_is_refused_before_anything_is_sent() {
    let azure = Azure::start();
    let good = json!({"name": "vm1", "resourceGroup": "g", "location": "eastus"});
    for (lines, flags, code, words) in [
        (
            vec![
                good.clone(),
                json!({"name": "vm2", "resourceGroup": "g", "sise": "x"}),
            ],
            "-l eastus",
            2,
            "line 2: there is no member 'sise'. Did you mean 'size'?",
        ),
        (
            vec![good.clone(), good.clone()],
            "",
            2,
            "line 2: the public IP address 'vm1PublicIP' is line 1's",
        ),
        (
            vec![
                json!({"name": "vm1", "resourceGroup": "g", "location": "eastus", "size": "Standard_None"}),
            ],
            "",
            3,
            "line 1: there is no size 'Standard_None'",
        ),
        (
            vec![
                json!({"vault": "kv-x-1", "resourceGroup": "g", "location": "eastus", "identity": "id1", "role": "Raeder"}),
            ],
            "",
            3,
            "line 1: there is no role 'Raeder'",
        ),
        (
            vec![
                json!({"name": "vm1", "resourceGroup": "g", "location": "eastus", "subscription": "none"}),
            ],
            "",
            3,
            "line 1: there is no subscription 'none'",
        ),
        (
            vec![json!({"name": "vm1", "resourceGroup": "g"})],
            "",
            2,
            "line 1: 'location' is missing",
        ),
        (vec![good.clone()], "-n vm9", 2, "--vm-name names one"),
        (vec![good.clone()], "--recover", 2, "--recover"),
    ] {
        let list = write(&azure, &lines);
        let said = line(&azure, &list, &format!("--deploy {flags}"))
            .assert()
            .code(code);
        let said = String::from_utf8_lossy(&said.get_output().stderr).into_owned();
        assert!(said.contains(words), "{words}: {said}");
    }
    assert_eq!(sent(&azure), 0);
}

#[test]
fn one_deployment_that_fails_does_not_stop_the_others() {
    let azure = Azure::start();
    let list = write(
        &azure,
        &[
            json!({"vault": "kv-held-by-me", "resourceGroup": "a", "location": "eastus"}),
            json!({"vault": "kv-free-name", "resourceGroup": "b", "location": "eastus"}),
        ],
    );
    azure
        .run("az-provision group create -n other -l eastus -o none")
        .assert()
        .success();
    azure
        .run("az-provision keyvault create -g other -n kv-held-by-me -l eastus -o none")
        .assert()
        .success();
    let said = line(&azure, &list, "--deploy").assert().failure();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, err) = (
        text(&said.get_output().stdout),
        text(&said.get_output().stderr),
    );
    assert!(out.contains("\"resourceGroup\":\"b\""), "{out}");
    assert!(err.contains("1 of 3 deployments failed"), "{err}");
    assert!(err.contains("VaultAlreadyExists"), "{err}");
    // Once the name is free the same command goes on.
    azure
        .run("az-cleanup keyvault delete -g other -n kv-held-by-me -y")
        .assert()
        .success();
    azure
        .run("az-cleanup keyvault purge -n kv-held-by-me -y")
        .assert()
        .success();
    let on = printed(&mut line(&azure, &list, "--deploy"));
    let states: Vec<&str> = on.iter().filter_map(|one| one["state"].as_str()).collect();
    assert_eq!(states.len(), 2, "{on:?}");
    assert!(
        states.contains(&"there") && states.contains(&"deployed"),
        "{on:?}"
    );
}

#[test]
fn a_deployment_without_a_list_asks_for_the_list_alone() {
    let azure = Azure::start();
    let refused = azure
        .run("az-provision all --deploy -l eastus")
        .assert()
        .code(2);
    let said = end_to_end::stderr(&refused);
    assert!(said.contains("--as-template"), "{said}");
    assert!(!said.contains("--vault-name"), "{said}");
}
