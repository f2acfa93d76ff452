//! How much the local Azure bears: `scripts/bench.sh`.
//!
//! Prints plain tables. Every server is started here, on a folder of its own, and ends with its measurement.
#![forbid(unsafe_code)]

/// Prints a line. A closed pipe is no error.
macro_rules! say {
    ($($words:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(std::io::stdout(), $($words)*);
    }};
}

mod arguments;
mod base;
mod client;
mod desk;
mod fill;
mod flat;
mod instance;
mod mix;
mod own_certificate;
mod peers;
mod populate;
mod process;
mod rows;
mod table;
mod throughput;

use arguments::{Arguments, Cli, What};
use clap::Parser;
use std::process::ExitCode;
use tokio::signal::unix::{SignalKind, signal};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

fn main() -> ExitCode {
    let what = Cli::parse().what;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let ended = match runtime {
        // What is left of a measurement that is interrupted is dropped, and with it its servers.
        Ok(runtime) => runtime.block_on(async {
            tokio::select! {
                ended = measure(&what) => ended,
                ended = interrupted() => ended,
            }
        }),
        Err(error) => Err(error.into()),
    };
    match ended {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Waits for Ctrl-C, or for being told to end.
async fn interrupted() -> Result<bool> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    Err("interrupted".into())
}

/// Measures what is asked for. Whether all that is judged passed.
async fn measure(what: &What) -> Result<bool> {
    match what {
        What::Local(arguments) => local(arguments).await,
        What::Peers(arguments) => peers::measure(arguments).await,
    }
}

async fn local(arguments: &Arguments) -> Result<bool> {
    let (mut passed, mut rows, mut all) = (0, 0, true);
    if arguments.flat() {
        say!(
            "Every instance has {} of each thing at size 0, so that a page of {} is full at every size.\n",
            base::EACH,
            base::PAGE
        );
        for kind in &arguments.kinds() {
            match flat::measure(arguments, *kind).await {
                Ok(score) => (passed, rows) = (passed + score.0, rows + score.1),
                // What one kind does to a server says nothing about the others.
                Err(error) => {
                    all = false;
                    say!("{}: not measured: {error}\n", kind.words().0);
                }
            }
        }
        say!(
            "{passed} of {rows} rows are within {} times the first size's\n",
            arguments.limit
        );
    }
    if arguments.throughput() {
        throughput::measure(arguments).await?;
    }
    Ok(all && passed == rows)
}
