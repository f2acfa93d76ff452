//! Programs that the agent starts, and all that end on the machine.

use super::accounts::{self, Account};
use super::wish::Answer;
use crate::channel;
use crate::message::{Ended, Order, Report};
use crate::spec::{Executable, Program, Stdio, Terminal};
use nix::errno::Errno;
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid, waitpid};
use pty_process::Size;
use rustix::process::{Pid, Signal, WaitOptions, kill_process, kill_process_group};
use std::collections::HashMap;
use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio as StandardStream};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// This program, wherever it is kept.
pub(super) const OWN: &str = "/proc/self/exe";

/// What a program finds as `PATH`, with what people install by hand first (Debian's and Ubuntu's `/etc/environment`).
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Where programs of the agent's are that have no place elsewhere.
pub(super) const OWN_FOLDER: &str = "/run/az-machine";

/// How long programs have to end by themselves.
const GRACE: Duration = Duration::from_millis(500);

/// Who asked on the machine itself for a program, and is told of its end.
pub(super) type Asker = OwnedFd;

/// Who is told how a program ended.
enum Told {
    /// The machine's caller, by the number that it gave.
    Caller(u64),
    /// Somebody on the machine.
    Asker(Asker),
}

/// The programs that were asked for, by the number of their first process.
#[derive(Default)]
pub(super) struct Programs {
    running: Mutex<HashMap<i32, Told>>,
    begun: Condvar,
}

impl Programs {
    fn lock(&self) -> MutexGuard<'_, HashMap<i32, Told>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts a program for somebody on the machine.
    pub(super) fn start_for(
        &self,
        account: &Account,
        wanted: &Wanted<'_>,
        files: Vec<OwnedFd>,
        asker: Asker,
    ) -> io::Result<i32> {
        // Held until it is known: one that ends at once is waited with.
        let mut running = self.lock();
        let mut command = command(wanted, account);
        on_files(&mut command, files)?;
        become_user(&mut command, account);
        let child = match command.spawn() {
            // A folder that is closed to the new user keeps nobody from running a program.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                command.current_dir("/").spawn()?
            }
            spawned => spawned?,
        };
        let pid = i32::try_from(child.id()).map_err(io::Error::other)?;
        running.insert(pid, Told::Asker(asker));
        self.begun.notify_all();
        Ok(pid)
    }

    /// Sends a signal to a program that runs and those that it started: each is the leader of its group.
    pub(super) fn signal(&self, pid: i32, signal: i32) {
        let running = self.lock();
        if running.contains_key(&pid)
            && let (Some(pid), Some(signal)) = (Pid::from_raw(pid), Signal::from_named_raw(signal))
        {
            let _ = kill_process_group(pid, signal);
        }
    }
}

/// Where a program's file is.
pub(super) enum Found<'a> {
    /// By its name.
    There,
    /// The agent's own.
    Own,
    /// One that is open here.
    Open(BorrowedFd<'a>),
}

/// What is to run.
pub(super) struct Wanted<'a> {
    pub(super) file: Found<'a>,
    /// Nothing for the user's shell.
    pub(super) line: &'a [OsString],
    /// As if the user had signed in.
    pub(super) login: bool,
    pub(super) variables: &'a [(OsString, OsString)],
    /// The user's home folder where nothing is said.
    pub(super) folder: Option<&'a PathBuf>,
}

fn say(socket: &OwnedFd, quiet: &Mutex<()>, report: &Report, files: &[BorrowedFd<'_>]) {
    // So that two reports do not mix.
    let _one = quiet.lock().unwrap_or_else(PoisonError::into_inner);
    // Who is gone hears nothing.
    let _ = channel::send(socket, report, files);
}

/// Carries out orders until the caller is gone or says that the machine goes down.
pub(super) fn orders(socket: &OwnedFd, programs: &Programs, quiet: &Mutex<()>) {
    while let Ok(Some((order, files))) = channel::receive::<Order>(socket) {
        match order {
            Order::Run { id, program } => {
                // Held until it is known: one that ends at once is waited with.
                let mut running = programs.lock();
                match start(&program, files) {
                    Ok((pid, terminal)) => {
                        running.insert(pid, Told::Caller(id));
                        let terminal: Vec<_> = terminal.iter().map(AsFd::as_fd).collect();
                        say(socket, quiet, &Report::Runs(id), &terminal);
                        programs.begun.notify_all();
                    }
                    Err(error) => {
                        let refused = Report::Refused(id, error.to_string());
                        say(socket, quiet, &refused, &[]);
                    }
                }
            }
            Order::Signal { id, signal } => {
                let running = programs.lock();
                let mut known = running.iter();
                let pid = known.find(|(_, told)| matches!(told, Told::Caller(one) if *one == id));
                let pid = pid.map(|(pid, _)| *pid);
                drop(running);
                if let Some(pid) = pid {
                    programs.signal(pid, signal);
                }
            }
            Order::Down => {
                down();
                return;
            }
            Order::Mapped | Order::Begin(_) => {}
        }
    }
}

/// Asks every process to end, and gives them a moment.
fn down() {
    let all = others();
    for pid in &all {
        let _ = kill_process(*pid, Signal::HUP);
        let _ = kill_process(*pid, Signal::TERM);
        // One that was stopped hears nothing before it goes on.
        let _ = kill_process(*pid, Signal::CONT);
    }
    let deadline = Instant::now() + GRACE;
    while !others().is_empty() && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Every process but this one.
fn others() -> Vec<Pid> {
    let all = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let numbers = all.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let running = numbers.filter(|pid| *pid != 1 && !is_over(*pid));
    running.filter_map(Pid::from_raw).collect()
}

/// Whether only the entry of a process is left.
fn is_over(pid: i32) -> bool {
    let Ok(stat) = std::fs::read_to_string(format!("/proc/{pid}/stat")) else {
        return true;
    };
    // After the name, which may hold anything.
    let state = stat.rsplit(')').next().map(str::trim_start);
    state.is_some_and(|state| state.starts_with(['Z', 'X']))
}

/// Waits for every process that ends here, and tells those who asked for it.
pub(super) fn reap(programs: &Programs, caller: &OwnedFd, quiet: &Mutex<()>) {
    loop {
        // Left there at first: one that could not be started is waited for by whoever has started it.
        let found = waitid(Id::All, WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT);
        let (pid, ended) = match found {
            Ok(WaitStatus::Exited(pid, code)) => (pid.as_raw(), Ended::Status(code)),
            Ok(WaitStatus::Signaled(pid, signal, dumped)) => {
                (pid.as_raw(), Ended::Signal(signal as i32, dumped))
            }
            Ok(_) | Err(Errno::EINTR) => continue,
            // A signal that has no name: of the real-time ones.
            Err(Errno::EINVAL) => {
                let mut running = programs.lock();
                let taken = rustix::process::wait(WaitOptions::NOHANG);
                if let Ok(Some((pid, status))) = taken {
                    let signal = status.terminating_signal().unwrap_or_default();
                    let told = running.remove(&pid.as_raw_pid());
                    drop(running);
                    report(caller, quiet, told, Ended::Signal(signal, false));
                }
                continue;
            }
            Err(_) => {
                // Nobody is there to wait for.
                let none = |running: &mut HashMap<i32, Told>| running.is_empty();
                let waited = programs.begun.wait_while(programs.lock(), none);
                drop(waited);
                continue;
            }
        };
        let mut running = programs.lock();
        let taken = waitpid(nix::unistd::Pid::from_raw(pid), Some(WaitPidFlag::WNOHANG));
        let told = running.remove(&pid);
        drop(running);
        if taken.is_ok() {
            report(caller, quiet, told, ended);
        }
    }
}

fn report(caller: &OwnedFd, quiet: &Mutex<()>, told: Option<Told>, ended: Ended) {
    match told {
        Some(Told::Caller(id)) => say(caller, quiet, &Report::Ended(id, ended), &[]),
        Some(Told::Asker(asker)) => {
            // Who is gone hears nothing.
            let _ = channel::send(&asker, &Answer::Ended(ended), &[]);
        }
        None => {}
    }
}

/// Starts a program: its number, and the other end of its terminal.
fn start(program: &Program, files: Vec<OwnedFd>) -> io::Result<(i32, Option<OwnedFd>)> {
    let account = accounts::of(&program.user)?;
    let mut files = files;
    let given = match program.file {
        Executable::Given => files.pop(),
        _ => None,
    };
    let wanted = Wanted {
        file: match (&given, program.file) {
            (Some(given), _) => Found::Open(given.as_fd()),
            (None, Executable::Own) => Found::Own,
            (None, _) => Found::There,
        },
        line: &program.line,
        login: program.line.is_empty(),
        variables: &program.variables,
        folder: program.folder.as_ref(),
    };
    let mut command = command(&wanted, &account);
    become_user(&mut command, &account);
    let (child, terminal) = match program.stdio {
        Stdio::Pipes | Stdio::Files => {
            on_files(&mut command, files)?;
            (command.spawn()?, None)
        }
        Stdio::Terminal(Terminal { rows, columns }) => {
            let (pty, pts) = pty_process::blocking::open().map_err(io::Error::other)?;
            pty.resize(Size::new(rows, columns))
                .map_err(io::Error::other)?;
            // The user's own, as a login makes it.
            let owner = rustix::fs::Uid::from_raw(account.uid);
            let _ = rustix::fs::fchown(&pts, Some(owner), None);
            let command = pty_process::blocking::Command::from(command);
            let child = command.spawn(pts).map_err(io::Error::other)?;
            (child, Some(OwnedFd::from(pty)))
        }
    };
    let pid = i32::try_from(child.id()).map_err(io::Error::other)?;
    Ok((pid, terminal))
}

fn become_user(command: &mut Command, account: &Account) {
    if account.uid != 0 {
        command.uid(account.uid).gid(account.gid);
    }
}

/// Gives a program its standard input, output and error, and a group of processes of its own.
fn on_files(command: &mut Command, files: Vec<OwnedFd>) -> io::Result<()> {
    let mut files = files.into_iter();
    let mut next = || files.next().ok_or(io::ErrorKind::InvalidInput);
    command
        .stdin(StandardStream::from(next()?))
        .stdout(StandardStream::from(next()?))
        .stderr(StandardStream::from(next()?))
        .process_group(0);
    Ok(())
}

fn path() -> String {
    match std::path::Path::new(OWN_FOLDER).is_dir() {
        true => format!("{OWN_FOLDER}:{PATH}"),
        false => PATH.to_owned(),
    }
}

fn command(wanted: &Wanted<'_>, account: &Account) -> Command {
    let mut command = match (&wanted.file, wanted.line.split_first()) {
        (Found::Own, _) => {
            let mut command = Command::new(OWN);
            command.args(wanted.line);
            command
        }
        (Found::Open(file), Some((first, rest))) => {
            let mut command = Command::new(format!("/proc/self/fd/{}", file.as_raw_fd()));
            command.arg0(first).args(rest);
            command
        }
        (_, Some((first, rest))) if !wanted.login => {
            let mut command = Command::new(first);
            command.args(rest);
            command
        }
        (_, asked) => {
            let mut command = Command::new(&account.shell);
            if wanted.login {
                // A leading dash makes it a login shell.
                let mut login = OsString::from("-");
                login.push(account.shell.file_name().unwrap_or_default());
                command.arg0(login);
            }
            if asked.is_some() {
                command.arg("-c").arg("\"$0\" \"$@\"").args(wanted.line);
            }
            command
        }
    };
    command
        .env_clear()
        .env("HOME", &account.home)
        .env("USER", &account.name)
        .env("LOGNAME", &account.name)
        .env("SHELL", &account.shell)
        .env("PATH", path());
    for (name, value) in wanted.variables {
        let is_own = command.get_envs().any(|(own, _)| own == name.as_os_str());
        if !is_own {
            command.env(name, value);
        }
    }
    let folder = wanted.folder.unwrap_or(&account.home);
    // A home folder that somebody has removed keeps nobody out.
    let there = folder.is_dir();
    command.current_dir(if there {
        folder.clone()
    } else {
        PathBuf::from("/")
    });
    command
}
