//! The help of every command: its width, its parts, its examples.

use az_core::examples::EXAMPLES;
use end_to_end::{Azure, PASSWORD, TOOLS};
use std::collections::BTreeSet;

/// Every command of every tool that has none below it, and what its `--help` prints.
fn commands(azure: &Azure) -> Vec<(String, String)> {
    let mut open: Vec<String> = TOOLS.map(str::to_owned).to_vec();
    let mut found = Vec::new();
    while let Some(command) = open.pop() {
        let help = azure.run(&format!("{command} --help")).assert().success();
        let help = String::from_utf8_lossy(&help.get_output().stdout).into_owned();
        let below = help
            .lines()
            .skip_while(|line| *line != "Commands:")
            .skip(1)
            .take_while(|line| !line.is_empty())
            // What a command does may go on below it.
            .filter(|line| !line.starts_with("   "));
        let below: Vec<String> = below
            .filter_map(|line| line.split_whitespace().next())
            .filter(|name| *name != "help")
            .map(|name| format!("{command} {name}"))
            .collect();
        if below.is_empty() {
            found.push((command, help));
        } else {
            open.extend(below);
        }
    }
    found
}

#[test]
fn every_help_is_80_columns_wide_and_has_examples_and_exit_statuses() {
    let azure = Azure::start();
    let commands = commands(&azure);
    assert!(commands.len() > 30, "only {} commands", commands.len());
    for (command, help) in &commands {
        for line in help.lines() {
            assert!(line.chars().count() <= 80, "{command}: {line}");
        }
        for part in [
            "Usage: ",
            "Examples:\n",
            "Global arguments:",
            "Exit status: 0",
        ] {
            assert!(help.contains(part), "{command}: no '{part}'");
        }
        let short = azure.run(&format!("{command} -h")).assert().success();
        let short = String::from_utf8_lossy(&short.get_output().stdout).into_owned();
        assert!(short.len() < help.len(), "{command}");
        // One word may be too long to stand beside its flag.
        let too_wide =
            |line: &&str| line.chars().count() > 80 && line.split_whitespace().count() > 1;
        assert_eq!(short.lines().find(too_wide), None, "{command}");
    }
    let known: BTreeSet<&str> = commands.iter().map(|(name, _)| name.as_str()).collect();
    let with_examples: BTreeSet<&str> = EXAMPLES.iter().map(|example| example.command).collect();
    assert_eq!(known, with_examples);
}

/// The examples are one story.
#[test]
fn every_example_does_what_it_says() {
    let azure = Azure::start();
    let mut script = format!(
        "set -eu -o pipefail
         export KEY_VAULT_NAME=kv-examples
         echo {PASSWORD} >password.txt
         printf '#cloud-config\\n' >cloud-init.yaml
         export password=hunter2
         printf 'key' >key.pem; printf '\\377' >cert.pfx; printf 'DB_USER=ada\\n' >.env
         step() {{ echo \"step: $*\" >&2; }}\n"
    );
    for example in EXAMPLES
        .iter()
        .filter(|e| !e.line.contains("doctor") && !e.line.contains("--plan"))
    {
        let quoted = example.line.replace('\'', r"'\''");
        script += &format!("step '{quoted}'\n{}\n", example.line);
    }
    azure.shell(&script).assert().success();
}
