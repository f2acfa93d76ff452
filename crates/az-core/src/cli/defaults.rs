//! Arguments that `az` is configured with: a user of both has them in both.

use super::{failure::Failure, output::Format};
use az_credential::AzConfig;
use clap::{Command, ValueEnum};

/// Tools that destroy what they name, or whose scopes a group would narrow beside another flag: nothing of that comes from a
/// setting that somebody may have forgotten.
const NAMED_ONLY: [&str; 2] = ["az-cleanup", "az-role"];

/// The command line of a tool, with the defaults of `az`'s configuration in it: `[defaults] group`, `location` and `vm`,
/// `[core] output`.
pub(super) fn apply(command: Command, tool: &str, config: &AzConfig) -> Result<Command, Failure> {
    let command = match config.get("core", "output") {
        Some(setting) => {
            let format = Format::from_str(&setting.value, true).map_err(|_| {
                Failure::usage(format!(
                    "'{}' is no output format (from {})",
                    setting.value, setting.origin
                ))
            })?;
            let name = format
                .to_possible_value()
                .map(|value| value.get_name().to_owned())
                .unwrap_or_default();
            with_default(command, "output", name)
        }
        None => command,
    };
    if NAMED_ONLY.contains(&tool) {
        return Ok(command);
    }
    let value = |option| config.get("defaults", option).map(|setting| setting.value);
    let defaults = Defaults {
        group: value("group"),
        location: value("location"),
        vm: value("vm"),
    };
    let Defaults {
        group: None,
        location: None,
        vm: None,
    } = defaults
    else {
        return Ok(defaults.within(command, false));
    };
    Ok(command)
}

struct Defaults {
    group: Option<String>,
    location: Option<String>,
    vm: Option<String>,
}

impl Defaults {
    /// The command and those below it. `of_machines`: they are about a machine.
    fn within(&self, command: Command, of_machines: bool) -> Command {
        let own = command.get_name().to_owned();
        let of_machines = of_machines || own == "vm";
        let mut command = command.mut_subcommands(|below| self.within(below, of_machines));
        let wanted: Vec<(String, String)> = command
            .get_arguments()
            .filter_map(|argument| {
                let default = match argument.get_long()? {
                    "resource-group" => &self.group,
                    "location" => &self.location,
                    // As in `az`, a new machine is named; and so is one that is deleted.
                    "name" if of_machines && own != "create" && own != "delete" => &self.vm,
                    _ => &None,
                };
                Some((argument.get_id().to_string(), default.clone()?))
            })
            .collect();
        for (id, default) in wanted {
            command = with_default(command, &id, default);
        }
        command
    }
}

/// An argument that need not be given. clap keeps its texts for as long as the program runs.
fn with_default(command: Command, id: &str, default: String) -> Command {
    let default: &'static str = default.leak();
    command.mut_arg(id, |argument| {
        argument.required(false).default_value(default)
    })
}
