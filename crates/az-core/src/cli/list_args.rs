//! How a list is worked on: the arguments.

use clap::Args;

/// How many things of a list are worked on at once unless `--jobs` says it. A service that takes ten writes a second and
/// answers each within three is not kept waiting by so many; more would only wait for the pacer.
const JOBS: u16 = 32;

/// The arguments of every command that reads a list.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Lists")]
pub struct ListArgs {
    /// How many lines of a list are worked on at once [default: 32, held back to what the service's limits allow]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub jobs: Option<u16>,

    /// Go on with the other lines when one has failed, as is done anyway
    #[arg(long, conflicts_with = "fail_fast")]
    pub keep_going: bool,

    /// Begin no other line when one has failed; say at which to go on
    #[arg(long)]
    pub fail_fast: bool,

    /// Do not keep to the limits that Azure documents, but ask as fast as there are answers, and wait where a service says so:
    /// for limits that were raised, and for a local Azure without any
    #[arg(long)]
    pub unpaced: bool,
}

impl ListArgs {
    /// How many at once.
    pub fn jobs(&self) -> usize {
        usize::from(self.jobs.unwrap_or(JOBS))
    }
}
