//! What the user may say.

use az_core::{
    cli::{
        CommandLine, FOR_ANSWERS, FOR_OPERATIONS, GlobalArgs, ListArgs, SecretArgs, parse_duration,
    },
    name::{GroupName, Location, VaultName},
};
use clap::{Args, Parser, Subcommand};
use std::time::Duration;

/// Delete resource groups; delete, recover and purge key vaults and secrets.
///
/// The commands, flags and results are those of `az group delete`, `az keyvault` and `az keyvault secret`.
#[derive(Debug, Parser)]
#[command(name = "az-cleanup", version, propagate_version = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
    #[command(flatten)]
    pub(crate) global: GlobalArgs,
}

impl CommandLine for Cli {
    const NAME: &'static str = "az-cleanup";
    fn global(&self) -> &GlobalArgs {
        &self.global
    }
    fn longest(&self) -> Duration {
        match self.command {
            Command::Keyvault(Keyvault::ListDeleted) => FOR_ANSWERS,
            _ => FOR_OPERATIONS,
        }
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Resource groups
    #[command(subcommand)]
    Group(Group),
    /// Key vaults
    #[command(subcommand)]
    Keyvault(Keyvault),
    /// Secrets of a key vault
    #[command(subcommand)]
    Secret(Secret),
    /// Delete a resource group, wait, and purge every vault that was in it
    ///
    /// When an earlier run was interrupted, the next one goes on: the vaults of a group that is gone already are
    /// found among the deleted ones.
    All {
        /// The resource group
        #[arg(short = 'g', long, visible_alias = "name", short_alias = 'n')]
        resource_group: GroupName,
        #[command(flatten)]
        force: Force,
    },
}

#[derive(Args, Debug)]
pub(crate) struct Force {
    /// Types that are deleted by force: without shutting the machine down, sooner
    #[arg(short = 'f', long, num_args = 1.., value_name = "TYPE", value_parser = ["Microsoft.Compute/virtualMachines", "Microsoft.Compute/virtualMachineScaleSets"], ignore_case = true)]
    pub(crate) force_deletion_types: Vec<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Group {
    /// Delete a resource group with everything in it
    Delete {
        /// The group's name
        #[arg(short, long, visible_alias = "resource-group", short_alias = 'g')]
        name: GroupName,
        #[command(flatten)]
        force: Force,
        /// Do not wait for the deletion to end
        #[arg(long)]
        no_wait: bool,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Keyvault {
    /// Delete a vault; it can be recovered until its retention ends
    Delete {
        /// The vault's name
        #[arg(short, long)]
        name: VaultName,
        /// Its resource group [default: the vault is looked for in the whole subscription]
        #[arg(short = 'g', long)]
        resource_group: Option<GroupName>,
        /// Do not wait for the deletion to end
        #[arg(long)]
        no_wait: bool,
    },
    /// Remove a deleted vault with all its secrets for good
    Purge(Deleted),
    /// Bring a deleted vault back with its secrets
    ///
    /// The role assignments on it are gone for good and have to be made again.
    Recover(Deleted),
    /// List deleted vaults
    ListDeleted,
    /// Secrets, as 'az keyvault secret' names them
    #[command(subcommand, hide = true)]
    Secret(Secret),
}

#[derive(Debug, Subcommand)]
pub(crate) enum Secret {
    /// Delete a secret with all its versions; it can be recovered until its retention ends
    ///
    /// Waits until it is among the deleted secrets. One that is not there any more is no error.
    Delete(OneSecret),
    /// Remove a deleted secret for good
    ///
    /// The name is free some seconds later. One that is not there any more is no error.
    Purge(OneSecret),
    /// Bring a deleted secret back with all its versions
    ///
    /// Waits until it can be read. One that is there is no error.
    Recover(OneSecret),
}

#[derive(Args, Debug)]
pub(crate) struct OneSecret {
    #[command(flatten)]
    pub(crate) secret: SecretArgs,
    /// Do not wait for the operation to end
    #[arg(long)]
    pub(crate) no_wait: bool,
    /// How long to go on asking while a new role assignment is not effective yet, as 10m
    #[arg(long, value_name = "DURATION", value_parser = parse_duration, default_value = "0s")]
    pub(crate) wait_for_access: Duration,
    #[command(flatten)]
    pub(crate) lists: ListArgs,
}

#[derive(Args, Debug)]
pub(crate) struct Deleted {
    /// The vault's name
    #[arg(short, long)]
    pub(crate) name: VaultName,
    /// Where it was [default: it is looked for among all the subscription's deleted vaults]
    #[arg(short, long)]
    pub(crate) location: Option<Location>,
    /// The resource group it was in; only recovery uses it, and finds it out by itself
    #[arg(short = 'g', long)]
    pub(crate) resource_group: Option<GroupName>,
    /// Do not wait for the operation to end
    #[arg(long)]
    pub(crate) no_wait: bool,
}
