//! What the user may say.

use az_core::{
    cli::{CommandLine, GlobalArgs, SecretArgs, parse_duration},
    name::{InvalidName, parse_tag},
};
use azure_core::time::{OffsetDateTime, parse_rfc3339};
use clap::{Args, Parser};
use secrecy::SecretString;
use std::{convert::Infallible, path::PathBuf, time::Duration};

/// Write a secret to a key vault.
///
/// The value comes from standard input, unless --value-file, --value-env or --value says otherwise; on a terminal it is
/// asked for without echo. Each run makes a new version. The result is what 'az keyvault secret set' prints, with the value
/// left out unless --show-value.
#[derive(Debug, Parser)]
#[command(name = "kv-set", version, after_help = AFTER)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) secret: SecretArgs,
    #[command(flatten)]
    pub(crate) source: Source,
    #[command(flatten)]
    pub(crate) properties: Properties,

    /// Show the value in the result
    #[arg(long)]
    pub(crate) show_value: bool,

    /// How long to go on asking while a new role assignment is not effective yet, as 10m
    #[arg(long, value_name = "DURATION", value_parser = parse_duration, default_value = "0s")]
    pub(crate) wait_for_access: Duration,

    #[command(flatten)]
    pub(crate) global: GlobalArgs,
}

const AFTER: &str = "\
Several secrets: 'kv-set -' reads JSON objects from standard input, one a line, with name and value, and as you like \
contentType, tags and attributes (enabled, expires, notBefore), as kv-get prints them; it prints a line for each.

Examples:
  printf %s \"$password\" | kv-set db-password --vault-name my-vault
  kv-set tls-key --vault-name my-vault --value-file key.pem --content-type application/x-pem-file
  kv-get db-password --vault-name old | kv-set - --vault-name new

Exit status: 0 done, 1 failed, 2 usage or invalid input, 3 not found, 4 not signed in, 5 access denied, 6 conflict with \
what exists, 7 gave up waiting, 130 interrupted.";

impl CommandLine for Cli {
    const NAME: &'static str = "kv-set";
    fn global(&self) -> &GlobalArgs {
        &self.global
    }
}

/// Where the value comes from.
#[derive(Args, Debug)]
#[group(multiple = false)]
#[command(next_help_heading = "Value")]
pub(crate) struct Source {
    /// Read the value from a file, byte for byte; - is standard input, of which one line end at its end is left out
    #[arg(short = 'f', long, visible_alias = "file", value_name = "FILE|-")]
    pub(crate) value_file: Option<PathBuf>,

    /// Take the value from this environment variable
    #[arg(long, value_name = "VARIABLE")]
    pub(crate) value_env: Option<String>,

    /// The value. Exposed to everyone who can list this computer's processes and to your shell's history: prefer
    /// standard input or --value-file
    #[arg(long, allow_hyphen_values = true, value_parser = parse_secret)]
    pub(crate) value: Option<SecretString>,
}

/// What a secret has beside its value.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Properties")]
pub(crate) struct Properties {
    /// What the value is, as text/plain; 255 characters at most
    #[arg(long, visible_alias = "description", value_name = "TYPE")]
    pub(crate) content_type: Option<String>,

    /// Tags, as key=value words separated by spaces; "" for none
    #[arg(long, num_args = 0.., value_name = "KEY=VALUE", value_parser = parse_tag_or_none)]
    pub(crate) tags: Option<Vec<Option<(String, String)>>>,

    /// When it expires, in UTC, as 2030-12-31T23:59:59Z
    #[arg(long, value_name = "DATE", value_parser = parse_date)]
    pub(crate) expires: Option<OffsetDateTime>,

    /// From when on it may be used, in UTC, as 2030-01-01T00:00:00Z
    #[arg(long, value_name = "DATE", value_parser = parse_date)]
    pub(crate) not_before: Option<OffsetDateTime>,

    /// Write it disabled: it cannot be read until it is enabled
    #[arg(long, num_args = 0..=1, default_value = "false", default_missing_value = "true", value_name = "BOOL")]
    pub(crate) disabled: bool,
}

fn parse_secret(text: &str) -> Result<SecretString, Infallible> {
    Ok(SecretString::from(text))
}

fn parse_tag_or_none(word: &str) -> Result<Option<(String, String)>, InvalidName> {
    if word.is_empty() {
        Ok(None)
    } else {
        parse_tag(word).map(Some)
    }
}

/// Reads a date as `az` does: the full form, without seconds, or the day alone. An offset other than Z is fine.
pub(crate) fn parse_date(text: &str) -> Result<OffsetDateTime, String> {
    let forms = [
        text.to_owned(),
        text.replace('Z', ":00Z"),
        format!("{text}T00:00:00Z"),
    ];
    forms
        .iter()
        .find_map(|form| parse_rfc3339(form).ok())
        .ok_or_else(|| "write it as 2030-12-31T23:59:59Z or 2030-12-31".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn dates_are_taken_in_az_s_forms() {
        for text in [
            "2030-12-31T00:00:00Z",
            "2030-12-31T00:00Z",
            "2030-12-31",
            "2030-12-31T01:00:00+01:00",
        ] {
            assert_eq!(
                parse_date(text).map(OffsetDateTime::unix_timestamp),
                Ok(1_924_905_600),
                "{text}"
            );
        }
        for text in ["", "tomorrow", "2030-13-01", "31.12.2030"] {
            assert!(parse_date(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_value_on_the_command_line_stays_out_of_debug_output() {
        let cli = Cli::parse_from(["kv-set", "n", "--value", "-hunter2"]);
        assert!(!format!("{cli:?}").contains("hunter2"));
    }
}
