//! What a machine is to be, and what is to run on it.

use serde::{Deserialize, Serialize};
use std::ffi::OsString;
use std::net::Ipv4Addr;
use std::path::PathBuf;

/// A machine.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Spec {
    /// What it calls itself.
    pub host_name: String,
    /// Where it keeps what it writes, on the computer. Made where it is missing; only the machine's own processes see it there.
    pub disk: PathBuf,
    /// What it sees of the computer's folders, under its own layer.
    pub layers: Vec<Layer>,
    /// Files that are written anew at each start, in order.
    pub files: Vec<File>,
    /// Its own address on `eth0`, and how many bits of it are the network's. Everything is sent there.
    pub address: Option<(Ipv4Addr, u8)>,
    /// The longest packet (bytes).
    pub mtu: u16,
    /// Paths at which the agent's own program is found, where nothing else is (`/usr/bin/sudo`).
    pub own_program: Vec<String>,
}

/// A folder of the computer's that is seen on the machine.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Layer {
    /// On the computer. One that is not there is not there.
    pub from: PathBuf,
    /// On the machine, absolute.
    pub at: PathBuf,
    /// A folder of the computer's over it, in which a character device of number 0 hides what has its path
    /// (<https://docs.kernel.org/filesystems/overlayfs.html#whiteouts-and-opaque-directories>).
    pub mask: Option<PathBuf>,
}

/// A file of the machine.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct File {
    /// Absolute.
    pub path: PathBuf,
    /// Its bytes.
    pub content: Vec<u8>,
    /// Its permissions.
    pub mode: u32,
}

/// Who runs a program on a machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum User {
    /// The machine's own root.
    Root,
    /// Somebody with a home folder, who is made where the machine does not know the name.
    Named {
        /// As in `/etc/passwd`.
        name: String,
        /// Whether the user may become root (the group `sudo`), if it is made.
        administers: bool,
    },
}

/// What is to run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Program {
    /// The program and its arguments; nothing for the user's shell as a login shell.
    pub line: Vec<OsString>,
    /// What is run.
    pub file: Executable,
    /// Who runs it.
    pub user: User,
    /// Variables beside those that every program has (`HOME`, `USER`, `LOGNAME`, `SHELL`, `PATH`), which these do not replace.
    pub variables: Vec<(OsString, OsString)>,
    /// Where it starts; the user's home folder where nothing is said.
    pub folder: Option<PathBuf>,
    /// What it reads from and writes to.
    pub stdio: Stdio,
}

/// Where a program's file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Executable {
    /// On the machine, found by the line's first word.
    There,
    /// The agent's own, which takes the whole line as its arguments.
    Own,
    /// The caller's, which comes along after the standard files. No script: what reads it would not find it.
    Given,
}

/// What a program reads from and writes to.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Stdio {
    /// A pipe each.
    Pipes,
    /// Files of the caller's.
    Files,
    /// A terminal of the machine's.
    Terminal(Terminal),
}

/// A terminal's size.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Terminal {
    /// Characters.
    pub rows: u16,
    /// Characters.
    pub columns: u16,
}
