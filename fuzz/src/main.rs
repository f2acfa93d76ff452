//! Coverage-guided fuzzing: one program for all targets, since linking one takes long. `FUZZ_TARGET` names the target;
//! `scripts/fuzz.sh` builds and runs it.
#![no_main]
#![forbid(unsafe_code)]

mod connections;
mod local;
mod tools;

use std::sync::OnceLock;

type Target = fn(&[u8]);

/// Every target, by the name of its folder in `corpus/`.
const TARGETS: &[(&str, Target)] = &[
    ("resource_id", tools::resource_id),
    ("image", tools::image),
    ("expression", local::expression),
    ("graph_filter", local::graph_filter),
    ("lines", tools::lines),
    ("jmespath", tools::jmespath),
    ("proxy", connections::proxy),
    ("challenge", tools::challenge),
    ("jwt", local::jwt),
    ("ssh", connections::ssh),
    ("ssh_session", connections::ssh_session),
    ("sftp", connections::sftp),
    ("token_cache", tools::token_cache),
    ("retry_after", tools::retry_after),
    ("dotenv", tools::dotenv),
    ("error_body", tools::error_body),
    ("query", tools::query),
    ("condition", local::condition),
    ("arm_filter", local::arm_filter),
    ("request_log", local::request_log),
    ("request", local::request),
];

static CHOSEN: OnceLock<Target> = OnceLock::new();

fn choose() {
    let name = std::env::var("FUZZ_TARGET").unwrap_or_default();
    let Some((_, target)) = TARGETS.iter().find(|(known, _)| *known == name) else {
        let names: Vec<&str> = TARGETS.iter().map(|(name, _)| *name).collect();
        eprintln!("FUZZ_TARGET is '{name}', not one of: {}", names.join(" "));
        std::process::exit(2);
    };
    // What it needs once is made here, where the time for an input does not run.
    target(b"\n\n");
    let _ = CHOSEN.set(*target);
}

libfuzzer_sys::fuzz_target!(init: choose(), |data: &[u8]| {
    if let Some(target) = CHOSEN.get() {
        target(data);
    }
});

/// The input as text, where it is some.
fn text(data: &[u8]) -> Option<&str> {
    std::str::from_utf8(data).ok()
}

/// The first line and all that follows it.
fn first_line(text: &str) -> (&str, &str) {
    text.split_once('\n').unwrap_or((text, ""))
}
