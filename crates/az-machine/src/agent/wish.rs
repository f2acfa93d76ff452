//! What whoever wants to be somebody else on a machine says to the agent, and hears.

use crate::message::Ended;
use rustix::net::{
    AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, connect, listen, socket_with,
};
use serde::{Deserialize, Serialize};
use std::ffi::OsString;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

/// Where the agent listens.
const SOCKET: &str = "/run/az-machine.sock";

/// How many may be asking before they are heard.
const BACKLOG: i32 = 64;

/// What whoever wants to be somebody else says.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Wish {
    /// To run a program; its standard input, output and error come along.
    Run {
        user: String,
        /// Nothing for the user's shell.
        line: Vec<OsString>,
        /// As if the user had signed in.
        login: bool,
        variables: Vec<(OsString, OsString)>,
        folder: PathBuf,
    },
    /// To send it a signal.
    Signal(i32),
}

/// What it hears.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Answer {
    Refused(String),
    Ended(Ended),
}

fn address() -> io::Result<SocketAddrUnix> {
    Ok(SocketAddrUnix::new(SOCKET)?)
}

fn open() -> io::Result<OwnedFd> {
    Ok(socket_with(
        AddressFamily::UNIX,
        SocketType::STREAM,
        SocketFlags::CLOEXEC,
        None,
    )?)
}

/// The way to the agent.
pub(super) fn agent() -> io::Result<OwnedFd> {
    let socket = open()?;
    connect(&socket, &address()?)?;
    Ok(socket)
}

/// Listens, before anybody is on the machine who could ask.
pub(super) fn listener() -> io::Result<OwnedFd> {
    let socket = open()?;
    bind(&socket, &address()?)?;
    std::fs::set_permissions(SOCKET, std::fs::Permissions::from_mode(0o666))?;
    listen(&socket, BACKLOG)?;
    Ok(socket)
}
