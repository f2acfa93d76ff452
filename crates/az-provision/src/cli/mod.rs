//! What the user may say.

mod fleet;
mod until;
mod vault;
mod vm;

pub(crate) use fleet::{Line, Scope};
pub(crate) use until::Until;
pub(crate) use vault::{Keyvault, KeyvaultCreate, Vault};
pub(crate) use vm::{
    AuthenticationType, DEFAULT_SIZE, Machine, NsgRule, OpenPort, Priority, PublicIpSku,
    RunCommand, RunCommands, SshKeyType, UserUpdate, Users, Vm, VmActs, VmCreate, VmShow, VmWait,
};

use crate::doctor::cli::Doctor;
use az_core::{
    cli::{CommandLine, FOR_ANSWERS, FOR_OPERATIONS, GlobalArgs, ListArgs, Tags},
    name::{GroupName, InvalidName, Location, MachineName, VaultName},
};
use clap::{Args, Parser, Subcommand};
use std::{path::PathBuf, time::Duration};

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
    Create(GroupsCreate),
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
pub(crate) struct GroupsCreate {
    /// The group's name; - reads names from standard input, a line each
    #[arg(short, long, visible_alias = "resource-group", short_alias = 'g', value_parser = parse_name_or_stdin)]
    pub(crate) name: NameOrStdin,
    /// Where its metadata is kept, as eastus
    #[arg(short, long)]
    pub(crate) location: Location,
    #[command(flatten)]
    pub(crate) tags: Tags,
    #[command(flatten)]
    pub(crate) lists: ListArgs,
}

/// One group's name, or those of standard input.
#[derive(Clone, Debug)]
pub(crate) enum NameOrStdin {
    Name(GroupName),
    Stdin,
}

fn parse_name_or_stdin(text: &str) -> Result<NameOrStdin, InvalidName> {
    match text {
        "-" => Ok(NameOrStdin::Stdin),
        name => name.parse().map(NameOrStdin::Name),
    }
}

/// A group that is wanted.
#[derive(Clone, Debug)]
pub(crate) struct GroupCreate {
    pub(crate) name: GroupName,
    pub(crate) location: Location,
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
    #[arg(short = 'g', long, required_unless_present_any = ["as_template", "deploy"])]
    pub(crate) resource_group: Option<GroupName>,
    /// Where to create everything
    #[arg(short, long, required_unless_present_any = ["as_template", "deploy"])]
    pub(crate) location: Option<Location>,
    /// The machine's name
    #[arg(
        long,
        visible_alias = "name",
        short = 'n',
        required_unless_present_any = ["as_template", "deploy"]
    )]
    pub(crate) vm_name: Option<MachineName>,
    /// The vault's name
    #[arg(
        long,
        visible_alias = "keyvault-name",
        required_unless_present_any = ["as_template", "deploy"]
    )]
    pub(crate) vault_name: Option<VaultName>,
    #[command(flatten)]
    pub(crate) machine: Machine,
    #[command(flatten)]
    pub(crate) vault: Vault,
    #[command(flatten)]
    pub(crate) tags: Tags,
    /// Show what is there and what would be made or changed, and write nothing
    #[arg(long)]
    pub(crate) plan: bool,
    /// Print a list of machines, vaults, identities and roles (JSON lines: a file, or standard input) as the template
    /// deployments that make them
    #[arg(help_heading = "A list", long, num_args = 0..=1, default_missing_value = "-", value_name = "FILE|-")]
    pub(crate) as_template: Option<PathBuf>,
    /// Send the deployments, side by side; those that succeeded before are not sent again
    #[arg(help_heading = "A list", long, requires = "as_template")]
    pub(crate) deploy: bool,
    /// How many deployments are under way at once
    #[arg(help_heading = "A list", long, requires = "as_template", default_value = "8", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) jobs: u16,
}

const PLAN: &str = "Example:
  az-provision all --plan -g go-on-azure -l eastus -n go-on-azure-vm --vault-name kv-go --generate-ssh-keys

With --plan the state of each resource is exists, create, change or conflict, as a tree, or as a list with -o json; where
something is in conflict the exit status is that which the command would end in. Passwords and custom data, which Azure
shows to nobody, are not compared. --dry-run prints the requests instead, and ends at the first conflict.

A list has a line for each machine:
  {\"name\": \"vm1\", \"resourceGroup\": \"g1\", \"location\": \"eastus\", \"vault\": \"kv1\", \"identity\": \"id1\", \"role\": \"Reader\"}

Its members are 'name' (the machine), 'resourceGroup', 'subscription', 'location', 'vault', 'identity', 'role' with 'scope'
(vault, group, subscription or an id), 'assigneeObjectId' with 'assigneePrincipalType', and the flags above: 'osDiskSizeGb'
for --os-disk-size-gb. What a line leaves out is as the flags say it. See docs/scale.md.

  az-provision all --as-template fleet.jsonl -g g1 -l eastus --generate-ssh-keys
  az-provision all --as-template fleet.jsonl -g g1 -l eastus --generate-ssh-keys --deploy";
