//! The commands, a file each, or a function for what only asks the running instance.

mod credential;
pub(crate) mod env;
mod find;
mod run;
mod ssh;
mod start;
mod vm;

use crate::cli::{Cli, ClockCommand, Command, Format, StartOptions};
use crate::failure::Failure;
use crate::instance::{Knob, Options};
use crate::{control, server};
use serde_json::Value;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// What `main` read from the process's environment.
pub(crate) struct Surroundings {
    /// `AZ_LOCAL_DIR`
    pub(crate) instance: Option<PathBuf>,
    /// `XDG_RUNTIME_DIR`
    pub(crate) runtime: Option<PathBuf>,
    /// `XDG_STATE_HOME`
    pub(crate) state: Option<PathBuf>,
    /// `HOME`
    pub(crate) home: Option<PathBuf>,
    /// `HTTPS_PROXY`
    pub(crate) proxy: Option<String>,
}

/// Runs a command line.
pub(crate) fn run(cli: Cli, around: &Surroundings) -> Result<ExitCode, Failure> {
    let folder = cli.data_dir;
    let find = || find::find(folder.clone(), around);
    match cli.command {
        Command::Run {
            options,
            program,
            arguments,
        } => run::run(folder, &options, &program, &arguments),
        Command::Start {
            options,
            foreground,
            detached,
        } => {
            let place = find::place(folder, around)?;
            let notes = find::Notes::of(around);
            start::start(&place, notes, &options, foreground, detached)
        }
        Command::Stop => done(find()?.stop()?),
        Command::Status { output } => {
            let status: Value = find()?.ask(control::Command::Status)?;
            match output {
                Format::Json => print_json(&status),
                Format::Text => print(&describe(&status)),
            }
        }
        Command::Env { shell, tenant } => env::env(find(), shell, tenant),
        Command::Clock { command } => {
            let asked = match command {
                ClockCommand::Show => control::Command::ClockShow,
                ClockCommand::Advance { by } => control::Command::ClockAdvance {
                    by: milliseconds(by),
                },
            };
            print_json(&find()?.ask::<Value>(asked)?)
        }
        #[cfg(feature = "mutations")]
        Command::Mutate { name } => {
            print_json(&find()?.ask::<Value>(control::Command::Mutate { name })?)
        }
        Command::Set { knob, to } => {
            let asked = control::Command::Set {
                knob,
                to: milliseconds(to),
            };
            print_json(&find()?.ask::<Value>(asked)?)
        }
        Command::SshConfig => ssh::config(&find()?),
        Command::SshProxy { host, port } => {
            ssh::proxy(&find()?, around.proxy.as_deref(), &host, port)
        }
        Command::SftpServer => ssh::serve_files(around.home.as_deref()),
        Command::Vm { command } => vm::run(&find()?, command),
        Command::Resources { count } => {
            let all: Value = find()?.ask(control::Command::Resources)?;
            if !count {
                return print_json(&all);
            }
            let kinds = all.as_object().into_iter().flat_map(|kinds| kinds.values());
            let total: usize = kinds.filter_map(Value::as_array).map(Vec::len).sum();
            print(&format!("{total}\n"))
        }
        Command::Credential { command } => credential::run(&find()?, command),
    }
}

/// The options of a start, for the server.
fn server_options(options: &StartOptions, persistent: bool) -> Options {
    let chosen = [
        (Knob::RoleDelay, options.role_delay),
        (Knob::PrincipalDelay, options.principal_delay),
        (Knob::OperationTime, options.operation_time),
        (Knob::RetryAfter, options.retry_after),
        (Knob::TokenLifetime, options.token_lifetime),
    ];
    Options {
        persistent,
        port: options.port,
        subscriptions: options.subscriptions,
        offline: options.offline,
        request_log: options.request_log.clone(),
        knobs: chosen
            .into_iter()
            .filter_map(|(knob, to)| Some((knob, time::Duration::milliseconds(milliseconds(to?)))))
            .collect(),
    }
}

fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// The runtime that an instance is served on.
fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(Failure::Spawn)
}

fn done((): ()) -> Result<ExitCode, Failure> {
    Ok(ExitCode::SUCCESS)
}

/// Prints to standard output; a reader that has gone away is no failure.
fn print(text: &str) -> Result<ExitCode, Failure> {
    let mut output = io::stdout().lock();
    match output
        .write_all(text.as_bytes())
        .and_then(|()| output.flush())
    {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::Output(error)),
        _ => Ok(ExitCode::SUCCESS),
    }
}

fn print_json(value: &Value) -> Result<ExitCode, Failure> {
    print(&format!("{value:#}\n"))
}

/// The line that says that an instance is ready.
fn ready_line(server: &server::Server) -> String {
    format!(
        "az-local is ready on http://127.0.0.1:{}, in {}\n",
        server.port(),
        server.folder().path().display()
    )
}

fn describe(status: &Value) -> String {
    let text = |pointer: &str| match status.pointer(pointer) {
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        None => String::new(),
    };
    let mut lines = format!(
        "running  process {}, proxy {}\nfolder   {}\nclock    {} ({} s ahead)\n",
        text("/pid"),
        text("/proxy"),
        text("/dataDir"),
        text("/clock/now"),
        text("/clock/aheadSeconds"),
    );
    let tenants = status["tenants"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    for tenant in tenants {
        let name = |value: &Value| value["displayName"].as_str().unwrap_or_default().to_owned();
        let id = tenant["tenantId"].as_str().unwrap_or_default();
        lines.push_str(&format!(
            "tenant {} {id} ({})\n",
            tenant["number"],
            name(tenant)
        ));
        let subscriptions = tenant["subscriptions"].as_array().map(Vec::as_slice);
        for subscription in subscriptions.unwrap_or_default() {
            let id = subscription["id"].as_str().unwrap_or_default();
            lines.push_str(&format!("  subscription {id} ({})\n", name(subscription)));
        }
    }
    lines
}
