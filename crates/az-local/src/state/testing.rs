//! For unit tests of every service: a fixed signing key.

use crate::state::signing_keys::{SigningKeys, generate_rsa};
use std::sync::OnceLock;

/// One signing key for all tests of the process: making one takes long.
pub(crate) fn keys() -> &'static SigningKeys {
    static KEYS: OnceLock<SigningKeys> = OnceLock::new();
    KEYS.get_or_init(|| SigningKeys::with(&generate_rsa().expect("an RSA key")))
}
