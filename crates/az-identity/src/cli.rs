//! What the user may say.

use az_core::{
    cli::{CommandLine, FOR_ANSWERS, FOR_OPERATIONS, GlobalArgs, ListArgs, MachineArgs, Tags},
    name::{GroupName, Location},
};
use clap::{Args, Parser, Subcommand};
use std::time::Duration;

/// Create managed identities and assign them to virtual machines.
///
/// The commands, flags and results are those of `az identity` and `az vm identity`. Whatever is there already is
/// no error.
#[derive(Debug, Parser)]
#[command(name = "az-identity", version, propagate_version = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
    #[command(flatten)]
    pub(crate) global: GlobalArgs,
}

impl CommandLine for Cli {
    const NAME: &'static str = "az-identity";
    fn global(&self) -> &GlobalArgs {
        &self.global
    }
    fn longest(&self) -> Duration {
        match self.command {
            Command::Show(_) | Command::List { .. } | Command::Vm(Vm::Show(_)) => FOR_ANSWERS,
            _ => FOR_OPERATIONS,
        }
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Create a user-assigned identity
    Create(Create),
    /// Show a user-assigned identity
    Show(Named),
    /// List user-assigned identities
    List {
        /// Only those of this resource group
        #[arg(short = 'g', long)]
        resource_group: Option<GroupName>,
    },
    /// Delete a user-assigned identity
    Delete(Named),
    /// The identities of a virtual machine
    #[command(subcommand)]
    Vm(Vm),
}

#[derive(Args, Debug)]
pub(crate) struct Create {
    /// The identity's name; - reads names from standard input, a line each
    #[arg(short, long)]
    pub(crate) name: String,
    /// The resource group to create it in
    #[arg(short = 'g', long)]
    pub(crate) resource_group: GroupName,
    /// Where to create it [default: the resource group's location]
    #[arg(short, long)]
    pub(crate) location: Option<Location>,
    #[command(flatten)]
    pub(crate) tags: Tags,
    #[command(flatten)]
    pub(crate) lists: ListArgs,
}

#[derive(Args, Debug)]
pub(crate) struct Named {
    /// The identity's name; - reads names from standard input, a line each
    #[arg(short, long)]
    pub(crate) name: String,
    /// Its resource group
    #[arg(short = 'g', long)]
    pub(crate) resource_group: GroupName,
    #[command(flatten)]
    pub(crate) lists: ListArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Vm {
    /// Give virtual machines identities
    Assign(Change),
    /// Take identities from virtual machines
    Remove(Change),
    /// Show the identities of virtual machines
    Show(Shown),
}

#[derive(Args, Debug)]
pub(crate) struct Change {
    #[command(flatten)]
    pub(crate) machine: MachineArgs,
    /// User-assigned identities, by name (in the machine's group) or id; `[system]` is the system-assigned one;
    /// - reads them from standard input
    #[arg(long, num_args = 0.., default_value = "[system]", value_name = "NAME|ID")]
    pub(crate) identities: Vec<String>,
    #[command(flatten)]
    pub(crate) lists: ListArgs,
}

#[derive(Args, Debug)]
pub(crate) struct Shown {
    #[command(flatten)]
    pub(crate) machine: MachineArgs,
    #[command(flatten)]
    pub(crate) lists: ListArgs,
}
