//! Creates and shows resource groups, virtual machines and key vaults: step 1 of the tutorial.
#![forbid(unsafe_code)]

mod all;
mod cli;
mod doctor;
mod fleet;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod group;
mod keyvault;
mod plan;
mod vm;
mod wait;

use az_core::cli::{Failure, Session};
use cli::{Cli, Command, Group, Keyvault, RunCommands, Users, Vm};
use std::process::ExitCode;
use vm::power::Action;

/// The whole program: its command line, what it does, its exit status.
pub fn main() -> ExitCode {
    az_core::cli::main(run)
}

/// The command line, of which the manual's pages are made.
pub fn command() -> clap::Command {
    <Cli as clap::CommandFactory>::command()
}

/// The columns of tables, where `az` chooses them.
mod columns {
    pub(super) const GROUPS: &str =
        "[].{Name:name, Location:location, Status:properties.provisioningState}";
    pub(super) const MACHINE: &str = "{Name:name, ResourceGroup:resourceGroup, PowerState:powerState, \
        PublicIps:publicIps, Fqdns:fqdns, Location:location, Zones:zones && join(',', zones)}";
    pub(super) const MACHINES: &str = "[].{Name:name, ResourceGroup:resourceGroup, PowerState:powerState, \
        PublicIps:publicIps, Fqdns:fqdns, Location:location, Zones:zones && join(',', zones)}";
    pub(super) const ADDRESSES: &str = "[].virtualMachine.{VirtualMachine:name, \
        PublicIPAddresses:network.publicIpAddresses[].ipAddress && join(',', network.publicIpAddresses[].ipAddress), \
        PrivateIPAddresses:join(',', network.privateIpAddresses)}";
    pub(super) const CREATED: &str = "{ResourceGroup:resourceGroup, PowerState:powerState, \
        PublicIpAddress:publicIpAddress, Fqdns:fqdns, PrivateIpAddress:privateIpAddress, MacAddress:macAddress, \
        Location:location, Zones:zones}";
    pub(super) const CREATED_MANY: &str = "[].{ResourceGroup:resourceGroup, PowerState:powerState, \
        PublicIpAddress:publicIpAddress, Fqdns:fqdns, PrivateIpAddress:privateIpAddress, MacAddress:macAddress, \
        Location:location, Zones:zones}";
}

async fn run(cli: Cli, session: Session) -> Result<(), Failure> {
    let columns = match &cli.command {
        Command::Group(Group::List { .. }) => Some(columns::GROUPS),
        Command::Vm(Vm::Create(args)) if args.count.is_some() => Some(columns::CREATED_MANY),
        Command::Vm(Vm::Create(_)) => Some(columns::CREATED),
        Command::Vm(Vm::Show(args)) if args.machines.ids.len() > 1 => Some(columns::MACHINES),
        Command::Vm(Vm::Show(_)) => Some(columns::MACHINE),
        Command::Vm(Vm::List { .. }) => Some(columns::MACHINES),
        Command::Vm(Vm::ListIpAddresses { .. }) => Some(columns::ADDRESSES),
        _ => None,
    };
    let mut failure = None;
    let result = match cli.command {
        // This prints for itself, a line for each of several groups.
        Command::Group(Group::Create(args)) => return group::create(&session, &args).await,
        Command::Group(Group::Show(args)) => group::show(&session, &args.name).await?,
        Command::Group(Group::Exists(args)) => group::exists(&session, &args.name).await?,
        Command::Group(Group::Wait { group, until }) => {
            group::wait(&session, &group.name, &until).await?
        }
        Command::Group(Group::List { tag }) => group::list(&session, tag.as_deref()).await?,
        Command::Vm(vm) => match vm {
            Vm::Create(args) => {
                let made = vm::create::run(&session, *args).await?;
                failure = made.failure;
                made.made
            }
            Vm::Show(args) => vm::show(&session, &args).await?,
            Vm::List {
                resource_group,
                show_details,
            } => vm::list(&session, resource_group.as_ref(), show_details).await?,
            Vm::ListIpAddresses {
                name,
                resource_group,
            } => vm::addresses(&session, name.as_ref(), resource_group.as_ref()).await?,
            Vm::OpenPort(args) => vm::open_port::run(&session, &args).await?,
            Vm::User(Users::Update(args)) => vm::user::update(&session, &args).await?,
            // These print for themselves, a line for each of several machines.
            Vm::Wait(args) => return vm::wait(&session, &args).await,
            Vm::Start(acts) => return vm::power::run(&session, &acts, Action::Start).await,
            Vm::Stop {
                acts,
                skip_shutdown,
            } => {
                return vm::power::run(&session, &acts, Action::PowerOff { skip_shutdown }).await;
            }
            Vm::Deallocate(acts) => {
                return vm::power::run(&session, &acts, Action::Deallocate).await;
            }
            Vm::Restart(acts) => return vm::power::run(&session, &acts, Action::Restart).await,
            Vm::Delete {
                acts,
                force_deletion,
            } => return vm::delete(&session, &acts, force_deletion).await,
            Vm::RunCommand(RunCommands::Invoke(args)) => {
                vm::run_command::invoke(&session, &args).await?
            }
            Vm::ListSizes { location } => vm::sizes(&session, &location).await?,
        },
        Command::Keyvault(Keyvault::Create(args)) => keyvault::create::run(&session, &args).await?,
        Command::Keyvault(Keyvault::Show {
            name,
            resource_group,
        }) => keyvault::vault::show(&session, &name, resource_group.as_ref()).await?,
        Command::Keyvault(Keyvault::Wait {
            name,
            resource_group,
            until,
        }) => keyvault::vault::wait(&session, &name, &resource_group, &until).await?,
        Command::Keyvault(Keyvault::List { resource_group }) => {
            keyvault::vault::list(&session, resource_group.as_ref()).await?
        }
        Command::All(args) => {
            return match args.as_template.clone() {
                Some(list) => fleet::run(&session, *args, &list).await,
                None => all::run(&session, *args).await,
            };
        }
        Command::Doctor(args) => return doctor::run(&session, &args).await,
    };
    match columns {
        Some(columns) => session.print_table(&result, columns)?,
        None => session.print(&result)?,
    }
    failure.map_or(Ok(()), Err)
}
