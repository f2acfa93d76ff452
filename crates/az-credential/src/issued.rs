//! A token as whoever issues it gives it, and who can issue one.

use crate::asked::Asked;
use azure_core::{credentials::AccessToken, http::Context, time::OffsetDateTime};
use std::fmt;

/// A token, and when a new one is to be asked for, where the answer says so.
///
/// `azure_core`'s [`AccessToken`] has no room for the second.
#[derive(Debug)]
pub(crate) struct Issued {
    pub(crate) token: AccessToken,
    pub(crate) refresh_on: Option<OffsetDateTime>,
}

/// Asks for a token, each time anew.
#[async_trait::async_trait]
pub(crate) trait TokenSource: Send + Sync + fmt::Debug {
    async fn issue(&self, asked: &Asked, context: &Context<'_>) -> azure_core::Result<Issued>;
}
