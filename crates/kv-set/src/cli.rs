//! What the user may say.

use crate::encoding::Encoding;
use az_core::{
    cli::{CommandLine, FOR_ANSWERS, GlobalArgs, ListArgs, SecretArgs, Tags, parse_duration},
    concealed::conceal,
};
use azure_core::time::{OffsetDateTime, parse_rfc3339};
use clap::{Args, Parser};
use secrecy::SecretString;
use std::{collections::BTreeMap, convert::Infallible, path::PathBuf, time::Duration};

/// Write a secret to a key vault, or many; change a secret's attributes; restore one.
///
/// The value comes from standard input, unless --value-file, --value-env or --value says otherwise; on a terminal it is
/// asked for without echo. Each run makes a new version. The result is what 'az keyvault secret set' prints, with the value
/// left out unless --show-value.
#[derive(Debug, Parser)]
#[command(name = "kv-set", version, disable_version_flag = true, after_help = AFTER)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) secret: SecretArgs,

    /// What follows the name. One of these words may be meant as the value: they are never shown
    #[arg(hide = true, value_name = "WORD", value_parser = parse_secret)]
    pub(crate) surplus: Vec<SecretString>,

    #[command(flatten)]
    pub(crate) source: Source,

    /// How a file or standard input is read: base64 and hex keep any bytes as text, of utf-16le, utf-16be and ascii the
    /// text is kept. The tag file-encoding says which, as 'az keyvault secret download' reads it
    #[arg(short, long, value_enum, ignore_case = true, help_heading = "Value", conflicts_with_all = ["value_env", "value"])]
    pub(crate) encoding: Option<Encoding>,

    /// Write only where the value, or what else is given here, differs from what is there: no new version otherwise
    #[arg(long, help_heading = "Value")]
    pub(crate) only_changed: bool,

    /// Do not write a secret that is there, whatever its value
    #[arg(long, help_heading = "Value", conflicts_with = "only_changed")]
    pub(crate) skip_existing: bool,

    #[command(flatten)]
    pub(crate) properties: Properties,
    #[command(flatten)]
    pub(crate) instead: Instead,

    /// The version whose attributes change [default: the latest]; alone, show the version of this tool
    #[arg(short = 'V', long, short_alias = 'v', num_args = 0..=1, value_name = "VERSION")]
    pub(crate) version: Option<Option<String>>,

    /// Show the value in the result
    #[arg(long)]
    pub(crate) show_value: bool,

    /// How long to go on asking while a new role assignment is not effective yet, as 10m
    #[arg(long, value_name = "DURATION", value_parser = parse_duration, default_value = "0s")]
    pub(crate) wait_for_access: Duration,

    #[command(flatten)]
    pub(crate) lists: ListArgs,

    #[command(flatten)]
    pub(crate) global: GlobalArgs,
}

const AFTER: &str = "\
Several secrets: 'kv-set -' reads JSON objects from standard input, one a line, with name and value, and as you like \
contentType, tags and attributes (enabled, expires, notBefore), as kv-get prints them; it prints a line for each. \
--skip-existing goes on with a list that was cut, --only-changed writes what differs.

A file of variables: 'kv-set --from .env' writes a secret for each KEY=VALUE, or for each member of a JSON object. A vault \
takes only letters, digits and hyphens in a name: DB_PASSWORD is written as DB-PASSWORD, and 'kv-get --env' names it \
DB_PASSWORD again. Two keys for one name are refused (a vault does not tell a from A), and so is a key that has no value. \
Values may stand in single quotes (literal) or double quotes (with \\n and the like), over several lines; nothing is expanded.";

impl CommandLine for Cli {
    const NAME: &'static str = "kv-set";
    fn global(&self) -> &GlobalArgs {
        &self.global
    }
    fn secret_variable(&self) -> Option<&str> {
        self.source.value_env.as_deref()
    }
    fn longest(&self) -> Duration {
        FOR_ANSWERS + self.wait_for_access
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

/// What else the tool does than writing one value.
#[derive(Args, Debug)]
#[group(multiple = false)]
#[command(next_help_heading = "Instead of writing one value")]
pub(crate) struct Instead {
    /// Change what is given here of the secret's latest version, or of --version, and make no new one; standard input is not
    /// read. As 'az keyvault secret set-attributes'
    #[arg(long, visible_alias = "set-attributes", conflicts_with_all = ["value_file", "value_env", "value", "encoding", "only_changed",
        "skip_existing", "show_value"])]
    pub(crate) attributes_only: bool,

    /// Write a secret for each variable of a file (.env), or for each member of its JSON object; - is standard input
    #[arg(long, value_name = "FILE|-", conflicts_with_all = ["name", "name_flag", "id", "value_file", "value_env", "value", "encoding"])]
    pub(crate) from: Option<PathBuf>,

    /// Restore a secret with all its versions from a backup that 'kv-get --backup' or 'az keyvault secret backup' wrote; - is
    /// standard input
    #[arg(long, value_name = "FILE|-", conflicts_with_all = ["name", "name_flag", "id", "value_file", "value_env", "value", "encoding", "only_changed",
        "skip_existing", "show_value", "content_type", "tags", "expires", "not_before", "disabled", "enabled"])]
    pub(crate) restore: Option<PathBuf>,
}

/// What a secret has beside its value.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Properties")]
pub(crate) struct Properties {
    /// What the value is, as text/plain; 255 characters at most
    #[arg(long, visible_alias = "description", value_name = "TYPE")]
    pub(crate) content_type: Option<String>,

    #[command(flatten)]
    pub(crate) tags: Tags,

    /// When it expires, in UTC, as 2030-12-31T23:59:59Z
    #[arg(long, value_name = "DATE", value_parser = parse_date)]
    pub(crate) expires: Option<OffsetDateTime>,

    /// From when on it may be used, in UTC, as 2030-01-01T00:00:00Z
    #[arg(long, value_name = "DATE", value_parser = parse_date)]
    pub(crate) not_before: Option<OffsetDateTime>,

    /// Disable it: it cannot be read until it is enabled
    #[arg(long, num_args = 0..=1, default_missing_value = "true", value_name = "BOOL", conflicts_with = "enabled")]
    pub(crate) disabled: Option<bool>,

    /// Enable it, as a new version is anyway
    #[arg(long, num_args = 0..=1, default_missing_value = "true", value_name = "BOOL")]
    pub(crate) enabled: Option<bool>,
}

impl Properties {
    /// Whether it is to be enabled, if that is said.
    pub(crate) fn enabled(&self) -> Option<bool> {
        self.enabled.or(self.disabled.map(|disabled| !disabled))
    }

    /// The tags, if they are said.
    pub(crate) fn tags(&self) -> Option<BTreeMap<String, String>> {
        let pairs = self.tags.pairs()?;
        Some(
            pairs
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
        )
    }

    /// Whether nothing is said.
    pub(crate) fn is_empty(&self) -> bool {
        self.content_type.is_none()
            && !self.tags.given()
            && self.expires.is_none()
            && self.not_before.is_none()
            && self.enabled().is_none()
    }
}

fn parse_secret(text: &str) -> Result<SecretString, Infallible> {
    conceal(text);
    Ok(SecretString::from(text))
}

/// Reads a date as `az` does: the full form, without seconds, or the day alone. An offset other than Z is fine.
pub(crate) fn parse_date(text: &str) -> Result<OffsetDateTime, String> {
    // Those of `az keyvault secret set --expires` (azure-cli, command_modules/keyvault/_validators.py), and a date alone.
    let forms = [
        text.to_owned(),
        text.replace('Z', ":00Z"),
        text.replace('Z', ":00:00Z"),
        text.replace('Z', "T00:00:00Z"),
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
            "2030-12-31T00Z",
            "2030-12-31Z",
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
        for line in [
            &["kv-set", "n", "--value", "-hunter2"][..],
            &["kv-set", "n", "hunter2"],
        ] {
            let cli = Cli::parse_from(line);
            assert!(!format!("{cli:?}").contains("hunter2"));
        }
    }

    #[test]
    fn enabled_and_disabled_are_two_words_for_one() {
        for (words, enabled) in [
            (&[][..], None),
            (&["--disabled"], Some(false)),
            (&["--disabled", "false"], Some(true)),
            (&["--enabled"], Some(true)),
            (&["--enabled", "false"], Some(false)),
        ] {
            let line = ["kv-set", "n"].iter().chain(words);
            assert_eq!(
                Cli::parse_from(line).properties.enabled(),
                enabled,
                "{words:?}"
            );
        }
        assert!(Cli::try_parse_from(["kv-set", "n", "--enabled", "--disabled"]).is_err());
    }
}
