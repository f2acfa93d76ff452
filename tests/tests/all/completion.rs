//! Completion in the shells that ask for it: of commands and flags, and of what is in the cloud.

use end_to_end::{Azure, GROUP, VAULT, VM};
use std::process::Command;

/// A local Azure with a group, a machine, a vault and a secret, and a cache of its own.
fn furnished() -> Azure {
    let azure = Azure::start().with_group().with_vm().with_vault();
    let scope = azure.vault_id();
    azure
        .shell(&format!(
            "set -eu
             me=$(az-role assignment list --query '[0].principalId' -o tsv)
             az-role assignment create --assignee-object-id $me --assignee-principal-type ServicePrincipal --role 'Key Vault Secrets Officer' --scope {scope} -o none
             kv-set the-secret --vault-name {VAULT} --wait-for-access 1m -o none <<<value"
        ))
        .assert()
        .success();
    azure
}

/// Asks a shell's script, in the instance's environment, for the last word of each line.
fn check(azure: &Azure, shell: &str, ask: impl Fn(&str) -> String) {
    for (line, expected) in [
        (
            format!("az-provision keyvault show --name {}", &VAULT[..4]),
            VAULT,
        ),
        (format!("az-provision vm show -g {}", &GROUP[..3]), GROUP),
        (
            format!("az-provision vm start -g {GROUP} --name {}", &VM[..3]),
            VM,
        ),
        ("az-provision group create -l east".to_owned(), "eastus2"),
        (
            "az-provision vm create --size Standard_D2s_v".to_owned(),
            "Standard_D2s_v5",
        ),
        (format!("kv-get --vault-name {VAULT} the"), "the-secret"),
        ("kv-get --vault-name kv".to_owned(), VAULT),
        ("az-provision vm dea".to_owned(), "deallocate"),
        (
            "az-cleanup group delete --force-del".to_owned(),
            "--force-deletion-types",
        ),
    ] {
        let output = azure.shell(&ask(&line)).output().expect("a shell runs");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        // A shell shows what a flag does behind it.
        let words: Vec<&str> = said
            .split(|letter: char| letter.is_whitespace() || letter == ':')
            .collect();
        assert!(
            words.contains(&expected) && output.stderr.is_empty(),
            "{shell}: {line}: {said}{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}

fn is_there(shell: &str) -> bool {
    let there = Command::new(shell).arg("--version").output().is_ok();
    assert!(
        there || std::env::var_os("CI").is_none(),
        "{shell} is not installed"
    );
    if !there {
        eprintln!("skipped: {shell} is not installed");
    }
    there
}

#[test]
fn bash_completes_what_is_in_the_cloud() {
    check(&furnished(), "bash", |line| {
        format!(
            "words=({line})
             source <(COMPLETE=bash ${{words[0]}})
             COMP_WORDS=(\"${{words[@]}}\"); COMP_CWORD=$((${{#words[@]}} - 1)); COMP_TYPE=9
             compopt() {{ :; }}
             _clap_complete_${{words[0]//-/_}} ${{words[0]}} \"${{words[COMP_CWORD]}}\"
             printf '%s\\n' \"${{COMPREPLY[@]}}\""
        )
    });
}

#[test]
fn fish_completes_what_is_in_the_cloud() {
    if is_there("fish") {
        check(&furnished(), "fish", |line| {
            let tool = line.split(' ').next().unwrap_or_default();
            format!("fish --no-config -c 'COMPLETE=fish {tool} | source; complete -C \"{line}\"'")
        });
    }
}

#[test]
fn zsh_completes_what_is_in_the_cloud() {
    if is_there("zsh") {
        check(&furnished(), "zsh", |line| {
            let tool = line.split(' ').next().unwrap_or_default();
            format!(
                "zsh -f -c 'compdef() {{ completer=$1 }}
                 _describe() {{ print -l -- ${{(P)3}} }}
                 source <(COMPLETE=zsh {tool})
                 words=({line}); CURRENT=${{#words}}
                 $completer'"
            )
        });
    }
}

/// Somebody who types is not kept waiting by a cloud that does not answer, and sees nothing of it.
#[test]
fn a_cloud_that_does_not_answer_completes_nothing() {
    let azure = Azure::start();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let deaf = format!("http://{}", listener.local_addr().expect("an address"));
    let mut command = azure.run("az-provision -- az-provision vm show -g x");
    command
        .env("COMPLETE", "bash")
        .env("_CLAP_COMPLETE_INDEX", "4")
        .env("_CLAP_IFS", "\n")
        .env("HTTPS_PROXY", &deaf);
    command.assert().success().stdout("").stderr("");
}

#[test]
fn names_are_kept_for_the_next_word_and_for_nobody_else() {
    use std::os::unix::fs::PermissionsExt;
    let azure = furnished();
    let ask = || {
        let mut command = azure.run("az-provision -- az-provision vm show -g g");
        command
            .env("COMPLETE", "bash")
            .env("_CLAP_COMPLETE_INDEX", "4")
            .env("_CLAP_IFS", "\n");
        command.assert().success().stdout(GROUP.to_owned());
    };
    ask();
    let requests = azure.log().len();
    ask();
    assert_eq!(azure.log().len(), requests, "the second answer is kept");
    let mut files = Vec::new();
    let mut open = vec![azure.scratch().to_owned()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
            if entry.path().is_dir() {
                open.push(entry.path());
            } else if entry.file_name().to_string_lossy().starts_with("names-") {
                files.push(entry.path());
            }
        }
    }
    assert_eq!(files.len(), 1);
    let mode = files[0].metadata().expect("a file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}
