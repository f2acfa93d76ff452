//! What the project's own fuzzers reach that nobody else does.

use crate::managed_identity;
use std::path::Path;

/// The key that a challenge of Azure Arc's agent leads to, where the agent has its keys in this folder.
pub fn arc_key(folder: &Path, challenge: &str) -> Option<String> {
    managed_identity::arc_key(folder, challenge)
}

/// Reads a token cache of this content, writes what is in it, and says how many tokens there were before and after.
#[cfg(feature = "token-cache")]
pub fn token_cache(folder: &Path, content: &[u8]) -> std::io::Result<(usize, usize)> {
    crate::token_cache::read_and_written(folder, content)
}
