//! Secrets: the living and the deleted.
//!
//! A vault deletes and recovers in its own time, and tells of neither's end. As Azure's own clients do, the secret is asked
//! for until it is where it is to be (`DeleteRecoverPollingMethod` in azure-keyvault-secrets 4.12.0,
//! azure/keyvault/secrets/_shared/_polling.py).

use crate::cli::{OneSecret, Secret as Command};
use az_core::{
    cli::{Doing, Failure, List, Session, Status, for_each, secret_of_line},
    connection::Connection,
    keyvault::{
        Access, Repeatable, SecretRef, ServiceError, VaultError, client, explain, service_error,
        shape_deleted, shape_secret,
    },
};
use azure_core::{Error, Result as Answer};
use azure_security_keyvault_secrets::{
    SecretClient,
    models::{DeletedSecret, Secret},
};
use serde_json::Value;
use std::{future::Future, time::Duration};

/// The pauses between two looks. Azure's clients take two seconds; a local vault is sooner done.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// `secret delete`, `purge` and `recover`; `-` names several on standard input.
pub(crate) async fn run(session: &Session, command: &Command) -> Result<(), Failure> {
    let (Command::Delete(args) | Command::Purge(args) | Command::Recover(args)) = command;
    args.secret.check_words(&[])?;
    let access = &Access::new(args.wait_for_access, |message| session.warn(message));
    if !args.secret.reads_stdin() {
        let secret = args.secret.deleted_secret(session)?;
        if secret.version.is_some() {
            return Err(Failure::usage(
                "--id names a version, and a secret goes with all its versions",
            )
            .hint("Leave the version out."));
        }
        let result = act(session, access, command, args, secret).await?;
        return session.print(&result);
    }
    let vault = args.secret.vault(session)?;
    let names = List::from_stdin("names", |item| secret_of_line(item, &vault)).await?;
    for_each(session, &args.lists, names, |secret| async move {
        act(session, access, command, args, secret).await
    })
    .await
}

async fn act(
    session: &Session,
    access: &Access<'_>,
    command: &Command,
    args: &OneSecret,
    secret: SecretRef,
) -> Result<Value, Failure> {
    let vault = &secret.vault;
    let (what, method, path) = match command {
        Command::Delete(_) => ("deleting", "DELETE", format!("secrets/{}", secret.name)),
        Command::Purge(_) => (
            "purging",
            "DELETE",
            format!("deletedsecrets/{}", secret.name),
        ),
        Command::Recover(_) => (
            "recovering",
            "POST",
            format!("deletedsecrets/{}/recover", secret.name),
        ),
    };
    if session.is_dry_run() {
        session.print_planned(method, &format!("{}{path}", vault.url), None)?;
        return Ok(Value::Null);
    }
    let doing = format!(
        "{what} secret '{}' of vault '{}'",
        secret.name,
        vault.name()
    );
    let _shown = session.progress(&doing);
    let connection = session.connection()?;
    let one = One {
        session,
        access,
        client: client(&connection, vault, Repeatable::All).map_err(VaultError::from)?,
        connection,
        waits: !args.no_wait,
        secret,
    };
    let result = match command {
        Command::Delete(_) => one.delete().await,
        Command::Purge(_) => one.purge().await,
        Command::Recover(_) => one.recover().await,
    };
    result.doing(doing)
}

/// One secret, and how long to wait for it.
struct One<'a> {
    session: &'a Session,
    access: &'a Access<'a>,
    connection: Connection,
    client: SecretClient,
    secret: SecretRef,
    waits: bool,
}

impl One<'_> {
    fn name(&self) -> &str {
        self.secret.name.as_str()
    }

    async fn delete(&self) -> Result<Value, Failure> {
        let delete = || async {
            let answer = self.client.delete_secret(self.name(), None);
            answer.await?.into_model()
        };
        match self.access.wait_for(delete).await {
            Ok(deleted) => {
                // A vault without soft delete has nothing to recover it from: it is gone.
                if self.waits && deleted.recovery_id.is_some() {
                    self.until_there(|| self.deleted(), || self.stays_deleted())
                        .await?;
                }
                Ok(shape_deleted(&deleted))
            }
            Err(error) if is_missing(&error) => match self.deleted().await {
                Ok(deleted) => Ok(shape_deleted(&deleted)),
                Err(error) if is_missing(&error) => {
                    self.nothing("there is no such secret, deleted or not");
                    Ok(Value::Null)
                }
                Err(error) => Err(self.explained(error).await),
            },
            Err(error) => Err(self.explained(error).await),
        }
    }

    async fn recover(&self) -> Result<Value, Failure> {
        let recover = || async {
            let answer = self.client.recover_deleted_secret(self.name(), None);
            answer.await?.into_model()
        };
        match self.once_it_is_deleted(recover).await? {
            Ok(recovered) => {
                if self.waits {
                    self.until_there(|| self.living(), async || Ok(())).await?;
                }
                Ok(shape_secret(&recovered, false))
            }
            Err(error) if is_missing(&error) => match self.living().await {
                Ok(there) => {
                    self.nothing("it is not deleted");
                    Ok(shape_secret(&there, false))
                }
                Err(other) if is_disabled(&other) => {
                    self.nothing("it is not deleted");
                    Ok(Value::Null)
                }
                Err(_) => Err(self
                    .explained(error)
                    .await
                    .hint("'kv-get --deleted' lists the deleted secrets; one that was purged is gone for good.")),
            },
            Err(error) => Err(self.explained(error).await),
        }
    }

    async fn purge(&self) -> Result<Value, Failure> {
        let purge = || async {
            self.client
                .purge_deleted_secret(self.name(), None)
                .await
                .map(|_| ())
        };
        let error = match self.once_it_is_deleted(purge).await? {
            Ok(()) => return Ok(Value::Null),
            Err(error) => error,
        };
        if is_missing(&error) {
            let living = self.living().await;
            if living.is_ok() || living.is_err_and(|error| is_disabled(&error)) {
                return Err(Failure::new(Status::Conflict, "it is not deleted")
                    .hint("Delete it first: 'az-cleanup secret delete'."));
            }
            self.nothing("there is no such deleted secret");
            return Ok(Value::Null);
        }
        if service_error(&error).is_some_and(|error| error.status == 403)
            && let Ok(deleted) = self.deleted().await
            && let Some(failure) = protected(&deleted)
        {
            return Err(failure);
        }
        Err(self.explained(error).await)
    }

    async fn deleted(&self) -> Answer<DeletedSecret> {
        let answer = self.client.get_deleted_secret(self.name(), None);
        answer.await?.into_model()
    }

    async fn living(&self) -> Answer<Secret> {
        self.client
            .get_secret(self.name(), None)
            .await?
            .into_model()
    }

    /// Says why nothing is to be done.
    fn nothing(&self, why: &str) {
        self.session.warn(format_args!(
            "secret '{}': {why}; nothing is done",
            self.name()
        ));
    }

    /// Sends a request about a deleted secret, again while the vault is still at its deletion (409).
    async fn once_it_is_deleted<T, F, Fut>(&self, send: F) -> Result<Answer<T>, Failure>
    where
        F: Fn() -> Fut,
        Fut: Future<Output = Answer<T>>,
    {
        let mut pause = FIRST_PAUSE;
        loop {
            match self.access.wait_for(&send).await {
                Err(error) if answered(&error, 409) && self.waits => self.pause(&mut pause).await?,
                answer => return Ok(answer),
            }
        }
    }

    /// A vault that has accepted a deletion shows the secret no more. One that does has it back: from somebody who recovered it,
    /// or wrote it anew once it was purged.
    async fn stays_deleted(&self) -> Result<(), Failure> {
        match self.living().await {
            Ok(_) => Err(Failure::new(
                Status::Conflict,
                "it was deleted, and somebody has brought it back meanwhile",
            )
            .hint("Run the same command again if it is to be deleted all the same.")),
            Err(_) => Ok(()),
        }
    }

    /// Asks until the secret is there. Who may not read it learns that it is by being refused. Where that takes long, `hopeful`
    /// says whether there is anything to wait for.
    async fn until_there<T, F, Fut>(
        &self,
        ask: F,
        hopeful: impl AsyncFn() -> Result<(), Failure>,
    ) -> Result<(), Failure>
    where
        F: Fn() -> Fut,
        Fut: Future<Output = Answer<T>>,
    {
        let mut pause = FIRST_PAUSE;
        loop {
            match ask().await {
                Ok(_) => return Ok(()),
                Err(error) if answered(&error, 403) => return Ok(()),
                Err(error) if is_missing(&error) => {
                    if pause == LONGEST_PAUSE {
                        hopeful().await?;
                    }
                    self.pause(&mut pause).await?;
                }
                Err(error) => return Err(self.explained(error).await),
            }
        }
    }

    async fn pause(&self, pause: &mut Duration) -> Result<(), Failure> {
        let left = self.session.budget.left();
        if left.is_zero() {
            return Err(
                Failure::new(Status::GaveUp, "the vault is still at it").hint(
                    "It goes on there. Run the same command again to wait for it, or give a longer --timeout.",
                ),
            );
        }
        tokio::time::sleep((*pause).min(left)).await;
        *pause = (*pause * 3 / 2).min(LONGEST_PAUSE);
        Ok(())
    }

    async fn explained(&self, error: Error) -> Failure {
        explain(&self.connection, &self.secret.vault, error)
            .await
            .into()
    }
}

fn answered(error: &Error, status: u16) -> bool {
    service_error(error).is_some_and(|error: ServiceError| error.status == status)
}

fn is_missing(error: &Error) -> bool {
    answered(error, 404)
}

/// It is there, and cannot be read.
fn is_disabled(error: &Error) -> bool {
    service_error(error).is_some_and(|error| error.code == "SecretDisabled")
}

/// Why nobody can purge it, if nobody can.
/// <https://learn.microsoft.com/rest/api/keyvault/secrets/get-deleted-secret/get-deleted-secret#deletionrecoverylevel>
fn protected(deleted: &DeletedSecret) -> Option<Failure> {
    let level = deleted.attributes.as_ref()?.recovery_level.as_ref()?;
    if level.to_string().contains("Purgeable") {
        return None;
    }
    let shaped = shape_deleted(deleted);
    let date = shaped["scheduledPurgeDate"]
        .as_str()
        .unwrap_or("its retention's end");
    Some(
        Failure::new(
            Status::Conflict,
            format!("it is protected from being purged until {date}"),
        )
        .hint("Azure removes it then by itself; until then it can only be recovered."),
    )
}
