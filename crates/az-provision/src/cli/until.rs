//! What the user may wait for.

use clap::Args;

/// What is waited for.
#[derive(Args, Debug)]
#[command(group = clap::ArgGroup::new("until").args(["created", "updated", "exists", "deleted", "custom"]).required(true))]
pub(crate) struct Until {
    /// Until it has been created
    #[arg(long)]
    pub(crate) created: bool,
    /// Until it has been changed
    #[arg(long)]
    pub(crate) updated: bool,
    /// Until it is there
    #[arg(long)]
    pub(crate) exists: bool,
    /// Until it is gone
    #[arg(long)]
    pub(crate) deleted: bool,
    /// Until a JMESPath expression over it is true, as "instanceView.statuses[?code=='PowerState/running']"
    #[arg(long, value_name = "JMESPATH")]
    pub(crate) custom: Option<String>,
    /// How long to pause between two looks [default: 1s at first, 30s in the end]
    #[arg(long, value_name = "DURATION", value_parser = az_core::cli::parse_duration)]
    pub(crate) interval: Option<std::time::Duration>,
}
