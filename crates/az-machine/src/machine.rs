//! A machine as its caller has it.

use crate::channel;
use crate::message::{Ended, Order, Report};
use crate::spec::{Program, Spec, Stdio};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use rustix::pipe::{PipeFlags, pipe_with};
use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::process::{Child, Command};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use tokio::sync::oneshot;

/// Why there is no machine.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The agent's program, or the way to it.
    #[error("a machine's agent cannot be started: {0}")]
    Agent(#[from] io::Error),
    /// What the kernel, or its settings, do not allow.
    #[error("{0}")]
    Refused(String),
    /// The agent ended without a word.
    #[error("a machine's agent ended before the machine was there")]
    Silent,
}

/// A machine that runs. When it is dropped, all that runs there is killed.
pub struct Machine {
    socket: Arc<OwnedFd>,
    /// Held while an order is sent, so that two do not mix.
    order: Mutex<()>,
    state: Arc<Mutex<State>>,
    last: AtomicU64,
    agent: Mutex<Child>,
}

#[derive(Default)]
struct State {
    /// None once the machine is gone.
    gone: bool,
    starting: HashMap<u64, oneshot::Sender<Result<Option<OwnedFd>, String>>>,
    running: HashMap<u64, oneshot::Sender<Ended>>,
}

/// A machine that was started, and its device: each read gives a packet that it sent, each write is one that it gets (IPv4 or
/// IPv6, no header before it). It does not block.
pub struct Started {
    /// The machine.
    pub machine: Machine,
    /// The other end of `eth0`.
    pub packets: OwnedFd,
}

/// A program that runs on a machine.
pub struct Running {
    /// What it reads; none where it has a terminal.
    pub input: Option<OwnedFd>,
    /// What it writes; of a program with a terminal this is the terminal's other end, for reading and writing.
    pub output: OwnedFd,
    /// Its errors; none where it has a terminal.
    pub errors: Option<OwnedFd>,
    /// Comes when it has ended.
    pub ended: oneshot::Receiver<Ended>,
    /// Its number for [`Machine::signal`].
    pub id: u64,
}

/// A program that runs on a machine, on files of the caller's.
pub struct RunningOn {
    /// Comes when it has ended.
    pub ended: oneshot::Receiver<Ended>,
    /// Its number for [`Machine::signal`].
    pub id: u64,
}

fn lock<T>(state: &Mutex<T>) -> MutexGuard<'_, T> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Machine {
    /// Starts a machine. `agent` is a program that calls [`crate::agent::main`] at once, before it has started any thread, when
    /// it is run as this command says.
    pub fn start(mut agent: Command, spec: &Spec) -> Result<Started, StartError> {
        let (ours, theirs) = socketpair(
            AddressFamily::UNIX,
            SocketType::STREAM,
            SocketFlags::CLOEXEC,
            None,
        )
        .map_err(io::Error::from)?;
        let socket = Arc::new(ours);
        let state = Arc::new(Mutex::new(State::default()));
        let (tell, told) = mpsc::channel();
        let (listening, heard) = (Arc::clone(&socket), Arc::clone(&state));
        let spec = spec.clone();
        // The agent ends with the thread that has started it (`PR_SET_PDEATHSIG`): this one is there as long as the machine.
        std::thread::Builder::new()
            .name("machine".to_owned())
            .stack_size(256 * 1024)
            .spawn(move || {
                let begun = begin(agent.stdin(theirs), &listening, &spec);
                let is_there = begun.is_ok();
                // The command holds the agent's end of the way to it, which is to close with the agent.
                drop(agent);
                if tell.send(begun).is_ok() && is_there {
                    listen(&listening, &heard);
                }
            })?;
        let (agent, packets) = told.recv().unwrap_or(Err(StartError::Silent))?;
        let machine = Machine {
            socket,
            order: Mutex::new(()),
            state,
            last: AtomicU64::new(0),
            agent: Mutex::new(agent),
        };
        Ok(Started { machine, packets })
    }

    /// Whether the machine is not there any more, without having been ended from here.
    pub fn is_gone(&self) -> bool {
        lock(&self.state).gone
    }

    /// Starts a program on pipes or a terminal, as it says.
    pub async fn run(&self, program: &Program) -> io::Result<Running> {
        let mut pipes = None;
        let mut theirs = Vec::new();
        if !matches!(program.stdio, Stdio::Terminal(_)) {
            let (stdin, input) = pipe_with(PipeFlags::CLOEXEC)?;
            let (output, stdout) = pipe_with(PipeFlags::CLOEXEC)?;
            let (errors, stderr) = pipe_with(PipeFlags::CLOEXEC)?;
            theirs.extend([stdin, stdout, stderr]);
            pipes = Some((input, output, errors));
        }
        let (RunningOn { ended, id }, terminal) = self.begin(program, theirs).await?;
        let (input, output, errors) = match (pipes, terminal) {
            (Some((input, output, errors)), _) => (Some(input), output, Some(errors)),
            (None, Some(output)) => (None, output, None),
            (None, None) => return Err(io::ErrorKind::InvalidData.into()),
        };
        Ok(Running {
            input,
            output,
            errors,
            ended,
            id,
        })
    }

    /// Starts a program on these files: its standard input, output and errors, and its own file where that is given.
    pub async fn run_on(&self, program: &Program, files: Vec<OwnedFd>) -> io::Result<RunningOn> {
        Ok(self.begin(program, files).await?.0)
    }

    async fn begin(
        &self,
        program: &Program,
        theirs: Vec<OwnedFd>,
    ) -> io::Result<(RunningOn, Option<OwnedFd>)> {
        let id = self.last.fetch_add(1, Ordering::Relaxed);
        let (told, started) = oneshot::channel();
        let (tell, ended) = oneshot::channel();
        {
            let mut state = lock(&self.state);
            if state.gone {
                return Err(gone());
            }
            state.starting.insert(id, told);
            state.running.insert(id, tell);
        }
        let program = program.clone();
        let sent = {
            let files: Vec<_> = theirs.iter().map(AsFd::as_fd).collect();
            self.order(&Order::Run { id, program }, &files)
        };
        if let Err(error) = sent {
            let mut state = lock(&self.state);
            state.starting.remove(&id);
            state.running.remove(&id);
            return Err(error);
        }
        drop(theirs);
        match started.await {
            Ok(Ok(terminal)) => Ok((RunningOn { ended, id }, terminal)),
            Ok(Err(refusal)) => Err(io::Error::other(refusal)),
            Err(_) => Err(gone()),
        }
    }

    /// Sends a signal to a program and those that it started. One that has ended gets none.
    pub fn signal(&self, id: u64, signal: i32) -> io::Result<()> {
        self.order(&Order::Signal { id, signal }, &[])
    }

    fn order(&self, order: &Order, files: &[BorrowedFd<'_>]) -> io::Result<()> {
        let _one = lock(&self.order);
        channel::send(&self.socket, order, files)
    }

    /// Asks every process to end, kills those that do not, and waits until none is left.
    pub fn end(&self) {
        // One that is gone hears nothing.
        let _ = self.order(&Order::Down, &[]);
        let _ = lock(&self.agent).wait();
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let agent = self.agent.get_mut().unwrap_or_else(PoisonError::into_inner);
        // The first process inside is killed with it, and by that all the others.
        let _ = agent.kill();
        let _ = agent.wait();
    }
}

fn gone() -> io::Error {
    io::Error::new(
        io::ErrorKind::ConnectionAborted,
        "the machine is not running",
    )
}

/// Starts the agent, and leads it to the point where the machine is there.
fn begin(
    agent: &mut Command,
    socket: &OwnedFd,
    spec: &Spec,
) -> Result<(Child, OwnedFd), StartError> {
    let mut agent = agent.spawn()?;
    match lead(socket, agent.id(), spec) {
        Ok(packets) => Ok((agent, packets)),
        Err(error) => {
            let _ = agent.kill();
            let _ = agent.wait();
            Err(error)
        }
    }
}

fn lead(socket: &OwnedFd, agent: u32, spec: &Spec) -> Result<OwnedFd, StartError> {
    let next = || -> Result<(Report, Vec<OwnedFd>), StartError> {
        match channel::receive(socket)? {
            Some((Report::Failed(why), _)) => Err(StartError::Refused(why)),
            Some(report) => Ok(report),
            None => Err(StartError::Silent),
        }
    };
    let (Report::Apart, _) = next()? else {
        return Err(StartError::Silent);
    };
    map_users(agent)?;
    channel::send(socket, &Order::Mapped, &[])?;
    channel::send(socket, &Order::Begin(spec.clone()), &[])?;
    match next()? {
        (Report::There, mut files) => files.pop().ok_or(StartError::Silent),
        _ => Err(StartError::Silent),
    }
}

/// Says which numbers the machine's users have outside. Root gives all that it has itself, each its own; anybody else is the
/// machine's only user (user_namespaces(7)).
fn map_users(agent: u32) -> io::Result<()> {
    let set = |name: &str, value: &str| std::fs::write(format!("/proc/{agent}/{name}"), value);
    let user = rustix::process::geteuid();
    if user.is_root() {
        set("uid_map", &same_as("/proc/self/uid_map")?)?;
        return set("gid_map", &same_as("/proc/self/gid_map")?);
    }
    set("setgroups", "deny")?;
    set("uid_map", &format!("0 {} 1", user.as_raw()))?;
    set(
        "gid_map",
        &format!("0 {} 1", rustix::process::getegid().as_raw()),
    )
}

/// A map of numbers to themselves, of those that there are here.
fn same_as(path: &str) -> io::Result<String> {
    let own = std::fs::read_to_string(path)?;
    let lines = own.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        let (inside, _, count) = (words.next()?, words.next()?, words.next()?);
        Some(format!("{inside} {inside} {count}\n"))
    });
    Ok(lines.collect())
}

/// Hears what the agent says until it is gone.
fn listen(socket: &OwnedFd, state: &Mutex<State>) {
    while let Ok(Some((report, mut files))) = channel::receive::<Report>(socket) {
        let mut state = lock(state);
        match report {
            Report::Runs(id) => {
                if let Some(told) = state.starting.remove(&id) {
                    // Who does not wait any more lets go of the files.
                    let _ = told.send(Ok(files.pop()));
                }
            }
            Report::Refused(id, why) => {
                state.running.remove(&id);
                if let Some(told) = state.starting.remove(&id) {
                    let _ = told.send(Err(why));
                }
            }
            Report::Ended(id, how) => {
                if let Some(tell) = state.running.remove(&id) {
                    let _ = tell.send(how);
                }
            }
            Report::Apart | Report::There | Report::Failed(_) => {}
        }
    }
    let mut state = lock(state);
    state.gone = true;
    state.starting.clear();
    for (_, tell) in state.running.drain() {
        let _ = tell.send(Ended::WithTheMachine);
    }
}
