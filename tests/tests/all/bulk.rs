//! Lists: their order, what becomes of a line that fails, what is written again, and how fast they are worked on.

use assert_cmd::assert::Assert;
use end_to_end::{Azure, GROUP, VAULT, binary, json, stderr, terminal::Terminal};
use predicates::{prelude::*, str::contains};
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    io::Write,
    process::{Command, Stdio},
};

fn stdout(assert: &Assert) -> String {
    String::from_utf8_lossy(&assert.get_output().stdout).into_owned()
}

fn faults(azure: &Azure, text: &str) {
    let mut set = azure.local();
    set.args(["faults", "set", "-"]).write_stdin(text);
    set.assert().success();
}

/// The names of the secrets that were asked for with this method, in the order in which they came.
fn asked(azure: &Azure, method: &str) -> Vec<String> {
    let of_secret = |one: &Value| {
        let url = one["url"].as_str()?;
        let name = url.split_once(".vault.azure.net/secrets/")?.1;
        let name = name.split(['/', '?']).next()?.to_owned();
        // A vault's client asks once without a token.
        let counts = one["method"] == method && one["status"] != 401;
        (counts && !name.is_empty()).then_some(name)
    };
    azure.log().iter().filter_map(of_secret).collect()
}

fn secret_lines(names: impl IntoIterator<Item = String>, value: &str) -> String {
    let line = |name: String| json!({"name": name, "value": value}).to_string() + "\n";
    names.into_iter().map(line).collect()
}

/// Numbers that look like any, and are the same in each run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (self.0 >> 33) % bound
    }
}

#[test]
fn results_are_in_the_order_of_the_lines_whichever_fail() {
    let azure = Azure::start().with_secrets();
    let write = format!("kv-set - --vault-name {VAULT}");
    let there: Vec<String> = (0..12).map(|number| format!("s-{number}")).collect();
    azure
        .run(&write)
        .write_stdin(secret_lines(there.iter().cloned(), "v"))
        .assert()
        .success();
    // Some answers are late, and some requests are sent again.
    faults(
        &azure,
        "[[fault]]\nhost = \"key-vault\"\npath = \"/secrets/*\"\nprobability = 0.2\nstatus = 503\n\n\
         [[fault]]\nhost = \"key-vault\"\npath = \"/secrets/*\"\nprobability = 0.1\nstatus = 429\nretry-after-ms = 1\n",
    );
    for seed in 1..=8 {
        let mut numbers = Numbers(seed);
        let lines: Vec<String> = (0..20 + numbers.below(60))
            .map(|_| match numbers.below(4) {
                0 => format!("none-{}", numbers.below(9)),
                _ => there[numbers.below(12) as usize].clone(),
            })
            .collect();
        let jobs = 1 + numbers.below(40);
        let read = azure
            .run(&format!(
                "kv-get - --vault-name {VAULT} --jobs {jobs} --keep-going --query name -o tsv"
            ))
            .write_stdin(lines.join("\n"))
            .assert();
        let is_there = |name: &&String| name.starts_with("s-");
        let good: Vec<&str> = lines.iter().filter(is_there).map(String::as_str).collect();
        assert_eq!(stdout(&read).lines().collect::<Vec<_>>(), good, "{seed}");
        let said = stderr(&read);
        let failed: Vec<usize> = said
            .lines()
            .filter_map(|line| line.strip_prefix("kv-get: line "))
            .filter_map(|rest| rest.split(':').next()?.parse().ok())
            .collect();
        let bad: Vec<usize> = (1..)
            .zip(&lines)
            .filter(|(_, name)| !is_there(name))
            .map(|(number, _)| number)
            .collect();
        assert_eq!(failed, bad, "{seed}: {said}");
        let all = format!("{} of {} failed", bad.len(), lines.len());
        if bad.is_empty() {
            read.code(0);
        } else {
            read.code(3).stderr(contains(all));
        }
    }
}

#[test]
fn one_job_asks_for_one_line_after_the_other() {
    let azure = Azure::start().with_secrets();
    let names: Vec<String> = (0..9).map(|number| format!("n-{number}")).collect();
    azure
        .run(&format!("kv-set - --vault-name {VAULT} --jobs 1"))
        .write_stdin(secret_lines(names.iter().cloned(), "v"))
        .assert()
        .success();
    assert_eq!(asked(&azure, "PUT"), names);
}

#[test]
fn fail_fast_begins_no_other_line_and_says_where_to_go_on() {
    let azure = Azure::start().with_secrets();
    for name in ["a", "b", "d"] {
        azure.set_secret(name, "v");
    }
    let mut lines = vec!["a", "b", "missing", "d"];
    lines.extend(vec!["b"; 40]);
    let behind = "never";
    lines.extend(vec![behind; 40]);
    let read = azure
        .run(&format!(
            "kv-get - --vault-name {VAULT} --jobs 2 --fail-fast --query name -o tsv"
        ))
        .write_stdin(lines.join("\n"))
        .assert()
        .code(3);
    let said = stderr(&read);
    assert!(said.contains("kv-get: line 3: "), "{said}");
    assert!(
        said.contains("stopped at the first failure: 1 of the "),
        "{said}"
    );
    let next = said.split("Run line 3 again, and go on at line ").nth(1);
    let next: usize = next
        .and_then(|rest| rest.split('.').next()?.parse().ok())
        .unwrap_or_else(|| panic!("{said}"));
    // With two jobs: at most the one beside it, and those that this one was quick to do meanwhile.
    assert!((4..84).contains(&next), "{said}");
    // All of those before it are done, and nothing of those behind it was asked for.
    let printed = stdout(&read);
    assert_eq!(printed.lines().count(), next - 2, "{printed}");
    let begun: BTreeSet<String> = asked(&azure, "GET").into_iter().collect();
    assert_eq!(begun.contains(behind), next > 45, "{said}");

    // The rest, as is said.
    azure.set_secret("missing", "v");
    azure.set_secret(behind, "v");
    let rest: Vec<&str> = lines[next - 1..].to_vec();
    azure
        .run(&format!(
            "kv-get - --vault-name {VAULT} --fail-fast -o none"
        ))
        .write_stdin(rest.join("\n"))
        .assert()
        .success();
    azure
        .run("kv-get - --fail-fast --keep-going")
        .write_stdin("a")
        .assert()
        .code(2);
}

/// Nobody could read to the end of it.
#[test]
fn a_list_without_an_end_is_worked_on_as_it_comes() {
    let azure = Azure::start().with_group();
    let said = azure
        .shell(&format!(
            "yes id-none | az-identity show -g {GROUP} -n - --fail-fast --jobs 4"
        ))
        .assert()
        .code(3);
    assert!(stderr(&said).contains("Run line 1 "), "{}", stderr(&said));
}

#[test]
fn a_bad_line_of_a_long_list_is_told_by_its_number_and_the_others_are_done() {
    let azure = Azure::start();
    let mut lines: Vec<String> = (0..1500).map(|number| format!("n-{number}")).collect();
    lines[1299] = "n_o".to_owned();
    let run = |flags: &str| {
        let line = format!("kv-set - --dry-run --vault-name {VAULT} {flags}");
        let mut command = azure.run(&line);
        command.write_stdin(secret_lines(lines.iter().cloned(), "v"));
        command.assert().code(2)
    };
    let all = run("");
    assert!(stderr(&all).contains("line 1300: "), "{}", stderr(&all));
    assert!(
        stderr(&all).contains("1 of 1500 failed"),
        "{}",
        stderr(&all)
    );
    assert_eq!(stdout(&all).lines().count(), 1499);
    let some = run("--fail-fast");
    let said = stderr(&some);
    assert!(
        said.contains("Run line 1300 again, and go on at line 13"),
        "{said}"
    );
    assert!(stdout(&some).lines().count() < 1400);
    // One that is short is refused as a whole.
    lines[5] = "n_o".to_owned();
    let line = format!("kv-set - --dry-run --vault-name {VAULT}");
    azure
        .run(&line)
        .write_stdin(secret_lines(lines, "v"))
        .assert()
        .code(2)
        .stdout("")
        .stderr(contains("line 6: "));
}

#[test]
#[cfg(target_os = "linux")]
fn a_long_list_takes_no_more_memory_than_a_short_one() {
    let azure = Azure::start();
    let peak_after = |count: usize| -> u64 {
        let mut child = Command::new(binary("kv-set"))
            .args(["-", "--dry-run", "--vault-name", VAULT])
            .env_clear()
            .envs(azure.variables().iter().cloned())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .expect("kv-set runs");
        let mut stdin = child.stdin.take().expect("a pipe");
        for number in 0..count {
            let line = json!({"name": format!("n-{number}"), "value": "x".repeat(2000)});
            writeln!(stdin, "{line}").expect("it reads");
        }
        // It still waits for more.
        let status = std::fs::read_to_string(format!("/proc/{}/status", child.id()));
        drop(stdin);
        assert!(child.wait().expect("an end").success());
        let status = status.expect("a process");
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kilobytes = peak.expect("a peak").trim().trim_end_matches(" kB");
        kilobytes.parse().expect("a number")
    };
    // Two megabytes and forty.
    let (short, long) = (peak_after(1000), peak_after(20_000));
    assert!(long < short + 10_000, "{short} kB, then {long} kB");
}

#[test]
fn only_changed_writes_nothing_the_second_time() {
    let azure = Azure::start().with_secrets();
    let names = || (0..30).map(|number| format!("n-{number}"));
    let line = format!("kv-set - --only-changed --vault-name {VAULT}");
    let run = |text: String, more: &str| {
        let mut command = azure.run(&format!("{line} {more}"));
        let result = command.write_stdin(text).assert().success();
        assert_eq!(stdout(&result).lines().count(), 30);
    };
    let writes = || asked(&azure, "PUT").len();
    run(secret_lines(names(), "one"), "");
    assert_eq!(writes(), 30);
    run(secret_lines(names(), "one"), "");
    assert_eq!(writes(), 30);
    // Another value of one of them.
    let mut text = secret_lines(names().take(29), "one");
    text += &secret_lines(["n-29".to_owned()], "two");
    run(text.clone(), "");
    assert_eq!(writes(), 31);
    // A content type that they do not have; then they do.
    run(text.clone(), "--content-type text/plain");
    assert_eq!(writes(), 61);
    run(text.clone(), "--content-type text/plain");
    // What is not given is as it is.
    run(text, "");
    assert_eq!(writes(), 61);
}

#[test]
fn skip_existing_goes_on_where_it_stopped() {
    let azure = Azure::start().with_secrets();
    let at = format!("--vault-name {VAULT}");
    azure.set_secret("a", "old");
    azure.set_secret("off", "old");
    azure.json(&format!("kv-set off --attributes-only --disabled {at}"));
    let before = asked(&azure, "PUT").len();
    let names = ["a", "b", "off", "c"].map(str::to_owned);
    let run = |flags: &str| {
        let mut command = azure.run(&format!("kv-set - --skip-existing {at} {flags}"));
        command.write_stdin(secret_lines(names.clone(), "new"));
        command.assert().success()
    };
    let written = run("--jobs 1 --query name -o tsv");
    assert_eq!(stdout(&written), "a\nb\noff\nc\n");
    assert_eq!(asked(&azure, "PUT")[before..], ["b", "c"]);
    run("--show-value");
    assert_eq!(asked(&azure, "PUT").len(), before + 2);
    assert_eq!(azure.json(&format!("kv-get a {at}"))["value"], "old");
    // One by itself, and a file of them.
    azure
        .run(&format!("kv-set a --skip-existing {at}"))
        .write_stdin("new")
        .assert()
        .success();
    azure
        .run(&format!("kv-set --from - --skip-existing {at}"))
        .write_stdin("a=new\nd=new\n")
        .assert()
        .success();
    assert_eq!(asked(&azure, "PUT")[before..], ["b", "c", "d"]);
    azure
        .run(&format!("kv-set a --skip-existing --only-changed {at}"))
        .write_stdin("new")
        .assert()
        .code(2);
}

#[test]
fn a_file_is_stopped_at_its_first_failure_too() {
    let azure = Azure::start().with_secrets();
    let at = format!("--vault-name {VAULT}");
    azure.set_secret("B", "old");
    azure.json(&format!("az-cleanup secret delete B {at}"));
    let text: String = ["A", "B", "C", "D", "E"]
        .map(|name| format!("{name}=v\n"))
        .concat();
    azure
        .run(&format!("kv-set --from - --fail-fast --jobs 1 {at}"))
        .write_stdin(text)
        .assert()
        .code(6)
        .stderr(contains("line 2: ").and(contains("Run line 2 again, and go on at line 3.")));
    assert_eq!(asked(&azure, "PUT"), ["B", "A", "B"]);
}

/// Each job by itself would be refused again and again.
#[test]
fn a_vault_that_refuses_one_is_asked_by_none_until_it_takes_more() {
    let azure = Azure::start().with_secrets();
    faults(
        &azure,
        "[[fault]]\nhost = \"key-vault\"\nmethod = \"PUT\"\ncalls = \"40-\"\nfor = \"3s\"\nstatus = 429\nretry-after = 1\n",
    );
    let names = (0..120).map(|number| format!("n-{number}"));
    azure
        .run(&format!("kv-set - --vault-name {VAULT} --jobs 16 -o none"))
        .write_stdin(secret_lines(names, "v"))
        .assert()
        .success()
        .stderr("");
    let status = |status: u64| {
        let log = azure.log();
        let is_so = |one: &&Value| one["method"] == "PUT" && one["status"] == status;
        log.iter()
            .filter(is_so)
            .filter(|one| one["url"].to_string().contains("/secrets/"))
            .count()
    };
    assert_eq!(status(200), 120);
    // Those that were under way at the first, and one each second; alone it would be all 16 each second.
    let refused = status(429);
    assert!((1..=16 + 6).contains(&refused), "{refused}");
}

/// It takes 300 in ten seconds, and would refuse the next.
#[test]
fn more_secrets_than_a_vault_takes_at_once_are_all_written_and_none_is_refused() {
    let azure = Azure::with(&["--throttle", "--role-delay", "0s"]).with_secrets();
    let names = (0..340).map(|number| format!("n-{number}"));
    azure
        .run(&format!("kv-set - --vault-name {VAULT} -o none"))
        .write_stdin(secret_lines(names, "v"))
        .assert()
        .success();
    assert_eq!(asked(&azure, "PUT").len(), 340);
    assert!(azure.log().iter().all(|one| one["status"] != 429));
}

#[test]
fn groups_and_roles_of_many_lines() {
    let azure = Azure::start().with_group();
    let names: String = (0..5).map(|number| format!("group-{number}\n")).collect();
    let create = "az-provision group create -l eastus -n - --query name -o tsv";
    for _ in 0..2 {
        let made = azure
            .run(create)
            .write_stdin(names.clone())
            .assert()
            .success();
        assert_eq!(stdout(&made), names);
    }
    azure
        .run("az-provision group create -l westus2 -n - --jobs 1 --fail-fast")
        .write_stdin("new-one\ngroup-1\nanother\n")
        .assert()
        .code(6)
        .stderr(contains("line 2: ").and(contains("go on at line 3")));
    azure
        .run("az-provision group create -l eastus -n -")
        .write_stdin("fine\nends-in-a-dot.\n")
        .assert()
        .code(2)
        .stdout("")
        .stderr(contains("line 2: "));
    let group = format!(
        "/subscriptions/{}/resourceGroups/{GROUP}",
        azure.var("AZURE_SUBSCRIPTION_ID")
    );
    let script = format!(
        "seq -f id-%g 20 | az-identity create -g {GROUP} -n - | \
         az-role assignment create --assignee - --role Reader --scope {group} --query principalId -o tsv"
    );
    let given = stdout(&azure.shell(&script).assert().success());
    let listed = azure.json(&format!("az-identity list -g {GROUP}"));
    let principals: BTreeSet<&str> = given.lines().collect();
    let made = listed.as_array().expect("identities");
    assert_eq!((principals.len(), made.len()), (20, 20));
    assert!(made.iter().all(|one| {
        one["principalId"]
            .as_str()
            .is_some_and(|id| principals.contains(id))
    }));
    let assigned = json(
        &azure
            .run(&format!("az-role assignment list --scope {group}"))
            .assert()
            .success(),
    );
    assert_eq!(assigned.as_array().map(Vec::len), Some(20));
}

#[test]
fn a_list_has_a_bar_on_a_terminal_and_nowhere_else() {
    let azure = Azure::start().with_secrets();
    let names: Vec<String> = (0..40).map(|number| format!("n-{number}")).collect();
    let file = azure.scratch().join("secrets.jsonl");
    std::fs::write(&file, secret_lines(names, "v")).expect("written");
    let line = format!("kv-set - --vault-name {VAULT} -o none --jobs 2 < secrets.jsonl");
    azure.shell(&line).assert().success().stderr("");
    // The vault is busy in the middle of it, so that there is time to see the bar.
    faults(
        &azure,
        "[[fault]]\nhost = \"key-vault\"\nmethod = \"PUT\"\ncalls = 20\nstatus = 429\nretry-after = 1\n",
    );
    let mut command = Command::new("bash");
    command
        .args(["-c", &line])
        .current_dir(azure.scratch())
        .envs(azure.variables().iter().cloned())
        .env("TERM", "xterm");
    let mut terminal = Terminal::open(&command, (40, 200));
    terminal.expect(" of 40, ");
    terminal.expect("/s, ");
    terminal.expect(" left");
    let (status, shown) = terminal.end();
    assert_eq!(status, Some(0), "{shown}");
}
