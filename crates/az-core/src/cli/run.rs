//! A whole tool, from its command line to its exit status.

use super::{
    args::{ErrorFormat, GlobalArgs},
    command_line::typed,
    complete, defaults,
    failure::{Failure, Status},
    fault, help, line_ends, prompt,
    report::{Log, report},
    session::Session,
    suggest::suggest,
    under_way::UnderWay,
    usage,
};
use crate::{budget::Budget, concealed::conceal};
use az_credential::{AzConfig, Env};
use clap::error::ErrorKind;
use clap_complete::CompleteEnv;
use std::{ffi::OsString, future::Future, io::Write, process::ExitCode, time::Duration};
use tracing_subscriber::{filter::Targets, layer::SubscriberExt, util::SubscriberInitExt};

/// A tool's command line: what clap parses, with the global arguments in it.
pub trait CommandLine: clap::Parser {
    /// The tool's name, as errors begin with it.
    const NAME: &'static str;
    /// The global arguments as given.
    fn global(&self) -> &GlobalArgs;
    /// How long the command has in all, unless `--timeout` says it: [`FOR_ANSWERS`](super::FOR_ANSWERS) or
    /// [`FOR_OPERATIONS`](super::FOR_OPERATIONS).
    fn longest(&self) -> Duration;
    /// The environment variable that the command takes a secret from: the processes that are started do not get it.
    fn secret_variable(&self) -> Option<&str> {
        None
    }
}

/// A whole tool: parses the command line, runs it, prints what went wrong, gives the exit status.
///
/// The environment is read here and nowhere below.
pub fn main<C, F, Fut>(run: F) -> ExitCode
where
    C: CommandLine,
    F: FnOnce(C, Session) -> Fut,
    Fut: Future<Output = Result<(), Failure>>,
{
    fault::end_on_panic(C::NAME);
    // A shell asks for the words that could stand here: it is answered, and nothing is done.
    if std::env::var_os("COMPLETE").is_some() {
        CompleteEnv::with_factory(|| complete::with_candidates(C::command(), C::NAME)).complete();
    }
    if let Err(failure) = line_ends::check() {
        report(C::NAME, &failure, usage::error_format());
        return ExitCode::from(failure.status as u8);
    }
    if is_version_asked(std::env::args_os().skip(1)) {
        // Whoever has closed the pipe does not want to know.
        let _ = writeln!(
            std::io::stdout(),
            "{} {}",
            C::NAME,
            env!("CARGO_PKG_VERSION")
        );
        return ExitCode::SUCCESS;
    }
    // Whoever does not read the help need not wait for it to be put together.
    if let Some(words) = help::asked(std::env::args_os().skip(1))
        && let Err(help) = parse::<C>(help::dressed_along(C::command(), &words))
        && help.kind() == ErrorKind::DisplayHelp
    {
        return usage::report(C::NAME, &help);
    }
    let env = Env::from_process();
    conceal_those_of(&env);
    let config = AzConfig::read(&env);
    let command = match defaults::apply(C::command(), C::NAME, &config) {
        Ok(command) => command,
        Err(failure) => {
            report(C::NAME, &failure, usage::error_format());
            return ExitCode::from(failure.status as u8);
        }
    };
    let cli = match parse::<C>(command) {
        Ok(cli) => cli,
        Err(error) if error.kind() == ErrorKind::DisplayHelp => {
            let whole = help::dressed(C::command());
            return match parse::<C>(whole) {
                Ok(_) => ExitCode::SUCCESS,
                Err(error) => usage::report(C::NAME, &error),
            };
        }
        Err(error) => return usage::report(C::NAME, &usage::without_secrets(error)),
    };
    let mut global = cli.global().clone();
    let for_processes = match cli.secret_variable() {
        Some(name) => env.without(name),
        None => env.clone(),
    };
    global.only_show_errors |=
        !global.verbose && !global.debug && config.is_on("core", "only_show_errors");
    let no_color = env.get("NO_COLOR").is_some() || config.is_on("core", "no_color");
    log_to_stderr(&global);
    let under_way = UnderWay::new(&global, no_color);
    let running = under_way.clone();
    let command = || typed::<C>(C::NAME, std::env::args_os().skip(1));
    let interrupted = {
        let running = running.clone();
        move |by: Status| Failure::interrupted_while(by, &running.list(), &command())
    };
    let budget = Budget::new(global.timeout.unwrap_or_else(|| cli.longest()));
    let signals = watch_for_interrupt(C::NAME, global.error_format, interrupted.clone());
    let result = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(Status::Failed, format!("the runtime cannot start: {error}")))
        .and_then(|runtime| {
            signals?;
            runtime.block_on(async {
                let session = Session::new(
                    C::NAME,
                    global.clone(),
                    (env, for_processes),
                    no_color,
                    under_way,
                    budget.clone(),
                )?;
                let work = async {
                    match run(cli, session.clone()).await {
                        Err(failure) => Err(suggest(&session, failure).await),
                        done => done,
                    }
                };
                // What is under way is asked for while it is: what runs is dropped before an arm's own code.
                let interrupt = async {
                    let by = ended().await;
                    interrupted(by)
                };
                // Whatever waits has a bound of its own, which says more; this is for what has none.
                let spent = async {
                    budget.is_spent_for(LEEWAY).await;
                    Failure::out_of_time(budget.total(), &running.list(), &command())
                };
                tokio::select! {
                    result = work => result,
                    failure = interrupt => Err(failure),
                    failure = spent => Err(failure),
                }
            })
        });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            report(C::NAME, &failure, global.error_format);
            ExitCode::from(failure.status as u8)
        }
    }
}

/// Whether the version is all that is asked for.
fn is_version_asked(mut words: impl Iterator<Item = OsString>) -> bool {
    let first = words.next();
    words.next().is_none() && first.is_some_and(|word| word == "--version" || word == "-V")
}

/// The secrets of the environment are not repeated, whoever sends them back.
fn conceal_those_of(env: &Env) {
    for name in [
        "AZURE_CLIENT_SECRET",
        "AZURE_CLIENT_CERTIFICATE_PASSWORD",
        "IDENTITY_HEADER",
        "MSI_SECRET",
    ] {
        env.get(name).into_iter().for_each(conceal);
    }
}

fn parse<C: CommandLine>(mut command: clap::Command) -> Result<C, clap::Error> {
    let mut matches = command.try_get_matches_from_mut(std::env::args_os())?;
    C::from_arg_matches_mut(&mut matches).map_err(|error| error.format(&mut command))
}

/// How much longer the whole command may take than what it waits for.
const LEEWAY: Duration = Duration::from_secs(2);

/// Until somebody ends the tool, by Ctrl-C or by SIGTERM; with the exit status for it.
#[cfg(unix)]
async fn ended() -> Status {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminated) = signal(SignalKind::terminate()) else {
        let _ = tokio::signal::ctrl_c().await;
        return Status::Interrupted;
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => Status::Interrupted,
        _ = terminated.recv() => Status::Terminated,
    }
}

/// Until somebody ends the tool by Ctrl-C; with the exit status for it.
#[cfg(not(unix))]
async fn ended() -> Status {
    let _ = tokio::signal::ctrl_c().await;
    Status::Interrupted
}

/// Ends the tool on Ctrl-C and SIGTERM where the runtime cannot: while it is blocked in a read of standard input, in a prompt
/// or in the system's resolver.
fn watch_for_interrupt(
    tool: &'static str,
    format: ErrorFormat,
    interrupted: impl FnOnce(Status) -> Failure + Send + 'static,
) -> Result<(), Failure> {
    // What the runtime needs to end by itself, and clean up, when it is not blocked.
    const GRACE: std::time::Duration = std::time::Duration::from_millis(200);
    let failed = |error: std::io::Error| {
        Failure::new(
            Status::Failed,
            format!("signals cannot be watched: {error}"),
        )
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(failed)?;
    let terminal = prompt::Terminal::now();
    std::thread::Builder::new()
        .name("interrupt".to_owned())
        .spawn(move || {
            let by = runtime.block_on(ended());
            std::thread::sleep(GRACE);
            terminal.put_back();
            report(tool, &interrupted(by), format);
            std::process::exit(i32::from(by as u8));
        })
        .map(|_| ())
        .map_err(failed)
}

fn log_to_stderr(global: &GlobalArgs) {
    use tracing::level_filters::LevelFilter;
    let (own, others) = match (global.debug, global.verbose, global.only_show_errors) {
        (true, _, _) => (LevelFilter::DEBUG, LevelFilter::DEBUG),
        (_, true, _) => (LevelFilter::INFO, LevelFilter::ERROR),
        (_, _, true) => (LevelFilter::OFF, LevelFilter::OFF),
        _ => (LevelFilter::WARN, LevelFilter::OFF),
    };
    let targets = Targets::new()
        .with_target("az_core", own)
        .with_target("az_credential", own)
        .with_target("azure_core", others)
        .with_target("azure_identity", others)
        .with_target("typespec_client_core", others);
    let layer = tracing_subscriber::fmt::layer()
        .with_writer(|| Log)
        .with_ansi(false)
        .with_target(global.debug)
        .without_time();
    // Only a second call in one process could fail, and then the first subscriber stays.
    let _ = tracing_subscriber::registry()
        .with(targets)
        .with(layer)
        .try_init();
}
