//! `az-credential` in a program of somebody else: its example, unchanged wherever it runs.

use assert_cmd::Command;
use end_to_end::{Azure, GROUP, IDENTITY, OFFICER, VAULT, VM, binary, json};
use std::os::unix::fs::MetadataExt;

fn wrote(azure: &Azure) {
    let value = format!("kv-get quickstart-secret --vault-name {VAULT} --query value -o tsv");
    azure
        .run(&value)
        .assert()
        .success()
        .stdout("createdWithRust\n");
}

/// One whose roles are effective at once, with a vault that the desk may read.
fn azure() -> Azure {
    let azure = Azure::with(&["--role-delay", "0s", "--principal-delay", "0s"])
        .with_group()
        .with_vault();
    azure.grant(&azure.own_object_id(), OFFICER);
    azure
}

fn example() -> std::path::PathBuf {
    binary("examples/write_secret")
}

#[test]
fn the_example_writes_a_secret_from_the_desk() {
    let azure = azure();
    let mut program = Command::new(example());
    program
        .env_clear()
        .envs(azure.variables().iter().cloned())
        .env("KEY_VAULT_NAME", VAULT);
    program.assert().success();
    wrote(&azure);
}

#[test]
fn the_example_writes_a_secret_on_a_machine() {
    if end_to_end::machines_are_apart() {
        return;
    }
    let azure = azure().with_vm();
    let line = format!("az-identity vm assign -g {GROUP} -n {VM}");
    let principal = azure.text(&line, "systemAssignedIdentity");
    azure.grant(&principal, OFFICER);
    let line = format!("env KEY_VAULT_NAME={VAULT} {}", example().display());
    azure.on_machine(VM, &line).assert().success();
    wrote(&azure);
}

/// A host, and the identity that it is given, of which nothing can be its own on Kubernetes.
fn on_host(kind: &str) {
    let identity = match kind {
        "kubernetes" => IDENTITY,
        _ => "system",
    };
    let azure = azure();
    azure
        .run(&format!("az-identity create -g {GROUP} -n {IDENTITY}"))
        .assert()
        .success();
    let host = format!("--kind {kind} --identity {identity}");
    let mut show = azure.local();
    show.args(["host", "show"]).args(host.split_whitespace());
    let shown = json(&show.assert().success());
    let principal = shown["identities"][0]["principalId"].as_str();
    azure.grant(principal.expect("a principal"), OFFICER);
    let mut run = azure.local();
    run.args(["host", "exec"]).args(host.split_whitespace());
    run.args(["--env", &format!("KEY_VAULT_NAME={VAULT}"), "--"]);
    run.arg(example()).assert().success();
    wrote(&azure);
}

#[test]
fn the_example_writes_a_secret_in_an_app() {
    on_host("app-service");
}

#[test]
fn the_example_writes_a_secret_in_a_function() {
    on_host("functions");
}

#[test]
fn the_example_writes_a_secret_in_machine_learning() {
    on_host("azure-ml");
}

#[test]
fn the_example_writes_a_secret_in_a_service_fabric() {
    on_host("service-fabric");
}

#[test]
fn the_example_writes_a_secret_in_a_pod() {
    on_host("kubernetes");
}

/// The agent's folder is root's: <https://learn.microsoft.com/azure/azure-arc/servers/managed-identity-authentication>.
#[test]
fn the_example_writes_a_secret_on_a_server_of_azure_arc() {
    let root = std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0);
    match root {
        true => on_host("arc"),
        false => eprintln!("skipped: only root can make the agent's folder"),
    }
}
