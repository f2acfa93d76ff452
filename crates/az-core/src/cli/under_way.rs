//! What is under way: shown on a terminal while it is waited for, and said when it is interrupted.

use super::args::GlobalArgs;
use crate::{
    arm::{self, Watch, Watched},
    shown::shown,
};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use std::{
    collections::BTreeMap,
    fmt::Write,
    io::IsTerminal,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

/// What one run of a tool has under way.
#[derive(Clone)]
pub(super) struct UnderWay(Arc<Inner>);

struct Inner {
    bars: MultiProgress,
    is_shown: bool,
    /// Whether each resource that is made has a line of its own.
    each: AtomicBool,
    writes: Mutex<Writes>,
}

#[derive(Default)]
struct Writes {
    next: u64,
    running: BTreeMap<u64, String>,
}

impl UnderWay {
    /// Nothing is shown where nobody looks: only on a terminal, and with colours.
    pub(super) fn new(global: &GlobalArgs, no_color: bool) -> Self {
        let is_shown = std::io::stderr().is_terminal()
            && !no_color
            && !global.debug
            && !global.only_show_errors;
        let bars = MultiProgress::new();
        if !is_shown {
            bars.set_draw_target(ProgressDrawTarget::hidden());
        }
        UnderWay(Arc::new(Inner {
            bars,
            is_shown,
            each: AtomicBool::new(false),
            writes: Mutex::default(),
        }))
    }

    /// From now on, each resource that is made has a line with its time, which stays.
    pub(super) fn show_each(&self) {
        self.0.each.store(true, Ordering::Relaxed);
    }

    /// A line until the guard is dropped.
    pub(super) fn message(&self, message: String) -> Progress {
        Progress(self.line("{spinner} {msg}", message))
    }

    /// A bar for a list, until it is dropped.
    pub(super) fn bar(&self) -> Bar {
        if !self.0.is_shown {
            return Bar(ProgressBar::hidden());
        }
        let bar = self.0.bars.add(ProgressBar::no_length());
        bar.set_style(style(COUNTED));
        bar.enable_steady_tick(Duration::from_millis(120));
        Bar(bar)
    }

    /// The writes that run, in the order in which they began.
    pub(super) fn list(&self) -> Vec<String> {
        self.writes().running.values().cloned().collect()
    }

    /// Says something on standard error between the lines.
    pub(super) fn say_between(&self, say: impl FnOnce()) {
        self.0.bars.suspend(say);
    }

    fn line(&self, template: &str, message: String) -> ProgressBar {
        if !self.0.is_shown {
            return ProgressBar::hidden();
        }
        let bar = self.0.bars.add(ProgressBar::new_spinner());
        bar.set_style(style(template));
        bar.set_message(shown(&message).into_owned());
        bar.enable_steady_tick(Duration::from_millis(120));
        bar
    }

    fn writes(&self) -> std::sync::MutexGuard<'_, Writes> {
        self.0.writes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How far a list is, where its length is not known, and where it is.
const COUNTED: &str = "{spinner} {human_pos} done, {per_sec}";
const MEASURED: &str = "{spinner} {bar:30} {human_pos} of {human_len}, {per_sec}, {eta} left";

fn style(template: &str) -> ProgressStyle {
    let style =
        ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner());
    style
        .tick_strings(&["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "✓"])
        .with_key("per_sec", |state: &ProgressState, out: &mut dyn Write| {
            let _ = write!(out, "{:.1}/s", state.per_sec());
        })
}

/// How far a list is. It goes when this is dropped.
pub(super) struct Bar(ProgressBar);

impl Bar {
    /// So many there are in all, as far as that is known.
    pub(super) fn knows_of(&self, total: Option<u64>) {
        let Some(total) = total.filter(|total| self.0.length() != Some(*total)) else {
            return;
        };
        if self.0.length().is_none() {
            self.0.set_style(style(MEASURED));
        }
        self.0.set_length(total);
    }

    /// One more is done.
    pub(super) fn advance(&self) {
        self.0.inc(1);
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

impl Watch for UnderWay {
    fn begins(&self, write: &arm::Write) -> Box<dyn Watched> {
        let mut writes = self.writes();
        let number = writes.next;
        writes.next += 1;
        writes.running.insert(number, write.to_string());
        let line = write.creates() && self.0.each.load(Ordering::Relaxed);
        let line = line.then(|| self.line("{spinner} {elapsed:>5} {msg}", write.to_string()));
        Box::new(Running {
            under_way: self.clone(),
            number,
            what: write.what.clone(),
            line,
        })
    }
}

/// A write that runs.
struct Running {
    under_way: UnderWay,
    number: u64,
    what: String,
    line: Option<ProgressBar>,
}

impl Watched for Running {
    fn succeeded(&self) {
        if let Some(line) = &self.line {
            line.finish_with_message(shown(&format!("{} is there", self.what)).into_owned());
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.under_way.writes().running.remove(&self.number);
        // Why it failed is said by itself.
        if let Some(line) = self.line.as_ref().filter(|line| !line.is_finished()) {
            line.finish_and_clear();
        }
    }
}

/// A message on the terminal that goes when this is dropped.
pub struct Progress(ProgressBar);

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
