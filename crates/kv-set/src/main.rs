//! Writes a secret to a key vault: step 4 of the tutorial, and the tutorial's own program.
#![forbid(unsafe_code)]

mod cli;
mod error;
mod secret;
mod source;
mod write;

use az_core::{
    cli::{Doing, Failure, Session, for_each, lines},
    connection::Connection,
    keyvault::{Access, Retries, Vault, VaultError, client, explain, sentence, shape_secret},
};
use cli::Cli;
use secret::NewSecret;
use serde_json::Value;
use std::{collections::HashMap, process::ExitCode};
use tokio::sync::Mutex;
use write::{Clients, WriteError};

fn main() -> ExitCode {
    az_core::cli::main(run)
}

async fn run(cli: Cli, session: Session) -> Result<(), Failure> {
    if cli.secret.reads_stdin() {
        several(&cli, &session).await
    } else {
        one(&cli, &session).await
    }
}

async fn one(cli: &Cli, session: &Session) -> Result<(), Failure> {
    let target = cli.secret.secret(session)?;
    if target.version.is_some() {
        return Err(
            Failure::usage("--id names a version, and a write makes a new one")
                .hint("Leave the version out."),
        );
    }
    let value = source::read(&cli.source, &session.env)?;
    let secret = NewSecret::new(target.name, value, &cli.properties)?;
    let run = Run::new(cli, session, target.vault)?;
    let result = run.set(&secret).await?;
    if session.is_dry_run() {
        return Ok(());
    }
    session.print_with(&result, Some(&sentence(&result)))
}

/// A secret a line of standard input.
async fn several(cli: &Cli, session: &Session) -> Result<(), Failure> {
    let vault = cli.secret.vault(session)?;
    let items = lines::read_stdin("secrets")?;
    // Versions of one secret are written in the order of their lines.
    let turns: HashMap<String, Mutex<()>> = items
        .iter()
        .filter_map(|item| item.text("name"))
        .map(|name| (name.to_lowercase(), Mutex::default()))
        .collect();
    // A bad line is found before anything is written.
    for item in &items {
        NewSecret::from_json(&item.value, &cli.properties).doing(format!("line {}", item.line))?;
    }
    let run = Run::new(cli, session, vault)?;
    let (run, turns) = (&run, &turns);
    for_each(session, items, |item| async move {
        let secret = NewSecret::from_json(&item.value, &cli.properties)?;
        let _turn = match turns.get(&secret.name.as_str().to_lowercase()) {
            Some(turn) => Some(turn.lock().await),
            None => None,
        };
        run.set(&secret).await
    })
    .await
}

/// One run of the tool against one vault.
struct Run<'a> {
    session: &'a Session,
    vault: Vault,
    access: Access<'a>,
    /// None in a dry run, which asks nobody.
    azure: Option<(Connection, Clients)>,
    show_value: bool,
}

impl<'a> Run<'a> {
    fn new(cli: &Cli, session: &'a Session, vault: Vault) -> Result<Self, Failure> {
        let azure = if session.is_dry_run() {
            None
        } else {
            let connection = session.connection()?;
            let make = |retries| client(&connection, &vault, retries).map_err(VaultError::from);
            let clients = Clients {
                writer: make(Retries::None)?,
                reader: make(Retries::Some)?,
            };
            Some((connection, clients))
        };
        let access = Access::new(cli.wait_for_access, |message| session.warn(message));
        Ok(Run {
            session,
            vault,
            access,
            azure,
            show_value: cli.show_value,
        })
    }

    /// Writes a secret; in a dry run, prints the request instead.
    async fn set(&self, secret: &NewSecret) -> Result<Value, Failure> {
        let Some((connection, clients)) = &self.azure else {
            let url = self.vault.secret_url(&secret.name);
            self.session
                .print_planned("PUT", &url, Some(&secret.redacted()))?;
            return Ok(Value::Null);
        };
        let written = match write::write(clients, &self.access, secret).await {
            Ok(written) => Ok(written),
            Err(WriteError::Undecided(error)) => Err(Failure::from(error)),
            Err(WriteError::Vault(error)) => {
                Err(explain(connection, &self.vault, error).await.into())
            }
        };
        let doing = format!(
            "writing secret '{}' to vault '{}'",
            secret.name,
            self.vault.name()
        );
        Ok(shape_secret(&written.doing(doing)?, self.show_value))
    }
}
