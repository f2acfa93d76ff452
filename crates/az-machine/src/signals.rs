//! Signals that go on to a program elsewhere.

use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};

/// Those that a terminal or another process sends to a program in the foreground.
const PASSED_ON: [Signal; 8] = [
    Signal::SIGHUP,
    Signal::SIGINT,
    Signal::SIGQUIT,
    Signal::SIGTERM,
    Signal::SIGUSR1,
    Signal::SIGUSR2,
    Signal::SIGWINCH,
    Signal::SIGALRM,
];

/// The signals that arrive at this process, in place of what they do otherwise. Readable when there is one.
pub struct Signals(SignalFd);

impl Signals {
    /// Begins to take them. No other thread may be there, for it would take them as before.
    pub fn taken() -> io::Result<Self> {
        let all: SigSet = PASSED_ON.into_iter().collect();
        all.thread_block()?;
        Ok(Signals(SignalFd::with_flags(&all, SfdFlags::SFD_CLOEXEC)?))
    }

    /// The next one's number; waits for it.
    pub fn next(&self) -> Option<i32> {
        let signal = self.0.read_signal().ok().flatten()?;
        i32::try_from(signal.ssi_signo).ok()
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
