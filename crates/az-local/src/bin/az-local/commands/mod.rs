//! The commands, a file each, or a function for what only asks the running instance.

#[cfg(target_os = "linux")]
pub(crate) mod agent;
mod child;
mod credential;
pub(crate) mod env;
mod faults;
mod find;
mod host;
mod inside;
mod principal;
mod run;
mod shared;
mod ssh;
mod start;
mod surroundings;
mod vm;

use crate::cli::{Cli, ClockCommand, Command, Format};
use crate::failure::Failure;
use az_local::escaped;
use serde_json::Value;
use shared::{done, milliseconds, print, print_json};
use std::process::ExitCode;
pub(crate) use surroundings::Surroundings;

/// Runs a command line.
pub(crate) fn run(cli: Cli, around: &Surroundings) -> Result<ExitCode, Failure> {
    let folder = cli.data_dir;
    let find = || find::find(folder.clone(), around);
    match cli.command {
        Command::Run {
            options,
            program,
            arguments,
        } => run::run(folder, &options, &program, &arguments, around),
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
            let status: Value = find()?.ask(az_local::Command::Status)?;
            match output {
                Format::Json => print_json(&status),
                Format::Text => print(&describe(&status)),
            }
        }
        Command::Env { shell, tenant } => env::env(find(), shell, tenant, around),
        Command::Clock { command } => {
            let asked = match command {
                ClockCommand::Show => az_local::Command::ClockShow,
                ClockCommand::Advance { by } => az_local::Command::ClockAdvance {
                    by: milliseconds(by),
                },
            };
            print_json(&find()?.ask::<Value>(asked)?)
        }
        #[cfg(feature = "mutations")]
        Command::Mutate { name } => {
            print_json(&find()?.ask::<Value>(az_local::Command::Mutate { name })?)
        }
        Command::Set { knob, to } => {
            let asked = az_local::Command::Set {
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
        Command::Host { command } => host::run(&find()?, command),
        Command::Faults { command } => faults::run(&find()?, command),
        Command::Vm { command } => vm::run(&find()?, command),
        Command::Resources { count } => {
            let all: Value = find()?.ask(az_local::Command::Resources)?;
            if !count {
                return print_json(&all);
            }
            let kinds = all.as_object().into_iter().flat_map(|kinds| kinds.values());
            let total: usize = kinds.filter_map(Value::as_array).map(Vec::len).sum();
            print(&format!("{total}\n"))
        }
        Command::Principal { command } => principal::run(&find()?, command),
        Command::Credential { command } => credential::run(&find()?, command),
    }
}

fn describe(status: &Value) -> String {
    let text = |pointer: &str| match status.pointer(pointer) {
        Some(Value::String(text)) => escaped(text),
        Some(other) => other.to_string(),
        None => String::new(),
    };
    let mut lines = format!(
        "running  process {}, proxy {}\nfolder   {}\nclock    {} ({} s ahead, speed {})\nprofile  {}, throttle {}\n",
        text("/pid"),
        text("/proxy"),
        text("/dataDir"),
        text("/clock/now"),
        text("/clock/aheadSeconds"),
        text("/clock/speed"),
        text("/profile"),
        if status["throttle"] == true {
            "on"
        } else {
            "off"
        },
    );
    lines.push_str(match status["machines"]["apart"].as_bool() {
        Some(true) => "machines run apart from this computer, in namespaces of their own\n",
        _ => "machines run as programs of this computer, without isolation\n",
    });
    // As 'az-local set' takes them.
    let knobs = status["knobs"].as_object().into_iter().flatten();
    let knobs: Vec<String> = knobs
        .filter(|(_, value)| value.is_number())
        .filter_map(|(name, value)| {
            let (name, unit) = name.rsplit_once('_')?;
            let name = name.replace('_', "-");
            // Each type and service has its own.
            let typical = format!("typical_{}", name.replace('-', "_"));
            let is_typical =
                status["knobs"][&typical] == true || status["knobs"][format!("{typical}s")] == true;
            let time = if ["operation", "secret-deletion"].contains(&name.as_str()) {
                "-time"
            } else {
                ""
            };
            match is_typical {
                true => Some(format!("{name}{time} as in Azure")),
                false => Some(format!("{name}{time} {value}{unit}")),
            }
        })
        .collect();
    lines.push_str(&format!("knobs    {}\n", knobs.join(", ")));
    if let Some(chaos) = status["faults"]["chaos"].as_object() {
        lines.push_str(&format!(
            "chaos    {}, seed {}\n",
            chaos["rate"], chaos["seed"]
        ));
    }
    for fault in status["faults"]["faults"].as_array().into_iter().flatten() {
        let name = fault["name"].as_str().unwrap_or_default();
        lines.push_str(&format!("fault    {name} (met {} times)\n", fault["met"]));
    }
    let tenants = status["tenants"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    for tenant in tenants {
        let name = |value: &Value| escaped(value["displayName"].as_str().unwrap_or_default());
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
