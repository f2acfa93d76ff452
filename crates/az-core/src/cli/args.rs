//! Arguments that every tool has.

use super::output::Format;
use clap::{Args, ValueEnum};
use std::time::Duration;

/// How long a command has by default that waits for operations of Azure's.
pub const FOR_OPERATIONS: Duration = Duration::from_secs(3600);
/// How long a command has by default that waits for answers only.
pub const FOR_ANSWERS: Duration = Duration::from_secs(120);

/// The arguments that every tool has.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Global arguments")]
pub struct GlobalArgs {
    /// Subscription, by id or name [default: AZURE_SUBSCRIPTION_ID, else the one that `az` has selected, else the only one]
    #[arg(long, global = true, value_name = "ID|NAME")]
    pub subscription: Option<String>,

    /// Cloud: AzureCloud, AzureUSGovernment or AzureChinaCloud [default: AZURE_CLOUD, else the one that `az` has selected]
    #[arg(long, global = true, value_name = "NAME")]
    pub cloud: Option<String>,

    /// JMESPath query over the result; see <https://jmespath.org>
    #[arg(long, global = true, value_name = "JMESPATH")]
    pub query: Option<String>,

    /// Output format [default: json]
    #[arg(short, long, global = true, value_enum, ignore_case = true)]
    pub output: Option<Format>,

    /// Print the requests that would write, with secrets replaced, and send none of them
    #[arg(long, global = true)]
    pub dry_run: bool,

    /// Do not ask for confirmation
    #[arg(short, long, global = true)]
    pub yes: bool,

    /// Longest time for everything that is asked and waited for, as 90s, 10m or 1h; of many things, for each [default: 1h
    /// where Azure makes, changes or deletes something, else 2m]
    #[arg(long, global = true, value_name = "DURATION", value_parser = parse_duration)]
    pub timeout: Option<Duration>,

    /// How errors are written to standard error
    #[arg(
        long,
        global = true,
        value_enum,
        default_value = "text",
        value_name = "FORMAT"
    )]
    pub error_format: ErrorFormat,

    /// Show only errors, no warnings
    #[arg(long, global = true, conflicts_with_all = ["verbose", "debug"])]
    pub only_show_errors: bool,

    /// Say on standard error what is being done
    #[arg(long, global = true)]
    pub verbose: bool,

    /// Log every request on standard error, without secrets and tokens
    #[arg(long, global = true)]
    pub debug: bool,
}

/// How errors are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ErrorFormat {
    /// One line for people.
    #[default]
    Text,
    /// One JSON object on one line.
    Json,
}

/// Reads a length of time: a number with `ms`, `s`, `m`, `h` or `d`; without a unit, seconds.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let digits = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let milliseconds: u64 = match unit {
        "ms" => 1,
        "" | "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => 0,
    };
    match number
        .parse::<u64>()
        .ok()
        .and_then(|number| number.checked_mul(milliseconds))
    {
        Some(total) if milliseconds > 0 => Ok(Duration::from_millis(total)),
        _ => Err("write it as a number and a unit, as 500ms, 90s, 10m, 1h or 2d".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_a_unit_or_are_seconds() {
        assert_eq!(parse_duration("90"), Ok(Duration::from_secs(90)));
        assert_eq!(parse_duration("10m"), Ok(Duration::from_secs(600)));
        assert_eq!(parse_duration("250ms"), Ok(Duration::from_millis(250)));
        for bad in [
            "",
            "m",
            "1w",
            "-1s",
            "1.5h",
            "99999999999999999999s",
            "18446744073709551615d",
        ] {
            assert!(parse_duration(bad).is_err(), "{bad}");
        }
    }
}
