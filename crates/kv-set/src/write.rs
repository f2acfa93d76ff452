//! One write that is done once, whatever becomes of the answer.
//!
//! Each write makes a new version, so the client sends it again by itself only where it certainly was not done; where the
//! answer was lost, the vault is asked what it has.

use crate::{error::Error, secret::NewSecret};
use az_core::{
    cli::Failure,
    keyvault::{Access, VaultError, checked, list_versions, service_error},
};
use az_credential::http::{jittered, root_cause};
use azure_core::{
    error::ErrorKind,
    http::headers::{HeaderName, Headers},
    time::{Duration as Span, parse_rfc7231},
};
use azure_security_keyvault_secrets::{
    SecretClient,
    models::{Secret, SecretClientGetSecretOptions},
};
use futures::TryStreamExt;
use std::{cell::Cell, time::Duration};
use tokio::time::Instant;

/// How often a write is tried whose answer is lost.
const TRIES: u32 = 8;
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(8);

/// The two clients of a write.
pub(crate) struct Clients {
    /// Sends nothing twice.
    pub(crate) writer: SecretClient,
    /// For looking up.
    pub(crate) reader: SecretClient,
}

/// Why a secret was not written, or may not have been.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WriteError {
    /// The vault refused it, or could not be reached.
    #[error(transparent)]
    Vault(#[from] azure_core::Error),
    /// Nobody can tell.
    #[error(transparent)]
    Undecided(#[from] Error),
}

/// Writes a secret, and gives back the version that the vault made.
pub(crate) async fn write(
    clients: &Clients,
    access: &Access<'_>,
    secret: &NewSecret,
) -> Result<Secret, WriteError> {
    let mut pause = FIRST_PAUSE;
    let mut tried = 0;
    loop {
        tried += 1;
        let sent = Cell::new(Instant::now());
        let put = || async {
            sent.set(Instant::now());
            clients
                .writer
                .set_secret(secret.name.as_str(), secret.body()?, None)
                .await?
                .into_model()
                .and_then(checked)
        };
        let error = match access.wait_for(put).await {
            Ok(written) => return Ok(written),
            Err(error) => error,
        };
        if !may_be_done(&error) {
            return Err(error.into());
        }
        tokio::time::sleep(jittered(pause)).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
        // After the pause: what was still under way has arrived by now.
        let found = look_up(&clients.reader, secret, sent.get()).await;
        match found.map_err(|lookup| Error::Undecided {
            lost: reason(&error),
            lookup,
        })? {
            Some(written) => return Ok(written),
            None if tried == TRIES => return Err(error.into()),
            None => {}
        }
    }
}

/// Whether the write may have been done: the vault failed at it, or its answer broke off or is none.
pub(crate) fn may_be_done(error: &azure_core::Error) -> bool {
    match service_error(error) {
        Some(answer) => matches!(answer.status, 408 | 500..),
        None => matches!(error.kind(), ErrorKind::Io | ErrorKind::DataConversion),
    }
}

pub(crate) fn reason(error: &azure_core::Error) -> String {
    service_error(error).map_or_else(
        || root_cause(error),
        |answer| format!("the vault answered {}", answer.status),
    )
}

/// The error as a tool would report it.
fn said(error: azure_core::Error) -> String {
    Failure::from(VaultError::from(error)).to_string()
}

/// The version that a write made that was sent at `sent`, if it made one.
///
/// # Errors
/// The vault does not tell; with the reason.
async fn look_up(
    reader: &SecretClient,
    secret: &NewSecret,
    sent: Instant,
) -> Result<Option<Secret>, String> {
    let name = secret.name.as_str();
    let latest = match reader.get_secret(name, None).await {
        Ok(latest) => latest,
        Err(error) => {
            return match service_error(&error) {
                Some(answer) if answer.status == 404 => Ok(None),
                _ => Err(said(error)),
            };
        }
    };
    // By the vault's own clock: the time of this answer less what has passed here since the write was sent. Both the
    // header and the versions' times are cut to seconds.
    let answered = date(latest.headers()).ok_or("its answer has no date")?;
    let passed = Span::try_from(sent.elapsed()).map_err(|error| error.to_string())?;
    let since = answered - passed - Span::seconds(2);
    let latest = latest.into_model().map_err(|error| error.to_string())?;
    let is_new = |created| created >= since;
    match latest
        .attributes
        .as_ref()
        .and_then(|attributes| attributes.created)
    {
        None => return Err("a version has no date".to_owned()),
        // Nothing was written since: the latest version is older.
        Some(created) if !is_new(created) => return Ok(None),
        Some(_) if secret.is(&latest) => return Ok(Some(latest)),
        Some(_) => {}
    }
    // Someone else wrote at the same time; ours may be before theirs.
    let versions = list_versions(reader, name).map_err(said)?;
    let versions: Vec<_> = versions.try_collect().await.map_err(said)?;
    for version in versions {
        let created = version
            .attributes
            .as_ref()
            .and_then(|attributes| attributes.created);
        let id = version.id.as_deref().and_then(|id| id.rsplit('/').next());
        if let (Some(created), Some(id)) = (created, id)
            && is_new(created)
        {
            let options = SecretClientGetSecretOptions {
                secret_version: Some(id.to_owned()),
                ..Default::default()
            };
            let found = reader
                .get_secret(name, Some(options))
                .await
                .and_then(|found| found.into_model());
            let found = found.map_err(said)?;
            if secret.is(&found) {
                return Ok(Some(found));
            }
        }
    }
    Ok(None)
}

fn date(headers: &Headers) -> Option<azure_core::time::OffsetDateTime> {
    parse_rfc7231(&headers.get_optional_string(&HeaderName::from_static("date"))?).ok()
}

#[cfg(test)]
#[path = "write_tests.rs"]
mod tests;
