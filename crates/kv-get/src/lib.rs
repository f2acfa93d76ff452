//! Reads secrets of a key vault: the tutorial's verification.
#![forbid(unsafe_code)]

mod backup;
mod cli;
mod env;
mod reader;

use az_core::{
    cli::{CommandLine, Failure, List, Session, Status, for_each, lines, secret_of_line},
    dotenv,
    keyvault::{
        Access, SecretRef, sentence, shape_deleted, shape_deleted_item, shape_item, shape_secret,
    },
    name::{InvalidName, SecretName},
};
use backup::Target;
use cli::Cli;
use reader::Reader;
use serde_json::Value;
use std::process::ExitCode;

/// The whole program: its command line, what it does, its exit status.
pub fn main() -> ExitCode {
    az_core::cli::main(run)
}

/// The command line, of which the manual's pages are made.
pub fn command() -> clap::Command {
    <Cli as clap::CommandFactory>::command()
}

async fn run(cli: Cli, session: Session) -> Result<(), Failure> {
    let access = &Access::new(cli.wait_for_access, |message| session.warn(message));
    let instead = &cli.instead;
    if instead.env {
        return env(&cli, &session, access).await;
    }
    check_words(&cli)?;
    if instead.list {
        return list(&cli, &session, access).await;
    }
    if instead.deleted {
        return deleted(&cli, &session, access).await;
    }
    if cli.secret.reads_stdin() {
        return several(&cli, &session, access).await;
    }
    let alone = cli.secret.given_name().is_none() && cli.secret.id.is_none();
    if alone && matches!(cli.version, Some(None)) {
        let version = format!("{} {}\n", Cli::NAME, env!("CARGO_PKG_VERSION"));
        return session.print_raw(version.as_bytes());
    }
    let secret = cli.secret.secret(&session)?;
    if instead.list_versions {
        let reader = Reader::new(&session, access, &secret.vault)?;
        let versions = reader.versions(&secret.name, most(&cli)).await?;
        if versions.is_empty() {
            // Key Vault answers an empty list where no secret is, and a secret has a version.
            return Err(cli.secret.or_meant(
                Failure::new(
                    Status::NotFound,
                    format!(
                        "there is no secret '{}' in vault '{}'",
                        secret.name,
                        secret.vault.name()
                    ),
                )
                .hint("'kv-get --list' shows the names."),
            ));
        }
        return session.print(&versions.iter().map(shape_item).collect());
    }
    if let Some(path) = &instead.backup {
        let target = Target::new(path, instead.overwrite)?;
        let reader = Reader::new(&session, access, &secret.vault)?;
        return target.write(&session, &reader.backup(&secret.name).await?);
    }
    show(&cli, &session, access, secret).await
}

/// Refuses the habits of `az`, and names that nothing asks for.
fn check_words(cli: &Cli) -> Result<(), Failure> {
    let more: Vec<&str> = cli.more.iter().map(String::as_str).collect();
    cli.secret.check_words(&more)?;
    if !more.is_empty() {
        return Err(Failure::usage("one secret is read at a time").hint(
            "'kv-get -' reads several names from standard input; --env prints several secrets as variables.",
        ));
    }
    if cli.file.is_some() {
        return Err(Failure::usage("--file is not a flag of this tool").hint(
            "'kv-get NAME --backup FILE' writes a backup; 'kv-get NAME --query value -o tsv > FILE' writes the value.",
        ));
    }
    Ok(())
}

/// How many of a list are wanted.
fn most(cli: &Cli) -> usize {
    let most = cli.instead.maxresults;
    most.and_then(|most| usize::try_from(most).ok())
        .unwrap_or(usize::MAX)
}

async fn show(
    cli: &Cli,
    session: &Session,
    access: &Access<'_>,
    secret: SecretRef,
) -> Result<(), Failure> {
    let version = match &cli.version {
        Some(None) => return Err(Failure::usage("--version: which version?")),
        Some(Some(version)) => Some(version.as_str()),
        None => None,
    };
    let secret = secret.at(version)?;
    let found = Reader::new(session, access, &secret.vault)?
        .get(&secret)
        .await;
    let found = found.map_err(|failure| match failure.status {
        Status::NotFound => cli.secret.or_meant(failure),
        _ => failure,
    })?;
    let result = shape_secret(&found, true);
    session.print_with(&result, Some(&sentence(&result)))
}

async fn list(cli: &Cli, session: &Session, access: &Access<'_>) -> Result<(), Failure> {
    let vault = cli.secret.vault(session)?;
    let reader = Reader::new(session, access, &vault)?;
    let found = reader.list(cli.instead.include_managed, most(cli)).await?;
    session.print_table(
        &found.iter().map(shape_item).collect(),
        "[].{Name:name, Id:id, ContentType:contentType || ' ', Enabled:attributes.enabled, \
         Expires:attributes.expires || ' '}",
    )
}

/// The deleted secret that is named, or all of the vault's.
async fn deleted(cli: &Cli, session: &Session, access: &Access<'_>) -> Result<(), Failure> {
    if cli.secret.given_name().is_none() && cli.secret.id.is_none() {
        let vault = cli.secret.vault(session)?;
        let reader = Reader::new(session, access, &vault)?;
        let found = reader.list_deleted(most(cli)).await?;
        return session.print(&found.iter().map(shape_deleted_item).collect());
    }
    let secret = cli.secret.deleted_secret(session)?;
    let reader = Reader::new(session, access, &secret.vault)?;
    let found = reader
        .deleted(&secret.name)
        .await
        .map_err(|failure| match failure.status {
            Status::NotFound => failure.hint("'kv-get --deleted' lists the deleted secrets."),
            _ => failure,
        })?;
    session.print(&shape_deleted(&found))
}

/// Secrets as variables: those that are named, or all that are enabled.
async fn env(cli: &Cli, session: &Session, access: &Access<'_>) -> Result<(), Failure> {
    let vault = cli.secret.vault(session)?;
    let given: Vec<String> = if cli.secret.reads_stdin() {
        let items = lines::read_stdin("names")?;
        items
            .iter()
            .map(|item| item.text("name").map(str::to_owned))
            .collect::<Option<_>>()
            .ok_or_else(|| Failure::usage("a line has no name"))?
    } else {
        cli.secret.name.iter().chain(&cli.more).cloned().collect()
    };
    // A secret may be named as its variable is.
    let names: Result<Vec<SecretName>, InvalidName> =
        given.iter().map(|name| dotenv::secret_name(name)).collect();
    let reader = Reader::new(session, access, &vault)?;
    let managed = cli.instead.include_managed;
    let lines = env::lines(&reader, &vault, names?, managed, cli.lists.jobs()).await?;
    session.print_raw(&lines)
}

/// A secret's name a line of standard input.
async fn several(cli: &Cli, session: &Session, access: &Access<'_>) -> Result<(), Failure> {
    if cli.version.is_some() || cli.instead.list_versions || cli.instead.backup.is_some() {
        return Err(Failure::usage(
            "--version, --list-versions and --backup go with one name, not with names from standard input",
        ));
    }
    let vault = cli.secret.vault(session)?;
    let reader = &Reader::new(session, access, &vault)?;
    let names = List::from_stdin("names", |item| secret_of_line(item, &vault)).await?;
    for_each(session, &cli.lists, names, |secret| async move {
        let found = reader.get(&secret).await?;
        Ok::<Value, Failure>(shape_secret(&found, true))
    })
    .await
}
