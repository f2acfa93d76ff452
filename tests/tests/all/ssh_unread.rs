//! Whoever has seen enough of a program's output goes, and the program with it.

use end_to_end::ssh::Machine;
use end_to_end::{Azure, VM};
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// Within which time what ought to end must have ended.
const SOON: Duration = Duration::from_secs(20);

/// Looks until it is so; says whether it was in time.
fn soon<T>(mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + SOON;
    while Instant::now() < deadline {
        if let Some(found) = look() {
            return Some(found);
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    None
}

fn gone(pid: &str) -> Option<()> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"));
    stat.is_ok_and(|stat| !stat.contains(") Z "))
        .then_some(())
        .map_or(Some(()), |()| None)
}

/// As `ssh … | head -n 1` with a terminal as its input: one line is read, and then nothing more. Gives that line, and how
/// `ssh` ended.
fn first_line(mut ssh: Command) -> (String, Option<ExitStatus>) {
    // Held open: what has no input is at its end with its output.
    ssh.stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let mut child: Child = ssh.spawn().expect("ssh starts");
    let mut line = String::new();
    let mut out = BufReader::new(child.stdout.take().expect("a pipe"));
    out.read_line(&mut line).expect("a line");
    drop(out);
    let status = soon(|| child.try_wait().expect("a status"));
    if status.is_none() {
        child.kill().expect("a kill");
        child.wait().expect("an end");
    }
    (line.trim_end().to_owned(), status)
}

#[test]
fn yes_and_head_end_at_the_desk() {
    if end_to_end::machines_are_apart() {
        return;
    }
    let azure = Azure::with(&[]).with_group();
    let machine = Machine::create(&azure, VM, "");
    // Without a terminal, and with one; in each case the program on the machine ends, too.
    for options in [&[][..], &["-tt"][..]] {
        let (pid, status) = first_line(machine.ssh(options, "echo $$; exec yes"));
        assert!(status.is_some(), "ssh {options:?} did not end");
        assert!(soon(|| gone(&pid)).is_some(), "the program did not end");
    }
    let (_, status) = first_line(machine.ssh(&[], "cat /dev/zero | tr '\\0' '\\n'"));
    assert!(status.is_some(), "a pipe did not end");
}

#[test]
fn on_a_shared_connection_the_one_that_prints_ends() {
    if end_to_end::machines_are_apart() {
        return;
    }
    let azure = Azure::with(&[]).with_group();
    let machine = Machine::create(&azure, VM, "");
    let path = format!("ControlPath={}", azure.scratch().join("m").display());
    let quiet = ["-o", "ControlMaster=yes", "-o", &path];
    let mut master = machine.ssh(&quiet, "sleep 1000");
    let mut master = master.stdout(Stdio::piped()).spawn().expect("ssh starts");
    let there = soon(|| azure.scratch().join("m").exists().then_some(()));
    assert!(there.is_some(), "the master is not there");
    let (pid, status) = first_line(machine.ssh(&["-o", &path], "echo $$; exec yes"));
    assert!(status.is_some(), "the one that prints did not end");
    assert!(soon(|| gone(&pid)).is_some());
    assert!(
        master.try_wait().expect("a status").is_none(),
        "the other ended"
    );
    master.kill().expect("a kill");
    master.wait().expect("an end");
}

#[test]
fn a_program_that_takes_no_notice_goes_on_to_its_own_end() {
    let azure = Azure::with(&[]).with_group();
    let machine = Machine::create(&azure, VM, "");
    let line = "trap '' PIPE; echo first; while echo more 2>/dev/null; do :; done; exit 7";
    let (first, status) = first_line(machine.ssh(&[], line));
    assert_eq!(first, "first");
    assert_eq!(status.and_then(|status| status.code()), Some(7));
}
