//! Why a chain of one's own gave no token.

use azure_core::error::ErrorKind;
use std::sync::Arc;

/// No credential of a [`ChainedTokenCredential`](crate::ChainedTokenCredential) gave a token.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ChainError {
    /// There is nothing to ask.
    #[error("a chain has one credential at least")]
    Empty,
    /// None of them is set up here.
    #[error("no credential of the chain is available here. Tried, in this order:{}", lines(.attempts))]
    Unavailable {
        /// What was tried, in order.
        attempts: Vec<ChainAttempt>,
    },
    /// One failed otherwise; those after it were not tried.
    #[error("a credential of the chain gave no token. Tried, in this order:{}", lines(.attempts))]
    Failed {
        /// What was tried, in order; the last one ended it.
        attempts: Vec<ChainAttempt>,
    },
}

/// One credential that gave no token.
#[derive(Clone, Debug)]
pub struct ChainAttempt {
    /// Its place in the chain, from 0.
    pub index: usize,
    /// What it said.
    pub error: Arc<azure_core::Error>,
}

fn lines(attempts: &[ChainAttempt]) -> String {
    let line = |attempt: &ChainAttempt| {
        // The lines of a chain within this one stand below its own.
        let text = attempt.error.to_string().replace('\n', "\n  ");
        format!("\n  {}: {text}", attempt.index + 1)
    };
    attempts.iter().map(line).collect()
}

impl From<ChainError> for azure_core::Error {
    fn from(error: ChainError) -> Self {
        azure_core::Error::new(ErrorKind::Credential, error)
    }
}
