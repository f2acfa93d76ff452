//! Writes secrets to a key vault: step 4 of the tutorial, and the tutorial's own program.
#![forbid(unsafe_code)]

mod attributes;
mod cli;
mod encoding;
mod error;
mod from;
mod restore;
mod run;
mod secret;
mod source;
mod turns;
mod variables;
mod write;

use attributes::Attributes;
use az_core::{
    cli::{CommandLine, Failure, List, Session, for_each},
    keyvault::sentence,
};
use cli::Cli;
use encoding::Encoding;
use run::Run;
use secrecy::ExposeSecret;
use secret::NewSecret;
use serde_json::Value;
use std::process::ExitCode;
use turns::Turns;

/// The whole program: its command line, what it does, its exit status.
pub fn main() -> ExitCode {
    az_core::cli::main(run)
}

/// The command line, of which the manual's pages are made.
pub fn command() -> clap::Command {
    <Cli as clap::CommandFactory>::command()
}

async fn run(cli: Cli, session: Session) -> Result<(), Failure> {
    check_words(&cli)?;
    if let Some(path) = &cli.instead.restore {
        return restore(&cli, &session, path).await;
    }
    if let Some(path) = &cli.instead.from {
        no_version(&cli)?;
        return from::write(&cli, &session, path).await;
    }
    if cli.secret.reads_stdin() {
        return several(&cli, &session).await;
    }
    if let (Some(None), None, None) = (&cli.version, cli.secret.given_name(), &cli.secret.id) {
        let version = format!("{} {}\n", Cli::NAME, env!("CARGO_PKG_VERSION"));
        return session.print_raw(version.as_bytes());
    }
    if cli.instead.attributes_only {
        attributes(&cli, &session).await
    } else {
        one(&cli, &session).await
    }
}

/// Refuses words after the name without a word of them: one may be the value.
fn check_words(cli: &Cli) -> Result<(), Failure> {
    const HOW: &str = "A value comes from standard input, as in 'printf %s \"$VALUE\" | kv-set NAME', from --value-file FILE or --value-env VARIABLE, or, seen by all, from --value.";
    let more: Vec<&str> = cli
        .surplus
        .iter()
        .map(ExposeSecret::expose_secret)
        .collect();
    cli.secret.check_words(&more)?;
    if !more.is_empty() {
        let message = "there are words after the secret's name, which are not shown here";
        return Err(Failure::usage(message).hint(HOW));
    }
    if let Some((name, _)) = cli
        .secret
        .given_name()
        .and_then(|name| name.split_once('='))
    {
        let message = format!("'{name}=…' is not a secret's name");
        return Err(Failure::usage(message)
            .hint(HOW)
            .hint_also("A file of such lines is written with --from FILE."));
    }
    Ok(())
}

fn no_version(cli: &Cli) -> Result<(), Failure> {
    if cli.version.is_some() {
        return Err(
            Failure::usage("--version names a version, and a write makes a new one").hint(
                "Leave it out, or give --attributes-only to change that version's attributes.",
            ),
        );
    }
    Ok(())
}

async fn one(cli: &Cli, session: &Session) -> Result<(), Failure> {
    no_version(cli)?;
    let target = cli.secret.secret(session)?;
    if target.version.is_some() {
        return Err(
            Failure::usage("--id names a version, and a write makes a new one").hint(
                "Leave the version out, or give --attributes-only to change that version's attributes.",
            ),
        );
    }
    let question = if cli.properties.is_empty() {
        "Value"
    } else {
        "Value (--attributes-only changes the attributes without one)"
    };
    let encoding = cli.encoding.unwrap_or(Encoding::Utf8);
    let value = source::read(&cli.source, encoding, question, &session.env)?;
    let mut secret = NewSecret::new(target.name, value, &cli.properties)?;
    if let Some(encoding) = cli.encoding {
        secret = secret.tagged(encoding::TAG, encoding.name())?;
    }
    let run = Run::new(cli, session, target.vault)?;
    print(session, &run.set(&secret).await?)
}

/// Changes a version's attributes. Standard input is nobody's business.
async fn attributes(cli: &Cli, session: &Session) -> Result<(), Failure> {
    let secret = match &cli.version {
        Some(None) => return Err(Failure::usage("--version: which version?")),
        Some(Some(version)) => cli.secret.secret(session)?.at(Some(version))?,
        None => cli.secret.secret(session)?,
    };
    let attributes = Attributes::new(&cli.properties)?;
    let run = Run::new(cli, session, secret.vault.clone())?;
    print(session, &run.update(&secret, &attributes).await?)
}

async fn restore(cli: &Cli, session: &Session, path: &std::path::Path) -> Result<(), Failure> {
    no_version(cli)?;
    let vault = cli.secret.vault(session)?;
    let backup = restore::read(path)?;
    let run = Run::new(cli, session, vault)?;
    print(session, &run.restore(&backup).await?)
}

fn print(session: &Session, result: &Value) -> Result<(), Failure> {
    if session.is_dry_run() {
        return Ok(());
    }
    session.print_with(result, Some(&sentence(result)))
}

/// A secret a line of standard input.
async fn several(cli: &Cli, session: &Session) -> Result<(), Failure> {
    if cli.instead.attributes_only || cli.encoding.is_some() {
        return Err(Failure::usage(
            "--attributes-only and --encoding go with one name, not with lines from standard input",
        ));
    }
    no_version(cli)?;
    let vault = cli.secret.vault(session)?;
    // Versions of one secret are written in the order of their lines.
    let turns = Turns::default();
    let list = List::from_stdin("secrets", |item| {
        let secret = NewSecret::from_json(&item.value, &cli.properties)?;
        let turn = turns.next(&secret);
        Ok((secret, turn))
    });
    let list = list.await?;
    let run = &Run::new(cli, session, vault)?;
    for_each(session, &cli.lists, list, |(secret, mut turn)| async move {
        turn.comes().await;
        run.set(&secret).await
    })
    .await
}
