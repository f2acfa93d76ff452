//! The life of a machine: how it comes with identities and data, its power, its end, the sizes that there are.

use end_to_end::{Azure, GROUP, IDENTITY, PASSWORD, SIZE, VM, http::Client, json};
use predicates::{prelude::*, str::contains};
use serde_json::{Value, json};
use std::{
    thread,
    time::{Duration, Instant},
};

const METADATA: &str = "http://169.254.169.254/metadata";
const MACHINES: &str = "Microsoft.Compute/virtualMachines";

/// A machine's creation, with more arguments.
fn create(name: &str, more: &str) -> String {
    format!(
        "az-provision vm create -g {GROUP} -n {name} --size {SIZE} --admin-username azureuser --admin-password-file - {more}"
    )
}

/// What a creation prints.
fn created(azure: &Azure, name: &str, more: &str) -> Value {
    json(
        &azure
            .run(&create(name, more))
            .write_stdin(PASSWORD)
            .assert()
            .success(),
    )
}

/// What a machine reads from its metadata service.
fn metadata(azure: &Azure, machine: &str, path: &str) -> (u16, String) {
    let environment = azure.on_machine(machine, "env").assert().success();
    let text = String::from_utf8_lossy(&environment.get_output().stdout).into_owned();
    let proxy = text
        .lines()
        .find_map(|line| line.strip_prefix("HTTP_PROXY="));
    let client = Client::through(azure, proxy.expect("a proxy"));
    let answer = client.send(
        "GET",
        &format!("{METADATA}/{path}"),
        &[("metadata", "true")],
        None,
    );
    (answer.status, answer.text)
}

fn token(azure: &Azure, machine: &str, more: &str) -> (u16, Value) {
    let path = format!(
        "identity/oauth2/token?api-version=2018-02-01&resource=https://vault.azure.net{more}"
    );
    let (status, text) = metadata(azure, machine, &path);
    (status, serde_json::from_str(&text).expect("JSON"))
}

/// The body with which a machine was created.
fn sent(azure: &Azure, machine: &str) -> Value {
    let log = azure.log();
    let put = log.iter().find(|one| {
        let url = one["url"].as_str().unwrap_or_default();
        one["method"] == "PUT" && url.contains(&format!("/{MACHINES}/{machine}?"))
    });
    put.expect("a creation")["requestBody"].clone()
}

fn identity(azure: &Azure, name: &str) -> Value {
    azure.json(&format!("az-identity create -g {GROUP} -n {name}"))
}

#[test]
fn a_machine_comes_with_the_identities_that_are_named() {
    if end_to_end::machines_are_apart() {
        return;
    }
    let azure = Azure::start().with_group();
    let user = identity(&azure, IDENTITY);
    let (id, name) = (user["id"].as_str().expect("an id"), IDENTITY);
    // A machine spells an id as it was asked for, and here it is by name.
    let only = |machine: &Value| {
        let all = machine["identity"]["userAssignedIdentities"].as_object();
        let mut all = all.expect("identities").iter();
        let (key, facts) = all.next().expect("one");
        assert!(
            key.eq_ignore_ascii_case(id) && all.next().is_none(),
            "{key}"
        );
        facts.clone()
    };

    // No word is the machine's own, a name is of its group, an id is of any.
    let own = created(&azure, "own", "--assign-identity");
    assert_eq!(own["identity"]["userAssignedIdentities"], json!({}));
    let principal = own["identity"]["systemAssignedIdentity"].as_str();
    assert_eq!(token(&azure, "own", "").0, 200);
    let shown = azure.json(&format!("az-identity vm show -g {GROUP} -n own"));
    assert_eq!(shown["principalId"].as_str(), principal);

    let given = created(&azure, "given", &format!("--assign-identity {name}"));
    assert_eq!(given["identity"]["systemAssignedIdentity"], "");
    assert_eq!(only(&given)["principalId"], user["principalId"]);
    assert_eq!(sent(&azure, "given")["identity"]["type"], "UserAssigned");

    let both = created(&azure, "both", &format!("--assign-identity [system] {id}"));
    assert_ne!(both["identity"]["systemAssignedIdentity"], "");
    assert_eq!(only(&both)["clientId"], user["clientId"]);

    assert!(created(&azure, "bare", "").get("identity").is_none());
    assert!(sent(&azure, "bare").get("identity").is_none());
}

#[test]
fn a_pipe_brings_a_new_machine_its_identity() {
    if end_to_end::machines_are_apart() {
        return;
    }
    let azure = Azure::start().with_group();
    let user = identity(&azure, IDENTITY);
    let line =
        create(VM, "--assign-identity -").replace("--admin-password-file -", "--generate-ssh-keys");
    azure
        .run(&line)
        .write_stdin(user.to_string())
        .assert()
        .success();
    assert_eq!(token(&azure, VM, "").1["client_id"], user["clientId"]);
    // Both cannot be read from one pipe.
    azure
        .run(&create(VM, "--assign-identity -"))
        .write_stdin(PASSWORD)
        .assert()
        .code(2)
        .stderr(contains("standard input"));
}

#[test]
fn an_identity_that_is_not_there_is_found_out_before_anything_is_made() {
    let azure = Azure::start().with_group();
    let before = azure.writes();
    azure
        .run(&create(VM, "--assign-identity nobody"))
        .write_stdin(PASSWORD)
        .assert()
        .code(3)
        .stderr(contains("userAssignedIdentities/nobody"));
    for word in ["x", "/subscriptions/s/resourceGroups/g"] {
        azure
            .run(&create(VM, &format!("--assign-identity {word}")))
            .write_stdin(PASSWORD)
            .assert()
            .code(2);
    }
    assert_eq!(azure.writes(), before);
}

#[test]
fn a_machine_with_other_identities_is_a_conflict_that_names_them() {
    let azure = Azure::start().with_group();
    identity(&azure, "one");
    identity(&azure, "two");
    let first = created(&azure, VM, "--assign-identity one two");
    assert_eq!(created(&azure, VM, "--assign-identity two one"), first);
    // Who asks for none does not mind.
    assert_eq!(created(&azure, VM, "")["identity"]["type"], "UserAssigned");
    let before = azure.writes();
    for (words, said) in [
        ("", "identities are 'one two', not '[system]'"),
        ("one", "identities are 'one two', not 'one'"),
        ("one two [system]", "not '[system] one two'"),
    ] {
        azure
            .run(&create(VM, &format!("--assign-identity {words}")))
            .write_stdin(PASSWORD)
            .assert()
            .code(6)
            .stderr(contains(said).and(contains("az-identity vm assign")));
    }
    assert_eq!(azure.writes(), before);
}

#[test]
fn a_dry_run_shows_the_identities_and_hides_the_data() {
    let azure = Azure::start().with_group();
    let before = azure.writes();
    let line = create(VM, "--assign-identity [system] later --dry-run");
    let mut command = azure.run(&line);
    command.args([
        "--custom-data",
        "#!/bin/sh custom",
        "--user-data",
        "for user",
    ]);
    let shown = command.write_stdin(PASSWORD).assert().success();
    let text = String::from_utf8_lossy(&shown.get_output().stdout).into_owned();
    let machine: Value = text
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .find(|one: &Value| {
            one["url"]
                .as_str()
                .is_some_and(|url| url.contains(MACHINES))
        })
        .expect("a machine");
    let body = &machine["body"];
    assert_eq!(body["identity"]["type"], "SystemAssigned, UserAssigned");
    assert_eq!(body["properties"]["osProfile"]["customData"], "<redacted>");
    assert_eq!(body["properties"]["userData"], "<redacted>");
    assert_eq!(azure.writes(), before);
}

#[test]
fn all_makes_a_machine_with_its_own_identity() {
    let azure = Azure::start();
    let line = format!(
        "az-provision all -g {GROUP} -l eastus -n {VM} --vault-name kv-with-identity --size {SIZE} --admin-username azureuser --admin-password-file - --assign-identity"
    );
    let made = json(&azure.run(&line).write_stdin(PASSWORD).assert().success());
    assert_ne!(made["vm"]["identity"]["systemAssignedIdentity"], "");
    let again = json(&azure.run(&line).write_stdin(PASSWORD).assert().success());
    assert_eq!(again, made);
}

#[test]
fn machines_made_at_the_same_time_have_each_its_own_identity() {
    if end_to_end::machines_are_apart() {
        return;
    }
    let azure = Azure::start().with_group();
    let names = ["left", "right"];
    let users = names.map(|name| identity(&azure, &format!("{name}-identity")));
    thread::scope(|scope| {
        for name in names {
            let azure = &azure;
            scope
                .spawn(move || created(azure, name, &format!("--assign-identity {name}-identity")));
        }
    });
    for (name, (own, other)) in names.iter().zip([(0, 1), (1, 0)]) {
        assert_eq!(
            token(&azure, name, "").1["client_id"],
            users[own]["clientId"]
        );
        let foreign = users[other]["clientId"].as_str().expect("an id");
        let (status, refused) = token(&azure, name, &format!("&client_id={foreign}"));
        assert_eq!(
            (status, &refused["error_description"]),
            (400, &json!("Identity not found"))
        );
    }
}

#[test]
fn machines_made_at_the_same_time_share_a_network_that_is_not_there_yet() {
    let azure = Azure::start().with_group();
    let names = ["one", "two"];
    thread::scope(|scope| {
        for name in names {
            let azure = &azure;
            scope.spawn(move || created(azure, name, "--vnet-name shared"));
        }
    });
    let mut addresses =
        names.map(|name| azure.text(&format!("az-provision vm show -d -n {name}"), "privateIps"));
    addresses.sort();
    assert_eq!(addresses, ["10.0.0.4", "10.0.0.5"]);
}

/// Each sees no network, and makes one: the first one counts.
#[test]
fn machines_made_at_the_same_time_share_the_network_that_one_of_them_makes() {
    const SIDE_BY_SIDE: usize = 6;
    let azure = Azure::start();
    for round in 0..4 {
        let group = format!("round-{round}");
        let script = format!(
            "set -eu
             az-provision group create -n {group} -l eastus -o none
             for n in $(seq {SIDE_BY_SIDE}); do
                 echo {PASSWORD} | az-provision vm create -g {group} -n vm-$n --admin-username azureuser --admin-password-file - -o none &
                 made=\"${{made:-}} $!\"
             done
             for one in $made; do wait $one; done"
        );
        azure.shell(&script).assert().success();
        let networks = azure.text(&format!("az-provision vm list -g {group}"), "length(@)");
        assert_eq!(networks, SIDE_BY_SIDE.to_string());
        let group_id = azure.text(&format!("az-provision group show -n {group}"), "id");
        let addresses = azure.text(
            &format!("az-provision vm list -d -g {group}"),
            "sort([].privateIps)",
        );
        let expected: Vec<String> = (4..4 + SIDE_BY_SIDE)
            .map(|last| format!("10.0.0.{last}"))
            .collect();
        assert_eq!(addresses.lines().collect::<Vec<_>>(), expected, "{group}");
        let client = Client::new(&azure);
        let bearer = format!(
            "Bearer {}",
            client.token("https://management.azure.com/.default")
        );
        let url = format!(
            "https://management.azure.com{group_id}/providers/Microsoft.Network/virtualNetworks?api-version=2024-05-01"
        );
        let headers = [("authorization", bearer.as_str())];
        let answer = client.send("GET", &url, &headers, None);
        let list: Value = serde_json::from_str(&answer.text).expect("JSON");
        assert_eq!(
            list["value"].as_array().map(Vec::len),
            Some(1),
            "{}",
            answer.text
        );
    }
}

/// A PUT of a network takes away the subnets that it does not name: who is overtaken has to look again.
#[test]
fn a_subnet_that_somebody_replaces_meanwhile_is_looked_for_again() {
    let azure = Azure::with(&["--operation-time", "2s"]).with_group();
    let client = Client::new(&azure);
    let bearer = format!(
        "Bearer {}",
        client.token("https://management.azure.com/.default")
    );
    let group = azure.text(&format!("az-provision group show -n {GROUP}"), "id");
    let replace = |network: &str, subnet: &str| {
        let url = format!(
            "https://management.azure.com{group}/providers/Microsoft.Network/virtualNetworks/{network}?api-version=2024-05-01"
        );
        let body = json!({"location": "eastus", "properties": {
            "addressSpace": {"addressPrefixes": ["10.0.0.0/16"]},
            "subnets": [{"name": subnet, "properties": {"addressPrefix": "10.0.0.0/24"}}],
        }});
        let headers = [("authorization", bearer.as_str())];
        let answer = client.send("PUT", &url, &headers, Some(body.to_string()));
        assert!(answer.status < 300, "{}", answer.text);
    };
    let subnet_of = |machine: &str| {
        let log = azure.log();
        let put = log.iter().rfind(|one| {
            let url = one["url"].as_str().unwrap_or_default();
            one["method"] == "PUT" && url.contains(&format!("/{machine}VMNic?"))
        });
        let properties = &put.expect("an interface")["requestBody"]["properties"];
        properties["ipConfigurations"][0]["properties"]["subnet"]["id"].clone()
    };
    // Until the machine's creation has sent this.
    let sent = |method: &str, url: &str| {
        let deadline = Instant::now() + Duration::from_secs(60);
        let method = format!("\"method\":\"{method}\"");
        let there = |line: &str| line.contains(url) && line.contains(&method);
        while !azure.log_text().lines().any(there) {
            assert!(Instant::now() < deadline, "no {method} {url}");
            thread::yield_now();
        }
    };

    // While the network is being made.
    thread::scope(|scope| {
        scope.spawn(|| created(&azure, "first", "--vnet-name early"));
        sent("PUT", "/virtualNetworks/early?");
        replace("early", "theirs");
    });
    assert!(
        subnet_of("first")
            .as_str()
            .is_some_and(|id| id.ends_with("/early/subnets/theirs"))
    );

    // Between the look at it and its use: the public address is still being made.
    replace("late", "before");
    thread::scope(|scope| {
        scope.spawn(|| created(&azure, "second", "--vnet-name late"));
        sent("GET", "/virtualNetworks/late?");
        sent("PUT", "/publicIPAddresses/secondPublicIP?");
        replace("late", "after");
    });
    assert!(
        subnet_of("second")
            .as_str()
            .is_some_and(|id| id.ends_with("/late/subnets/after"))
    );
}

#[test]
fn user_data_reaches_the_machine_and_custom_data_nobody() {
    if end_to_end::machines_are_apart() {
        return;
    }
    let azure = Azure::start().with_group();
    let file = azure.scratch().join("cloud-init.txt");
    std::fs::write(&file, "#cloud-config\npackages: [hush]\n").expect("a file");
    let mut command = azure.run(&create(VM, "--custom-data cloud-init.txt"));
    let line = ["--user-data", "role=web key=quiet"];
    let made = command.args(line).write_stdin(PASSWORD).assert().success();
    assert_eq!(end_to_end::stderr(&made), "");

    // The machine reads user data.
    let leaf = |name: &str| {
        let path = format!("instance/compute/{name}?api-version=2021-02-01&format=text");
        metadata(&azure, VM, &path)
    };
    let encoded = "cm9sZT13ZWIga2V5PXF1aWV0";
    assert_eq!(leaf("userData"), (200, encoded.to_owned()));
    // Azure has disabled it (docs/fidelity.md).
    assert_eq!(leaf("customData"), (200, String::new()));

    // At the desk user data is shown on request, custom data never.
    let show = format!("az-provision vm show -g {GROUP} -n {VM}");
    let plain = azure.json(&show);
    assert!(plain.get("userData").is_none() && plain["osProfile"].get("customData").is_none());
    for flags in ["--include-user-data", "-u -d"] {
        assert_eq!(azure.json(&format!("{show} {flags}"))["userData"], encoded);
    }

    // The same again is the same; other user data is a difference.
    let before = azure.writes();
    let mut again = azure.run(&create(VM, "--custom-data cloud-init.txt"));
    again.args(line).write_stdin(PASSWORD).assert().success();
    azure
        .run(&create(VM, "--user-data other"))
        .write_stdin(PASSWORD)
        .assert()
        .code(6)
        .stderr(contains("user data is not the same").and(contains("cm9s").not()));
    // Azure was asked to compare what it does not show, once.
    assert_eq!(azure.writes(), before + 1);

    let log = azure.log_text();
    for secret in ["hush", "quiet", "I2Nsb3VkLWNvbmZpZ", encoded] {
        assert!(!log.contains(secret), "{secret} is in the log");
    }
}

#[test]
fn data_that_azure_would_refuse_is_not_sent() {
    let azure = Azure::start().with_group();
    let before = azure.writes();
    let file = azure.scratch().join("long.txt");
    std::fs::write(&file, vec![b'x'; 65_537]).expect("a file");
    for (flag, longest) in [("--custom-data", "65535"), ("--user-data", "65536")] {
        azure
            .run(&create(VM, &format!("{flag} long.txt")))
            .write_stdin(PASSWORD)
            .assert()
            .code(2)
            .stderr(contains(flag).and(contains(longest)));
    }
    // A slip in a file's name is the text itself, as with az; it does not go unnoticed.
    azure
        .run(&create(VM, "--custom-data cloud-init.txt --dry-run"))
        .write_stdin(PASSWORD)
        .assert()
        .success()
        .stderr(contains("no file of that name"));
    assert_eq!(azure.writes(), before);
}

#[test]
fn azure_takes_data_in_base64_and_custom_data_once() {
    let azure = Azure::apart().with_group();
    created(&azure, VM, "--custom-data text --user-data text");
    let client = Client::new(&azure);
    let bearer = format!(
        "Bearer {}",
        client.token("https://management.azure.com/.default")
    );
    let id = azure.text(&format!("az-provision vm show -n {VM}"), "id");
    let change = |properties: Value| {
        let url = format!("https://management.azure.com{id}?api-version=2025-04-01");
        let body = json!({"properties": properties}).to_string();
        client.send("PATCH", &url, &[("authorization", &bearer)], Some(body))
    };
    let custom = |data: &str| change(json!({"osProfile": {"customData": data}}));
    assert_eq!(custom("dGV4dA==").status, 200, "the same is no change");
    let other = custom("b3RoZXI=");
    assert_eq!(
        (other.status, other.code().as_str()),
        (409, "PropertyChangeNotAllowed")
    );

    let shown = || azure.json(&format!("az-provision vm show -n {VM} -u"))["userData"].clone();
    assert_eq!(change(json!({"userData": "b3RoZXI="})).status, 200);
    assert_eq!(shown(), "b3RoZXI=");
    let bad = change(json!({"userData": "not base64"}));
    assert_eq!((bad.status, bad.code().as_str()), (400, "InvalidParameter"));
    assert_eq!(bad.json()["error"]["target"], "userData");
    assert_eq!(change(json!({"userData": ""})).status, 200);
    assert_eq!(shown(), Value::Null);

    // A new machine with the body of the first.
    azure
        .run(&format!("az-provision vm delete -n {VM} --yes"))
        .assert()
        .success();
    let mut body = sent(&azure, VM);
    body["properties"]["osProfile"]["adminPassword"] = PASSWORD.into();
    body["properties"]["osProfile"]["customData"] = "#!/bin/sh".into();
    let url = format!("https://management.azure.com{id}?api-version=2025-04-01");
    let refused = client.send(
        "PUT",
        &url,
        &[("authorization", &bearer)],
        Some(body.to_string()),
    );
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (400, "InvalidParameter")
    );
    assert_eq!(
        refused.json()["error"]["message"],
        "Custom data in OSProfile must be in Base64 encoding and with a maximum length of 87380 characters."
    );
}

fn power_state(azure: &Azure) -> String {
    azure.text(
        &format!("az-provision vm show -d -g {GROUP} -n {VM}"),
        "powerState",
    )
}

#[test]
fn a_machine_is_stopped_deallocated_started_and_restarted() {
    let azure = Azure::start().with_group().with_vm();
    for (verb, state) in [
        ("stop", "VM stopped"),
        ("stop --skip-shutdown", "VM stopped"),
        ("start", "VM running"),
        ("deallocate", "VM deallocated"),
        ("deallocate", "VM deallocated"),
        ("start", "VM running"),
        ("restart", "VM running"),
    ] {
        azure
            .run(&format!("az-provision vm {verb} -g {GROUP} -n {VM}"))
            .assert()
            .success()
            .stdout("");
        assert_eq!(power_state(&azure), state, "after {verb}");
    }
    // Found by its name alone, and not waited for.
    azure
        .run(&format!("az-provision vm deallocate -n {VM} --no-wait"))
        .assert()
        .success();
    assert_eq!(power_state(&azure), "VM deallocated");
}

/// A machine that is off has no network: nobody runs there, and nobody gets a token as it.
#[test]
fn a_stopped_machine_does_nothing() {
    let azure = Azure::start().with_group().with_vm();
    azure
        .run(&format!("az-provision vm stop -n {VM}"))
        .assert()
        .success();
    azure.on_machine(VM, "true").assert().failure();
    azure
        .run(&format!("az-provision vm start -n {VM}"))
        .assert()
        .success();
    azure.on_machine(VM, "true").assert().success();
}

#[test]
fn a_machine_is_deleted_alone_and_only_when_that_is_meant() {
    let azure = Azure::start().with_group().with_vm();
    let delete = format!("az-provision vm delete -g {GROUP} -n {VM}");
    azure
        .run(&delete)
        .assert()
        .code(2)
        .stderr(contains("--yes"));
    let before = azure.writes();
    azure
        .run(&format!("{delete} --dry-run --force-deletion"))
        .assert()
        .success()
        .stdout(contains("DELETE").and(contains("forceDeletion=true")));
    assert_eq!(azure.writes(), before, "a dry run sends no write");
    azure
        .run(&format!("{delete} --yes"))
        .assert()
        .success()
        .stdout("");
    azure
        .run(&format!("az-provision vm show -g {GROUP} -n {VM}"))
        .assert()
        .code(3);
    // What is gone already is no error.
    azure.run(&format!("{delete} --yes")).assert().success();
    // Its network and its disk stay, as with `az`; the same machine can be made again on them.
    let left = azure.json("az-provision vm list");
    assert_eq!(left, serde_json::json!([]));
    azure.create_vm(VM);
}

#[test]
fn a_machine_that_is_not_there_says_so() {
    let azure = Azure::start().with_group();
    for verb in ["start", "stop", "deallocate", "restart"] {
        azure
            .run(&format!("az-provision vm {verb} -g {GROUP} -n none"))
            .assert()
            .code(3)
            .stderr(contains("'none'"));
    }
    azure.run("az-provision vm start -n bad_").assert().code(2);
}

#[test]
fn sizes_are_those_of_a_location() {
    let azure = Azure::start();
    let sizes = azure.json("az-provision vm list-sizes -l eastus");
    let found = sizes
        .as_array()
        .into_iter()
        .flatten()
        .find(|size| size["name"] == "Standard_D2s_v5")
        .expect("az's default size");
    assert_eq!(
        (&found["numberOfCores"], &found["memoryInMB"]),
        (&serde_json::json!(2), &serde_json::json!(8192))
    );
    azure
        .run("az-provision vm list-sizes -l atlantis!")
        .assert()
        .code(2);
}

#[test]
fn a_script_runs_on_the_machine_as_the_machine() {
    if end_to_end::machines_are_apart() {
        return;
    }
    let azure = Azure::start().with_group().with_vm();
    let invoke = |script: &str, parameters: &[&str]| {
        let mut command = azure.tool("az-provision");
        command.args(["vm", "run-command", "invoke", "-g", GROUP, "-n", VM]);
        command.args(["--command-id", "RunShellScript", "--scripts", script]);
        if !parameters.is_empty() {
            command.arg("--parameters").args(parameters);
        }
        end_to_end::json(&command.assert().success())
    };
    let said = |output: &serde_json::Value| {
        output["value"][0]["message"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    let place = invoke("printenv HTTP_PROXY", &[]);
    let proxy = said(&place);
    let proxy = proxy
        .split_once("[stdout]\n")
        .and_then(|(_, rest)| rest.lines().next())
        .expect("a line");
    assert_eq!(
        place,
        serde_json::json!({"value": [{
            "code": "ProvisioningState/succeeded", "level": "Info", "displayStatus": "Provisioning succeeded",
            "message": format!("Enable succeeded: \n[stdout]\n{proxy}\n\n[stderr]\n"),
        }]})
    );
    let answer = end_to_end::http::Client::through(&azure, proxy).send(
        "GET",
        "http://169.254.169.254/metadata/instance/compute/name?api-version=2021-02-01&format=text",
        &[("metadata", "true")],
        None,
    );
    assert_eq!(answer.text, VM);
    // As with Azure, a script that fails is known by what it says.
    let failed = invoke(
        "echo \"$1 $user\"; echo bad >&2; exit 3",
        &["hello", "user=me"],
    );
    assert_eq!(
        said(&failed),
        "Enable succeeded: \n[stdout]\nhello me\n\n[stderr]\nbad\n"
    );
    assert!(
        !azure.log_text().contains("\"hello\""),
        "parameters may be secrets"
    );
    // Only the end of a long output comes back.
    let long = said(&invoke(
        "head -c 100000 /dev/zero | tr '\\0' x; echo end",
        &[],
    ));
    assert!(
        long.ends_with("xend\n\n[stderr]\n") && long.len() < 4200,
        "{}",
        long.len()
    );
    // A script from standard input.
    let mut piped = azure.run(&format!(
        "az-provision vm run-command invoke -n {VM} --command-id RunShellScript --scripts @-"
    ));
    let piped = piped
        .write_stdin("a=1\nb=2\necho $((a + b))\n")
        .assert()
        .success();
    assert!(said(&end_to_end::json(&piped)).contains("[stdout]\n3\n"));
}

#[test]
fn a_script_needs_a_machine_that_runs_and_waits_its_turn() {
    if end_to_end::machines_are_apart() {
        return;
    }
    let azure = Azure::start().with_group().with_vm();
    let invoke = |script: &str, more: &[&str]| {
        let mut command = azure.tool("az-provision");
        command.args(["vm", "run-command", "invoke", "-n", VM]);
        command.args(["--command-id", "RunShellScript", "--scripts", script]);
        command.args(more).assert()
    };
    let before = azure.writes();
    invoke(
        "echo $TOKEN",
        &["--dry-run", "--parameters", "TOKEN=very-secret"],
    )
    .success()
    .stdout(contains("/runCommand").and(contains("very-secret").not()));
    invoke(" ", &[]).code(2);
    assert_eq!(azure.writes(), before);
    let marker = azure.scratch().join("marker");
    let wait = format!("until [ -e {} ]; do sleep 0.05; done", marker.display());
    invoke(&wait, &["--no-wait"]).success().stdout("");
    invoke("true", &[]).code(6).stderr(contains("in progress"));
    std::fs::write(&marker, "").expect("a file");
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while invoke("true", &["--no-wait"]).try_success().is_err() {
        assert!(
            std::time::Instant::now() < deadline,
            "the first script does not end"
        );
    }
    azure
        .run(&format!("az-provision vm deallocate -n {VM}"))
        .assert()
        .success();
    invoke("true", &[]).code(6).stderr(contains("running"));
}

#[test]
fn a_machine_that_runs_has_an_agent_that_is_ready_and_the_generation_of_its_image() {
    let azure = Azure::start().with_group();
    let line = format!(
        "az-provision vm create -g {GROUP} -n {VM} --size {SIZE} --admin-username azureuser --admin-password-file - \
         --image Canonical:0001-com-ubuntu-server-jammy:22_04-lts-gen2:latest"
    );
    azure.run(&line).write_stdin(PASSWORD).assert().success();
    let client = Client::new(&azure);
    let token = client.token("https://management.azure.com/.default");
    let id = azure.text(&format!("az-provision vm show -g {GROUP} -n {VM}"), "id");
    let view = || {
        let url = format!("https://management.azure.com{id}/instanceView?api-version=2024-07-01");
        client.get(&url, &token).json()
    };
    assert_eq!(view()["vmAgent"]["statuses"][0]["displayStatus"], "Ready");
    assert_eq!(view()["hyperVGeneration"], "V2");
    azure
        .run(&format!("az-provision vm stop -g {GROUP} -n {VM}"))
        .assert()
        .success();
    assert_eq!(view()["vmAgent"], Value::Null);
    let sizes = client.get(
        &format!("https://management.azure.com{id}/vmSizes?api-version=2024-07-01"),
        &token,
    );
    assert_eq!(sizes.status, 200, "{}", sizes.text);
    let sizes = sizes.json();
    let sizes = sizes["value"].as_array().expect("sizes");
    assert!(sizes.iter().any(|size| size["name"] == SIZE));
}
