//! The local Azure beside the other programs that answer for a Key Vault on one's own computer: `docs/performance.md`.
//!
//! Everything is measured in turns in one run, so that what else the computer does falls on all of them alike.

mod emulator;
mod growth;
mod load;
mod ready;

use crate::Result;
use crate::arguments::PeersArguments;
use crate::process;
use crate::table::Table;
use emulator::Emulators;

/// Measures what is asked for. Whether az-local is ahead in everything that has a goal.
pub(crate) async fn measure(arguments: &PeersArguments) -> Result<bool> {
    let emulators = Emulators::prepare(arguments).await?;
    let mut goals = Goals::default();
    if arguments.ready() {
        ready::measure(arguments, &emulators, &mut goals).await?;
    }
    if arguments.load() {
        load::measure(arguments, &emulators, &mut goals).await?;
    }
    if arguments.growth() {
        growth::measure(arguments, &emulators, &mut goals).await?;
    }
    Ok(goals.print())
}

/// What was aimed at, and what was reached.
#[derive(Default)]
struct Goals {
    missed: Vec<String>,
    met: usize,
}

impl Goals {
    /// A figure of which less is better: how often the other's is az-local's.
    fn less(&mut self, what: &str, other: &str, theirs: f64, ours: f64, times: f64) {
        self.ratio(what, other, theirs / ours, times);
    }

    /// A figure of which more is better.
    fn more(&mut self, what: &str, other: &str, theirs: f64, ours: f64, times: f64) {
        self.ratio(what, other, ours / theirs, times);
    }

    fn ratio(&mut self, what: &str, other: &str, ratio: f64, times: f64) {
        if ratio >= times {
            self.met += 1;
        } else {
            self.missed
                .push(format!("{what}, {other}: {ratio:.2} times, goal {times}"));
        }
    }

    fn print(&self) -> bool {
        let all = self.met + self.missed.len();
        say!("{} of {all} goals are met", self.met);
        for missed in &self.missed {
            say!("missed: {missed}");
        }
        self.missed.is_empty()
    }
}

/// Prints a table below what it is about, with how much else the computer has to do.
fn print(about: &str, table: &Table) -> Result<()> {
    say!("== {about} (load {}) ==\n", process::load()?);
    table.print();
    Ok(())
}
