//! Lists that come in pages.

use azure_core::{
    Error,
    error::ErrorKind,
    http::{
        AsyncRawResponse, Context, Request,
        policies::{Policy, PolicyResult},
    },
};
use serde::{Deserialize, de::IgnoredAny};
use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
};

/// A list whose pages lead back to one that was read.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("its list goes round in a circle")]
pub struct GoesRound;

/// The links that were followed to one list's pages: no page is read twice. In a request's context it says that the request is
/// for a page of that list.
#[derive(Clone, Debug, Default)]
pub struct Pages(Arc<Mutex<HashSet<String>>>);

impl Pages {
    /// Notes that a link is followed.
    ///
    /// # Errors
    /// It was followed before.
    pub fn follow(&self, link: &str) -> Result<(), GoesRound> {
        let mut followed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        followed
            .insert(link.to_owned())
            .then_some(())
            .ok_or(GoesRound)
    }
}

/// An answer that is no page of a list: Azure's clients would take it for an empty one.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("a list was expected, and the answer has none")]
pub struct NoList;

/// Holds the requests for pages of a list to it: none is sent twice, and each answer has items.
#[derive(Debug)]
pub(crate) struct OnePages;

impl OnePages {
    pub(crate) fn policy() -> Arc<dyn Policy> {
        Arc::new(OnePages)
    }
}

#[async_trait::async_trait]
impl Policy for OnePages {
    async fn send(
        &self,
        ctx: &Context,
        request: &mut Request,
        next: &[Arc<dyn Policy>],
    ) -> PolicyResult {
        #[derive(Deserialize)]
        struct Page {
            #[serde(rename = "value")]
            _items: Vec<IgnoredAny>,
        }
        let Some(pages) = ctx.value::<Pages>() else {
            return next[0].send(ctx, request, &next[1..]).await;
        };
        pages
            .follow(request.url().as_str())
            .map_err(|error| Error::new(ErrorKind::Other, error))?;
        let answer = next[0].send(ctx, request, &next[1..]).await?;
        if !answer.status().is_success() {
            return Ok(answer);
        }
        let (status, headers, body) = answer.deconstruct();
        let body = body.collect().await?;
        match serde_json::from_slice::<Page>(&body) {
            Ok(_) => Ok(AsyncRawResponse::from_bytes(status, headers, body)),
            Err(_) => Err(Error::new(ErrorKind::Other, NoList)),
        }
    }
}
