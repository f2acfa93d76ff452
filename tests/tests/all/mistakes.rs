//! What people get wrong: `data/mistakes.tsv`, line by line.

use az_core::cli::habits::COMMANDS;
use end_to_end::Azure;
use predicates::{prelude::*, str::contains};
use serde_json::Value;

#[test]
fn every_mistake_ends_with_its_status_and_its_words() {
    let azure = Azure::start().with_group().with_vm().with_vault();
    let writes = || {
        let done = |exchange: &&Value| {
            let service = exchange["url"]
                .as_str()
                .is_some_and(|url| !url.contains("/oauth2/"));
            service && exchange["method"] != "GET" && exchange["status"].as_u64() < Some(300)
        };
        azure.log().iter().filter(done).count()
    };
    let before = writes();
    let mut wrong = Vec::new();
    let mut count = 0;
    let lines = include_str!("data/mistakes.tsv").lines();
    for line in lines.filter(|line| !line.starts_with('#')) {
        count += 1;
        let mut parts = line.splitn(3, '\t');
        let mut part = || parts.next().unwrap_or_default();
        let (status, words, command) = (part(), part(), part());
        let status: i32 = status.parse().expect("a status");
        let output = azure.shell(command).output().expect("bash runs");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let raw = said.chars().any(|c| c.is_control() && !"\n\t".contains(c));
        if output.status.code() != Some(status) || !contains(words).eval(&said) || raw {
            wrong.push(format!("{line}\n  {:?}: {said}", output.status.code()));
        }
    }
    let keys = azure.scratch().join(".ssh");
    assert!(!keys.exists(), "a key pair was made for a mistake");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count >= 60, "only {count} mistakes");
    assert_eq!(writes(), before, "nothing is changed");
}

#[test]
fn what_az_is_called_here_is_there() {
    let azure = Azure::start();
    for (az, ours) in COMMANDS {
        let (flags, words): (Vec<&str>, Vec<&str>) =
            ours.split(' ').partition(|word| word.starts_with("--"));
        let help = azure
            .run(&format!("{} --help", words.join(" ")))
            .assert()
            .success()
            .stdout(contains("Usage: "));
        let help = String::from_utf8_lossy(&help.get_output().stdout).into_owned();
        for flag in flags {
            assert!(help.contains(flag), "{ours}");
        }
        assert_ne!(az, ours);
    }
}
