//! Tokens that cost a process, kept as long as the program runs, and beyond.

use crate::{
    name::CredentialName,
    parts::Parts,
    token_cache::{MARGIN, TokenCache},
};
use azure_core::{
    credentials::{AccessToken, TokenCredential, TokenRequestOptions},
    time::OffsetDateTime,
};
use std::{collections::HashMap, fmt, sync::Arc};
use tokio::sync::Mutex;

/// Keeps the tokens of a credential that starts a process for each one: in memory as long as this program runs, and
/// on disk for the next ones.
pub(crate) struct Kept {
    credential: Arc<dyn TokenCredential>,
    tokens: Mutex<HashMap<Vec<String>, AccessToken>>,
    on_disk: Option<TokenCache>,
}

impl Kept {
    pub(crate) fn around(
        credential: Arc<dyn TokenCredential>,
        parts: &Parts,
        name: CredentialName,
    ) -> Arc<dyn TokenCredential> {
        Arc::new(Kept {
            credential,
            tokens: Mutex::default(),
            on_disk: TokenCache::of(parts, name),
        })
    }
}

#[async_trait::async_trait]
impl TokenCredential for Kept {
    async fn get_token(
        &self,
        scopes: &[&str],
        options: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        let key: Vec<String> = scopes.iter().map(ToString::to_string).collect();
        // One process at a time: the tools lock their own caches against each other.
        let mut tokens = self.tokens.lock().await;
        if let Some(token) = tokens.get(&key)
            && token.expires_on > OffsetDateTime::now_utc() + MARGIN
        {
            return Ok(token.clone());
        }
        let ask = self.credential.get_token(scopes, options);
        let token = match &self.on_disk {
            Some(cache) => cache.get_or(scopes, ask).await?,
            None => ask.await?,
        };
        tokens.insert(key, token.clone());
        Ok(token)
    }
}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Kept").field(&self.credential).finish()
    }
}
