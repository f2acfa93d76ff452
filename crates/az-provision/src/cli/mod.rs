//! What the user may say.

mod until;
mod vault;
mod vm;

pub(crate) use until::Until;
pub(crate) use vault::{Keyvault, KeyvaultCreate, Vault};
pub(crate) use vm::{
    AuthenticationType, DEFAULT_SIZE, Machine, NsgRule, OpenPort, Priority, PublicIpSku,
    RunCommand, RunCommands, SshKeyType, UserUpdate, Users, Vm, VmActs, VmCreate, VmShow, VmWait,
};

use crate::doctor::cli::Doctor;
use az_core::{
    cli::{CommandLine, FOR_ANSWERS, FOR_OPERATIONS, GlobalArgs, Tags},
    name::{GroupName, Location, MachineName, VaultName},
};
use clap::{Args, Parser, Subcommand};
use std::time::Duration;

/// Create and show resource groups, virtual machines and key vaults.
///
/// The commands, flags and results are those of `az group`, `az vm` and `az keyvault`. Every create can be run
/// again: what is there is kept, what is missing is made.
#[derive(Debug, Parser)]
#[command(name = "az-provision", version, propagate_version = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
    #[command(flatten)]
    pub(crate) global: GlobalArgs,
}

impl CommandLine for Cli {
    const NAME: &'static str = "az-provision";
    fn global(&self) -> &GlobalArgs {
        &self.global
    }
    fn longest(&self) -> Duration {
        match &self.command {
            Command::Group(Group::Show(_) | Group::Exists(_) | Group::List { .. })
            | Command::Vm(Vm::Show(_) | Vm::List { .. } | Vm::ListIpAddresses { .. })
            | Command::Keyvault(Keyvault::Show { .. } | Keyvault::List { .. })
            | Command::Doctor(_) => FOR_ANSWERS,
            _ => FOR_OPERATIONS,
        }
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Resource groups
    #[command(subcommand)]
    Group(Group),
    /// Virtual machines
    #[command(subcommand)]
    Vm(Vm),
    /// Key vaults
    #[command(subcommand)]
    Keyvault(Keyvault),
    /// A resource group, then a virtual machine and a key vault in it side by side
    All(Box<All>),
    /// Tell whether the work would go through, and what to do where it would not
    ///
    /// Looks at the sign-in, the network, the clock, the subscription, the permissions for each step, the providers and the
    /// names. Nothing is written, and no check waits for more than a few seconds.
    Doctor(Doctor),
}

#[derive(Debug, Subcommand)]
pub(crate) enum Group {
    /// Create a resource group
    Create(GroupCreate),
    /// Show a resource group
    Show(GroupName1),
    /// Say whether a resource group exists: true or false
    Exists(GroupName1),
    /// Wait until a resource group is as it is to be
    Wait {
        #[command(flatten)]
        group: GroupName1,
        #[command(flatten)]
        until: Until,
    },
    /// List the resource groups of the subscription
    List {
        /// Only groups with this tag, as key or key=value
        #[arg(long, value_name = "KEY[=VALUE]")]
        tag: Option<String>,
    },
}

#[derive(Args, Debug)]
pub(crate) struct GroupCreate {
    /// The group's name
    #[arg(short, long, visible_alias = "resource-group", short_alias = 'g')]
    pub(crate) name: GroupName,
    /// Where its metadata is kept, as eastus
    #[arg(short, long)]
    pub(crate) location: Location,
    #[command(flatten)]
    pub(crate) tags: Tags,
}

#[derive(Args, Debug)]
pub(crate) struct GroupName1 {
    /// The group's name
    #[arg(short, long, visible_alias = "resource-group", short_alias = 'g')]
    pub(crate) name: GroupName,
}

#[derive(Args, Debug)]
#[command(after_help = PLAN)]
pub(crate) struct All {
    /// The resource group's name
    #[arg(short = 'g', long)]
    pub(crate) resource_group: GroupName,
    /// Where to create everything
    #[arg(short, long)]
    pub(crate) location: Location,
    /// The machine's name
    #[arg(long, visible_alias = "name", short = 'n')]
    pub(crate) vm_name: MachineName,
    /// The vault's name
    #[arg(long, visible_alias = "keyvault-name")]
    pub(crate) vault_name: VaultName,
    #[command(flatten)]
    pub(crate) machine: Machine,
    #[command(flatten)]
    pub(crate) vault: Vault,
    #[command(flatten)]
    pub(crate) tags: Tags,
    /// Show what is there and what would be made or changed, and write nothing
    #[arg(long)]
    pub(crate) plan: bool,
}

const PLAN: &str = "Example:
  az-provision all --plan -g go-on-azure -l eastus -n go-on-azure-vm --vault-name kv-go --generate-ssh-keys

With --plan the state of each resource is exists, create, change or conflict, as a tree, or as a list with -o json; where
something is in conflict the exit status is that which the command would end in. Passwords and custom data, which Azure
shows to nobody, are not compared. --dry-run prints the requests instead, and ends at the first conflict.";
