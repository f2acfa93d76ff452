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
    let mut azure = Azure::with(&[]);
    run(&azure, "1-create-resources.sh", "crash", "user")
        .assert()
        .success();
    run(&azure, "2-create-identity.sh", "crash", "user")
        .assert()
        .success();
    let before = azure.json("az-provision vm show -g group-crash -n vm-crash");
    let environment = azure.environment("");

    azure.kill();
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
    let mut azure = Azure::with(&[]);
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
    azure.kill();
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

/// An instance's folder with what a step that was killed left in it, and a step's beginning there: what `lib.sh` does.
struct Keys(tempfile::TempDir);

impl Keys {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(folder.path().join("ssh")).expect("a new folder");
        Keys(folder)
    }

    fn folder(&self) -> PathBuf {
        self.0.path().join("ssh")
    }

    fn private(&self) -> PathBuf {
        self.folder().join("tutorial_key")
    }

    fn public(&self) -> PathBuf {
        self.folder().join("tutorial_key.pub")
    }

    fn step(&self) -> Command {
        let mut step = Command::new("sh");
        step.args(["-c", ". \"$1\"; printf '%s' \"$SSH_KEY\""])
            .args([script("step"), script("lib.sh")])
            .env("AZ_LOCAL_DIR", self.0.path())
            .env(
                "AZ_TOOLS_DIR",
                binary("az-local").parent().expect("a folder"),
            )
            .env("KEY_VAULT_NAME", "kv-keys")
            .env_remove("SSH_KEY")
            .timeout(std::time::Duration::from_secs(60));
        step
    }

    /// The step ends, and there is a pair.
    fn assert_pair(&self, state: &str) {
        let private = self.private().display().to_string();
        self.step().assert().success().stdout(private.clone());
        let mut derive = Command::new("ssh-keygen");
        let derived = derive.args(["-y", "-P", "", "-f", &private]).assert();
        let public = std::fs::read_to_string(self.public()).expect("a public key");
        assert!(public.starts_with("ssh-ed25519 "), "{state}: {public}");
        derived.success().stdout(public);
    }

    fn assert_nothing_else(&self, state: &str) {
        let entries = std::fs::read_dir(self.folder()).expect("a folder");
        let mut names: Vec<_> = entries.flatten().map(|entry| entry.file_name()).collect();
        names.sort();
        assert_eq!(names, ["tutorial_key", "tutorial_key.pub"], "{state}");
    }
}

/// What can be there when a step begins.
type State = (&'static str, fn(&Keys));

const LEFT: [State; 11] = [
    ("nothing", |_| {}),
    ("a pair", |keys| {
        drop(end_to_end::ssh::key_pair(&keys.folder(), "tutorial_key"))
    }),
    ("a private key", |keys| {
        end_to_end::ssh::key_pair(&keys.folder(), "tutorial_key");
        std::fs::remove_file(keys.public()).expect("removed");
    }),
    ("a private key and half its public one", |keys| {
        end_to_end::ssh::key_pair(&keys.folder(), "tutorial_key");
        halve(&keys.public());
    }),
    ("a private key and the public one of another", |keys| {
        end_to_end::ssh::key_pair(&keys.folder(), "tutorial_key");
        write(
            &keys.public(),
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA stale\n",
        );
    }),
    ("a public key", |keys| {
        end_to_end::ssh::key_pair(&keys.folder(), "tutorial_key");
        std::fs::remove_file(keys.private()).expect("removed");
    }),
    ("half a private key", |keys| {
        end_to_end::ssh::key_pair(&keys.folder(), "tutorial_key");
        halve(&keys.private());
    }),
    ("two empty files", |keys| {
        write(&keys.private(), "");
        write(&keys.public(), "");
    }),
    ("an empty folder for a key", |keys| {
        std::fs::create_dir(keys.folder().join("new.Xa81bZ")).expect("a new folder");
    }),
    (
        "a key in its folder, of a process that is no more",
        |keys| {
            // Above what Linux and macOS give to a process.
            let folder = keys.folder().join("new.99999999.Xa81bZ");
            std::fs::create_dir(&folder).expect("a new folder");
            end_to_end::ssh::key_pair(&folder, "key");
            halve(&folder.join("key"));
        },
    ),
    ("a private key, linked to its folder", |keys| {
        let folder = keys.folder().join("new.Xa81bZ");
        std::fs::create_dir(&folder).expect("a new folder");
        let key = end_to_end::ssh::key_pair(&folder, "key");
        std::fs::hard_link(key, keys.private()).expect("a link");
    }),
];

fn write(path: &Path, content: &str) {
    use std::{io::Write, os::unix::fs::OpenOptionsExt};
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let mut file = options.open(path).expect("a file");
    file.write_all(content.as_bytes()).expect("written");
}

fn halve(path: &Path) {
    let content = std::fs::read_to_string(path).expect("a file");
    write(path, &content[..content.len() / 2]);
}

#[test]
fn whatever_a_killed_step_left_the_next_one_has_a_key() {
    for (state, leave) in LEFT {
        let keys = Keys::new();
        leave(&keys);
        keys.assert_pair(state);
        keys.assert_nothing_else(state);
    }
}

#[test]
fn a_key_pair_that_is_there_stays() {
    let keys = Keys::new();
    keys.assert_pair("new");
    let both = || {
        (
            std::fs::read(keys.private()).expect("a key"),
            std::fs::read(keys.public()).expect("a key"),
        )
    };
    let before = both();
    keys.assert_pair("again");
    assert_eq!(both(), before);
    std::fs::remove_file(keys.public()).expect("removed");
    keys.assert_pair("without its public half");
    assert_eq!(both(), before);
}

#[test]
fn steps_at_once_have_one_key() {
    for (state, leave) in LEFT {
        let keys = Keys::new();
        leave(&keys);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| keys.step().assert().success());
            }
        });
        keys.assert_pair(state);
        keys.assert_nothing_else(state);
    }
}

/// Wherever a step is killed, the next one finds its way.
#[test]
fn a_step_killed_at_any_moment_hinders_nobody() {
    let keys = Keys::new();
    for milliseconds in (0..60).step_by(4) {
        let _ = std::fs::remove_file(keys.private());
        let _ = std::fs::remove_file(keys.public());
        let moment = std::time::Duration::from_millis(milliseconds);
        let _ = keys.step().timeout(moment).output();
        keys.assert_pair(&format!("killed after {milliseconds} ms"));
    }
}
