//! Retries with an end: so many, so long.

use crate::http::{is_certificate_refused, is_page, jittered, retry_after, whole};
use azure_core::{
    Error,
    error::ErrorKind,
    http::{
        Context, Request,
        policies::{Policy, PolicyResult},
    },
};
use std::{sync::Arc, time::Duration};
use tokio::time::{Instant, timeout};

/// The longest wait for one answer, as that of Azure's SDK for Go (`setIMDSRetryOptionDefaults`, `TryTimeout`).
const TRY: Duration = Duration::from_secs(60);

/// Why there is no good answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// This status came.
    Status(u16),
    /// Something was there, and its answer broke off or did not come.
    BrokenOff,
    /// Nothing is there, or it says nothing for long.
    NoAnswer,
}

/// When to ask once more: how long to wait before the retry of this number, which begins at 0; `None` to ask no more.
pub(crate) type Rule = fn(Trouble, u32) -> Option<Duration>;

/// Asks again as a rule says, and never longer than a total.
///
/// What the service says in `Retry-After` is waited for, unless it is beyond the total: then its answer stands. The
/// policy of `azure_core` knows no such bound, and no rule by status.
#[derive(Debug)]
pub(crate) struct BoundedRetry {
    rule: Rule,
    total: Duration,
}

impl BoundedRetry {
    pub(crate) fn policy(rule: Rule, total: Duration) -> Arc<dyn Policy> {
        Arc::new(BoundedRetry { rule, total })
    }
}

#[async_trait::async_trait]
impl Policy for BoundedRetry {
    async fn send(
        &self,
        ctx: &Context,
        request: &mut Request,
        next: &[Arc<dyn Policy>],
    ) -> PolicyResult {
        let end = Instant::now() + self.total;
        let mut retry = 0;
        loop {
            request.body_mut().reset().await?;
            let limit = TRY.min(end.saturating_duration_since(Instant::now()));
            let answer = timeout(limit, ask(ctx, request, next)).await;
            let is_late = answer.is_err();
            let answer = answer.unwrap_or_else(|_| {
                let message = format!("no answer within {} s", limit.as_secs_f32().round());
                Err(Error::with_message(ErrorKind::Io, message))
            });
            let trouble = match &answer {
                Err(_) if is_late => Trouble::NoAnswer,
                Ok(answer) if answer.status().is_success() && is_page(answer.headers()) => {
                    Trouble::BrokenOff
                }
                Ok(answer) => Trouble::Status(answer.status().into()),
                // It is another one's certificate the next time, too.
                Err(error) if is_certificate_refused(error) => return answer,
                Err(error) if matches!(error.kind(), ErrorKind::Connection) => Trouble::NoAnswer,
                Err(error) if matches!(error.kind(), ErrorKind::Io) => Trouble::BrokenOff,
                Err(_) => return answer,
            };
            let Some(wait) = (self.rule)(trouble, retry) else {
                return answer;
            };
            let asked = answer.as_ref().ok();
            let asked = asked.and_then(|answer| retry_after(answer.headers()));
            let wait = jittered(wait).max(asked.unwrap_or_default());
            // What is told to wait may be more than a clock can count.
            if wait >= end.saturating_duration_since(Instant::now()) {
                return answer;
            }
            tracing::debug!(?trouble, ?wait, "asked again after a while");
            tokio::time::sleep(wait).await;
            retry += 1;
        }
    }
}

/// The answer with its body, which may be slow too.
async fn ask(ctx: &Context<'_>, request: &mut Request, next: &[Arc<dyn Policy>]) -> PolicyResult {
    whole(next[0].send(ctx, request, &next[1..]).await?).await
}
