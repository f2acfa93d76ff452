//! No check waits for long, also where nothing answers.

use az_core::cli::{Failure, Status};
use std::{future::Future, time::Duration};

/// The longest that a check of a service waits for it.
pub(super) const ANSWER: Duration = Duration::from_secs(4);

/// The longest that the search for a token takes: the sign-ins of `az`, `azd` and Azure PowerShell are processes, which
/// need a second or two each.
pub(super) const TOKEN: Duration = Duration::from_secs(6);

/// What `asked` comes to, unless it takes too long.
pub(super) async fn within<T>(
    longest: Duration,
    asked: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    tokio::time::timeout(longest, asked)
        .await
        .unwrap_or_else(|_| {
            let seconds = longest.as_secs();
            Err(
                Failure::new(Status::GaveUp, format!("no answer within {seconds} s"))
                    .hint("Check the network and the proxy variables, and try again."),
            )
        })
}
