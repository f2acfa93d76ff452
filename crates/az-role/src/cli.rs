//! What the user may say.

use az_core::{
    arm::ResourceId,
    cli::{CommandLine, FOR_ANSWERS, FOR_OPERATIONS, GlobalArgs, ListArgs, parse_duration},
    name::GroupName,
};
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::time::Duration;

/// Assign Azure roles.
///
/// The commands, flags and results are those of `az role`. Assigning a role twice is no error.
#[derive(Debug, Parser)]
#[command(name = "az-role", version, propagate_version = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
    #[command(flatten)]
    pub(crate) global: GlobalArgs,
}

impl CommandLine for Cli {
    const NAME: &'static str = "az-role";
    fn global(&self) -> &GlobalArgs {
        &self.global
    }
    fn longest(&self) -> Duration {
        match self.command {
            Command::Assignment(Assignment::List(_)) | Command::Definition(_) => FOR_ANSWERS,
            Command::Assignment(_) => FOR_OPERATIONS,
        }
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Role assignments
    #[command(subcommand)]
    Assignment(Assignment),
    /// Role definitions
    #[command(subcommand)]
    Definition(Definition),
}

#[derive(Debug, Subcommand)]
pub(crate) enum Assignment {
    /// Assign a role
    Create(Create),
    /// List role assignments
    List(List),
    /// Remove role assignments
    Delete(Delete),
}

/// Whom a role is for.
#[derive(Args, Debug)]
pub(crate) struct Assignee {
    /// An object id, an application (client) id, a user-assigned identity's resource id, or a service principal's
    /// name; - reads from standard input: ids, a line each, or what az-identity prints
    #[arg(
        long,
        value_name = "ID|-",
        allow_hyphen_values = true,
        conflicts_with = "assignee_object_id"
    )]
    pub(crate) assignee: Option<String>,
    /// An object id, taken as it is: Microsoft Graph is not asked
    #[arg(long, value_name = "ID", value_parser = parse_guid)]
    pub(crate) assignee_object_id: Option<String>,
}

fn parse_guid(text: &str) -> Result<String, String> {
    uuid::Uuid::try_parse(text)
        .map(|id| id.to_string())
        .map_err(|_| "an object id is a GUID".to_owned())
}

#[derive(Args, Debug)]
#[command(group = clap::ArgGroup::new("whom").args(["assignee", "assignee_object_id"]).required(true))]
pub(crate) struct Create {
    #[command(flatten)]
    pub(crate) assignee: Assignee,
    /// What the object id stands for; without it Microsoft Graph is asked
    #[arg(long, value_enum, ignore_case = true)]
    pub(crate) assignee_principal_type: Option<PrincipalType>,
    /// The role: its name, its GUID or its full id
    #[arg(long)]
    pub(crate) role: String,
    /// What the role is on: a subscription, a resource group, a resource, a management group
    #[arg(long)]
    pub(crate) scope: ResourceId,
    /// A note on the assignment
    #[arg(long)]
    pub(crate) description: Option<String>,
    /// A condition under which the role holds
    #[arg(long)]
    pub(crate) condition: Option<String>,
    /// Version of the condition's language
    #[arg(long, requires = "condition")]
    pub(crate) condition_version: Option<String>,
    /// How long to wait for an identity that was created just now to be known to Azure
    #[arg(long, value_name = "DURATION", value_parser = parse_duration, default_value = "2m")]
    pub(crate) wait_for_principal: Duration,
    #[command(flatten)]
    pub(crate) lists: ListArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "PascalCase")]
pub(crate) enum PrincipalType {
    /// A group of another tenant
    ForeignGroup,
    /// A group
    Group,
    /// A service principal or a managed identity
    ServicePrincipal,
    /// A user
    User,
}

impl PrincipalType {
    /// As the API spells it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            PrincipalType::ForeignGroup => "ForeignGroup",
            PrincipalType::Group => "Group",
            PrincipalType::ServicePrincipal => "ServicePrincipal",
            PrincipalType::User => "User",
        }
    }
}

#[derive(Args, Debug)]
pub(crate) struct List {
    #[command(flatten)]
    pub(crate) assignee: Assignee,
    /// Only assignments of this role: its name, its GUID or its full id
    #[arg(long)]
    pub(crate) role: Option<String>,
    /// Only assignments at this scope [default: the subscription]
    #[arg(long, conflicts_with = "resource_group")]
    pub(crate) scope: Option<ResourceId>,
    /// Only assignments at this resource group
    #[arg(short = 'g', long)]
    pub(crate) resource_group: Option<GroupName>,
    /// Assignments at scopes above, too
    #[arg(long)]
    pub(crate) include_inherited: bool,
    /// Every assignment in the subscription
    #[arg(long, conflicts_with_all = ["scope", "resource_group"])]
    pub(crate) all: bool,
    /// Look up the principals' names in the directory
    #[arg(long, num_args = 0..=1, default_value = "true", default_missing_value = "true", value_name = "BOOL", action = clap::ArgAction::Set)]
    pub(crate) fill_principal_name: bool,
    /// Look up the roles' names
    #[arg(long, num_args = 0..=1, default_value = "true", default_missing_value = "true", value_name = "BOOL", action = clap::ArgAction::Set)]
    pub(crate) fill_role_definition_name: bool,
}

#[derive(Args, Debug)]
pub(crate) struct Delete {
    /// The assignments' ids; nothing else is looked at then
    #[arg(long, num_args = 1.., value_name = "ID", conflicts_with_all = ["assignee", "assignee_object_id", "role", "scope", "resource_group"])]
    pub(crate) ids: Vec<ResourceId>,
    #[command(flatten)]
    pub(crate) assignee: Assignee,
    /// Only assignments of this role: its name, its GUID or its full id
    #[arg(long)]
    pub(crate) role: Option<String>,
    /// Only assignments at this scope [default: the subscription]
    #[arg(long, conflicts_with = "resource_group")]
    pub(crate) scope: Option<ResourceId>,
    /// Only assignments at this resource group
    #[arg(short = 'g', long)]
    pub(crate) resource_group: Option<GroupName>,
    /// Assignments at scopes above, too
    #[arg(long)]
    pub(crate) include_inherited: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Definition {
    /// List role definitions
    List {
        /// Only the role with this name or GUID
        #[arg(short, long)]
        name: Option<String>,
        /// Where the roles can be assigned [default: the subscription]
        #[arg(long, conflicts_with = "resource_group")]
        scope: Option<ResourceId>,
        /// Roles that can be assigned at this resource group
        #[arg(short = 'g', long)]
        resource_group: Option<GroupName>,
        /// No built-in roles
        #[arg(long)]
        custom_role_only: bool,
    },
    /// Show a role definition
    Show {
        /// The role's name or GUID
        #[arg(short, long, required_unless_present = "id")]
        name: Option<String>,
        /// The definition's full id
        #[arg(long, conflicts_with = "name")]
        id: Option<ResourceId>,
        /// Where the role can be assigned [default: the subscription]
        #[arg(long)]
        scope: Option<ResourceId>,
    },
}
