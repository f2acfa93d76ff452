//! A tool with a fault, for the test of how such a one ends: it panics with what the environment holds in `AZURE_CLIENT_SECRET`.

use az_core::cli::{CommandLine, FOR_ANSWERS, Failure, GlobalArgs, Session, main as tool};
use std::{process::ExitCode, time::Duration};

#[derive(clap::Parser, Debug)]
struct Cli {
    #[command(flatten)]
    global: GlobalArgs,
    /// In a thread of its own, which nobody waits for
    #[arg(long)]
    aside: bool,
}

impl CommandLine for Cli {
    const NAME: &'static str = "fault";

    fn global(&self) -> &GlobalArgs {
        &self.global
    }

    fn longest(&self) -> Duration {
        FOR_ANSWERS
    }
}

fn fault() {
    panic!("it held {:?}", std::env::var("AZURE_CLIENT_SECRET"));
}

async fn run(cli: Cli, _: Session) -> Result<(), Failure> {
    if !cli.aside {
        fault();
    }
    std::thread::spawn(fault);
    std::future::pending().await
}

fn main() -> ExitCode {
    tool(run)
}
