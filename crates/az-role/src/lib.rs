//! Assigns roles: step 3 of the tutorial.
#![forbid(unsafe_code)]

mod assignment;
mod cli;
mod definition;
mod graph;
mod principal;
mod scope;

use az_core::cli::{Failure, Session};
use cli::{Assignment, Cli, Command, Definition};
use std::process::ExitCode;

/// The whole program: its command line, what it does, its exit status.
pub fn main() -> ExitCode {
    az_core::cli::main(run)
}

/// The command line, of which the manual's pages are made.
pub fn command() -> clap::Command {
    <Cli as clap::CommandFactory>::command()
}

async fn run(cli: Cli, session: Session) -> Result<(), Failure> {
    match cli.command {
        Command::Assignment(Assignment::Create(args)) => assignment::create(&session, &args).await,
        Command::Assignment(Assignment::List(args)) => session.print_table(
            &assignment::list(&session, &args).await?,
            "[].{Principal:principalName, Role:roleDefinitionName, Scope:scope}",
        ),
        Command::Assignment(Assignment::Delete(args)) => {
            session.print(&assignment::delete(&session, &args).await?)
        }
        Command::Definition(Definition::List {
            name,
            scope,
            resource_group,
            custom_role_only,
        }) => {
            let scope = scope::scope(&session, scope, resource_group.as_ref()).await?;
            session.print_table(
                &definition::list(&session, &scope, name.as_deref(), custom_role_only).await?,
                "[].{Name:roleName, Type:type, Description:description}",
            )
        }
        Command::Definition(Definition::Show { name, id, scope }) => {
            session.print(&definition::show(&session, name.as_deref(), id.as_ref(), scope).await?)
        }
    }
}
