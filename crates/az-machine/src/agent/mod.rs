//! The agent: a machine's first process.

mod accounts;
mod attend;
mod failed;
mod files;
mod network;
mod powers;
mod programs;
mod rights;
mod sudo;
mod wish;

use crate::channel;
use crate::message::{Order, Report};
use crate::spec::Spec;
pub use sudo::main as sudo;

use failed::{Failed, Tried};
use nix::sched::{CloneFlags, unshare};
use programs::OWN;
use rustix::process::{Signal, set_parent_process_death_signal};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::process::{Command, Stdio};

/// Tells the agent that it is the first process of its machine already.
const INSIDE: &str = "inside";

/// Plays the agent for the caller on standard input. `words` are what [`crate::Machine::start`] was told to run it with, and
/// what it runs itself with: they lead to this function. The process must have no other thread. Gives its exit status.
///
/// `arguments` are those that come after `words`.
pub fn main(words: &[&str], arguments: &[String]) -> u8 {
    let Ok(socket) = io::stdin().as_fd().try_clone_to_owned() else {
        return 1;
    };
    // With whoever has made it, it ends.
    let _ = set_parent_process_death_signal(Some(Signal::KILL));
    let done = match arguments.first() {
        Some(inside) if inside == INSIDE => be(&socket),
        _ => go_apart(&socket, words),
    };
    match done {
        Ok(status) => status,
        Err(why) => {
            // Nobody may listen any more.
            let _ = channel::send(&socket, &Report::Failed(why.to_string()), &[]);
            1
        }
    }
}

/// Makes the namespaces, and starts the machine's first process in them.
fn go_apart(socket: &OwnedFd, words: &[&str]) -> Result<u8, Failed> {
    // By itself first: with it come the powers that the others need.
    unshare(CloneFlags::CLONE_NEWUSER).tried("user namespaces are not allowed")?;
    channel::send(socket, &Report::Apart, &[]).tried("the caller does not listen")?;
    match channel::receive::<Order>(socket) {
        Ok(Some((Order::Mapped, _))) => {}
        _ => return Ok(1),
    }
    unshare(
        CloneFlags::CLONE_NEWNS
            | CloneFlags::CLONE_NEWPID
            | CloneFlags::CLONE_NEWNET
            | CloneFlags::CLONE_NEWUTS
            | CloneFlags::CLONE_NEWIPC,
    )
    .tried("namespaces are not allowed")?;
    let socket = socket.try_clone().tried("the way to the caller")?;
    let mut inside = Command::new(OWN)
        .args(words)
        .arg(INSIDE)
        .stdin(Stdio::from(socket))
        .stdout(Stdio::null())
        .spawn()
        .tried("a machine's first process cannot be started")?;
    // The caller is told by it alone from now on.
    let null = File::open("/dev/null").tried("/dev/null")?;
    let _ = rustix::stdio::dup2_stdin(&null);
    let status = inside.wait().tried("a machine's first process")?;
    Ok(status
        .code()
        .and_then(|code| u8::try_from(code).ok())
        .unwrap_or(1))
}

/// Is the machine's first process.
fn be(socket: &OwnedFd) -> Result<u8, Failed> {
    let Ok(Some((Order::Begin(spec), _))) = channel::receive::<Order>(socket) else {
        return Ok(1);
    };
    // Read while it can still be found.
    let own = std::fs::read_link(OWN).tried("the agent's program")?;
    set_name(&spec).tried("the host name")?;
    let packets = network::set_up(&spec)?;
    files::lay_out(&spec, &own)?;
    powers::limit().tried("the powers of the machine's root")?;
    let listener = wish::listener().tried("the agent's socket")?;
    channel::send(socket, &Report::There, &[packets.as_fd()])
        .tried("the caller does not listen")?;
    drop(packets);
    attend::attend(socket, listener);
    Ok(0)
}

fn set_name(spec: &Spec) -> io::Result<()> {
    Ok(rustix::system::sethostname(spec.host_name.as_bytes())?)
}
