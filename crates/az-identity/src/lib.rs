//! Creates managed identities and assigns them to virtual machines: step 2 of the tutorial.
#![forbid(unsafe_code)]

mod cli;
mod user_assigned;
mod vm;

use az_core::cli::{Failure, Session};
use cli::{Cli, Command, Vm};
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
        Command::Create(args) => user_assigned::create(&session, &args).await,
        Command::Show(args) => user_assigned::show(&session, &args).await,
        Command::List { resource_group } => {
            session.print(&user_assigned::list(&session, resource_group.as_ref()).await?)
        }
        Command::Delete(args) => user_assigned::delete(&session, &args).await,
        Command::Vm(Vm::Assign(args)) => vm::assign(&session, &args).await,
        Command::Vm(Vm::Remove(args)) => vm::remove(&session, &args).await,
        Command::Vm(Vm::Show(args)) => vm::show(&session, &args).await,
    }
}
