//! `az-credential` in a program of somebody else: its example, unchanged wherever it runs.

use assert_cmd::Command;
use end_to_end::{Azure, GROUP, OFFICER, VAULT, VM, binary};

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
    let azure = azure().with_vm();
    let line = format!("az-identity vm assign -g {GROUP} -n {VM}");
    let principal = azure.text(&line, "systemAssignedIdentity");
    azure.grant(&principal, OFFICER);
    let line = format!("env KEY_VAULT_NAME={VAULT} {}", example().display());
    azure.on_machine(VM, &line).assert().success();
    wrote(&azure);
}
