//! Services that answer what no service should: nothing of it is taken for success, everything has an end, and what is said of
//! it is one line that a terminal can be given.

use crate::stranger::{Answer, Azure, GRAPH, LOGIN, RESOURCE_MANAGER, Reply, Request, VAULT};
use serde_json::json;
use std::{
    process::Stdio,
    time::{Duration, Instant},
};

/// Commands that read, and the service that they ask.
const READS: [(&str, &str); 9] = [
    ("az-provision group show -n g", RESOURCE_MANAGER),
    ("az-provision vm show -g g -n vm1", RESOURCE_MANAGER),
    ("az-provision keyvault show -g g -n kv-go", RESOURCE_MANAGER),
    ("az-identity show -g g -n id1", RESOURCE_MANAGER),
    ("az-role definition list", RESOURCE_MANAGER),
    ("az-role assignment list --assignee ada@example.org", GRAPH),
    ("kv-get s --vault-name kv-go", VAULT),
    ("kv-get --list --vault-name kv-go", VAULT),
    ("kv-get --list-versions s --vault-name kv-go", VAULT),
];

/// Commands that write.
const WRITES: [(&str, &str); 5] = [
    ("az-provision group create -n g -l eastus", RESOURCE_MANAGER),
    ("az-identity create -g g -n id1 -l eastus", RESOURCE_MANAGER),
    (
        "az-role assignment create --assignee-object-id 44444444-0000-0000-0000-000000000004 --assignee-principal-type \
         ServicePrincipal --role acdd72a7-3385-48ef-bd42-f606fba81ae7 --scope /subscriptions/33333333-0000-0000-0000-000000000003",
        RESOURCE_MANAGER,
    ),
    ("kv-set s --vault-name kv-go --value a-value-of-it", VAULT),
    (
        "kv-set s --vault-name kv-go --attributes-only --tags a=b",
        VAULT,
    ),
];

fn commands() -> impl Iterator<Item = (&'static str, &'static str)> {
    READS.into_iter().chain(WRITES)
}

fn whole(status: u16, body: &str) -> Answer {
    (status, vec![], body.to_owned())
}

/// Runs commands side by side, each against a stranger of its own; gives each one's exit status, what it said on standard
/// error, and how long it took.
fn run_all(
    commands: impl Iterator<Item = (String, &'static str)>,
    reply: impl Fn(&Request) -> Option<Reply> + Clone + Send + Sync + 'static,
) -> Vec<(String, i32, String, Duration)> {
    std::thread::scope(|scope| {
        let runs: Vec<_> = commands
            .map(|(line, _)| {
                let reply = reply.clone();
                scope.spawn(move || {
                    let azure = Azure::replying(reply);
                    let started = Instant::now();
                    let output = azure.run(&line).output().expect("it runs");
                    let took = started.elapsed();
                    let said = String::from_utf8_lossy(&output.stderr).into_owned();
                    let status = output.status.code().unwrap_or(-1);
                    assert!(output.stdout.is_empty() || status == 0, "{line}: {said}");
                    (line, status, said, took)
                })
            })
            .collect();
        runs.into_iter()
            .map(|run| run.join().expect("a run"))
            .collect()
    })
}

/// To requests that are signed; else as Azure does.
fn signed(reply: Reply) -> impl Fn(&Request) -> Option<Reply> + Clone + Send + Sync + 'static {
    move |request| (request.signed && request.host != LOGIN).then(|| reply.clone())
}

fn with_time(seconds: u32) -> impl Iterator<Item = (String, &'static str)> {
    commands().map(move |(line, host)| (format!("{line} --timeout {seconds}s"), host))
}

#[test]
fn nonsense_is_not_taken_for_success() {
    for body in [
        "",
        "null",
        "[]",
        "{}",
        "\"text\"",
        "1",
        "true",
        "{\"id\":",
        "<html>",
        "{\"id\": 1}",
        "{\"value\": 1}",
        "\u{0}",
    ] {
        for (line, status, said, _) in run_all(with_time(2), signed(Reply::Whole(whole(200, body))))
        {
            assert!(
                [1, 7].contains(&status),
                "{line}, {body:?}: {status}: {said}"
            );
            assert_eq!(said.lines().count(), 1, "{line}, {body:?}: {said}");
        }
    }
}

#[test]
fn what_never_ends_is_given_up() {
    for reply in [
        Reply::Drips,
        Reply::Endless,
        Reply::Silence,
        Reply::BreaksOff,
    ] {
        for (line, status, said, took) in run_all(with_time(2), signed(reply.clone())) {
            assert!(
                [1, 7].contains(&status),
                "{line}, {reply:?}: {status}: {said}"
            );
            assert!(
                took < Duration::from_secs(30),
                "{line}, {reply:?}: {took:?}"
            );
        }
    }
}

#[test]
fn a_wait_that_is_longer_than_there_is_time_is_told_at_once() {
    for wait in [
        "86400",
        "Wed, 01 Jan 2098 00:00:00 GMT",
        "18446744073709551615",
    ] {
        for status in [429, 503] {
            let answer = (status, vec![format!("retry-after: {wait}")], String::new());
            for (line, code, said, took) in run_all(with_time(60), signed(Reply::Whole(answer))) {
                assert_eq!(code, 7, "{line}, {wait}: {said}");
                assert!(said.contains("asks to wait"), "{line}, {wait}: {said}");
                assert!(took < Duration::from_secs(30), "{line}, {wait}: {took:?}");
            }
        }
    }
}

#[test]
fn a_sign_in_that_fails_says_why_and_is_nobody_s_fault() {
    let html = "<html><title>Sorry";
    let wrong = r#"{"error": "invalid_client", "error_description": "AADSTS7000215: 'a-secret' is wrong.", "error_codes": [7000215]}"#;
    let later = vec!["retry-after: 86400".to_owned()];
    let cases = [
        (whole(500, ""), 1, "Entra ID answered 500"),
        (whole(500, "{}"), 1, "Entra ID answered 500"),
        (whole(503, html), 7, "Entra ID answered 503"),
        ((429, later, String::new()), 7, "Entra ID answered 429"),
        (whole(401, wrong), 4, "AADSTS7000215: '<redacted>' is wrong"),
        (whole(200, html), 4, "no token"),
    ];
    // Those that may pass are asked for some seconds.
    std::thread::scope(|scope| {
        for (answer, code, words) in cases {
            scope.spawn(move || {
                let azure = Azure::replying(move |request| {
                    (request.host == LOGIN).then(|| Reply::Whole(answer.clone()))
                });
                let failed = azure.run("az-provision group list").assert().code(code);
                let said = String::from_utf8_lossy(&failed.get_output().stderr).into_owned();
                assert!(said.contains(words), "{said}");
                assert!(!said.contains("line 1 column 1"), "{said}");
            });
        }
    });
}

#[test]
fn what_a_service_says_reaches_the_terminal_without_what_would_control_it_or_give_a_secret_away() {
    let token = format!("eyJ0eXAiOiJKV1QiLCJhbGciOiJub25lIn0.{}.", "e30".repeat(20));
    let message = format!("\u{1b}]0;owned\u{7} \u{9b}2J a-secret a-value-of-it {token}\u{202e}");
    for status in [400, 403, 404, 409] {
        let body =
            json!({"error": {"code": "Odd\u{1b}[2J", "message": message, "target": "\u{1b}c"}});
        let reply = signed(Reply::Whole(whole(status, &body.to_string())));
        for format in ["", " --error-format json", " --debug"] {
            let commands = commands().map(|(line, host)| (format!("{line}{format}"), host));
            for (line, _, said, _) in run_all(commands, reply.clone()) {
                let controls =
                    |letter: char| (letter.is_control() || letter == '\u{202e}') && letter != '\n';
                assert!(!said.contains(controls), "{line}: {said:?}");
                let value = line.contains("--value ").then_some("a-value-of-it");
                for secret in ["a-secret", &token].into_iter().chain(value) {
                    assert!(!said.contains(secret), "{line}: {said}");
                }
            }
        }
    }
}

#[test]
fn what_an_operation_ends_in_is_said_with_its_inner_error() {
    let failed = json!({"status": "Failed", "error": {"code": "DeploymentFailed", "message": "It failed.",
        "details": [{"code": "QuotaExceeded", "message": "{\"error\":{\"code\":\"InnerQuota\",\"message\":\"4 cores are left.\"}}",
            "target": "cores"}]}});
    for (status, words) in [
        (failed, &["4 cores are left", "InnerQuota", "cores"][..]),
        (json!({"status": "Canceled"}), &["Canceled"]),
        (json!({}), &["status was expected"]),
        (json!({"status": 1}), &["status was expected"]),
    ] {
        let azure = Azure::answering(move |request| match request.method.as_str() {
            "DELETE" => {
                let link = format!("azure-asyncoperation: https://{RESOURCE_MANAGER}/operations/1");
                (
                    202,
                    vec![link, "x-ms-retry-after-ms: 1".to_owned()],
                    String::new(),
                )
            }
            _ => whole(200, &status.to_string()),
        });
        let assert = azure
            .run("az-cleanup group delete -n g --yes")
            .assert()
            .failure();
        let said = String::from_utf8_lossy(&assert.get_output().stderr).into_owned();
        for word in words {
            assert!(said.contains(word), "{word}: {said}");
        }
    }
}

#[cfg(unix)]
#[test]
fn whoever_ends_a_command_that_waits_is_told_what_is_under_way() {
    for (signal, code, word) in [("INT", 130, "interrupted"), ("TERM", 143, "terminated")] {
        for (line, host) in commands() {
            let azure = Azure::replying(signed(Reply::Silence));
            let mut running = azure
                .command(line)
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .expect("it runs");
            // Once the service is asked, the tool watches for signals.
            let target = format!("{host}:443");
            while !azure.asked.lock().expect("lock").contains(&target) {
                assert!(running.try_wait().expect("a child").is_none(), "{line}");
                std::thread::yield_now();
            }
            let kill = std::process::Command::new("kill")
                .args(["-s", signal, &running.id().to_string()])
                .status();
            assert!(kill.expect("kill").success());
            let output = running.wait_with_output().expect("it ends");
            let said = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(code), "{line}: {said}");
            assert!(said.contains(word), "{line}: {said}");
        }
    }
}
