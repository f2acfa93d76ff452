//! Reads secrets of a key vault: the tutorial's verification.
#![forbid(unsafe_code)]

mod cli;

use az_core::{
    cli::{CommandLine, Doing, Failure, Session, for_each, lines},
    keyvault::{
        Access, Retries, SecretRef, Vault, VaultError, client, explain, sentence, shape_item,
        shape_secret,
    },
};
use azure_security_keyvault_secrets::models::{SecretClientGetSecretOptions, SecretProperties};
use cli::Cli;
use futures::TryStreamExt;
use serde_json::Value;
use std::{io::Write, process::ExitCode};

fn main() -> ExitCode {
    az_core::cli::main(run)
}

async fn run(cli: Cli, session: Session) -> Result<(), Failure> {
    let access = Access::new(cli.wait_for_access, |message| session.warn(message));
    if cli.list {
        let vault = cli.secret.vault(&session)?;
        return session.print_table(
            &list(&session, &access, &vault, cli.include_managed).await?,
            "[].{Name:name, Id:id, ContentType:contentType || ' ', Enabled:attributes.enabled, \
             Expires:attributes.expires || ' '}",
        );
    }
    if cli.secret.reads_stdin() {
        return several(&cli, &session, &access).await;
    }
    if let (Some(None), None, None) = (&cli.version, cli.secret.given_name(), &cli.secret.id) {
        // A closed pipe is no error.
        let _ = writeln!(
            std::io::stdout(),
            "{} {}",
            Cli::NAME,
            env!("CARGO_PKG_VERSION")
        );
        return Ok(());
    }
    let version = match &cli.version {
        Some(None) => return Err(Failure::usage("--version: which version?")),
        Some(Some(version)) => Some(version.as_str()),
        None => None,
    };
    let result = show(
        &session,
        &access,
        &cli.secret.secret(&session)?.at(version)?,
    )
    .await?;
    session.print_with(&result, Some(&sentence(&result)))
}

/// A secret's name a line of standard input.
async fn several(cli: &Cli, session: &Session, access: &Access<'_>) -> Result<(), Failure> {
    if cli.version.is_some() {
        return Err(Failure::usage(
            "--version goes with one name, not with names from standard input",
        ));
    }
    let vault = &cli.secret.vault(session)?;
    for_each(session, lines::read_stdin("names")?, |item| async move {
        let name = item
            .text("name")
            .ok_or_else(|| Failure::usage("the line has no name"))?;
        let secret = SecretRef {
            vault: vault.clone(),
            name: name.parse()?,
            version: None,
        };
        show(session, access, &secret).await
    })
    .await
}

async fn show(
    session: &Session,
    access: &Access<'_>,
    secret: &SecretRef,
) -> Result<Value, Failure> {
    let connection = session.connection()?;
    let client = client(&connection, &secret.vault, Retries::Some).map_err(VaultError::from)?;
    let get = || async {
        let options = SecretClientGetSecretOptions {
            secret_version: secret.version.clone(),
            ..Default::default()
        };
        client
            .get_secret(secret.name.as_str(), Some(options))
            .await?
            .into_model()
    };
    let found = match access.wait_for(get).await {
        Ok(found) => Ok(found),
        Err(error) => Err(explain(&connection, &secret.vault, error).await),
    };
    let found = found.doing(format!(
        "reading secret '{}' of vault '{}'",
        secret.name,
        secret.vault.name()
    ))?;
    Ok(shape_secret(&found, true))
}

async fn list(
    session: &Session,
    access: &Access<'_>,
    vault: &Vault,
    include_managed: bool,
) -> Result<Value, Failure> {
    let connection = session.connection()?;
    let client = client(&connection, vault, Retries::Some).map_err(VaultError::from)?;
    let all = || async {
        client
            .list_secret_properties(None)?
            .try_collect::<Vec<SecretProperties>>()
            .await
    };
    let found = match access.wait_for(all).await {
        Ok(found) => Ok(found),
        Err(error) => Err(explain(&connection, vault, error).await),
    };
    let found = found.doing(format!("listing the secrets of vault '{}'", vault.name()))?;
    Ok(found
        .iter()
        .filter(|secret| include_managed || secret.managed != Some(true))
        .map(shape_item)
        .collect())
}
