//! Asking one vault.

use az_core::{
    cli::{Doing, Failure, Session},
    connection::Connection,
    keyvault::{
        Access, Repeatable, SecretRef, Vault, VaultError, checked_value, client, explain,
        list_deleted_secrets, list_secrets, list_versions,
    },
    name::SecretName,
};
use azure_security_keyvault_secrets::{
    SecretClient,
    models::{
        DeletedSecret, DeletedSecretProperties, Secret, SecretClientGetSecretOptions,
        SecretProperties,
    },
};
use futures::{StreamExt, TryStream, TryStreamExt, future::ready};
use std::future::Future;

/// One vault, with all that is needed to ask it.
pub(crate) struct Reader<'a> {
    connection: Connection,
    client: SecretClient,
    access: &'a Access<'a>,
    vault: Vault,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(
        session: &Session,
        access: &'a Access<'a>,
        vault: &Vault,
    ) -> Result<Self, Failure> {
        let connection = session.connection()?;
        let client = client(&connection, vault, Repeatable::All).map_err(VaultError::from)?;
        Ok(Reader {
            connection,
            client,
            access,
            vault: vault.clone(),
        })
    }

    /// A secret with its value.
    pub(crate) async fn get(&self, secret: &SecretRef) -> Result<Secret, Failure> {
        let get = || async {
            let options = SecretClientGetSecretOptions {
                secret_version: secret.version.clone(),
                ..Default::default()
            };
            let found = self.client.get_secret(secret.name.as_str(), Some(options));
            found.await?.into_model().and_then(checked_value)
        };
        self.ask(get, || self.doing("reading secret", &secret.name))
            .await
    }

    /// A deleted secret.
    pub(crate) async fn deleted(&self, name: &SecretName) -> Result<DeletedSecret, Failure> {
        let get = || async {
            let found = self.client.get_deleted_secret(name.as_str(), None);
            found.await?.into_model()
        };
        self.ask(get, || self.doing("reading deleted secret", name))
            .await
    }

    /// The vault's secrets, without values. Those of certificates only on request.
    pub(crate) async fn list(
        &self,
        include_managed: bool,
        most: usize,
    ) -> Result<Vec<SecretProperties>, Failure> {
        let list = || async {
            let all = list_secrets(&self.client)?;
            let wanted =
                all.try_filter(|secret| ready(include_managed || secret.managed != Some(true)));
            first(wanted, most).await
        };
        self.ask(list, || {
            format!("listing the secrets of vault '{}'", self.vault.name())
        })
        .await
    }

    /// The versions of a secret, without values.
    pub(crate) async fn versions(
        &self,
        name: &SecretName,
        most: usize,
    ) -> Result<Vec<SecretProperties>, Failure> {
        let list = || async {
            let all = list_versions(&self.client, name.as_str())?;
            first(all, most).await
        };
        self.ask(list, || self.doing("listing the versions of secret", name))
            .await
    }

    /// The vault's deleted secrets.
    pub(crate) async fn list_deleted(
        &self,
        most: usize,
    ) -> Result<Vec<DeletedSecretProperties>, Failure> {
        let list = || async {
            let all = list_deleted_secrets(&self.client)?;
            first(all, most).await
        };
        self.ask(list, || {
            format!(
                "listing the deleted secrets of vault '{}'",
                self.vault.name()
            )
        })
        .await
    }

    /// A secret with all its versions, as only Key Vault can read it.
    pub(crate) async fn backup(&self, name: &SecretName) -> Result<Vec<u8>, Failure> {
        let doing = || self.doing("backing up secret", name);
        let backup = || async {
            let made = self.client.backup_secret(name.as_str(), None);
            made.await?.into_model()
        };
        let made = self.ask(backup, doing).await?;
        made.value.ok_or_else(|| {
            let message = "the vault's answer has no backup";
            Failure::new(az_core::cli::Status::Failed, message).doing(doing())
        })
    }

    fn doing(&self, what: &str, name: &SecretName) -> String {
        format!("{what} '{name}' of vault '{}'", self.vault.name())
    }

    async fn ask<T, F, Fut>(&self, ask: F, doing: impl FnOnce() -> String) -> Result<T, Failure>
    where
        F: FnMut() -> Fut,
        Fut: Future<Output = azure_core::Result<T>>,
    {
        let answer = match self.access.wait_for(ask).await {
            Ok(answer) => Ok(answer),
            Err(error) => Err(explain(&self.connection, &self.vault, error).await),
        };
        answer.doing(doing())
    }
}

/// No more of a list than the first ones: what is behind them is not asked for.
async fn first<S>(list: S, most: usize) -> azure_core::Result<Vec<S::Ok>>
where
    S: TryStream<Error = azure_core::Error>,
{
    list.into_stream().take(most).try_collect().await
}
