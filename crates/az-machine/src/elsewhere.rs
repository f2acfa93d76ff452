//! Where the kernel is not Linux, there are no machines.

use crate::message::Ended;
use crate::spec::{Program, Spec};
use std::convert::Infallible;
use std::io;
use std::os::fd::OwnedFd;
use std::process::Command;
use tokio::sync::oneshot;

/// Why there is no machine.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The system has no namespaces.
    #[error("only Linux has namespaces")]
    NotLinux,
}

/// A machine, which is never there.
pub struct Machine(Infallible);

/// A machine that was started.
pub struct Started {
    /// The machine.
    pub machine: Machine,
    /// The other end of its network device.
    pub packets: OwnedFd,
}

/// A program that runs on a machine.
pub struct Running {
    /// What it reads.
    pub input: Option<OwnedFd>,
    /// What it writes.
    pub output: OwnedFd,
    /// Its errors.
    pub errors: Option<OwnedFd>,
    /// Comes when it has ended.
    pub ended: oneshot::Receiver<Ended>,
    /// Its number.
    pub id: u64,
}

/// A program that runs on a machine, on files of the caller's.
pub struct RunningOn {
    /// Comes when it has ended.
    pub ended: oneshot::Receiver<Ended>,
    /// Its number.
    pub id: u64,
}

impl Machine {
    /// Never starts one.
    pub fn start(_: Command, _: &Spec) -> Result<Started, StartError> {
        Err(StartError::NotLinux)
    }

    /// Is never called.
    pub fn is_gone(&self) -> bool {
        match self.0 {}
    }

    /// Is never called.
    pub async fn run(&self, _: &Program) -> io::Result<Running> {
        match self.0 {}
    }

    /// Is never called.
    pub async fn run_on(&self, _: &Program, _: Vec<OwnedFd>) -> io::Result<RunningOn> {
        match self.0 {}
    }

    /// Is never called.
    pub fn signal(&self, _: u64, _: i32) -> io::Result<()> {
        match self.0 {}
    }

    /// Is never called.
    pub fn end(&self) {
        match self.0 {}
    }
}
