//! Several secrets as the variables of a file: `kv-set --from` and `kv-get --env`.

use end_to_end::{Azure, VAULT, json, stderr};
use predicates::{prelude::*, str::contains};
use serde_json::{Value, json};
use std::process::Command;

/// What a shell makes of much: quotes, expansions, line ends, white space at the ends.
const AWKWARD: [(&str, &str); 8] = [
    ("PLAIN", "v"),
    ("QUOTES", "it's a \"test\" '' '"),
    ("EXPANDED", "$HOME ${HOME} $(id) `id` \\n \\ !! ~ *"),
    ("LINES", "one\ntwo\r\nthree\n"),
    ("SPACES", "  both ends\t "),
    ("COMMENT", "a # b #c"),
    ("EMPTY", ""),
    ("LETTERS", "hä 日本 \u{1}\u{7f} =;&|<>()"),
];

fn versions(azure: &Azure, name: &str) -> usize {
    let list = azure.json(&format!(
        "kv-get {name} --list-versions --vault-name {VAULT}"
    ));
    list.as_array().map_or(0, Vec::len)
}

#[test]
fn a_file_of_variables_is_written_and_sourced_again_by_every_shell() {
    let azure = Azure::start().with_secrets();
    let object: Value = AWKWARD
        .iter()
        .map(|(name, value)| (format!("MY_{name}"), json!(value)))
        .collect();
    let made = azure
        .run(&format!(
            "kv-set --from - --query name -o tsv --vault-name {VAULT}"
        ))
        .write_stdin(object.to_string())
        .assert()
        .success();
    assert_eq!(
        String::from_utf8_lossy(&made.get_output().stdout)
            .lines()
            .count(),
        AWKWARD.len()
    );
    let printed = azure
        .run(&format!("kv-get --env --vault-name {VAULT}"))
        .assert()
        .success();
    let printed = &printed.get_output().stdout;
    let file = azure.scratch().join("printed.env");
    std::fs::write(&file, printed).expect("a file");
    let mut shells = 0;
    for shell in ["sh", "bash", "dash", "zsh"] {
        let script = format!(
            "set -a; . '{}'; set +a; env -0",
            file.to_str().expect("UTF-8")
        );
        let mut command = Command::new(shell);
        let sourced = command
            .args(["-c", &script])
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", "/none")
            .output();
        let Ok(sourced) = sourced else {
            continue;
        };
        shells += 1;
        assert_eq!(String::from_utf8_lossy(&sourced.stderr), "", "{shell}");
        let text = String::from_utf8(sourced.stdout).expect("UTF-8");
        for (name, value) in AWKWARD {
            let wanted = format!("MY_{name}={value}");
            assert!(
                text.split('\0').any(|variable| variable == wanted),
                "{shell}: {wanted:?}"
            );
        }
    }
    assert!(shells > 1);
    // And by the tool: nothing has changed.
    let again = azure
        .run(&format!(
            "kv-set --from printed.env --only-changed --vault-name {VAULT}"
        ))
        .assert()
        .success();
    assert_eq!(
        String::from_utf8_lossy(&again.get_output().stdout)
            .lines()
            .count(),
        AWKWARD.len()
    );
    assert_eq!(versions(&azure, "MY-QUOTES"), 1);
}

#[test]
fn a_dotenv_of_windows_is_read_with_its_comments() {
    let azure = Azure::start().with_secrets();
    let text = "# database\r\nexport DB_USER=ada # who\r\nDB_PASSWORD='a\r\nb'\r\n\r\n";
    std::fs::write(azure.scratch().join(".env"), text).expect("a file");
    let line = format!("kv-set --from .env --content-type text/plain --vault-name {VAULT}");
    azure
        .run(&line)
        .assert()
        .success()
        .stdout(contains("\"ada\"").not());
    azure
        .run(&format!(
            "kv-get --env DB_PASSWORD db-user --vault-name {VAULT}"
        ))
        .assert()
        .success()
        .stdout("DB_PASSWORD='a\nb'\ndb_user='ada'\n");
    let read = azure.json(&format!("kv-get db-user --vault-name {VAULT}"));
    assert_eq!(read["contentType"], "text/plain");
    // Again without --only-changed: a version more, and no harm.
    azure.run(&line).assert().success();
    assert_eq!(versions(&azure, "DB-USER"), 2);
    azure
        .run(&format!("{line} --only-changed"))
        .assert()
        .success();
    assert_eq!(versions(&azure, "DB-USER"), 2);
    azure
        .run(&format!("{line} --only-changed --tags of=file"))
        .assert()
        .success();
    assert_eq!(versions(&azure, "DB-USER"), 3);
}

#[test]
fn a_bad_line_is_found_before_anything_is_sent() {
    let azure = Azure::start();
    for (text, told) in [
        ("A=hunter2\nhunter2\n", "line 2"),
        (
            "A_B=hunter2\na-b=hunter2\n",
            "'A_B' (line 1) and 'a-b' (line 2)",
        ),
        ("A=hunter2\na.b=hunter2\n", "line 2: 'a.b'"),
        ("A=\n", "line 1"),
        ("{\"A\": 1}", "member 'A'"),
        ("{\"A\": \"hunter2\",}", "line 1"),
        ("", "no variables"),
    ] {
        azure
            .run(&format!("kv-set --from - --vault-name {VAULT}"))
            .write_stdin(text)
            .assert()
            .code(2)
            .stdout("")
            .stderr(contains(told).and(contains("hunter2").not()));
    }
    let long = format!("A=x\nB={}\n", "x".repeat(25 * 1024 + 1));
    azure
        .run(&format!("kv-set --from - --vault-name {VAULT}"))
        .write_stdin(long)
        .assert()
        .code(2)
        .stderr(contains("line 2"));
    assert_eq!(azure.log().len(), 0);
    azure
        .run(&format!("kv-set --from - --dry-run --vault-name {VAULT}"))
        .write_stdin("A_B=hunter2\n")
        .assert()
        .success()
        .stdout(contains("/secrets/A-B").and(contains("hunter2").not()));
}

#[test]
fn what_fails_in_the_middle_is_told_and_can_be_run_again() {
    let azure = Azure::start().with_secrets();
    azure.set_secret("B", "old");
    let at = format!("--vault-name {VAULT}");
    azure.json(&format!("az-cleanup secret delete B {at}"));
    let line = format!("kv-set --from - {at}");
    let text = "A=1\nB=2\nC=3\n";
    let failed = azure.run(&line).write_stdin(text).assert().code(6);
    let said = stderr(&failed);
    assert!(said.contains("az-cleanup secret recover"), "{said}");
    assert!(
        said.contains("1 of 3 secrets are not written: B; written: A, C"),
        "{said}"
    );
    assert_eq!(
        String::from_utf8_lossy(&failed.get_output().stdout)
            .lines()
            .count(),
        2
    );
    azure.json(&format!("az-cleanup secret recover B {at}"));
    azure
        .run(&format!("{line} --only-changed"))
        .write_stdin(text)
        .assert()
        .success();
    assert_eq!((versions(&azure, "A"), versions(&azure, "B")), (1, 2));
}

#[test]
fn only_changed_writes_no_version_of_what_is_there() {
    let azure = Azure::start().with_secrets();
    let write = |value: &'static str, more: &str| {
        let line = format!("kv-set s --only-changed --vault-name {VAULT} {more}");
        json(&azure.run(&line).write_stdin(value).assert().success())
    };
    let first = write("v", "--tags a=1");
    // What is not given is no difference.
    assert_eq!(write("v", "")["id"], first["id"]);
    let second = write("w", "");
    assert_ne!(second["id"], first["id"]);
    assert_ne!(write("w", "--expires 2030-01-01")["id"], second["id"]);
    assert_eq!(versions(&azure, "s"), 3);
}

#[test]
fn variables_come_all_or_none() {
    let azure = Azure::start().with_secrets();
    azure.set_secret("on", "v");
    azure.set_secret("off", "hidden");
    let at = format!("--vault-name {VAULT}");
    azure.json(&format!("kv-set off --attributes-only --disabled {at}"));
    azure
        .run(&format!("kv-get --env {at}"))
        .assert()
        .success()
        .stdout("on='v'\n");
    for (names, code) in [("on off", 5), ("on none", 3), ("on on", 2), ("a.b", 2)] {
        azure
            .run(&format!("kv-get --env {names} {at}"))
            .assert()
            .code(code)
            .stdout("");
    }
    azure.set_secret("1st", "v");
    azure
        .run(&format!("kv-get --env {at}"))
        .assert()
        .code(2)
        .stdout("")
        .stderr(contains("1st"));
    azure
        .run(&format!("kv-set nul {at}"))
        .write_stdin(&b"a\0b"[..])
        .assert()
        .success();
    azure
        .run(&format!("kv-get --env nul {at}"))
        .assert()
        .code(1)
        .stdout("")
        .stderr(contains("'nul'").and(contains("NUL")));
}
