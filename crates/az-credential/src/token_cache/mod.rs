//! Tokens that cost a process, kept across the calls of our tools.
//!
//! `az account get-access-token` takes half a second and more, each time; a pipeline of our tools would wait for it
//! once per tool. So what `az`, `azd` and Azure PowerShell give is kept in a [file](mod@file) that only its owner can read. A
//! token is used again for the same question only (cloud, tenant, subscription, scope), by the same
//! [sign-in](sign_in), until shortly before it expires.
//!
//! Tokens of the other credentials are never written: they cost a request, not a process, and what they are got with stays
//! where it is. Nor is a managed identity's token that one of the three tools gives, since they do not write it either.
//!
//! `AZ_TOKEN_CACHE=off` turns it off, `AZ_TOKEN_CACHE_DIR` names another folder.

mod file;
mod key;
mod sign_in;

use crate::{env::Env, name::CredentialName, parts::Parts};
use azure_core::{credentials::AccessToken, time::Duration, time::OffsetDateTime};
#[cfg(feature = "fuzzing")]
pub(crate) use file::read_and_written;
use file::{Entry, TokenFile};
use key::Key;
use serde::Deserialize;
use sign_in::{SignIn, Tool};
use std::{fmt, future::Future, path::PathBuf};
use zeroize::Zeroizing;

/// Tokens are not used any more this long before they expire, as `azure_identity` does.
const MARGIN: Duration = Duration::minutes(5);

/// How long another of our tools that asks the same credential is waited for, before it is asked once more.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(15);

/// The folder within the user's cache folder.
const FOLDER: &str = "az-tokens";

/// The tokens of one credential.
pub(crate) struct TokenCache {
    file: TokenFile,
    tool: Tool,
    credential: CredentialName,
    cloud: &'static str,
    subscription: Option<String>,
    /// The tenant that every token is for, where one is given.
    tenant_id: Option<String>,
}

impl TokenCache {
    /// The cache for a developer's tool; `None` where there is none for it: it is turned off, the credential starts no
    /// process, or no folder is known. Nothing is read yet.
    pub(crate) fn of(parts: &Parts, credential: CredentialName) -> Option<Self> {
        if !is_on(&parts.env) {
            return None;
        }
        Some(TokenCache {
            tool: Tool::of(credential, &parts.env)?,
            file: TokenFile::in_folder(folder(&parts.env)?),
            credential,
            cloud: parts.cloud.name(),
            subscription: parts.subscription.clone(),
            tenant_id: parts.tenant_id.clone(),
        })
    }

    /// The token that is kept for these scopes and this tenant, if it is not the tool's own, else the one that `ask` gets, which is then kept.
    ///
    /// Tools that run at the same time ask one after the other, so that the first one's token serves all.
    ///
    /// # Errors
    /// Those of `ask`. A cache that cannot be read or written costs time and is no error.
    pub(crate) async fn get_or<F, E>(
        &self,
        scopes: &[&str],
        tenant: Option<&str>,
        ask: F,
    ) -> Result<AccessToken, E>
    where
        F: Future<Output = Result<AccessToken, E>>,
    {
        if let Some(token) = self.find(scopes, tenant).await {
            return Ok(token);
        }
        let turn = self.file.turn(self.credential.as_str(), PATIENCE).await;
        if turn.is_some()
            && let Some(token) = self.find(scopes, tenant).await
        {
            return Ok(token);
        }
        let before = self.sign_in();
        let token = ask.await?;
        self.keep(scopes, tenant, &token, &before).await;
        Ok(token)
    }

    fn sign_in(&self) -> SignIn {
        self.tool.sign_in(self.cloud, self.subscription.as_deref())
    }

    fn key(&self, scopes: &[&str], tenant: Option<&str>, sign_in: &SignIn) -> Key {
        Key {
            credential: self.credential.as_str().to_owned(),
            config: self.tool.config(),
            variables: self.tool.variables(),
            cloud: self.cloud.to_owned(),
            tenant: tenant
                .map(str::to_lowercase)
                .or_else(|| self.tenant_id.as_ref().map(|id| id.to_lowercase()))
                .or_else(|| sign_in.tenant.clone()),
            subscription: self.subscription.as_ref().map(|id| id.to_lowercase()),
            scope: scopes.join(" "),
        }
    }

    /// The token that is kept for these scopes. What can be of no use any more is taken out of the file.
    async fn find(&self, scopes: &[&str], tenant: Option<&str>) -> Option<AccessToken> {
        let entries = self.file.read();
        // After the file: what is in it is never of a later sign-in than this one.
        let sign_in = self.sign_in();
        let key = self.key(scopes, tenant, &sign_in);
        let stale = |entry: &Entry| {
            expired(entry) || entry.key.same_sign_in(&key) && entry.sign_in != sign_in.stamp
        };
        let found = entries
            .iter()
            .find(|entry| entry.key == key && !stale(entry))
            .and_then(access_token);
        let useless: Vec<&Entry> = entries.iter().filter(|entry| stale(entry)).collect();
        if !useless.is_empty() {
            // These and no others: one that has come since may be good.
            self.file
                .update(|entries| entries.retain(|entry| !useless.contains(&entry)))
                .await;
        }
        found
    }

    /// Keeps a token that was asked for when the sign-in was as it was `before`.
    async fn keep(
        &self,
        scopes: &[&str],
        tenant: Option<&str>,
        token: &AccessToken,
        before: &SignIn,
    ) {
        let after = self.sign_in();
        if after.stamp.who != before.stamp.who {
            // Somebody signed in meanwhile, and the token may be the former one's.
            return;
        }
        if after.managed || is_managed_identity(token.token.secret()) {
            tracing::debug!("a managed identity's token is not kept");
            return;
        }
        let entry = Entry {
            key: self.key(scopes, tenant, &after),
            sign_in: after.stamp.clone(),
            expires_on: token.expires_on.unix_timestamp(),
            token: Zeroizing::new(token.token.secret().to_owned()),
        };
        if expired(&entry) {
            return;
        }
        self.file
            .update(|entries| {
                for other in entries.iter_mut() {
                    // The tool renewed its own session to answer: the other tokens are as good as before.
                    if other.key.same_sign_in(&entry.key) && other.sign_in == before.stamp {
                        other.sign_in = after.stamp.clone();
                    }
                }
                entries.retain(|other| {
                    !expired(other)
                        && other.key != entry.key
                        && (!other.key.same_sign_in(&entry.key) || other.sign_in == after.stamp)
                });
                entries.push(entry.clone());
            })
            .await;
    }
}

/// `AZ_TOKEN_CACHE`: whatever is not `on` turns the cache off, so that no misspelt wish to be without leaves tokens behind.
fn is_on(env: &Env) -> bool {
    env.get_os("AZ_TOKEN_CACHE")
        .is_none_or(|value| value.eq_ignore_ascii_case("on"))
}

/// Where programs over this crate keep what they may lose: `AZ_TOKEN_CACHE_DIR`, else a folder in the one that the system has
/// for a user's caches.
pub fn folder(env: &Env) -> Option<PathBuf> {
    if let Some(folder) = env.get_os("AZ_TOKEN_CACHE_DIR") {
        return std::path::absolute(folder).ok();
    }
    let caches = if cfg!(windows) {
        PathBuf::from(env.get_os("LOCALAPPDATA")?)
    } else if cfg!(target_os = "macos") {
        env.home()?.join("Library").join("Caches")
    } else {
        // A relative one is invalid: https://specifications.freedesktop.org/basedir-spec/latest/
        let named = env.get_os("XDG_CACHE_HOME").map(PathBuf::from);
        match named.filter(|folder| folder.is_absolute()) {
            Some(folder) => folder,
            None => env.home()?.join(".cache"),
        }
    };
    caches.is_absolute().then(|| caches.join(FOLDER))
}

impl fmt::Debug for TokenCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TokenCache").field(&self.credential).finish()
    }
}

fn expired(entry: &Entry) -> bool {
    OffsetDateTime::from_unix_timestamp(entry.expires_on).map_or(true, |expires| {
        expires <= OffsetDateTime::now_utc() + MARGIN
    })
}

fn access_token(entry: &Entry) -> Option<AccessToken> {
    let expires_on = OffsetDateTime::from_unix_timestamp(entry.expires_on).ok()?;
    Some(AccessToken::new(
        entry.token.as_str().to_owned(),
        expires_on,
    ))
}

/// Whether the token's claims name a managed identity's resource.
fn is_managed_identity(token: &str) -> bool {
    #[derive(Deserialize)]
    struct Claims {
        xms_mirid: Option<serde::de::IgnoredAny>,
    }
    let Some(claims) = token.split('.').nth(1) else {
        return false;
    };
    azure_core::base64::decode_url_safe(claims)
        .ok()
        .and_then(|claims| serde_json::from_slice::<Claims>(&claims).ok())
        .is_some_and(|claims| claims.xms_mirid.is_some())
}

#[cfg(test)]
mod tests;
