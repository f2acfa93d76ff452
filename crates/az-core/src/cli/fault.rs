//! How a tool ends that panics, which is a fault of ours: with its message, and with Rust's exit status for it.

use super::{prompt::Terminal, report::say};
use std::backtrace::{Backtrace, BacktraceStatus};

/// The exit status of a Rust program that has panicked. <https://doc.rust-lang.org/std/macro.panic.html>
const FAULT: i32 = 101;

/// From now on, a panic of any thread ends the tool.
///
/// The released tools are built without unwinding, where a panic ends in `abort`: that leaves a core dump, with every secret of the
/// process in it, and another exit status. Without unwinding nothing is cleaned up either, so the terminal is put back here.
pub(super) fn end_on_panic(tool: &'static str) {
    let terminal = Terminal::now();
    std::panic::set_hook(Box::new(move |panic| {
        terminal.put_back();
        say(format_args!(
            "{tool}: this is a fault of the program: {panic}"
        ));
        let backtrace = Backtrace::capture();
        if backtrace.status() == BacktraceStatus::Captured {
            say(backtrace);
        }
        std::process::exit(FAULT);
    }));
}
