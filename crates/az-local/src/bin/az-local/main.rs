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
