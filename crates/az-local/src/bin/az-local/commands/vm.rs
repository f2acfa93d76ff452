//! `az-local vm`: virtual machines, from the inside.

use super::inside;
use super::shared::print_json;
use crate::cli::VmCommand;
use crate::failure::Failure;
use az_local::Client;
use az_local::Command as Ask;
use az_local::{Entry, Environment, MachinePlace, Said};
use serde_json::Value;
use std::ffi::{OsStr, OsString};
use std::os::unix::process::CommandExt;
use std::process::ExitCode;

pub(super) fn run(client: &Client, command: VmCommand) -> Result<ExitCode, Failure> {
    match command {
        VmCommand::List { subscription } => {
            print_json(&client.ask::<Value>(Ask::Machines { subscription })?)
        }
        VmCommand::Exec {
            resource_group,
            name,
            subscription,
            variables,
            program,
            arguments,
        } => {
            let place: MachinePlace = client.ask(Ask::Machine {
                subscription: subscription.clone(),
                group: resource_group.clone(),
                name: name.clone(),
            })?;
            match place {
                MachinePlace::Here(environment) => {
                    Err(execute(&environment, &variables, &program, &arguments)?)
                }
                MachinePlace::Apart => {
                    let words = std::iter::once(&program).chain(&arguments);
                    let entry = Entry {
                        subscription,
                        group: resource_group,
                        name,
                        line: words
                            .map(|word| word.to_string_lossy().into_owned())
                            .collect(),
                        variables: inside::given(&variables)?,
                    };
                    enter(client, entry)
                }
            }
        }
    }
}

/// Runs a command on a machine apart, and ends as it ends. Nothing else has begun a thread here.
#[cfg(target_os = "linux")]
fn enter(client: &Client, mut entry: Entry) -> Result<ExitCode, Failure> {
    use az_machine::Signals;
    use rustix::event::{PollFd, PollFlags, poll};
    use std::os::fd::AsFd;

    for name in ["TERM", "COLORTERM", "NO_COLOR", "LANG", "LC_ALL", "TZ"] {
        let given = entry.variables.iter().any(|(one, _)| one == name);
        if let (false, Ok(value)) = (given, std::env::var(name)) {
            entry.variables.push((name.to_owned(), value));
        }
    }
    let signals = Signals::taken().map_err(Failure::Signals)?;
    let (input, output, errors) = (std::io::stdin(), std::io::stdout(), std::io::stderr());
    let program = entry.line.first().and_then(|program| own_program(program));
    let mut files = vec![input.as_fd(), output.as_fd(), errors.as_fd()];
    files.extend(program.iter().map(AsFd::as_fd));
    let mut entered = client.enter(entry, &files)?;
    loop {
        let mut ready = [
            PollFd::new(&signals, PollFlags::IN),
            PollFd::new(&entered, PollFlags::IN),
        ];
        match poll(&mut ready, None) {
            Err(rustix::io::Errno::INTR) => continue,
            Err(error) => return Err(Failure::Signals(error.into())),
            Ok(_) => {}
        }
        let (signalled, over) = (
            !ready[0].revents().is_empty(),
            !ready[1].revents().is_empty(),
        );
        if signalled && let Some(signal) = signals.next() {
            // One that has just ended needs none.
            let _ = entered.signal(signal);
        }
        if over {
            let status = match entered.ended()? {
                Said::Status(status) => status & 0xff,
                Said::Signal(signal) => 128 + (signal & 0x7f),
            };
            return Ok(ExitCode::from(u8::try_from(status).unwrap_or(1)));
        }
    }
}

/// The computer's program of this name, where a machine has none: it sees only what is below these folders. A script is none,
/// for what reads it would look for it there.
#[cfg(target_os = "linux")]
fn own_program(name: &str) -> Option<std::fs::File> {
    use std::io::Read;
    use std::os::unix::fs::PermissionsExt;
    use std::path::{Path, PathBuf};

    let found = if name.contains('/') {
        PathBuf::from(name)
    } else {
        let path = std::env::var_os("PATH")?;
        std::env::split_paths(&path)
            .map(|folder| folder.join(name))
            .find(|file| file.is_file())?
    };
    let found = found.canonicalize().ok()?;
    let seen = ["/usr", "/opt", "/bin", "/sbin", "/lib"];
    if seen
        .iter()
        .any(|folder| found.starts_with(Path::new(folder)))
    {
        return None;
    }
    let mut file = std::fs::File::open(&found).ok()?;
    let is_program = file
        .metadata()
        .is_ok_and(|there| there.is_file() && there.permissions().mode() & 0o111 != 0);
    let mut beginning = [0; 4];
    let is_binary = file.read_exact(&mut beginning).is_ok() && beginning == *b"\x7fELF";
    (is_program && is_binary).then_some(file)
}

/// Machines run apart on Linux only.
#[cfg(not(target_os = "linux"))]
fn enter(client: &Client, entry: Entry) -> Result<ExitCode, Failure> {
    use std::os::fd::AsFd;
    let (input, output, errors) = (std::io::stdin(), std::io::stdout(), std::io::stderr());
    let files = [input.as_fd(), output.as_fd(), errors.as_fd()];
    client.enter(entry, &files)?.ended()?;
    Ok(ExitCode::SUCCESS)
}

/// Becomes the command. Comes back only when that fails.
fn execute(
    environment: &Environment,
    variables: &[String],
    program: &OsStr,
    arguments: &[OsString],
) -> Result<Failure, Failure> {
    let mut prepared = inside::command(environment, variables, program, arguments)?;
    if let Some(home) = environment.get("HOME") {
        prepared.current_dir(home);
    }
    let source = prepared.exec();
    Ok(Failure::Command {
        command: program.to_string_lossy().into_owned(),
        source,
    })
}
