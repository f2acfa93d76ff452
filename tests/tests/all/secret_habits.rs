//! What people type who know `az keyvault secret`.

use end_to_end::{Azure, VAULT};
use predicates::{prelude::*, str::contains};

#[test]
fn a_value_after_the_name_is_refused_and_never_shown() {
    let azure = Azure::start();
    for line in [
        "kv-set c1 hunter2",
        "kv-set c1 hunter2 more",
        "kv-set -n c1 hunter2",
        "kv-set DB_PASSWORD=hunter2",
        "kv-set c1 -- -hunter2",
        "kv-set c1 hunter2 --error-format json",
    ] {
        azure
            .run(&format!("{line} --vault-name {VAULT}"))
            .write_stdin("")
            .assert()
            .code(2)
            .stdout("")
            .stderr(contains("hunter2").not().and(contains("name")));
    }
    azure
        .run(&format!("kv-set c1 hunter2 --vault-name {VAULT}"))
        .assert()
        .stderr(contains("--value-file").and(contains("standard input")));
    azure
        .run(&format!(
            "kv-set c1 --value @hunter2.txt --vault-name {VAULT}"
        ))
        .assert()
        .code(2)
        .stderr(contains("--value-file FILE").and(contains("hunter2").not()));
    assert_eq!(azure.log().len(), 0);
}

#[test]
fn a_command_of_az_leads_to_the_line_that_is_meant() {
    let azure = Azure::start();
    for (line, meant) in [
        ("kv-set secret set -n c1 --value hunter2", "'kv-set c1'"),
        ("kv-set keyvault secret set --name c1", "'kv-set c1'"),
        ("kv-set set -n c1 --value hunter2", "'kv-set c1'"),
        (
            "kv-set set-attributes -n c1 --expires 2030-01-01",
            "'kv-set c1 --attributes-only'",
        ),
        ("kv-set restore -n c1 --file f", "'kv-set --restore FILE'"),
        ("kv-set secret list", "'kv-get --list'"),
        ("kv-get secret show -n c1", "'kv-get c1'"),
        ("kv-get show --name c1", "'kv-get c1'"),
        (
            "kv-get secret list --maxresults 2 --list-versions",
            "'kv-get --list'",
        ),
        ("kv-get list-versions -n c1", "'kv-get c1 --list-versions'"),
        (
            "kv-get secret backup -n c1 -f out",
            "'kv-get c1 --backup FILE'",
        ),
        (
            "kv-get download --name c1 --file out",
            "'kv-get c1 --query value -o tsv > FILE'",
        ),
        (
            "kv-get secret delete -n c1",
            "'az-cleanup secret delete --name c1'",
        ),
    ] {
        azure
            .run(&format!("{line} --vault-name {VAULT}"))
            .write_stdin("")
            .assert()
            .code(2)
            .stdout("")
            .stderr(contains(meant).and(contains("hunter2").not()));
    }
    assert_eq!(azure.log().len(), 0);
}

#[test]
fn a_command_of_az_is_a_secret_s_name_where_there_is_one() {
    let azure = Azure::start().with_secrets();
    azure
        .run(&format!("kv-get list --vault-name {VAULT}"))
        .assert()
        .code(3)
        .stderr(contains("Is 'kv-get --list' meant?"));
    azure.set_secret("list", "v");
    azure.set_secret("set", "w");
    let read = azure.json(&format!("kv-get list --vault-name {VAULT}"));
    assert_eq!(read["value"], "v");
    azure
        .run(&format!("kv-get none --vault-name {VAULT}"))
        .assert()
        .code(3)
        .stderr(contains("meant").not());
}

#[test]
fn the_version_of_each_tool_is_still_its_own() {
    let azure = Azure::start();
    for tool in ["kv-set", "kv-get"] {
        for flag in ["--version", "-V"] {
            azure
                .run(&format!("{tool} {flag}"))
                .assert()
                .success()
                .stdout(predicates::str::starts_with(format!("{tool} 0")));
        }
    }
    azure
        .run(&format!("kv-set s --version --vault-name {VAULT}"))
        .assert()
        .code(2);
}
