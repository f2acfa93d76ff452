//! The tutorial's Go program, on a machine of the local Azure.

use crate::suite::{Case, World};
use crate::tutorial::{Identity, Tutorial};
use end_to_end::{GROUP, IDENTITY, OFFICER, VAULT, VM};

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("go/tutorial-system-assigned", |world| {
            program(world, Identity::System)
        }),
        Case::new("go/tutorial-user-assigned", |world| {
            program(world, Identity::User)
        }),
    ]
}

fn program(world: &World, identity: Identity) -> Result<(), crate::clients::Missing> {
    let program = world.clients.go_tutorial(&Tutorial::read()?.go_program())?;
    let azure = world.azure().with_group().with_vm().with_vault();
    machine_with_access(&azure, identity);
    let copy = format!("cp {} main", program.display());
    azure.on_machine(VM, &copy).assert().success();
    let line = format!("{} ./main", world.bounded());
    let output = azure.on_machine(VM, &line).assert().success();
    let text = String::from_utf8_lossy(&output.get_output().stdout).into_owned();
    assert_printed(&text, "createdWithGO");
    let there = azure
        .on_machine(VM, "kv-get quickstart-secret --query value -o tsv")
        .assert()
        .success();
    assert_eq!(there.get_output().stdout, b"createdWithGO\n");
    Ok(())
}

/// Gives the machine an identity that may write secrets, and waits until it may: a client that does not wait
/// must not race the role assignment.
pub(crate) fn machine_with_access(azure: &end_to_end::Azure, identity: Identity) {
    let assign = match identity {
        Identity::System => format!(
            "az-identity vm assign -g {GROUP} -n {VM} | az-role assignment create --assignee - --role '{OFFICER}' --scope {}",
            azure.vault_id()
        ),
        Identity::User => format!(
            "az-identity create -g {GROUP} -n {IDENTITY} > id.json
             az-identity vm assign -g {GROUP} -n {VM} --identities {IDENTITY}
             az-role assignment create --assignee - --role '{OFFICER}' --scope {} < id.json",
            azure.vault_id()
        ),
    };
    azure
        .shell(&format!("set -euo pipefail\n{assign}"))
        .assert()
        .success();
    azure
        .on_machine(VM, "kv-get --list --wait-for-access 2m")
        .assert()
        .success();
}

/// The tutorial's line: `Name: <id>, Value: <value>`.
pub(crate) fn assert_printed(text: &str, value: &str) {
    let id = text
        .trim_end()
        .strip_prefix(&format!(
            "Name: https://{VAULT}.vault.azure.net/secrets/quickstart-secret/"
        ))
        .and_then(|rest| rest.strip_suffix(&format!(", Value: {value}")))
        .unwrap_or_else(|| panic!("not the tutorial's line: {text}"));
    assert!(
        id.len() == 32 && id.chars().all(|c| c.is_ascii_hexdigit()),
        "{text}"
    );
}
