//! Ansible with `azure.azcollection`: the tutorial as a playbook.

use crate::clients::Missing;
use crate::suite::{Case, World};
use end_to_end::Azure;
use std::path::Path;

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("ansible/check-mode", check_mode),
        Case::new("ansible/tutorial", tutorial),
    ]
}

/// What Ansible sums up.
#[derive(Debug, PartialEq, Eq)]
struct Recap {
    ok: u32,
    changed: u32,
    failed: u32,
}

/// All is created, nothing is changed by a second run, and all goes.
fn tutorial(world: &World) -> Result<(), Missing> {
    let azure = world.azure();
    let (created, _) = play(world, &azure, "")?;
    assert_eq!(created.failed, 0);
    assert!(created.changed >= 10, "{created:?}");
    let (again, said) = play(world, &azure, "")?;
    assert_eq!((again.changed, again.failed), (0, 0), "{said}");
    assert_eq!(again.ok, created.ok);
    let (removed, said) = play(world, &azure, "-e state=absent")?;
    assert_eq!(removed.failed, 0, "{said}");
    // A deleted vault and its secrets wait for their purge.
    let groups = azure.json("az-provision group list");
    assert_eq!(groups, serde_json::json!([]));
    Ok(())
}

/// In a group with nothing in it much would change, and nothing does. Only what needs no more than the group is tried: each
/// task costs seconds.
fn check_mode(world: &World) -> Result<(), Missing> {
    let azure = world.azure();
    let group = "az-provision group create -n kv-ansible-group -l eastus";
    azure.run(group).assert().success();
    let before = (azure.writes(), azure.json("az-provision group list"));
    let (recap, said) = play(world, &azure, "--check --tags first")?;
    assert_eq!((recap.changed, recap.failed), (3, 0), "{said}");
    let after = (azure.writes(), azure.json("az-provision group list"));
    assert_eq!(after, before);
    Ok(())
}

/// Plays the playbook with some arguments more. Gives its sum, and all that it said.
fn play(world: &World, azure: &Azure, arguments: &str) -> Result<(Recap, String), Missing> {
    let installed = world.clients.ansible()?;
    let playbook = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients/ansible/tutorial.yml");
    // Each of its tasks computes for seconds, beside all other cases.
    let line = format!(
        "timeout --kill-after=2 900 {}/bin/ansible-playbook {} -e prefix=kv-ansible -e desk={} {arguments}",
        installed.display(),
        playbook.display(),
        azure.own_object_id(),
    );
    let mut shell = azure.shell(&line);
    shell
        .env("HOME", azure.scratch())
        .env("ANSIBLE_COLLECTIONS_PATH", installed.join("collections"))
        .env("ANSIBLE_PYTHON_INTERPRETER", installed.join("bin/python"))
        .env("ANSIBLE_NOCOLOR", "1")
        .env("ANSIBLE_LOCALHOST_WARNING", "false")
        .env("ANSIBLE_INVENTORY_UNPARSED_WARNING", "false");
    let output = shell.output().expect("bash runs");
    let said = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(output.status.success(), "{}\n{said}", output.status);
    let recap = recap(&said).unwrap_or_else(|| panic!("no sum: {said}"));
    Ok((recap, said))
}

/// Reads `localhost : ok=13 changed=11 … failed=0 …`.
fn recap(said: &str) -> Option<Recap> {
    let line = said
        .lines()
        .rfind(|line| line.starts_with("localhost") && line.contains("changed="))?;
    let count = |name: &str| {
        let word = line
            .split_whitespace()
            .find_map(|word| word.strip_prefix(name));
        word?.strip_prefix('=')?.parse().ok()
    };
    Some(Recap {
        ok: count("ok")?,
        changed: count("changed")?,
        failed: count("failed")?,
    })
}
