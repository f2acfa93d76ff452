//! What a line of a list may say of a machine, and of the vault, identity and roles that go with it: `all --as-template`.

use super::{vault::Vault, vm::Machine};
use az_core::{
    arm::ResourceId,
    cli::Tags,
    identity::Word,
    name::{GroupName, Location, MachineName, VaultName},
};
use clap::Args;

/// One line. Its members are these flags, written as `resourceGroup` for `--resource-group`.
#[derive(Args, Clone, Debug)]
pub(crate) struct Line {
    /// The machine's name; none where the line makes no machine
    #[arg(long, visible_alias = "vm-name")]
    pub(crate) name: Option<MachineName>,
    /// The resource group
    #[arg(long)]
    pub(crate) resource_group: Option<GroupName>,
    /// The subscription, by id or name
    #[arg(long)]
    pub(crate) subscription: Option<String>,
    /// Where to create everything
    #[arg(long)]
    pub(crate) location: Option<Location>,
    /// A key vault that is to be there
    #[arg(long, visible_alias = "vault-name")]
    pub(crate) vault: Option<VaultName>,
    /// The machine's identity: the name of a user-assigned one, which is made unless it is there; the id of one; or
    /// `[system]`
    #[arg(long)]
    pub(crate) identity: Option<Word>,
    /// Roles for the identity, by name or GUID
    #[arg(long)]
    pub(crate) role: Vec<String>,
    /// Where the roles hold: `vault`, `group`, `subscription`, or an id
    #[arg(long)]
    pub(crate) scope: Option<Scope>,
    /// Who gets the roles in the identity's place: an object id, as of a group
    #[arg(long)]
    pub(crate) assignee_object_id: Option<uuid::Uuid>,
    /// What that is
    #[arg(long, value_parser = ["Group", "ServicePrincipal", "User"])]
    pub(crate) assignee_principal_type: Option<String>,
    #[command(flatten)]
    pub(crate) machine: Machine,
    #[command(flatten)]
    pub(crate) vault_settings: Vault,
    #[command(flatten)]
    pub(crate) tags: Tags,
}

/// Where roles hold.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Scope {
    Vault,
    Group,
    Subscription,
    At(ResourceId),
}

impl std::str::FromStr for Scope {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "vault" => Ok(Scope::Vault),
            "group" => Ok(Scope::Group),
            "subscription" => Ok(Scope::Subscription),
            id if id.starts_with('/') => id
                .parse()
                .map(Scope::At)
                .map_err(|error: az_core::arm::InvalidResourceId| error.to_string()),
            _ => Err("write vault, group, subscription, or an id".to_owned()),
        }
    }
}
