//! What az-local does where something is wrong with its server, its disk or its folder: it says so, ends, and keeps what
//! was kept.

use end_to_end::{Azure, GROUP, binary};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// `az-local` on a folder.
fn local(folder: &Path, home: &Path) -> Command {
    let mut command = Command::new(binary("az-local"));
    command
        .env_clear()
        .env("HOME", home)
        .env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.arg("--data-dir").arg(folder).stdin(Stdio::null());
    command
}

fn run(folder: &Path, home: &Path, arguments: &[&str]) -> Output {
    local(folder, home)
        .args(arguments)
        .output()
        .expect("az-local")
}

fn signal(pid: &str, name: &str) {
    let sent = Command::new("kill").args([name, pid]).status();
    assert!(sent.expect("kill runs").success());
}

#[test]
fn a_server_that_was_stopped_is_told_of_and_goes_on() {
    let azure = Azure::with(&[]);
    let pid = azure.status()["pid"].to_string();
    signal(&pid, "-STOP");
    let before = Instant::now();
    let asks = ["start", "stop", "status", "env"].map(|command| {
        let mut ask = local(&azure.data_dir(), azure.scratch());
        ask.arg(command)
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        ask.spawn().expect("az-local")
    });
    for ask in asks {
        let output = ask.wait_with_output().expect("an end");
        let text = said(&output);
        assert_eq!(output.status.code(), Some(7), "{text}");
        assert!(text.contains(&format!("kill -CONT {pid}")), "{text}");
    }
    assert!(
        before.elapsed() < Duration::from_secs(90),
        "{:?}",
        before.elapsed()
    );
    signal(&pid, "-CONT");
    azure.status();
}

/// A small disk of its own, or none where this user cannot have one.
struct Disk(TempDir);

impl Disk {
    fn mount(size: &str) -> Option<Self> {
        let folder = tempfile::tempdir().expect("a folder");
        let mut mount = Command::new("mount");
        mount
            .args([
                "-t",
                "tmpfs",
                "-o",
                &format!("size={size},mode=0700"),
                "tmpfs",
            ])
            .arg(folder.path());
        let mounted = mount
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success());
        if !mounted {
            eprintln!("no disk can be mounted here: a full and a read-only one were not tested");
        }
        mounted.then(|| Disk(folder))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn remount(&self, mode: &str) {
        let mut mount = Command::new("mount");
        mount
            .args(["-o", &format!("remount,{mode}")])
            .arg(self.0.path());
        assert!(mount.status().expect("mount runs").success());
    }

    /// Takes all room there is.
    fn fill(&self) {
        let mut rest = fs::File::create(self.path("rest")).expect("a file");
        while std::io::Write::write_all(&mut rest, &[0; 512]).is_ok() {}
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

#[test]
fn a_start_on_a_full_disk_says_so() {
    let home = tempfile::tempdir().expect("a folder");
    for size in ["8k", "16k", "64k", "256k", "512k"] {
        let Some(disk) = Disk::mount(size) else {
            return;
        };
        let folder = disk.path("azure");
        for arguments in [&["start"][..], &["run", "--", "true"]] {
            let output = run(&folder, home.path(), arguments);
            let text = said(&output);
            assert_eq!(
                output.status.code(),
                Some(1),
                "{size} {arguments:?}: {text}"
            );
            let full = text.contains("full") || text.contains("No space left");
            assert!(
                full && !text.contains("panicked"),
                "{size} {arguments:?}: {text}"
            );
        }
    }
}

#[test]
fn a_disk_that_becomes_full_loses_nothing_and_keeps_no_half() {
    let Some(disk) = Disk::mount("3m") else {
        return;
    };
    let home = tempfile::tempdir().expect("a folder");
    let (folder, log) = (disk.path("azure"), disk.path("requests.jsonl"));
    let log_text = log.to_str().expect("UTF-8").to_owned();
    let started = run(&folder, home.path(), &["start", "--request-log", &log_text]);
    assert!(started.status.success(), "{}", said(&started));
    let tools = binary("az-local").parent().expect("a folder").to_owned();
    let at_desk = |script: &str| {
        let path = std::env::var("PATH").unwrap_or_default();
        let mut shell = Command::new("bash");
        shell.args(["-c", &format!("eval \"$(az-local env)\" && {script}")]);
        shell
            .env_clear()
            .env("HOME", home.path())
            .env("AZ_LOCAL_DIR", &folder);
        shell.env("PATH", format!("{}:{path}", tools.display()));
        shell.stdin(Stdio::null()).output().expect("a shell")
    };
    let before = at_desk(&format!("az-provision group create -n {GROUP} -l eastus"));
    assert!(before.status.success(), "{}", said(&before));
    disk.fill();
    let mut kept = Vec::new();
    for number in 0..8 {
        let output = at_desk(&format!(
            "az-provision group create -n full{number} -l eastus"
        ));
        if output.status.success() {
            kept.push(format!("full{number}"));
        } else {
            let text = said(&output);
            assert!(
                text.contains("is full") && text.contains("InsufficientStorage"),
                "{text}"
            );
        }
    }
    assert!(kept.len() < 8, "the disk is not full");
    // It still reads, and tells nothing else.
    let read = at_desk(&format!(
        "az-provision group show -n {GROUP} --query name -o tsv"
    ));
    assert_eq!(
        String::from_utf8_lossy(&read.stdout),
        format!("{GROUP}\n"),
        "{}",
        said(&read)
    );
    fs::remove_file(disk.path("rest")).expect("removed");
    let names = |at: &str| {
        let output = at_desk("az-local resources");
        assert!(output.status.success(), "{at}: {}", said(&output));
        let all = String::from_utf8_lossy(&output.stdout).into_owned();
        (0..8)
            .map(|n| format!("full{n}"))
            .filter(|name| all.contains(&format!("/{name}\"")))
            .collect::<Vec<_>>()
    };
    assert_eq!(names("with room"), kept);
    let stopped = run(&folder, home.path(), &["stop"]);
    assert!(stopped.status.success(), "{}", said(&stopped));
    let again = run(&folder, home.path(), &["start", "--request-log", &log_text]);
    assert!(again.status.success(), "{}", said(&again));
    assert_eq!(names("started again"), kept);
    let after = at_desk("az-provision group create -n after -l eastus");
    assert!(after.status.success(), "{}", said(&after));
    run(&folder, home.path(), &["stop"]);
    // Each line of the log is whole.
    let log = fs::read_to_string(log).expect("a log");
    for line in log.lines() {
        serde_json::from_str::<serde_json::Value>(line)
            .unwrap_or_else(|error| panic!("{error}: {line}"));
    }
    let server_log = fs::read_to_string(folder.join("server.log")).expect("a log");
    assert!(!server_log.contains("panicked"), "{server_log}");
}

#[test]
fn a_read_only_disk_is_told_of() {
    let Some(disk) = Disk::mount("4m") else {
        return;
    };
    let home = tempfile::tempdir().expect("a folder");
    let there = disk.path("there");
    assert!(
        run(&there, home.path(), &["run", "--", "true"])
            .status
            .success()
    );
    disk.remount("ro");
    for folder in [there, disk.path("new")] {
        for arguments in [&["start"][..], &["run", "--", "true"]] {
            let output = run(&folder, home.path(), arguments);
            let text = said(&output);
            assert_eq!(output.status.code(), Some(1), "{text}");
            assert!(
                text.contains("Read-only") && text.contains("--data-dir"),
                "{text}"
            );
        }
    }
    disk.remount("rw");
}

#[test]
fn of_two_starts_on_a_folder_one_is_told() {
    let home = tempfile::tempdir().expect("a folder");
    let folder = home.path().join("azure");
    let starts: Vec<_> = (0..2)
        .map(|_| {
            let mut start = local(&folder, home.path());
            start
                .arg("start")
                .stdout(Stdio::piped())
                .stderr(Stdio::piped());
            start.spawn().expect("az-local")
        })
        .collect();
    let mut codes: Vec<_> = starts
        .into_iter()
        .map(|start| {
            let output = start.wait_with_output().expect("an end");
            let code = output.status.code();
            if code != Some(0) {
                assert!(
                    said(&output).contains("already running"),
                    "{}",
                    said(&output)
                );
            }
            code
        })
        .collect();
    codes.sort();
    assert_eq!(codes, [Some(0), Some(6)]);
    assert!(run(&folder, home.path(), &["stop"]).status.success());
}

#[test]
fn a_damaged_state_and_one_of_another_version_are_refused_untouched() {
    let home = tempfile::tempdir().expect("a folder");
    let folder = home.path().join("azure");
    let state = folder.join("state.db");
    assert!(run(&folder, home.path(), &["start"]).status.success());
    assert!(run(&folder, home.path(), &["stop"]).status.success());
    let good = fs::read(&state).expect("a database");
    let mut newer = good.clone();
    // `user_version` (https://www.sqlite.org/fileformat2.html#the_database_header)
    newer[60..64].copy_from_slice(&9999_u32.to_be_bytes());
    let mut older = good.clone();
    older[60..64].copy_from_slice(&1_u32.to_be_bytes());
    let half = good[..good.len() / 2].to_vec();
    for (content, words) in [
        (newer, ["another version", "format 9999"]),
        (older, ["another version", "format 1;"]),
        (half, ["damaged", "Nothing was changed"]),
        (b"no database".to_vec(), ["damaged", "Nothing was changed"]),
    ] {
        fs::write(&state, &content).expect("a file");
        for arguments in [&["start"][..], &["run", "--", "true"]] {
            let output = run(&folder, home.path(), arguments);
            let text = said(&output);
            assert_eq!(output.status.code(), Some(1), "{text}");
            assert_eq!(text.lines().count(), 1, "{text}");
            for word in words {
                assert!(text.contains(word), "{text}");
            }
            assert_eq!(fs::read(&state).expect("a file"), content);
        }
    }
    fs::write(&state, good).expect("a file");
    assert!(
        run(&folder, home.path(), &["run", "--", "true"])
            .status
            .success()
    );
}
