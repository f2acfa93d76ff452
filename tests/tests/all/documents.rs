//! The commands in the README and in `docs/`, run as they stand there.

use end_to_end::{Azure, GROUP, PASSWORD, VAULT, VM, binary};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

/// What stands in the blocks of a document that are for a shell.
fn blocks(document: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut open: Option<String> = None;
    for line in document.lines() {
        match (&mut open, line) {
            (None, "```sh") => open = Some(String::new()),
            (Some(_), "```") => blocks.extend(open.take()),
            (Some(block), line) => {
                block.push_str(line);
                block.push('\n');
            }
            (None, _) => {}
        }
    }
    blocks
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Every document with its blocks.
fn documents() -> BTreeMap<String, Vec<String>> {
    let folder = std::fs::read_dir(root().join("docs")).expect("docs");
    let paths = folder.map(|entry| entry.expect("an entry").path());
    let mut all = vec![root().join("README.md")];
    all.extend(paths.filter(|path| path.extension().is_some_and(|is| is == "md")));
    all.iter()
        .map(|path| {
            let text = std::fs::read_to_string(path).expect("a document");
            let name = path.file_name().expect("a name").to_string_lossy();
            (name.into_owned(), blocks(&text))
        })
        .collect()
}

/// The block of a document that has a line.
fn block(document: &str, line: &str) -> String {
    let all = documents();
    let found = all[document].iter().find(|block| block.contains(line));
    found
        .unwrap_or_else(|| panic!("{document}: {line}"))
        .clone()
}

/// What every other block runs in: OpenSSH signs in with the key that the tools make, to the instance's machines.
const AROUND: &str = r#"set -eu -o pipefail
export KEY_VAULT_NAME=kv-documents
ssh() { command ssh -i "$HOME/.ssh/id_ed25519" -F "$AZ_SSH_CONFIG" "$@"; }
scp() { command scp -i "$HOME/.ssh/id_ed25519" -F "$AZ_SSH_CONFIG" "$@"; }
"#;

/// The README's blocks, in the order in which somebody who reads it would run them.
#[test]
fn the_readme_does_what_it_says() {
    let azure = Azure::with(&[]);
    // Built for all of Linux it takes minutes; the conformance checks do that.
    let ten_lines = block("README.md", "az-cleanup all").replace(
        "scripts/build-static.sh",
        &format!("echo {}", binary("kv-set").display()),
    );
    let doctor = block("README.md", "az-provision doctor");
    let plan = block("README.md", "az-provision all --plan");
    let script = format!("{AROUND}{doctor}{plan}{ten_lines}");
    let ran = azure.shell(&script).assert().success();
    let said = String::from_utf8_lossy(&ran.get_output().stdout).into_owned();
    assert!(said.contains("Value: createdWithRust"), "{said}");
    assert!(
        said.contains("create    ├─ virtual machine 'go-on-azure-vm'"),
        "{said}"
    );
}

#[test]
fn the_completions_of_the_readme_load() {
    let azure = Azure::start();
    let block = block("README.md", "COMPLETE=bash");
    let bash = block.lines().next().expect("a line");
    azure
        .shell(&format!("set -eu\n{bash}\ncomplete -p az-provision"))
        .assert()
        .success();
}

#[test]
fn the_local_azure_of_the_readme_runs_a_script_and_stays() {
    let azure = Azure::start();
    let run = block("README.md", "az-local run --");
    let script = format!(
        "set -eu
         mkdir here; cd here; unset AZ_LOCAL_DIR AZURE_CONFIG_DIR
         echo 'az-provision group create -n of-the-script -l eastus -o none' >my-script.sh
         trap 'az-local stop --data-dir ./azure' EXIT
         {run}
         az-provision group create -n stays -l eastus --query name -o tsv"
    );
    let ran = azure.shell(&script).assert().success();
    let said = String::from_utf8_lossy(&ran.get_output().stdout).into_owned();
    assert!(said.lines().any(|line| line == "stays"), "{said}");
}

#[test]
fn the_machines_of_the_documents_are_reached() {
    let azure = Azure::with(&[]);
    let block = block("machines.md", "scp -F")
        .replace("ssh -F", "ssh -n -i ~/.ssh/id_ed25519 -F")
        .replace("scp -F", "scp -i ~/.ssh/id_ed25519 -F");
    let script = format!(
        "set -eu
         az-provision group create -n go-on-azure -l eastus -o none
         az-provision vm create -g go-on-azure -n go-on-azure-vm --admin-username azureuser --generate-ssh-keys -o none
         echo '#!/bin/sh' >program
         {block}
         command ssh -i ~/.ssh/id_ed25519 -F \"$AZ_SSH_CONFIG\" \"azureuser@$ip\" 'test -s program && echo there'"
    );
    let ran = azure
        .shell(&script)
        .write_stdin(PASSWORD)
        .assert()
        .success();
    assert_eq!(String::from_utf8_lossy(&ran.get_output().stdout), "there\n");
}

#[test]
fn a_program_runs_on_a_host_as_the_document_says() {
    let azure = Azure::with(&["--role-delay", "0s", "--principal-delay", "0s"]);
    // What the document's reader has: jq, and an app in Python. Here both are a few lines of shell.
    let block = block("hosts.md", "az-local host exec");
    let script = format!(
        r#"{AROUND}
         jq() {{ sed -n 's/.*"principalId": *"\([^"]*\)".*/\1/p' | head -n 1; }}
         mkdir programs
         printf '#!/bin/sh\nKEY_VAULT_NAME=kv-hosts exec %s\n' {} >programs/python
         chmod +x programs/python; export PATH=$PWD/programs:$PATH
         {block}"#,
        binary("examples/write_secret").display()
    );
    azure.shell(&script).assert().success();
    let written = azure.log_text();
    assert!(written.contains("kv-hosts.vault.azure.net/secrets/quickstart-secret"));
}

#[test]
fn a_fleet_is_deployed_by_one_host_and_by_many_as_the_document_says() {
    let azure = Azure::start();
    let list = block("scale.md", "--as-template fleet.jsonl");
    let many = block("scale.md", "parallel --jobs");
    // Who has no GNU parallel gets as much of it as the document needs: a process for each file, so many at once.
    let script = format!(
        r#"{AROUND}
         command -v parallel >/dev/null || parallel() {{
             while [ "$1" != az-provision ]; do shift; done
             local words=()
             while [ "$1" != ::: ]; do words+=("$1"); shift; done; shift
             printf '%s\n' "$@" | xargs -P 4 -I '{{}}' "${{words[@]}}"
         }}
         {list}
         {many}
         ls parts; az-provision vm list --query '[].name' -o tsv"#
    );
    let ran = azure.shell(&script).assert().success();
    let said = String::from_utf8_lossy(&ran.get_output().stdout).into_owned();
    assert!(
        said.contains("create    resource group 'fleet-1'"),
        "{said}"
    );
    assert!(said.contains("fleet-0.jsonl\nfleet-1.jsonl\n"), "{said}");
    for machine in ["web0", "web1", "db0"] {
        assert!(
            said.lines().any(|line| line == machine),
            "{machine}: {said}"
        );
    }
    // The parts have no new content but for where they were cut: each group was deployed once by each.
    let puts = azure.log().into_iter().filter(|exchange| {
        let url = exchange["url"].as_str().unwrap_or_default();
        exchange["method"] == "PUT" && url.contains("/deployments/fleet-")
    });
    assert_eq!(puts.count(), 3, "what one host did is known to the others");
}

#[test]
fn lists_are_worked_on_as_the_document_says() {
    let azure = Azure::start().with_secrets().with_vm();
    let block = block("bulk.md", "--skip-existing");
    let script = format!(
        r#"set -eu -o pipefail
         export KEY_VAULT_NAME={VAULT}
         scope=$(az-provision group show -n {GROUP} --query id -o tsv)
         echo '[{{"name": "one", "value": "1"}}, {{"name": "two", "value": "2"}}]' >secrets.json
         echo 'THREE=3' >.env
         {block}"#
    );
    azure.shell(&script).assert().success();
    let count = |line: &str| azure.json(line).as_array().map(Vec::len);
    assert_eq!(
        count(&format!("kv-get --list --vault-name {VAULT}")),
        Some(3)
    );
    assert_eq!(count(&format!("az-identity list -g {GROUP}")), Some(20));
    let machine = azure.json(&format!("az-identity vm show -g {GROUP} -n {VM}"));
    assert_eq!(machine["type"], "SystemAssigned");
}

/// A block that no test runs is a block that somebody forgot.
#[test]
fn every_block_is_run_somewhere() {
    const ELSEWHERE: &[(&str, &str)] = &[
        ("README.md", "cargo test --workspace"), // CI runs both lines
        ("README.md", "az login --service-principal"), // conformance, with the real az
        ("README.md", "az-local start && eval"), // the two parts are in the test of the local Azure
        ("benchmarks.md", "scripts/bench.sh local"), // half an hour; its options are checked with the script
        ("scale.md", "scripts/scale.sh"),            // minutes, in the released form
    ];
    const HERE: &[(&str, &str)] = &[
        ("README.md", "az-cleanup all"),
        ("README.md", "az-provision doctor"),
        ("README.md", "az-provision all --plan"),
        ("README.md", "COMPLETE=bash"),
        ("README.md", "az-local run --"),
        ("machines.md", "scp -F"),
        ("hosts.md", "az-local host exec"),
        ("scale.md", "--as-template fleet.jsonl"),
        ("scale.md", "parallel --jobs"),
        ("bulk.md", "--skip-existing"),
    ];
    let known = |document: &str, block: &str| {
        let mut all = ELSEWHERE.iter().chain(HERE);
        all.any(|(name, line)| *name == document && block.contains(line))
    };
    for (document, blocks) in documents() {
        for block in blocks {
            assert!(
                known(&document, &block),
                "{document}: nothing runs\n{block}"
            );
        }
    }
}
