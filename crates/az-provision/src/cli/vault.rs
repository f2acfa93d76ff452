//! What the user may say about key vaults.

use super::until::Until;
use az_core::{
    cli::Tags,
    name::{GroupName, Location, VaultName},
};
use clap::{Args, Subcommand, ValueEnum};

#[derive(Debug, Subcommand)]
pub(crate) enum Keyvault {
    /// Create a key vault
    Create(KeyvaultCreate),
    /// Show a key vault
    Show {
        /// The vault's name
        #[arg(short, long)]
        name: VaultName,
        /// Its resource group [default: the vault is looked for in the whole subscription]
        #[arg(short = 'g', long)]
        resource_group: Option<GroupName>,
    },
    /// Wait until a key vault is as it is to be
    Wait {
        /// The vault's name
        #[arg(short, long)]
        name: VaultName,
        /// Its resource group
        #[arg(short = 'g', long)]
        resource_group: GroupName,
        #[command(flatten)]
        until: Until,
    },
    /// List key vaults
    List {
        /// Only those of this resource group
        #[arg(short = 'g', long)]
        resource_group: Option<GroupName>,
    },
}

#[derive(Args, Debug)]
pub(crate) struct KeyvaultCreate {
    /// The vault's name: 3 to 24 letters, digits and hyphens, unique in the whole cloud
    #[arg(short, long)]
    pub(crate) name: VaultName,
    /// The resource group to create it in
    #[arg(short = 'g', long)]
    pub(crate) resource_group: GroupName,
    /// Where to create it [default: the resource group's location]
    #[arg(short, long)]
    pub(crate) location: Option<Location>,
    #[command(flatten)]
    pub(crate) vault: Vault,
    #[command(flatten)]
    pub(crate) tags: Tags,
    /// Do not wait for the operation to end
    #[arg(long)]
    pub(crate) no_wait: bool,
}

/// What a vault is like; `keyvault create` and `all` share it.
#[derive(Args, Clone, Debug)]
pub(crate) struct Vault {
    /// Grant access to secrets by Azure roles (true) or by access policies (false)
    #[arg(long, num_args = 0..=1, default_value = "true", default_missing_value = "true", value_name = "BOOL")]
    pub(crate) enable_rbac_authorization: bool,
    /// Never let the vault be purged before its retention ends. It cannot be turned off again
    #[arg(long, num_args = 0..=1, default_missing_value = "true", value_name = "BOOL")]
    pub(crate) enable_purge_protection: Option<bool>,
    /// How many days a deleted vault and its secrets can be recovered
    #[arg(long, default_value = "90", value_name = "DAYS", value_parser = clap::value_parser!(u16).range(7..=90))]
    pub(crate) retention_days: u16,
    /// Whether the vault can be reached from the internet [default: Enabled]
    #[arg(long, value_enum, ignore_case = true)]
    pub(crate) public_network_access: Option<PublicNetworkAccess>,
    /// standard, or premium with hardware-backed keys
    #[arg(long, default_value = "standard", value_parser = ["standard", "premium"], ignore_case = true)]
    pub(crate) sku: String,
    /// Recover a deleted vault that holds the name
    #[arg(long, conflicts_with = "purge_deleted")]
    pub(crate) recover: bool,
    /// Purge a deleted vault that holds the name, with all its secrets, then create a new one
    #[arg(long)]
    pub(crate) purge_deleted: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "PascalCase")]
pub(crate) enum PublicNetworkAccess {
    /// By private endpoints only
    Disabled,
    /// From everywhere
    Enabled,
}

impl PublicNetworkAccess {
    /// As the API spells it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            PublicNetworkAccess::Disabled => "Disabled",
            PublicNetworkAccess::Enabled => "Enabled",
        }
    }
}
