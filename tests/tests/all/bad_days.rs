//! Misbehaviour on demand: what a fault does to a request, which requests meet it, and that the tools come through each bad day.

use end_to_end::{Azure, GROUP, VAULT, VM, http::Client, json};
use serde_json::Value;
use std::time::{Duration, Instant};

const ARM: &str = "https://management.azure.com";
const ARM_SCOPE: &str = "https://management.azure.com/.default";

/// Lets requests meet faults from now on.
fn faults(azure: &Azure, text: &str) -> Value {
    json(
        &azure
            .local()
            .args(["faults", "set", "-"])
            .write_stdin(text)
            .assert()
            .success(),
    )
}

fn subscriptions() -> String {
    format!("{ARM}/subscriptions?api-version=2022-12-01")
}

#[test]
fn each_fault_is_done_to_the_requests_that_it_is_for() {
    let azure = Azure::apart().with_group();
    let client = Client::new(&azure);
    let token = client.token(ARM_SCOPE);
    let answers = |text: &str| -> Vec<u16> {
        faults(&azure, text);
        (0..4)
            .map(|_| client.get(&subscriptions(), &token).status)
            .collect()
    };
    for (rule, statuses) in [
        ("status = 503", [503; 4]),
        ("status = 429\ncalls = 2", [200, 429, 200, 200]),
        ("status = 429\ncalls = \"2-3\"", [200, 429, 429, 200]),
        ("status = 429\ncalls = \"3-\"", [200, 200, 429, 429]),
        ("status = 500\nevery = 2", [500, 200, 500, 200]),
        ("status = 500\nhost = \"key-vault\"", [200; 4]),
        ("status = 500\nhost = \"management.*\"", [500; 4]),
        ("status = 500\nmethod = \"put\"", [200; 4]),
        ("status = 500\npath = \"/SUBSCRIPTIONS\"", [500; 4]),
        ("status = 500\ntype = \"Microsoft.Compute/*\"", [200; 4]),
        ("status = 500\ncaller = \"desk\"", [500; 4]),
        ("status = 500\ncaller = \"another-machine\"", [200; 4]),
        (
            &format!(
                "status = 500\ncaller = \"{}\"",
                azure.var("AZURE_CLIENT_ID")
            ),
            [500; 4],
        ),
        ("status = 500\nprobability = 0.0", [200; 4]),
    ] {
        let text = format!("[[fault]]\n{rule}\n");
        assert_eq!(answers(&text), statuses, "{rule}");
    }
    // The first that is met counts.
    let two = "[[fault]]\nstatus = 500\ncalls = 1\n[[fault]]\nstatus = 503\n";
    assert_eq!(answers(two), [500, 503, 503, 503]);
}

#[test]
fn what_is_answered_has_the_service_s_own_form() {
    let azure = Azure::apart().with_group().with_vault();
    let client = Client::new(&azure);
    faults(
        &azure,
        r#"
        [[fault]]
        name = "busy"
        host = "resource-manager"
        status = 429
        retry-after = 7
        [[fault]]
        host = "key-vault"
        status = 403
        code = "Forbidden"
        message = "No."
        inner-code = "ForbiddenByRbac"
        retry-after-ms = 9
        [[fault]]
        host = "entra"
        status = 503
        retry-after-date = "10m"
        "#,
    );
    let arm = client.send("GET", &subscriptions(), &[], None);
    assert_eq!(
        (arm.status, arm.code().as_str(), arm.header("retry-after")),
        (429, "TooManyRequests", "7")
    );
    let vault = client.send(
        "GET",
        &format!("https://{VAULT}.vault.azure.net/secrets?api-version=7.4"),
        &[],
        None,
    );
    assert_eq!(
        (
            vault.status,
            vault.json()["error"]["innererror"]["code"].as_str()
        ),
        (403, Some("ForbiddenByRbac"))
    );
    assert_eq!(vault.header("x-ms-retry-after-ms"), "9");
    let entra = client.send(
        "POST",
        "https://login.microsoftonline.com/t/oauth2/v2.0/token",
        &[],
        Some(String::new()),
    );
    assert_eq!(
        (entra.status, entra.json()["error"].as_str()),
        (503, Some("temporarily_unavailable"))
    );
    assert!(
        entra.header("retry-after").ends_with(" GMT"),
        "{}",
        entra.header("retry-after")
    );
    let logged = azure.log();
    let named: Vec<&str> = logged
        .iter()
        .filter_map(|one| one["fault"].as_str())
        .collect();
    assert_eq!(named, ["busy", "fault 2", "fault 3"]);
}

#[test]
fn an_answer_gets_lost_before_or_after_the_work_or_on_its_way() {
    let azure = Azure::apart();
    let client = Client::new(&azure);
    let token = client.token(ARM_SCOPE);
    let bearer = format!("Bearer {token}");
    let subscription = azure.var("AZURE_SUBSCRIPTION_ID").to_owned();
    for (number, (connection, done)) in [
        ("reset-before", false),
        ("reset-after", true),
        ("cut", true),
        ("stall\"\ntime = \"50ms", true),
        ("drip\"\ntime = \"50ms", true),
    ]
    .into_iter()
    .enumerate()
    {
        let url = format!(
            "{ARM}/subscriptions/{subscription}/resourcegroups/g{number}?api-version=2021-04-01"
        );
        let listed = faults(
            &azure,
            &format!("[[fault]]\nmethod = \"PUT\"\nconnection = \"{connection}\"\n"),
        );
        assert_eq!(listed["faults"][0]["met"], 0);
        let headers = [("authorization", bearer.as_str())];
        let body = Some(r#"{"location": "eastus"}"#.to_owned());
        assert!(
            client.try_send("PUT", &url, &headers, body).is_err(),
            "{connection}"
        );
        let status = client.get(&url, &token).status;
        assert_eq!(status == 200, done, "{connection}: {status}");
        let listed = json(&azure.local().args(["faults", "list"]).assert().success());
        assert_eq!(listed["faults"][0]["met"], 1, "{listed}");
    }
}

#[test]
fn an_operation_ends_as_a_fault_says_and_leaves_what_failed() {
    let azure = Azure::apart().with_group();
    faults(
        &azure,
        r#"
        [[fault]]
        type = "Microsoft.Compute/virtualMachines"
        method = "PUT"
        calls = 1
        operation = "Failed"
        code = "AllocationFailed"
        message = "There is no capacity."
        target = "vmSize"
        inner-code = "OverconstrainedAllocationRequest"
        [[fault]]
        type = "Microsoft.Resources/resourceGroups"
        method = "DELETE"
        calls = 1
        operation = "Canceled"
        code = "OperationPreempted"
        "#,
    );
    let create = format!(
        "az-provision vm create -g {GROUP} -n {VM} --admin-username azureuser --admin-password-file -"
    );
    let failed = azure
        .run(&create)
        .write_stdin(end_to_end::PASSWORD)
        .assert()
        .code(1);
    let said = end_to_end::stderr(&failed);
    for word in [
        "There is no capacity",
        "OverconstrainedAllocationRequest",
        "vmSize",
    ] {
        assert!(said.contains(word), "{word}: {said}");
    }
    let state = azure.text(
        &format!("az-provision vm show -g {GROUP} -n {VM}"),
        "provisioningState",
    );
    assert_eq!(state, "Failed");
    // A second run makes it.
    azure
        .run(&create)
        .write_stdin(end_to_end::PASSWORD)
        .assert()
        .success();
    let state = azure.text(
        &format!("az-provision vm show -g {GROUP} -n {VM}"),
        "provisioningState",
    );
    assert_eq!(state, "Succeeded");
    let delete = format!("az-cleanup group delete -n {GROUP} --yes");
    let canceled = azure.run(&delete).assert().failure();
    assert!(end_to_end::stderr(&canceled).contains("OperationPreempted"));
    azure
        .run(&format!("az-provision group show -n {GROUP}"))
        .assert()
        .success();
    azure.run(&delete).assert().success();
    azure
        .run(&format!("az-provision group show -n {GROUP}"))
        .assert()
        .code(3);
}

#[test]
fn a_service_sees_another_time_and_other_delays() {
    let azure = Azure::apart().with_group().with_vault();
    let client = Client::new(&azure);
    faults(
        &azure,
        "[[fault]]\nhost = \"entra\"\nknobs = { token-lifetime = \"2s\" }\n",
    );
    let answer = client.token_answer(&[
        ("client_id", azure.var("AZURE_CLIENT_ID")),
        ("client_secret", azure.var("AZURE_CLIENT_SECRET")),
        ("grant_type", "client_credentials"),
        ("scope", ARM_SCOPE),
    ]);
    assert_eq!(answer.json()["expires_in"], 2);
    faults(
        &azure,
        "[[fault]]\nhost = \"resource-manager\"\nclock = \"-90m\"\n",
    );
    let token = client.token(ARM_SCOPE);
    let early = client.get(&subscriptions(), &token);
    assert_eq!(
        early.status, 401,
        "issued in the service's future: {}",
        early.text
    );
    faults(
        &azure,
        "[[fault]]\nhost = \"resource-manager\"\nclock = \"48h\"\n",
    );
    let late = client.get(&subscriptions(), &token);
    assert_eq!(
        (late.status, late.code().as_str()),
        (401, "ExpiredAuthenticationToken")
    );
    assert_ne!(late.header("date"), early.header("date"));
}

#[test]
fn what_must_not_be_done_twice_is_said_to_be_undecided() {
    let azure = Azure::start().with_group().with_vm().with_vault();
    azure.grant(&azure.own_object_id(), end_to_end::OFFICER);
    let vault = format!("--vault-name {VAULT} --wait-for-access 1m");
    azure
        .run(&format!("kv-set s --value v {vault}"))
        .assert()
        .success();
    azure
        .run(&format!("kv-get s --backup backup {vault}"))
        .assert()
        .success();
    for purge in ["delete", "purge"] {
        azure
            .run(&format!("az-cleanup secret {purge} s {vault}"))
            .assert()
            .success();
    }
    for (path, line) in [
        (
            "*/restart",
            format!("az-provision vm restart -g {GROUP} -n {VM}"),
        ),
        (
            "*/runCommand",
            format!(
                "az-provision vm run-command invoke -g {GROUP} -n {VM} --command-id RunShellScript --scripts true"
            ),
        ),
        (
            "*/secrets/restore",
            format!("kv-set --restore backup {vault}"),
        ),
    ] {
        faults(
            &azure,
            &format!("[[fault]]\npath = \"{path}\"\nconnection = \"reset-after\"\n"),
        );
        let undecided = azure.run(&line).assert().code(7);
        let said = end_to_end::stderr(&undecided);
        assert!(said.contains("not known whether"), "{line}: {said}");
        let listed = json(&azure.local().args(["faults", "list"]).assert().success());
        assert_eq!(listed["faults"][0]["fitting"], 1, "{line} was sent again");
    }
}

#[test]
fn a_certificate_expires() {
    let azure = Azure::start().with_group().with_vault();
    faults(
        &azure,
        "[[fault]]\nhost = \"key-vault\"\ncertificate = \"expired\"\n",
    );
    let failed = azure
        .run(&format!("kv-get --list --vault-name {VAULT}"))
        .assert()
        .failure();
    let said = end_to_end::stderr(&failed);
    assert!(said.to_lowercase().contains("expired"), "{said}");
    azure
        .run(&format!("az-provision group show -n {GROUP}"))
        .assert()
        .success();
    azure.local().args(["faults", "clear"]).assert().success();
    azure
        .run(&format!("kv-get --list --vault-name {VAULT}"))
        .assert()
        .code(5);
}

#[test]
fn chaos_is_the_same_each_time_and_said() {
    let run = |seed: &str| -> Vec<u16> {
        let azure = Azure::apart();
        let client = Client::new(&azure);
        let token = client.token(ARM_SCOPE);
        azure
            .local()
            .args(["faults", "chaos", "0.5", "--seed", seed])
            .assert()
            .success();
        let asked = |_| {
            client.try_send(
                "GET",
                &subscriptions(),
                &[("authorization", &format!("Bearer {token}"))],
                None,
            )
        };
        (0..40)
            .map(asked)
            .map(|answer| answer.map_or(0, |answer| answer.status))
            .collect()
    };
    assert_eq!(run("7"), run("7"));
    assert_ne!(run("7"), run("8"));
    let azure = Azure::with(&["--chaos", "0.25", "--seed", "11"]);
    assert_eq!(azure.status()["faults"]["chaos"]["seed"], 11);
    azure
        .local()
        .arg("status")
        .assert()
        .success()
        .stdout(predicates::str::contains("chaos    0.25, seed 11"));
    azure
        .local()
        .args(["faults", "chaos", "0"])
        .assert()
        .success();
    assert!(azure.status()["faults"]["chaos"].is_null());
}

#[test]
fn what_makes_no_sense_is_refused_before_anything_starts() {
    let azure = Azure::apart();
    let file = azure.scratch().join("faults.toml");
    std::fs::write(&file, "\n[[fault]]\nname = \"n\"\nstatus = 99\n").expect("written");
    let run = azure
        .local()
        .args(["run", "--faults"])
        .arg(&file)
        .args(["--", "true"])
        .assert()
        .code(2);
    let said = end_to_end::stderr(&run);
    assert!(said.contains("line 2: fault 'n': status takes"), "{said}");
    let set = azure
        .local()
        .args(["faults", "set"])
        .arg(&file)
        .assert()
        .code(2);
    assert!(end_to_end::stderr(&set).contains("line 2"));
    for arguments in [
        &["--chaos", "2"][..],
        &["--seed", "1"],
        &["--chaos", "x"],
        &["--faults", "/nowhere"],
    ] {
        let assert = azure
            .local()
            .arg("run")
            .args(arguments)
            .args(["--", "true"])
            .assert()
            .failure();
        assert!(!end_to_end::stderr(&assert).is_empty());
    }
}

/// The story of the tutorial, without the shell around it; gives what is in the vault at its end.
fn story(azure: &Azure) -> String {
    let json_of = |line: &str| azure.json(line);
    json_of(&format!("az-provision group create -n {GROUP} -l eastus"));
    azure
        .run(&format!(
            "az-provision all -g {GROUP} -l eastus -n {VM} --vault-name {VAULT} --admin-username azureuser --admin-password-file -"
        ))
        .write_stdin(end_to_end::PASSWORD)
        .assert()
        .success();
    let identity = azure.text(
        &format!("az-identity vm assign -g {GROUP} -n {VM}"),
        "systemAssignedIdentity",
    );
    let scope = azure.text(&format!("az-provision keyvault show -n {VAULT}"), "id");
    azure
        .tool("az-role")
        .args([
            "assignment",
            "create",
            "--assignee",
            &identity,
            "--role",
            end_to_end::OFFICER,
            "--scope",
            &scope,
        ])
        .assert()
        .success();
    let kv_set = format!(
        "{} quickstart-secret --value created --wait-for-access 5m",
        end_to_end::binary("kv-set").display()
    );
    azure.on_machine(VM, &kv_set).assert().success();
    let kv_get = format!(
        "{} --list-versions quickstart-secret --query length(@) -o tsv --wait-for-access 5m",
        end_to_end::binary("kv-get").display()
    );
    let versions = azure.on_machine(VM, &kv_get).assert().success();
    let versions = String::from_utf8_lossy(&versions.get_output().stdout)
        .trim()
        .to_owned();
    azure
        .run(&format!("az-cleanup all -g {GROUP} --yes"))
        .assert()
        .success();
    versions
}

/// The faults of the plan, each alone, with its name.
fn plan() -> Vec<(String, String)> {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/bad-days.toml");
    let text = std::fs::read_to_string(file).expect("the plan");
    let (_, faults) = text.split_once("[[fault]]").expect("a fault");
    faults
        .split("[[fault]]")
        .map(|fault| {
            let name = fault.split('"').nth(1).expect("a name").to_owned();
            (name, format!("[[fault]]{fault}"))
        })
        .collect()
}

#[test]
fn every_bad_day_ends_well() {
    let plan = plan();
    assert!(plan.len() >= 25, "{}", plan.len());
    let days = std::sync::Mutex::new(plan.into_iter());
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                loop {
                    let day = days.lock().expect("days").next();
                    let Some((name, fault)) = day else {
                        return;
                    };
                    let azure = Azure::apart();
                    faults(&azure, &fault);
                    let started = Instant::now();
                    assert_eq!(
                        story(&azure),
                        "1",
                        "{name}: one version, none lost and none doubled"
                    );
                    let left = azure
                        .local()
                        .args(["resources", "--count"])
                        .assert()
                        .success();
                    assert_eq!(left.get_output().stdout, b"0\n", "{name}");
                    let met = json(&azure.local().args(["faults", "list"]).assert().success());
                    assert_ne!(met["faults"][0]["met"], 0, "{name} was never met");
                    assert!(started.elapsed() < Duration::from_secs(300), "{name}");
                }
            });
        }
    });
}
