//! What the caller and the agent say to each other.

use crate::spec::{Program, Spec};
use serde::{Deserialize, Serialize};

/// From the caller.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Order {
    /// The numbers of users and groups are set: the agent may go on.
    Mapped,
    /// With it, the machine begins.
    Begin(Spec),
    /// Starts a program. Its standard input, output and error come along, where it has no terminal.
    Run { id: u64, program: Program },
    /// Sends a signal to a program and those that it started.
    Signal { id: u64, signal: i32 },
    /// Asks every process to end.
    Down,
}

/// From the agent.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Report {
    /// The agent is apart, and waits for its numbers of users and groups.
    Apart,
    /// The machine is there. The device's packets come along.
    There,
    /// It could not be made.
    Failed(String),
    /// The program runs. Its terminal comes along, where it has one.
    Runs(u64),
    /// It could not be started.
    Refused(u64, String),
    /// It has ended.
    Ended(u64, Ended),
}

/// How a program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ended {
    /// By itself, with this status.
    Status(i32),
    /// By this signal, and whether its memory was dumped.
    Signal(i32, bool),
    /// With the machine.
    WithTheMachine,
}
