//! Creates that are run again: the table of `az_core::run_again`, row by row.

use az_core::run_again::{Again, CREATES, Create, Flag, document};
use end_to_end::{Azure, GROUP};
use predicates::{prelude::*, str::contains};
use std::collections::BTreeSet;
use std::path::Path;

#[test]
fn the_table_has_every_flag_of_every_create() {
    let azure = Azure::start();
    let flags = |line: &str| -> BTreeSet<String> {
        let output = azure.run(line).output().expect("the tool runs");
        let help = String::from_utf8_lossy(&output.stdout).into_owned();
        let lines = help.lines().filter_map(|line| {
            let line = line.trim_start();
            let line = line.split_once(", --").map_or_else(
                || line.strip_prefix("--"),
                |(short, rest)| (short.starts_with('-') && short.len() == 2).then_some(rest),
            );
            let name: String = line?
                .chars()
                .take_while(|letter| letter.is_ascii_lowercase() || *letter == '-')
                .collect();
            Some(name)
        });
        lines.collect()
    };
    let everywhere = flags("az-provision group list --help");
    for create in CREATES {
        let there: BTreeSet<String> = flags(&format!("{} --help", create.command))
            .difference(&everywhere)
            .cloned()
            .collect();
        let known: BTreeSet<String> = create
            .flags
            .iter()
            .map(|flag| flag.name.to_owned())
            .collect();
        assert_eq!(there, known, "{}", create.command);
    }
}

#[test]
fn the_document_is_the_table() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/run-again.md");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, document()).expect("the document can be written");
    }
    assert_eq!(
        std::fs::read_to_string(&path).expect("docs/run-again.md"),
        document(),
        "UPDATE_DOCS=1 writes it"
    );
}

#[test]
fn a_group_does_with_each_flag_as_the_table_says() {
    rows("az-provision group create", |_, name, _| Words {
        before: String::new(),
        base: format!("-n {name} -l eastus"),
        show: format!("az-provision group show -n {name}"),
    });
}

#[test]
fn a_machine_does_with_each_flag_as_the_table_says() {
    rows("az-provision vm create", |_, name, flag| {
        let signs_in = flag.first.contains("--admin-password") || flag.name == "ssh-key-values";
        let keys = if signs_in { "" } else { "--generate-ssh-keys" };
        Words {
            before: format!(
                "az-provision group create -n {name} -l eastus -o none
                 az-identity create -g {name} -n one -o none"
            ),
            base: format!("-g {name} -n {name} {keys}"),
            show: format!("az-provision vm show -d -g {name} -n {name} --include-user-data"),
        }
    });
}

#[test]
fn a_vault_does_with_each_flag_as_the_table_says() {
    rows("az-provision keyvault create", |_, name, _| Words {
        before: String::new(),
        base: format!("-g {GROUP} -n kv-{name}"),
        show: format!("az-provision keyvault show -n kv-{name}"),
    });
}

#[test]
fn an_identity_does_with_each_flag_as_the_table_says() {
    rows("az-identity create", |_, name, _| Words {
        before: String::new(),
        base: format!("-g {GROUP} -n {name}"),
        show: format!("az-identity show -g {GROUP} -n {name}"),
    });
}

#[test]
fn an_assignment_does_with_each_flag_as_the_table_says() {
    rows("az-role assignment create", |azure, name, _| {
        let principal = azure.text(
            &format!("az-identity create -g {GROUP} -n {name}"),
            "principalId",
        );
        let scope = azure.text(&format!("az-provision group show -n {GROUP}"), "id");
        Words {
            before: String::new(),
            base: format!(
                "--assignee-object-id {principal} --assignee-principal-type ServicePrincipal \
                 --role 'Key Vault Secrets User' --scope {scope}"
            ),
            show: format!(
                "az-role assignment list --assignee-object-id {principal} --scope {scope}"
            ),
        }
    });
}

/// What a row is run with.
struct Words {
    before: String,
    base: String,
    show: String,
}

/// Runs each row of a create that has values: with one, with it again, with another.
fn rows(command: &str, words: impl Fn(&Azure, &str, &Flag) -> Words) {
    let azure = Azure::start().with_group();
    let create: &Create = CREATES
        .iter()
        .find(|create| create.command == command)
        .expect("a create of the table");
    let with_values = create.flags.iter().filter(|flag| !flag.first.is_empty());
    let mut run = 0;
    for (index, flag) in with_values.enumerate() {
        run += 1;
        let name = format!("row-{index}");
        let words = words(&azure, &name, flag);
        let line = |value: &str| {
            let base = &words.base;
            // A flag is given once.
            let base = match (flag.name, base.split_once(" -l ")) {
                ("location", Some((before, _))) => before,
                _ => base,
            };
            format!("set -eu\n{command} {base} {value}")
        };
        azure
            .shell(&format!("set -eu\n{}\n{}", words.before, line(flag.first)))
            .assert()
            .success();
        // A request to compare is a change that changes nothing but this.
        let shown = || {
            let mut shown = azure.json(&words.show);
            if let Some(members) = shown.as_object_mut() {
                members.remove("etag");
            }
            shown
        };
        let there = shown();
        let writes = azure.writes();
        azure.shell(&line(flag.first)).assert().success();
        assert_eq!(shown(), there, "{command} {}", flag.first);
        let repeats = command.starts_with("az-provision") || command.starts_with("az-identity");
        let asked = usize::from(flag.again == Again::EqualToAzure);
        if repeats {
            assert_eq!(azure.writes() - writes, asked, "{command} {}", flag.first);
        }
        let writes = azure.writes();
        match flag.again {
            Again::Updated => {
                let updated = azure.shell(&line(flag.other)).assert().success();
                let shown = azure.text(&words.show, flag.word);
                assert!(flag.other.ends_with(&shown), "{updated:?}: {shown}");
            }
            _ => {
                let refused = azure.shell(&line(flag.other)).assert().code(6);
                refused
                    .stdout("")
                    .stderr(contains("it exists already").and(contains(flag.word)));
                assert_eq!(shown(), there, "{command} {}", flag.other);
                if repeats {
                    assert_eq!(azure.writes() - writes, asked, "{command} {}", flag.other);
                }
            }
        }
    }
    assert!(run > 0, "{command} has rows");
}
