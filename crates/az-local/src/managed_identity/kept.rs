//! Tokens that a host has given out, and gives out again.

use crate::entra::token::AccessToken;
use crate::request::Context;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use time::Duration;

/// How long before its end a token is given out no more: clients take one that is as near to it for none.
const MARGIN: Duration = Duration::minutes(5);

/// How many tokens a host keeps; when there are more, all are forgotten.
const MOST_KEPT: usize = 64;

/// Tokens that were given out already, by object id and resource. Hosts keep them: "the back-end services for managed
/// identities maintain a cache per resource URI for around 24 hours"
/// (<https://learn.microsoft.com/azure/app-service/overview-managed-identity>), and Service Fabric "for less than their
/// lifetime".
#[derive(Default)]
pub(super) struct Kept(Mutex<HashMap<(String, String), AccessToken>>);

impl Kept {
    pub(super) fn get(&self, cx: &Context<'_>, key: &(String, String)) -> Option<AccessToken> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let token = kept.get(key)?;
        (token.expires - cx.wall_now > MARGIN).then(|| token.clone())
    }

    pub(super) fn keep(&self, key: (String, String), token: &AccessToken) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= MOST_KEPT {
            kept.clear();
        }
        kept.insert(key, token.clone());
    }
}
