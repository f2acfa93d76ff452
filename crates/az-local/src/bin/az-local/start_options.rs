//! What the user may say of a new instance.

use az_local::{Machines, Profile};
use clap::{Args, ValueEnum};
use std::path::PathBuf;
use std::time::Duration;

/// How a new instance behaves. Knobs that are not given stay as the folder has them.
#[derive(Debug, Clone, Args)]
pub(crate) struct StartOptions {
    /// The proxy's port on 127.0.0.1 [default: the folder's last one, else a free one]
    #[arg(long)]
    pub(crate) port: Option<u16>,
    /// How many subscriptions the desk has; a second tenant always has one more
    #[arg(long, default_value_t = 1, value_name = "NUMBER")]
    pub(crate) subscriptions: usize,
    /// Refuse connections to hosts that are not Azure's, too
    #[arg(long)]
    pub(crate) offline: bool,
    /// How the machines' programs run: `process`, as programs of this computer; `namespace`, on a machine with users, files,
    /// processes and a network of its own (Linux); `auto`, the latter where this computer allows it (docs/machines.md)
    #[arg(
        long,
        value_enum,
        default_value_t,
        hide_possible_values = true,
        value_name = "process|namespace|auto"
    )]
    pub(crate) machines: Machines,
    /// Append one JSON object for each exchange, secrets replaced
    #[arg(long, value_name = "FILE")]
    pub(crate) request_log: Option<PathBuf>,
    /// What all knobs begin with: with `azure`, everything takes as long as in the public cloud, and too many requests are
    /// refused; those that are given besides are as given (docs/profiles.md) [default: the folder's last one, else quick]
    #[arg(
        long,
        value_enum,
        hide_possible_values = true,
        value_name = "quick|azure"
    )]
    pub(crate) profile: Option<Profile>,
    /// Refuse too many requests with 429, as Resource Manager, Key Vault and the metadata service do [default: as the
    /// profile]
    #[arg(
        long,
        value_enum,
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "on",
        hide_possible_values = true,
        value_name = "on|off"
    )]
    pub(crate) throttle: Option<Switch>,
    /// Let the clock run so many times as fast as the computer's, up to 10000 [default: the folder's last one, else 1]
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) speed: Option<u32>,
    /// From a role assignment's creation until it is effective [default: 300ms]
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    pub(crate) role_delay: Option<Duration>,
    /// From a principal's creation until role assignments can name it [default: 150ms]
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    pub(crate) principal_delay: Option<Duration>,
    /// How long a long-running operation takes [default: 150ms]
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    pub(crate) operation_time: Option<Duration>,
    /// How long clients are told to wait between two polls [default: 100ms]
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    pub(crate) retry_after: Option<Duration>,
    /// How long an access token is valid [default: 1day]
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    pub(crate) token_lifetime: Option<Duration>,
    /// How long the deletion, the recovery and the purge of a secret take [default: 0s]
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    pub(crate) secret_deletion_time: Option<Duration>,
    /// Let requests meet the faults that a file lists (TOML; docs/bad-days.md says how)
    #[arg(long, value_name = "FILE")]
    pub(crate) faults: Option<PathBuf>,
    /// Let this share of the requests go wrong, from 0 to 1: 429, 500, 503, connections that break before and after the work,
    /// half an answer
    #[arg(long, value_name = "RATE", value_parser = parse_rate)]
    pub(crate) chaos: Option<f64>,
    /// With the same number the same goes wrong [default: one at random, which is said]
    #[arg(long, value_name = "NUMBER", requires = "chaos")]
    pub(crate) seed: Option<u64>,
}

/// Something that is there or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Switch {
    On,
    Off,
}

/// A share.
pub(crate) fn parse_rate(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(rate) if (0.0..=1.0).contains(&rate) => Ok(rate),
        _ => Err("a share is a number from 0 to 1".to_owned()),
    }
}
