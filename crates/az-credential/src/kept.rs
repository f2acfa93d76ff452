//! Tokens that cost a process, kept for the next program.

use crate::{
    asked::Asked,
    issued::{Issued, TokenSource},
    name::CredentialName,
    parts::Parts,
    token_cache::TokenCache,
};
use azure_core::http::Context;
use tokio::sync::Mutex;

/// Keeps the tokens of a source that starts a process for each one on disk.
#[derive(Debug)]
pub(crate) struct Kept<S> {
    source: S,
    /// One process at a time: the tools lock their own caches against each other.
    turn: Mutex<()>,
    on_disk: Option<TokenCache>,
}

impl<S> Kept<S> {
    pub(crate) fn around(source: S, parts: &Parts, name: CredentialName) -> Self {
        Kept {
            source,
            turn: Mutex::default(),
            on_disk: TokenCache::of(parts, name),
        }
    }
}

#[async_trait::async_trait]
impl<S: TokenSource> TokenSource for Kept<S> {
    async fn issue(&self, asked: &Asked, context: &Context<'_>) -> azure_core::Result<Issued> {
        let _turn = self.turn.lock().await;
        match &self.on_disk {
            // A token that is to answer a challenge is never an old one.
            Some(cache) if asked.claims.is_none() => {
                let ask = async {
                    azure_core::Result::Ok(self.source.issue(asked, context).await?.token)
                };
                let tenant = asked.tenant.as_deref();
                let token = cache.get_or(&asked.scopes(), tenant, ask).await?;
                Ok(Issued {
                    token,
                    refresh_on: None,
                })
            }
            _ => self.source.issue(asked, context).await,
        }
    }
}
