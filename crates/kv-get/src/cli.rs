//! What the user may say.

use az_core::cli::{CommandLine, GlobalArgs, SecretArgs, parse_duration};
use clap::Parser;
use std::time::Duration;

/// Read a secret of a key vault, or list its secrets.
///
/// The result is what 'az keyvault secret show' and 'az keyvault secret list' print.
#[derive(Debug, Parser)]
#[command(name = "kv-get", version, disable_version_flag = true, after_help = AFTER)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) secret: SecretArgs,

    /// The secret's version [default: the latest]; alone, show the version of this tool
    #[arg(short = 'V', long, num_args = 0..=1, value_name = "VERSION")]
    pub(crate) version: Option<Option<String>>,

    /// List the vault's secrets, without values
    #[arg(long, conflicts_with_all = ["name", "name_flag", "id", "version"])]
    pub(crate) list: bool,

    /// List the secrets of certificates too
    #[arg(long, requires = "list")]
    pub(crate) include_managed: bool,

    /// How long to go on asking while a new role assignment is not effective yet, as 10m
    #[arg(long, value_name = "DURATION", value_parser = parse_duration, default_value = "0s")]
    pub(crate) wait_for_access: Duration,

    #[command(flatten)]
    pub(crate) global: GlobalArgs,
}

const AFTER: &str = "\
The value alone: kv-get NAME --vault-name VAULT --query value -o tsv
Several: 'kv-get -' reads names from standard input and prints a line for each.

Exit status: 0 done, 1 failed, 2 usage or invalid input, 3 not found, 4 not signed in, 5 access denied, 6 conflict with \
what exists, 7 gave up waiting, 130 interrupted.";

impl CommandLine for Cli {
    const NAME: &'static str = "kv-get";
    fn global(&self) -> &GlobalArgs {
        &self.global
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
}
