//! What the user may say.

use az_core::cli::{CommandLine, FOR_ANSWERS, GlobalArgs, ListArgs, SecretArgs, parse_duration};
use clap::{ArgGroup, Args, Parser};
use std::{path::PathBuf, time::Duration};

/// Read a secret of a key vault, list secrets, their versions or the deleted ones, write a backup or a .env file.
///
/// The result is what the commands of 'az keyvault secret' print.
#[derive(Debug, Parser)]
#[command(name = "kv-get", version, disable_version_flag = true, after_help = AFTER)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) secret: SecretArgs,

    /// More names, for --env
    #[arg(hide = true, value_name = "NAME")]
    pub(crate) more: Vec<String>,

    /// The secret's version [default: the latest]; alone, show the version of this tool
    #[arg(short = 'V', long, short_alias = 'v', num_args = 0..=1, value_name = "VERSION")]
    pub(crate) version: Option<Option<String>>,

    #[command(flatten)]
    pub(crate) instead: Instead,

    /// How long to go on asking while a new role assignment is not effective yet, as 10m
    #[arg(long, value_name = "DURATION", value_parser = parse_duration, default_value = "0s")]
    pub(crate) wait_for_access: Duration,

    /// Where 'az keyvault secret download' and 'backup' write
    #[arg(short, long, hide = true, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) lists: ListArgs,

    #[command(flatten)]
    pub(crate) global: GlobalArgs,
}

/// What else the tool does than reading one secret.
#[derive(Args, Debug)]
#[command(next_help_heading = "Instead of reading one secret")]
#[command(group(ArgGroup::new("mode").args(["list", "list_versions", "deleted", "env", "backup"])))]
#[command(group(ArgGroup::new("lists").args(["list", "list_versions", "deleted"]).conflicts_with("env")))]
#[command(group(ArgGroup::new("living").args(["list", "env"])))]
pub(crate) struct Instead {
    /// List the vault's secrets, without values
    #[arg(long, conflicts_with_all = ["name", "name_flag", "id", "version"])]
    pub(crate) list: bool,

    /// List the secret's versions, without values
    #[arg(long, conflicts_with = "version")]
    pub(crate) list_versions: bool,

    /// Show the deleted secret of the name; without a name, list the vault's deleted secrets
    #[arg(long, conflicts_with = "version")]
    pub(crate) deleted: bool,

    /// Print a line KEY='value' for each of the secrets that are named, or for each that is enabled, as a shell reads it
    #[arg(long, conflicts_with_all = ["version", "query", "output", "id", "name_flag"])]
    pub(crate) env: bool,

    /// Write a backup of the secret with all its versions to a file that only you can read, as 'az keyvault secret backup'
    /// does; - is standard output. Only Key Vault can read it: 'kv-set --restore FILE'
    #[arg(long, value_name = "FILE|-", conflicts_with_all = ["version", "query", "output"])]
    pub(crate) backup: Option<PathBuf>,

    /// Replace the file of --backup where there is one
    #[arg(long, requires = "backup")]
    pub(crate) overwrite: bool,

    /// List, or print, the secrets of certificates too
    #[arg(long, requires = "living")]
    pub(crate) include_managed: bool,

    /// List no more than this many
    #[arg(long, value_name = "N", requires = "lists", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) maxresults: Option<u32>,
}

const AFTER: &str = "\
The value alone: kv-get NAME --vault-name VAULT --query value -o tsv
Several: 'kv-get -' reads names from standard input and prints a line for each.

As variables: 'kv-get --env' prints .env lines with single quotes, which 'set -a; . FILE; set +a' reads in any POSIX shell. \
A variable has '_' for each '-' of the secret's name: db-password is db_password. A name that begins with a digit, a value \
with a NUL character and one variable for two secrets are refused, and then nothing is printed.";

impl CommandLine for Cli {
    const NAME: &'static str = "kv-get";
    fn global(&self) -> &GlobalArgs {
        &self.global
    }
    fn longest(&self) -> Duration {
        FOR_ANSWERS + self.wait_for_access
    }
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
    fn one_thing_is_done_at_a_time() {
        let parse = |line: &str| Cli::try_parse_from(line.split(' '));
        for good in [
            "kv-get --env",
            "kv-get --env a b c",
            "kv-get --env --include-managed",
            "kv-get a --list-versions --maxresults 2",
            "kv-get --deleted --maxresults 2",
            "kv-get a -v 1",
        ] {
            assert!(parse(good).is_ok(), "{good}");
        }
        for bad in [
            "kv-get --list --deleted",
            "kv-get a --env --backup f",
            "kv-get a --list",
            "kv-get a --maxresults 2",
            "kv-get --env --maxresults 2",
            "kv-get --list --maxresults 0",
            "kv-get a --overwrite",
            "kv-get --deleted --include-managed",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
