//! How a tool ends that has a fault: az-core's example of that name is one.

use assert_cmd::Command;
use end_to_end::binary;
use predicates::{prelude::PredicateBooleanExt, str::contains};

/// Without a backtrace, which names the files of whoever built it.
fn fault(arguments: &[&str]) -> assert_cmd::assert::Assert {
    Command::new(binary("examples/fault"))
        .env_clear()
        .env("AZURE_CLIENT_SECRET", "canary-of-the-environment")
        .args(arguments)
        .assert()
}

/// In whatever thread it is, with a message that has no secret, and not by a signal, which would leave a core dump.
#[test]
fn a_panic_ends_a_tool_with_rust_s_status_and_without_secrets() {
    for arguments in [&[][..], &["--aside"]] {
        fault(arguments)
            .code(101)
            .stdout("")
            .stderr(contains(
                "fault: this is a fault of the program: panicked at",
            ))
            .stderr(contains("<redacted>"))
            .stderr(contains("canary").not());
    }
}
