//! A local Azure: Entra ID, Resource Manager, Key Vault and IMDS behind a forward proxy, so that
//! unmodified clients run against it offline.
//!
//! It shares no code with the tools on purpose: a test double that used the client's own rules
//! would repeat the client's mistakes.
#![forbid(unsafe_code)]

mod cli;
mod commands;
mod failure;
mod start_options;

use clap::Parser;
use cli::Cli;
use commands::Surroundings;
use std::path::PathBuf;
use std::process::ExitCode;

/// What the tools are released with is wrong for a server, in which a panic ends one request and not all; whoever builds it so
/// is told. `scripts/build-released.sh` builds each as it is meant.
#[cfg(panic = "abort")]
const _: () = {
    #[deprecated = "this az-local ends at its first panic: `cargo build --profile server -p az-local` builds one that does not"]
    const fn built_for_the_tools() {}
    built_for_the_tools();
};

fn main() -> ExitCode {
    #[cfg(target_os = "linux")]
    if let Some(status) = commands::agent::as_asked(std::env::args_os()) {
        return ExitCode::from(status);
    }
    let folder = |name| {
        std::env::var_os(name)
            .filter(|path| !path.is_empty())
            .map(PathBuf::from)
    };
    let around = Surroundings {
        instance: folder("AZ_LOCAL_DIR"),
        runtime: folder("XDG_RUNTIME_DIR"),
        state: folder("XDG_STATE_HOME"),
        home: folder("HOME"),
        proxy: std::env::var("HTTPS_PROXY").ok(),
        java: std::env::var("JAVA_TOOL_OPTIONS").ok(),
    };
    let cli = Cli::try_parse().unwrap_or_else(|error| {
        if error.use_stderr() {
            commands::env::misread(std::env::args_os().skip(1), &around);
        }
        error.exit()
    });
    commands::run(cli, &around).unwrap_or_else(|failure| {
        az_local::stderr::say(&failure);
        ExitCode::from(failure.status())
    })
}
