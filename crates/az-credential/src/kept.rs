//! Tokens that cost a process: one after the other, and kept for the next program where that is wanted.

#[cfg(feature = "token-cache")]
use crate::token_cache::TokenCache;
use crate::{
    asked::Asked,
    issued::{Issued, TokenSource},
    name::CredentialName,
    parts::Parts,
};
use azure_core::http::Context;
use tokio::sync::Mutex;

/// A source that starts a process for each token; they are kept on disk.
#[derive(Debug)]
pub(crate) struct Kept<S> {
    source: S,
    /// One process at a time: the tools lock their own caches against each other.
    turn: Mutex<()>,
    #[cfg(feature = "token-cache")]
    on_disk: Option<TokenCache>,
}

impl<S> Kept<S> {
    #[cfg_attr(not(feature = "token-cache"), expect(unused_variables))]
    pub(crate) fn around(source: S, parts: &Parts, name: CredentialName) -> Self {
        Kept {
            source,
            turn: Mutex::default(),
            #[cfg(feature = "token-cache")]
            on_disk: TokenCache::of(parts, name),
        }
    }
}

#[async_trait::async_trait]
impl<S: TokenSource> TokenSource for Kept<S> {
    async fn issue(&self, asked: &Asked, context: &Context<'_>) -> azure_core::Result<Issued> {
        let _turn = self.turn.lock().await;
        #[cfg(feature = "token-cache")]
        if let Some(cache) = &self.on_disk
            // A token that is to answer a challenge is never an old one.
            && asked.claims.is_none()
        {
            let ask =
                async { azure_core::Result::Ok(self.source.issue(asked, context).await?.token) };
            let tenant = asked.tenant.as_deref();
            let token = cache.get_or(&asked.scopes(), tenant, ask).await?;
            return Ok(Issued {
                token,
                refresh_on: None,
            });
        }
        self.source.issue(asked, context).await
    }
}
