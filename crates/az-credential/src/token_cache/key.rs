//! What a token was asked for.

use serde::{Deserialize, Serialize};

/// What a token was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Key {
    /// The credential's name.
    pub(super) credential: String,
    /// The folder with the tool's sign-in.
    pub(super) config: String,
    /// A digest of the variables that the tool reads beside it.
    pub(super) variables: String,
    pub(super) cloud: String,
    pub(super) tenant: Option<String>,
    pub(super) subscription: Option<String>,
    pub(super) scope: String,
}

impl Key {
    /// Whether the same sign-in answers both.
    pub(super) fn same_sign_in(&self, other: &Key) -> bool {
        self.credential == other.credential && self.config == other.config
    }
}
