//! What is shown on a terminal while it is waited for, and what is said on Ctrl-C. `/proc` and a terminal of the test's own.

use end_to_end::{Azure, GROUP, PASSWORD, SIZE, VAULT, VM, binary, stderr, terminal::Terminal};
use predicates::{prelude::*, str::contains};
use std::{process::Command, time::Duration};

/// A tool on a terminal.
fn open(azure: &Azure, line: &str, variables: &[(&str, &str)]) -> Terminal {
    let mut words = line.split_whitespace();
    let mut command = Command::new(binary(words.next().expect("a tool")));
    command
        .args(words)
        .current_dir(azure.scratch())
        .envs(azure.variables().iter().cloned())
        .envs(variables.iter().copied())
        .env("TERM", "xterm");
    Terminal::open(&command, (40, 200))
}

fn all(more: &str) -> String {
    format!(
        "az-provision all -g {GROUP} -l eastus -n {VM} --vault-name {VAULT} --size {SIZE} --admin-username azureuser {more}"
    )
}

#[test]
fn each_resource_has_a_line_with_its_time_on_a_terminal() {
    let azure = Azure::start();
    let line = all("--generate-ssh-keys -o none");
    let (status, shown) = open(&azure, &line, &[]).end();
    assert_eq!(status, Some(0), "{shown}");
    for resource in [
        "resource group 'go-on-azure'",
        "virtual network 'go-on-azure-vmVNET'",
        "security group 'go-on-azure-vmNSG'",
        "public IP address 'go-on-azure-vmPublicIP'",
        "network interface 'go-on-azure-vmVMNic'",
        "virtual machine 'go-on-azure-vm'",
        "key vault 'kv-end-to-end'",
    ] {
        assert!(
            shown.contains(&format!("creating {resource}")),
            "{resource} in {shown}"
        );
        let done = format!("s {resource} is there");
        assert!(shown.contains(&done), "{done} in {shown}");
    }
    // What is there already has none.
    let (status, again) = open(&azure, &line, &[]).end();
    assert_eq!(status, Some(0));
    assert!(!again.contains("creating"), "{again}");
}

#[test]
fn nothing_of_it_is_in_a_pipe_or_without_colours() {
    let azure = Azure::start();
    let mut piped = azure.run(&all("--admin-password-file -"));
    let made = piped.write_stdin(PASSWORD).assert().success();
    assert_eq!(stderr(&made), "");
    let line = all("--generate-ssh-keys -o none")
        .replace(VM, "other")
        .replace("--generate-ssh-keys", "--ssh-key-values key.pub");
    let key =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHUlE3pxsKcbEGdeNvb2yCTWoYbL6aUvuWKz2Y4lbSIS one\n";
    std::fs::write(azure.scratch().join("key.pub"), key).expect("written");
    let (status, shown) = open(&azure, &line, &[("NO_COLOR", "1")]).end();
    assert_eq!((status, shown.as_str()), (Some(0), ""));
}

#[test]
fn an_interrupt_says_what_is_under_way_and_how_to_go_on() {
    let azure = Azure::with(&["--operation-time", "10m"]);
    let line = all("--admin-password Correct-Horse-1 --tags team=it's");
    let mut terminal = open(&azure, &line, &[]);
    terminal.expect("creating virtual network");
    terminal.expect("creating key vault");
    terminal.type_in("\x03");
    let (status, shown) = terminal.end();
    assert_eq!(status, Some(130), "{shown}");
    let said = shown
        .rsplit("interrupted while ")
        .next()
        .expect("a message");
    assert!(
        said.contains("creating key vault 'kv-end-to-end'"),
        "{said}"
    );
    assert!(
        said.contains("creating virtual network 'go-on-azure-vmVNET'"),
        "{said}"
    );
    assert!(
        said.contains("to go on from there: az-provision all -g go-on-azure -l eastus"),
        "{said}"
    );
    assert!(said.contains("--tags 'team=it'\\''s'"), "{said}");
    assert!(said.contains("--admin-password … "), "{said}");
    let typed = shown.replace(&line, "");
    assert!(!typed.contains(PASSWORD), "{shown}");
}

/// What a pipe reads of it is the same.
#[test]
fn an_interrupt_in_a_pipe_says_the_same() {
    let azure = Azure::with(&["--operation-time", "10m"]);
    let script = format!(
        "{} 2>said &
        tool=$!
        until grep -q 'PUT.*vaults/' {log} || ! kill -0 $tool; do :; done
        kill -INT $tool
        wait $tool
        echo $?; cat said",
        all("--admin-password-file - <<< Correct-Horse-1"),
        log = azure.log_path().display(),
    );
    azure
        .shell(&script)
        .timeout(Duration::from_secs(60))
        .assert()
        .success()
        .stdout(contains("130\n").and(contains("interrupted while creating")));
}
