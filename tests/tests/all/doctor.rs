//! `az-provision doctor`: what it finds where all is well, and what it says to do where it is not.

use assert_cmd::{Command, assert::Assert};
use end_to_end::{Azure, GROUP, VAULT, VM, base_environment, binary, json, stderr};
use predicates::{prelude::*, str::contains};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// The check of this name.
fn check<'a>(checks: &'a Value, name: &str) -> &'a Value {
    let all = checks.as_array().expect("checks");
    let found = all.iter().find(|check| check["name"] == name);
    found.unwrap_or_else(|| panic!("no check '{name}' in {checks:#}"))
}

fn with_state<'a>(checks: &'a Value, state: &str) -> Vec<&'a str> {
    let all = checks.as_array().expect("checks").iter();
    all.filter(|check| check["state"] == state)
        .filter_map(|check| check["name"].as_str())
        .collect()
}

fn doctor(azure: &Azure, arguments: &str) -> Command {
    azure.run(&format!("az-provision doctor {arguments} -o json"))
}

/// The checks of a run that ends in this status.
fn checks(mut command: Command, status: i32) -> (Value, Assert) {
    let ended = command.assert().code(status);
    (json(&ended), ended)
}

const ALL: &str = "-g go-on-azure -l eastus --vm-name go-on-azure-vm --vault-name kv-end-to-end";

#[test]
fn the_owner_of_a_subscription_is_told_that_all_is_well_and_nothing_is_written() {
    let azure = Azure::start().with_group();
    let before = azure.log().len();
    let (found, ended) = checks(doctor(&azure, ALL), 0);
    assert_eq!(with_state(&found, "failed"), [""; 0]);
    assert_eq!(with_state(&found, "warning"), [""; 0], "{found:#}");
    assert_eq!(stderr(&ended), "");
    let subscription = check(&found, "subscription");
    assert_eq!(
        subscription["details"]["id"],
        azure.var("AZURE_SUBSCRIPTION_ID")
    );
    assert_eq!(subscription["details"]["state"], "Enabled");
    assert_eq!(
        check(&found, "tenant")["found"],
        azure.var("AZURE_TENANT_ID")
    );
    assert_eq!(
        check(&found, "credential")["found"],
        "EnvironmentCredential"
    );
    assert_eq!(
        check(&found, "caller")["details"]["objectId"],
        azure.own_object_id()
    );
    assert_eq!(check(&found, "clock")["state"], "ok");
    assert_eq!(
        check(&found, "vault name")["details"],
        json!({"state": "free"})
    );
    assert_eq!(check(&found, "create machine")["state"], "ok");
    assert_eq!(check(&found, "assign role")["state"], "ok");
    let log = azure.log();
    let sent = log[before..].iter().filter(|one| {
        let url = one["url"].as_str().unwrap_or_default();
        one["method"] != "GET" && url.starts_with("https://management.azure.com/")
    });
    let asked: Vec<&str> = sent.filter_map(|one| one["url"].as_str()).collect();
    assert_eq!(asked.len(), 1, "{asked:?}");
    assert!(asked[0].contains("/checkNameAvailability?"), "{asked:?}");
}

#[test]
fn for_people_each_check_is_an_aligned_line() {
    let azure = Azure::start();
    let shown = azure.run("az-provision doctor").assert().success();
    let text = String::from_utf8_lossy(&shown.get_output().stdout).into_owned();
    let line = |name: &str| {
        let wanted = format!("   {name} ");
        let found = text.lines().find(|line| line.contains(&wanted));
        found.unwrap_or_else(|| panic!("no '{name}' in {text}"))
    };
    assert!(line("subscription").starts_with("ok        subscription "));
    let column = |name: &str, found: &str| line(name).find(found).expect("what was found");
    assert_eq!(
        column("cloud", "AzureCloud"),
        column("create vault", "allowed")
    );
    // The proxy's password stands in the variable.
    let password = azure.var("HTTPS_PROXY").split(['@', ':']).nth(2);
    assert!(!text.contains(password.expect("a password")), "{text}");
    assert!(line("proxy").contains("HTTPS_PROXY http://…@127.0.0.1:"));
    for format in ["table", "yaml", "tsv", "text"] {
        azure
            .run(&format!("az-provision doctor -o {format}"))
            .assert()
            .success()
            .stdout(contains("AzureCloud"));
    }
}

#[test]
fn who_has_no_role_is_told_which_one_helps() {
    let azure = Azure::start().with_group().with_vm().with_vault();
    azure
        .run(&format!("az-identity vm assign -g {GROUP} -n {VM}"))
        .assert()
        .success();
    let on_machine = format!(
        "az-provision doctor {ALL} -o json --subscription {}",
        azure.var("AZURE_SUBSCRIPTION_ID")
    );
    let (found, ended) = checks(azure.on_machine(VM, &on_machine), 5);
    assert_eq!(
        check(&found, "credential")["found"],
        "ManagedIdentityCredential"
    );
    assert_eq!(check(&found, "EnvironmentCredential")["state"], "skipped");
    assert_eq!(check(&found, "metadata service")["state"], "ok");
    let object_id = check(&found, "caller")["details"]["objectId"]
        .as_str()
        .expect("an object id");
    for (step, role) in [
        ("create machine", "'Contributor'"),
        ("create vault", "'Key Vault Contributor'"),
        ("create identity", "'Managed Identity Contributor'"),
        ("assign role", "'Role Based Access Control Administrator'"),
    ] {
        let check = check(&found, step);
        assert_eq!(check["state"], "failed", "{check}");
        let advice = check["advice"].as_str().expect("advice");
        assert!(
            advice.contains(role) && advice.contains(object_id),
            "{advice}"
        );
    }
    assert!(stderr(&ended).contains("checks failed: subscription, "));

    // Any role there is seen, although the vaults cannot be listed with it.
    azure.grant(object_id, "Key Vault Secrets User");
    azure
        .on_machine(VM, "kv-get --list --wait-for-access 1m")
        .assert()
        .success();
    let (found, _) = checks(azure.on_machine(VM, &on_machine), 5);
    assert_eq!(check(&found, "read secret")["state"], "ok", "{found:#}");
    assert_eq!(check(&found, "set secret")["state"], "failed", "{found:#}");
}

#[test]
fn the_owner_of_a_vault_is_warned_that_its_secrets_need_a_role() {
    let azure = Azure::start().with_group().with_vault();
    let (found, _) = checks(doctor(&azure, ALL), 0);
    assert_eq!(with_state(&found, "warning"), ["set secret", "read secret"]);
    let advice = check(&found, "set secret")["advice"]
        .as_str()
        .expect("advice");
    let command = advice.split_once(": ").expect("a command").1;
    azure.shell(command).assert().success();
    azure
        .run(&format!(
            "kv-set one --value-file /dev/null --vault-name {VAULT} --wait-for-access 1m"
        ))
        .assert()
        .success();
    let (found, _) = checks(doctor(&azure, ALL), 0);
    assert_eq!(with_state(&found, "warning"), [""; 0]);
    assert_eq!(check(&found, "set secret")["state"], "ok");
}

#[test]
fn a_vault_of_access_policies_is_read_by_them() {
    let azure = Azure::start().with_group();
    azure
        .run(&format!(
            "az-provision keyvault create -g {GROUP} -n {VAULT} --enable-rbac-authorization false"
        ))
        .assert()
        .success();
    let (found, _) = checks(doctor(&azure, ALL), 0);
    let read = check(&found, "read secret");
    assert_eq!(read["state"], "warning");
    assert!(
        read["advice"]
            .as_str()
            .is_some_and(|advice| advice.contains("az keyvault set-policy"))
    );
}

#[test]
fn the_state_of_a_vaults_name_says_what_to_do() {
    let azure = Azure::with(&["--subscriptions", "2"])
        .with_group()
        .with_vault();
    let (found, _) = checks(doctor(&azure, ALL), 0);
    let name = check(&found, "vault name");
    assert_eq!(name["details"]["state"], "yours");
    assert_eq!(name["details"]["id"], azure.vault_id());

    let other = azure.status()["tenants"][0]["subscriptions"][1]["id"].clone();
    let other = other.as_str().expect("a second subscription");
    let elsewhere = format!("--vault-name {VAULT} --subscription {other}");
    let (found, ended) = checks(doctor(&azure, &elsewhere), 6);
    assert_eq!(
        check(&found, "vault name")["details"],
        json!({"state": "taken"})
    );
    assert!(stderr(&ended).contains("checks failed: vault name"));

    azure
        .run(&format!("az-cleanup keyvault delete -n {VAULT}"))
        .assert()
        .success();
    let (found, _) = checks(doctor(&azure, ALL), 6);
    let name = check(&found, "vault name");
    assert_eq!(
        (&name["details"]["state"], &name["details"]["location"]),
        (&json!("deleted"), &json!("eastus"))
    );
    assert!(
        name["advice"].as_str().is_some_and(
            |advice| advice.contains("--recover") && advice.contains("--purge-deleted")
        )
    );
}

#[test]
fn what_is_elsewhere_than_asked_for_fails() {
    let azure = Azure::start().with_group().with_vault();
    let (found, _) = checks(doctor(&azure, &ALL.replace("eastus", "westus2")), 6);
    assert_eq!(
        with_state(&found, "failed"),
        ["resource group", "vault name"]
    );
    let (found, _) = checks(doctor(&azure, "-l atlantis"), 2);
    assert_eq!(with_state(&found, "failed"), ["location"]);
}

#[test]
fn a_clock_that_is_off_fails_and_a_few_minutes_do_not() {
    let azure = Azure::start();
    let advance = |by: &str| {
        let mut local = azure.local();
        local.args(["clock", "advance", by]).assert().success();
    };
    advance("4m");
    let (found, _) = checks(doctor(&azure, ""), 0);
    let behind = &check(&found, "clock")["details"]["behindSeconds"];
    assert!(
        behind.as_i64().is_some_and(|s| (230..=240).contains(&s)),
        "{behind}"
    );
    advance("2m");
    let (found, _) = checks(doctor(&azure, ""), 1);
    assert_eq!(with_state(&found, "failed"), ["clock"]);
}

#[test]
fn a_provider_that_is_not_registered_is_a_warning() {
    let azure = Azure::start();
    let client = end_to_end::http::Client::new(&azure);
    let bearer = format!(
        "Bearer {}",
        client.token("https://management.azure.com/.default")
    );
    let url = format!(
        "https://management.azure.com/subscriptions/{}/providers/Microsoft.KeyVault/unregister?api-version=2024-11-01",
        azure.var("AZURE_SUBSCRIPTION_ID")
    );
    client.send("POST", &url, &[("authorization", &bearer)], None);
    let (found, _) = checks(doctor(&azure, ""), 0);
    assert_eq!(
        with_state(&found, "warning"),
        ["provider Microsoft.KeyVault"]
    );
}

#[test]
fn who_is_not_signed_in_reads_why_each_credential_gave_nothing() {
    let azure = Azure::start();
    let mut command = doctor(&azure, ALL);
    command.env_remove("AZURE_CLIENT_SECRET");
    command.env("PATH", "/nowhere");
    let (found, ended) = checks(command, 4);
    let credential = check(&found, "credential");
    assert_eq!(credential["state"], "failed");
    assert!(
        credential["advice"]
            .as_str()
            .is_some_and(|advice| advice.contains("az login"))
    );
    for (name, reason) in [
        ("EnvironmentCredential", "AZURE_CLIENT_SECRET"),
        ("WorkloadIdentityCredential", "AZURE_FEDERATED_TOKEN_FILE"),
        ("ManagedIdentityCredential", "no metadata service"),
        ("AzureCLICredential", "'az' is not on PATH"),
        ("AzureDeveloperCLICredential", "'azd' is not on PATH"),
        ("AzurePowerShellCredential", "'pwsh' is not on PATH"),
    ] {
        let said = check(&found, name)["found"].as_str().expect("a reason");
        assert!(said.contains(reason), "{name}: {said}");
    }
    assert_eq!(check(&found, "metadata service")["state"], "warning");
    assert_eq!(check(&found, "OpenSSH")["state"], "warning");
    assert_eq!(check(&found, "subscription")["state"], "skipped");
    assert!(stderr(&ended).contains("checks failed: credential"));
}

#[test]
fn a_credential_that_is_refused_says_how_to_mend_it() {
    let azure = Azure::start();
    let mut command = doctor(&azure, "");
    command.env("AZURE_CLIENT_SECRET", "not-the-secret");
    let (found, ended) = checks(command, 4);
    let refused = check(&found, "EnvironmentCredential");
    assert_eq!(refused["state"], "failed");
    assert!(
        refused["advice"]
            .as_str()
            .is_some_and(|advice| advice.contains("AZURE_CLIENT_SECRET"))
    );
    assert_eq!(check(&found, "AzureCLICredential")["state"], "skipped");
    assert!(!format!("{found}{}", stderr(&ended)).contains("not-the-secret"));
    let mut command = doctor(&azure, "");
    command.env("AZURE_TOKEN_CREDENTIALS", "nonsense");
    let (found, _) = checks(command, 4);
    assert_eq!(with_state(&found, "failed"), ["credential"]);
}

#[test]
fn a_certificate_that_is_not_trusted_is_told_from_a_network_that_is_down() {
    let azure = Azure::start();
    let other = rcgen::generate_simple_self_signed(["other.example".to_owned()]);
    let file = azure.scratch().join("other.pem");
    std::fs::write(&file, other.expect("a certificate").cert.pem()).expect("written");
    let mut command = doctor(&azure, "");
    command.env("SSL_CERT_FILE", &file);
    let (found, _) = checks(command, 1);
    let certificates = check(&found, "certificates");
    assert!(
        certificates["found"]
            .as_str()
            .is_some_and(|found| found.contains("not trusted"))
    );
    assert!(
        certificates["advice"]
            .as_str()
            .is_some_and(|advice| advice.contains("SSL_CERT_FILE"))
    );

    let mut command = doctor(&azure, "");
    command.env("SSL_CERT_FILE", "/nowhere");
    let (found, _) = checks(command, 2);
    assert_eq!(with_state(&found, "failed")[0], "certificates");

    let mut command = doctor(&azure, "");
    for name in ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"] {
        command.env(name, "http://127.0.0.1:9");
    }
    let (found, _) = checks(command, 1);
    let certificates = check(&found, "certificates");
    assert!(
        certificates["advice"]
            .as_str()
            .is_some_and(|advice| advice.contains("the proxy variables"))
    );
}

#[test]
fn where_nothing_answers_it_ends_within_seconds() {
    let folder = tempfile::tempdir().expect("a folder");
    // It takes connections, and never says a word.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let proxy = format!("http://{}", silent.local_addr().expect("an address"));
    let mut command = Command::new(binary("az-provision"));
    command
        .args(["doctor", "-g", GROUP, "--vault-name", VAULT])
        .env_clear()
        .envs(base_environment(folder.path()))
        .env("AZURE_TENANT_ID", "00000000-0000-0000-0000-000000000001")
        .env("AZURE_CLIENT_ID", "00000000-0000-0000-0000-000000000002")
        .env("AZURE_CLIENT_SECRET", "secret")
        .env("HTTPS_PROXY", &proxy)
        .env("HTTP_PROXY", &proxy);
    let started = Instant::now();
    command
        .assert()
        .code(7)
        .stdout(contains("no answer within 4 s").and(contains("no answer within 6 s")));
    assert!(started.elapsed() < Duration::from_secs(20));
}
