//! The token with the first request: who knows the cloud of a vault need not be told what its tokens are for.
//!
//! Azure's client sends its first request without a token and without its body, to be told in a challenge: one round trip, and one
//! request of the vault's limits, for each command. The host is one of the cloud's vaults ([`Vault`](super::Vault)), requests go
//! to it alone ([`OneOrigin`](crate::origin)), and the cloud says what its tokens are for. A vault that challenges nevertheless is
//! answered by Azure's client, which makes sure that the challenge is for the vault's own domain.

use crate::connection::Connection;
use azure_core::{
    credentials::{TokenCredential, TokenRequestOptions},
    http::{
        Body, ClientMethodOptions, Context, Request,
        headers::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE},
        policies::{Policy, PolicyResult},
    },
};
use std::sync::Arc;

/// Stands behind the policy of Azure's client that waits for a challenge.
#[derive(Debug)]
pub(super) struct UpFront {
    credential: Arc<dyn TokenCredential>,
    scope: &'static str,
}

impl UpFront {
    pub(super) fn policy(connection: &Connection) -> Arc<dyn Policy> {
        Arc::new(UpFront {
            credential: connection.credential.clone(),
            scope: connection.cloud.vault_scope(),
        })
    }

    /// The header for a request that has none.
    async fn authorization(&self, ctx: &Context<'_>) -> azure_core::Result<String> {
        let options = TokenRequestOptions {
            method_options: ClientMethodOptions {
                context: ctx.to_owned(),
            },
        };
        let token = self
            .credential
            .get_token(&[self.scope], Some(options))
            .await?;
        Ok(format!("Bearer {}", token.token.secret()))
    }
}

#[async_trait::async_trait]
impl Policy for UpFront {
    async fn send(
        &self,
        ctx: &Context,
        request: &mut Request,
        next: &[Arc<dyn Policy>],
    ) -> PolicyResult {
        if request.headers().get_optional_str(&AUTHORIZATION).is_some() {
            return next[0].send(ctx, request, &next[1..]).await;
        }
        let authorization = self.authorization(ctx).await?;
        request.insert_header(AUTHORIZATION, authorization);
        // The body was taken out and put aside there.
        if let Some(body) = ctx.value::<Body>() {
            if let Some(length) = body.len() {
                request.insert_header(CONTENT_LENGTH, length.to_string());
            }
            request.insert_header(CONTENT_TYPE, "application/json");
            request.set_body(body);
        }
        let answer = next[0].send(ctx, request, &next[1..]).await;
        // Whoever sends it again may want another token.
        request.headers_mut().remove(AUTHORIZATION);
        answer
    }
}
