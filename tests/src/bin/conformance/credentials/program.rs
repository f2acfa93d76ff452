//! One program by az-credential, and the tutorial's in Go beside it: each writes a secret on every host, unchanged.

use crate::clients::Missing;
use crate::suite::{Case, World};
use crate::tutorial::Tutorial;
use end_to_end::{Azure, GROUP, IDENTITY, OFFICER, VAULT, binary, json};
use std::path::Path;

/// The hosts, and the identity that each is given.
const HOSTS: &[(&str, &str)] = &[
    ("app-service", "system"),
    ("functions", "system"),
    ("arc", "system"),
    ("azure-ml", "system"),
    ("service-fabric", "system"),
    ("kubernetes", IDENTITY),
];

pub(super) fn cases() -> impl Iterator<Item = Case> {
    HOSTS.iter().map(|(kind, identity)| {
        Case::new(format!("credentials/program-{kind}"), move |world| {
            on_host(world, kind, identity)
        })
    })
}

fn on_host(world: &World, kind: &str, identity: &str) -> Result<(), Missing> {
    let go = world.clients.go_tutorial(&Tutorial::read()?.go_program())?;
    let azure = world.azure().with_secrets();
    let create = format!("az-identity create -g {GROUP} -n {IDENTITY}");
    azure.run(&create).assert().success();
    let host = ["--kind", kind, "--identity", identity];
    let mut show = azure.local();
    let who = json(&show.args(["host", "show"]).args(host).assert().success());
    let principal = who["identities"][0]["principalId"].as_str();
    azure.grant(principal.expect("a principal"), OFFICER);
    let run = |program: &Path, value: &str| {
        let mut command = azure.local();
        command.args(["host", "exec"]).args(host);
        command.args(["--env", &format!("KEY_VAULT_NAME={VAULT}")]);
        command.arg("--").arg(program).assert().success();
        assert_eq!(secret(&azure), value);
    };
    // A client that does not wait must not race the role assignment.
    let mut wait = azure.local();
    wait.args(["host", "exec"]).args(host).arg("--");
    wait.arg(binary("kv-get"))
        .args(["--list", "--vault-name", VAULT, "--wait-for-access", "1m"]);
    wait.assert().success();
    run(&binary("examples/write_secret"), "createdWithRust");
    run(&go, "createdWithGO");
    Ok(())
}

fn secret(azure: &Azure) -> String {
    azure.text(
        &format!("kv-get quickstart-secret --vault-name {VAULT}"),
        "value",
    )
}
