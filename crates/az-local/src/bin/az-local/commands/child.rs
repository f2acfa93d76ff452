//! A command that az-local runs and outlives: its signals and its exit status.

use crate::failure::Failure;
use rustix::process::{Pid, Signal, kill_process};
use std::io::IsTerminal;
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitCode, ExitStatus};
use tokio::process::Child;
use tokio::signal::unix::{Signal as SignalStream, SignalKind, signal};

/// The signals that end a program. Here they are for the command: az-local ends after it.
pub(super) struct Signals {
    interrupt: SignalStream,
    terminate: SignalStream,
    hang_up: SignalStream,
    quit: SignalStream,
}

impl Signals {
    pub(super) fn listen() -> Result<Self, Failure> {
        let listen = |kind| signal(kind).map_err(Failure::Signals);
        Ok(Signals {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
            hang_up: listen(SignalKind::hangup())?,
            quit: listen(SignalKind::quit())?,
        })
    }

    /// Waits for the command's end and passes signals on to it.
    pub(super) async fn wait_for(&mut self, child: &mut Child) -> std::io::Result<ExitStatus> {
        // Ctrl-C on a terminal reaches the command by itself: passed on, it would count twice.
        let on_terminal = std::io::stdin().is_terminal() || std::io::stderr().is_terminal();
        loop {
            let pid = child
                .id()
                .and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
            let signal = tokio::select! {
                status = child.wait() => return status,
                _ = self.interrupt.recv() => (!on_terminal).then_some(Signal::INT),
                _ = self.quit.recv() => (!on_terminal).then_some(Signal::QUIT),
                _ = self.terminate.recv() => Some(Signal::TERM),
                _ = self.hang_up.recv() => Some(Signal::HUP),
            };
            if let (Some(pid), Some(signal)) = (pid, signal) {
                // One that has just ended needs no signal.
                let _ = kill_process(pid, signal);
            }
        }
    }
}

/// The command's status; for one that a signal ended, 128 and the signal's number, as shells say it.
pub(super) fn exit_code(status: ExitStatus) -> ExitCode {
    let code = status
        .code()
        .or_else(|| status.signal().map(|number| 128 + number))
        .unwrap_or(1);
    ExitCode::from(u8::try_from(code).unwrap_or(1))
}
