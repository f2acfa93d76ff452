//! What several commands need.

use crate::failure::Failure;
use crate::start_options::{StartOptions, Switch};
use az_local::{Chaos, Knob, Options, Program, Server, escaped, escaped_json, stderr};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::Value;
use std::io::{self, Read, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

/// The options of a start, for the server.
///
/// # Errors
/// The file of faults cannot be read.
pub(super) fn server_options(options: &StartOptions, persistent: bool) -> Result<Options, Failure> {
    let faults = options.faults.as_deref().map(read).transpose()?;
    let chaos = options.chaos.map(|rate| Chaos {
        rate,
        seed: options.seed.unwrap_or_else(random_seed),
    });
    if let (Some(chaos), None) = (chaos, options.seed) {
        stderr::say(format_args!(
            "the same goes wrong again with --seed {}",
            chaos.seed
        ));
    }
    let chosen = [
        (Knob::RoleDelay, options.role_delay),
        (Knob::PrincipalDelay, options.principal_delay),
        (Knob::OperationTime, options.operation_time),
        (Knob::RetryAfter, options.retry_after),
        (Knob::TokenLifetime, options.token_lifetime),
        (Knob::SecretDeletionTime, options.secret_deletion_time),
    ];
    Ok(Options {
        persistent,
        port: options.port,
        subscriptions: options.subscriptions,
        offline: options.offline,
        request_log: options.request_log.clone(),
        program: Program::Running,
        machines: options.machines,
        profile: options.profile,
        throttle: options.throttle.map(|throttle| throttle == Switch::On),
        speed: options.speed,
        knobs: chosen
            .into_iter()
            .filter_map(|(knob, to)| Some((knob, time::Duration::milliseconds(milliseconds(to?)))))
            .collect(),
        faults: faults.unwrap_or_default(),
        chaos,
    })
}

/// A seed for faults that are to be others each time; short, so that it can be typed again.
pub(super) fn random_seed() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(std::process::id()) % 1_000_000
}

/// A file's text; `-` is standard input.
pub(super) fn read(path: &Path) -> Result<String, Failure> {
    let mut text = String::new();
    let read = if path == Path::new("-") {
        io::stdin().read_to_string(&mut text)
    } else {
        std::fs::File::open(path).and_then(|mut file| file.read_to_string(&mut text))
    };
    read.map_err(|source| Failure::File {
        path: path.to_owned(),
        source,
    })?;
    Ok(text)
}

pub(super) fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// Opens as many files as this process is allowed to: each client is one, and the usual limit is for programs that count
/// them by `select`.
pub(super) fn open_more_files() {
    let limit = getrlimit(Resource::Nofile);
    let most = Rlimit {
        current: limit.maximum,
        ..limit
    };
    // Where that is refused, fewer clients are served at once.
    let _ = setrlimit(Resource::Nofile, most);
}

/// The runtime that an instance is served on.
pub(super) fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    az_local::unread::listen();
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(Failure::Spawn)
}

pub(super) fn done((): ()) -> Result<ExitCode, Failure> {
    Ok(ExitCode::SUCCESS)
}

/// Prints to standard output; a reader that has gone away is no failure.
pub(super) fn print(text: &str) -> Result<ExitCode, Failure> {
    let mut output = io::stdout().lock();
    match output
        .write_all(text.as_bytes())
        .and_then(|()| output.flush())
    {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::Output(error)),
        _ => Ok(ExitCode::SUCCESS),
    }
}

pub(super) fn print_json(value: &Value) -> Result<ExitCode, Failure> {
    print(&escaped_json(&format!("{value:#}\n")))
}

/// The line that says that an instance is ready.
pub(super) fn ready_line(server: &Server) -> String {
    format!(
        "az-local is ready on http://127.0.0.1:{}, in {}\n",
        server.port(),
        escaped(&server.folder().path().to_string_lossy())
    )
}
