//! The tutorial's scripts, on a local Azure: whole, twice at once, and after a crash.

use assert_cmd::Command;
use end_to_end::{Azure, binary};
use predicates::{prelude::*, str::is_match};
use std::path::{Path, PathBuf};

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../scripts")
        .join(name)
}

/// A step or the whole tutorial in an instance's environment, with names of its own.
fn run(azure: &Azure, name: &str, suffix: &str, identity: &str) -> Command {
    let mut command = Command::new(script(name));
    command
        .env_clear()
        .envs(azure.environment(""))
        .env(
            "AZ_TOOLS_DIR",
            binary("az-local").parent().expect("a folder"),
        )
        .env("RESOURCE_GROUP", format!("group-{suffix}"))
        .env("VM_NAME", format!("vm-{suffix}"))
        .env("KEY_VAULT_NAME", format!("kv-{suffix}"))
        .env("IDENTITY", identity)
        .current_dir(azure.scratch());
    command
}

fn line(vault: &str) -> impl Predicate<str> + use<> {
    is_match(format!(
        "(?m)^Name: https://{vault}\\.vault\\.azure\\.net/secrets/quickstart-secret/[0-9a-f]{{32}}, Value: createdWithRust$"
    ))
    .expect("a pattern")
}

fn assert_empty(azure: &Azure) {
    azure
        .local()
        .args(["resources", "--count"])
        .assert()
        .success()
        .stdout("0\n");
}

#[test]
fn the_tutorial_runs_with_either_identity_and_leaves_nothing() {
    let azure = Azure::start();
    for identity in ["system", "user"] {
        let mut tutorial = run(&azure, "tutorial.sh", "whole", identity);
        tutorial
            .args(["--identity", identity])
            .assert()
            .success()
            .stdout(line("kv-whole"));
        assert_empty(&azure);
    }
    // The programs went there by SSH, and the machine itself asked for its tokens.
    let log = azure.log();
    let connections = log
        .iter()
        .filter(|exchange| exchange["method"] == "CONNECT");
    let mut connections = connections.peekable();
    assert!(connections.peek().is_some(), "nobody connected");
    assert!(
        connections
            .all(|exchange| exchange["status"] == 200 && exchange["caller"]["machine"].is_null())
    );
    let tokens: Vec<_> = log
        .iter()
        .filter(|exchange| {
            exchange["url"]
                .as_str()
                .is_some_and(|url| url.starts_with("http://169.254.169.254/metadata/identity/"))
        })
        .map(|exchange| exchange["caller"]["machine"].as_str().unwrap_or_default())
        .collect();
    assert!(tokens.len() >= 4, "{tokens:?}");
    assert!(
        tokens.iter().all(|machine| machine.ends_with("/vm-whole")),
        "{tokens:?}"
    );
}

#[test]
fn with_a_password_the_machine_is_reached_by_it() {
    let azure = Azure::start();
    let mut tutorial = run(&azure, "tutorial.sh", "password", "system");
    tutorial
        .env("ADMIN_PASSWORD", end_to_end::PASSWORD)
        .args(["--identity", "system"])
        .assert()
        .success()
        .stdout(line("kv-password"));
    assert_empty(&azure);
}

#[test]
fn a_machine_that_nobody_may_reach_is_not_waited_for() {
    let azure = Azure::start();
    run(&azure, "1-create-resources.sh", "closed", "system")
        .assert()
        .success();
    azure
        .run("az-provision vm deallocate -n vm-closed")
        .assert()
        .success();
    run(&azure, "4-set-secret.sh", "closed", "system")
        .assert()
        .code(2)
        .stderr(predicates::str::contains("is not running (deallocated)"));
}

#[test]
fn two_tutorials_at_once_do_not_disturb_each_other() {
    let azure = Azure::start();
    std::thread::scope(|scope| {
        for (suffix, identity) in [("one", "system"), ("two", "user")] {
            let azure = &azure;
            scope.spawn(move || {
                let mut tutorial = run(azure, "tutorial.sh", suffix, identity);
                tutorial
                    .args(["--identity", identity])
                    .assert()
                    .success()
                    .stdout(line(&format!("kv-{suffix}")));
            });
        }
    });
    assert_empty(&azure);
}

#[test]
fn what_was_acknowledged_survives_a_crash_and_the_scripts_finish() {
    let mut azure = Azure::start();
    run(&azure, "1-create-resources.sh", "crash", "user")
        .assert()
        .success();
    run(&azure, "2-create-identity.sh", "crash", "user")
        .assert()
        .success();
    let before = azure.json("az-provision vm show -g group-crash -n vm-crash");
    let environment = azure.environment("");

    let pid = azure.status()["pid"]
        .as_u64()
        .expect("a process id")
        .to_string();
    assert!(
        std::process::Command::new("kill")
            .args(["-9", &pid])
            .status()
            .expect("kill runs")
            .success()
    );
    azure
        .run("az-provision group list --timeout 1s")
        .assert()
        .failure();
    azure.launch(&[]);

    assert_eq!(
        azure.environment(""),
        environment,
        "exported environments stay good"
    );
    assert_eq!(
        azure.json("az-provision vm show -g group-crash -n vm-crash"),
        before
    );
    // every step can be run again, those that were done included
    for name in [
        "1-create-resources.sh",
        "2-create-identity.sh",
        "3-assign-role.sh",
    ] {
        run(&azure, name, "crash", "user").assert().success();
    }
    run(&azure, "4-set-secret.sh", "crash", "user")
        .assert()
        .success()
        .stdout(line("kv-crash"));
    run(&azure, "5-clean-up.sh", "crash", "user")
        .assert()
        .success();
    run(&azure, "5-clean-up.sh", "crash", "user")
        .assert()
        .success();
    assert_empty(&azure);
}

#[test]
fn a_crash_in_the_middle_of_an_operation_loses_nothing() {
    let mut azure = Azure::start();
    let mut creating = std::process::Command::new(script("1-create-resources.sh"));
    creating
        .env_clear()
        .envs(azure.environment(""))
        .env(
            "AZ_TOOLS_DIR",
            binary("az-local").parent().expect("a folder"),
        )
        .env("RESOURCE_GROUP", "group-middle")
        .env("VM_NAME", "vm-middle")
        .env("KEY_VAULT_NAME", "kv-middle")
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null());
    let mut child = creating.spawn().expect("the script runs");
    // The network is being made: the machine has been asked for soon after its interface.
    let seen = |azure: &Azure| {
        azure
            .log_text()
            .lines()
            .any(|line| line.contains("networkInterfaces") && line.contains("\"PUT\""))
    };
    let until = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while !seen(&azure) {
        assert!(
            std::time::Instant::now() < until,
            "the interface was never asked for"
        );
        std::thread::yield_now();
    }
    let pid = azure.status()["pid"]
        .as_u64()
        .expect("a process id")
        .to_string();
    assert!(
        std::process::Command::new("kill")
            .args(["-9", &pid])
            .status()
            .expect("kill runs")
            .success()
    );
    let _ = child.wait();
    azure.launch(&[]);
    let acknowledged: Vec<String> = azure
        .log()
        .iter()
        .filter(|one| {
            one["method"] == "PUT" && one["status"].as_u64().is_some_and(|status| status < 300)
        })
        .filter_map(|one| one["responseBody"]["id"].as_str().map(str::to_lowercase))
        .collect();
    let mut command = azure.local();
    let there = command.arg("resources").assert().success();
    let there = String::from_utf8_lossy(&there.get_output().stdout).to_lowercase();
    assert!(!acknowledged.is_empty());
    for id in acknowledged {
        assert!(there.contains(&id), "{id} was acknowledged and is gone");
    }
    run(&azure, "1-create-resources.sh", "middle", "system")
        .assert()
        .success();
    run(&azure, "5-clean-up.sh", "middle", "system")
        .assert()
        .success();
    assert_empty(&azure);
}

#[test]
fn without_a_vault_name_a_step_says_what_to_set() {
    let azure = Azure::apart();
    let mut step = run(&azure, "1-create-resources.sh", "x", "system");
    step.env_remove("KEY_VAULT_NAME")
        .assert()
        .code(2)
        .stderr(predicates::str::contains("KEY_VAULT_NAME"));
    let mut step = run(&azure, "2-create-identity.sh", "x", "both");
    step.assert()
        .code(2)
        .stderr(predicates::str::contains("'system' or 'user'"));
}
