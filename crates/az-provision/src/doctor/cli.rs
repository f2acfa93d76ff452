//! What the user may say.

use az_core::name::{GroupName, Location, MachineName, VaultName};
use clap::Args;

const EXAMPLE: &str = "Example:
  az-provision doctor -g go-on-azure -l eastus --vm-name go-on-azure-vm --vault-name kv-go
  az-provision doctor -o json --query \"[?state=='failed'].{name: name, advice: advice}\"

The exit status is that of the first check that failed, 0 if none did; warnings do not count.";

#[derive(Args, Debug)]
#[command(after_help = EXAMPLE)]
pub(crate) struct Doctor {
    /// The resource group that is worked in [default: only the subscription is looked at]
    #[arg(short = 'g', long)]
    pub(crate) resource_group: Option<GroupName>,
    /// Where everything is to be created
    #[arg(short, long)]
    pub(crate) location: Option<Location>,
    /// The machine's name
    #[arg(long, visible_alias = "name", short = 'n')]
    pub(crate) vm_name: Option<MachineName>,
    /// The vault's name
    #[arg(long, visible_alias = "keyvault-name")]
    pub(crate) vault_name: Option<VaultName>,
}
