//! One run of the tool against one vault.

use crate::{
    attributes::Attributes,
    cli::Cli,
    secret::NewSecret,
    write::{self, Clients, WriteError},
};
use az_core::{
    arm::REDACTED,
    cli::{Doing, Failure, Session, Status},
    connection::Connection,
    keyvault::{
        Access, Repeatable, SecretRef, Vault, VaultError, checked, checked_value, client, explain,
        service_error, shape_secret,
    },
};
use azure_security_keyvault_secrets::models::{
    RestoreSecretParameters, Secret, SecretClientUpdateSecretPropertiesOptions,
};
use serde_json::{Value, json};

/// What is there of a secret.
enum There {
    Not,
    Is(Box<Secret>),
    /// It is disabled.
    Unseen,
}

/// One run of the tool against one vault.
pub(crate) struct Run<'a> {
    session: &'a Session,
    vault: Vault,
    access: Access<'a>,
    /// None in a dry run, which asks nobody.
    azure: Option<(Connection, Clients)>,
    show_value: bool,
    unless: Unless,
}

/// When a secret is not written that is there.
#[derive(Clone, Copy, PartialEq)]
enum Unless {
    Never,
    /// It is as it is to be.
    Same,
    /// Whatever it is.
    There,
}

impl<'a> Run<'a> {
    pub(crate) fn new(cli: &Cli, session: &'a Session, vault: Vault) -> Result<Self, Failure> {
        let azure = if session.is_dry_run() {
            None
        } else {
            let connection = session.connection()?;
            let make =
                |repeatable| client(&connection, &vault, repeatable).map_err(VaultError::from);
            let clients = Clients {
                writer: make(Repeatable::Reads)?,
                reader: make(Repeatable::All)?,
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
            unless: match (cli.only_changed, cli.skip_existing) {
                (true, _) => Unless::Same,
                (_, true) => Unless::There,
                _ => Unless::Never,
            },
        })
    }

    /// Writes a secret; in a dry run, prints the request instead.
    pub(crate) async fn set(&self, secret: &NewSecret) -> Result<Value, Failure> {
        let Some((connection, clients)) = &self.azure else {
            let url = self.vault.secret_url(&secret.name);
            self.session
                .print_planned("PUT", &url, Some(&secret.redacted()))?;
            return Ok(Value::Null);
        };
        let doing = format!(
            "writing secret '{}' to vault '{}'",
            secret.name,
            self.vault.name()
        );
        secret.conceal();
        if self.unless != Unless::Never {
            match self.there(clients, secret).await {
                Ok(There::Not) => {}
                Ok(There::Unseen) if self.unless == Unless::There => {
                    return Ok(self.unseen(secret));
                }
                Ok(There::Unseen) => {}
                Ok(There::Is(there))
                    if self.unless == Unless::There || secret.is_said_by(&there) =>
                {
                    return Ok(shape_secret(&there, self.show_value));
                }
                Ok(There::Is(_)) => {}
                Err(error) => return Err(self.explained(connection, error).await.doing(doing)),
            }
        }
        let written = match write::write(clients, &self.access, secret).await {
            Ok(written) => Ok(written),
            Err(WriteError::Undecided(error)) => Err(Failure::from(error)),
            Err(WriteError::Vault(error)) => Err(self.explained(connection, error).await),
        };
        Ok(shape_secret(&written.doing(doing)?, self.show_value))
    }

    /// What is there of a secret.
    async fn there(&self, clients: &Clients, secret: &NewSecret) -> azure_core::Result<There> {
        let get = || async {
            let there = clients.reader.get_secret(secret.name.as_str(), None);
            there.await?.into_model().and_then(checked_value)
        };
        match self.access.wait_for(get).await {
            Ok(there) => Ok(There::Is(Box::new(there))),
            Err(error) => match service_error(&error) {
                Some(answer) if answer.code == "SecretDisabled" => Ok(There::Unseen),
                Some(answer) if answer.status == 404 => Ok(There::Not),
                _ => Err(error),
            },
        }
    }

    /// What is known of a secret that is there and disabled: Key Vault shows nothing of it.
    fn unseen(&self, secret: &NewSecret) -> Value {
        json!({
            "attributes": {"enabled": false},
            "id": self.vault.secret_url(&secret.name),
            "name": secret.name.as_str(),
        })
    }

    /// Changes what is said of a version; in a dry run, prints the request instead.
    pub(crate) async fn update(
        &self,
        secret: &SecretRef,
        attributes: &Attributes,
    ) -> Result<Value, Failure> {
        let Some((connection, clients)) = &self.azure else {
            let version = secret.version.as_deref().unwrap_or_default();
            let url = format!("{}/{version}", self.vault.secret_url(&secret.name));
            self.session
                .print_planned("PATCH", &url, Some(&attributes.shown()))?;
            return Ok(Value::Null);
        };
        let update = || async {
            let options = SecretClientUpdateSecretPropertiesOptions {
                secret_version: secret.version.clone(),
                ..Default::default()
            };
            // Doing it twice is no harm.
            clients
                .reader
                .update_secret_properties(secret.name.as_str(), attributes.body()?, Some(options))
                .await?
                .into_model()
                .and_then(checked)
        };
        let updated = match self.access.wait_for(update).await {
            Ok(updated) => Ok(updated),
            Err(error) => Err(self.explained(connection, error).await),
        };
        let updated = updated.doing(format!(
            "changing the attributes of secret '{}' of vault '{}'",
            secret.name,
            self.vault.name()
        ))?;
        Ok(shape_secret(&updated, false))
    }

    /// Restores a secret from its backup; in a dry run, prints the request instead.
    pub(crate) async fn restore(&self, backup: &[u8]) -> Result<Value, Failure> {
        let Some((connection, clients)) = &self.azure else {
            let url = format!("{}secrets/restore", self.vault.url);
            self.session
                .print_planned("POST", &url, Some(&json!({"value": REDACTED})))?;
            return Ok(Value::Null);
        };
        let restore = || async {
            let body = RestoreSecretParameters {
                secret_backup: Some(backup.to_vec()),
            };
            let restored = clients.writer.restore_secret(body.try_into()?, None);
            restored.await?.into_model().and_then(checked)
        };
        let restored = match self.access.wait_for(restore).await {
            Ok(restored) => Ok(restored),
            // A second time would find the secret there, whoever has restored it.
            Err(error) if write::may_be_done(&error) => Err(Failure::new(
                Status::GaveUp,
                format!(
                    "it is not known whether it was restored: the vault's answer was lost ({})",
                    write::reason(&error)
                ),
            )
            .hint(
                "'kv-get --list' shows what is there; a secret that is there is not restored over.",
            )),
            Err(error) => Err(with_hint(self.explained(connection, error).await)),
        };
        let restored = restored.doing(format!(
            "restoring a secret to vault '{}'",
            self.vault.name()
        ))?;
        Ok(shape_secret(&restored, false))
    }

    async fn explained(&self, connection: &Connection, error: azure_core::Error) -> Failure {
        explain(connection, &self.vault, error).await.into()
    }
}

/// What to do where a vault does not take a backup.
fn with_hint(failure: Failure) -> Failure {
    match failure.status {
        Status::Conflict if failure.hint.is_none() => failure.hint(
            "Restore it to another vault, or make room first, with 'az-cleanup secret delete' and 'az-cleanup secret purge'.",
        ),
        // Whatever is wrong with it.
        Status::Failed if failure.code.is_some() => failure.hint(
            "A backup is what 'kv-get --backup' or 'az keyvault secret backup' wrote, of a vault in the same subscription and geography.",
        ),
        _ => failure,
    }
}
