//! For unit tests of every service: a fixed signing key.

use crate::state::signing_keys::{SigningKeys, generate_rsa};
use std::sync::OnceLock;

/// Signing keys of an instance's own, with the one key of all tests.
pub(crate) fn own_keys() -> SigningKeys {
    static DER: OnceLock<Vec<u8>> = OnceLock::new();
    SigningKeys::with(DER.get_or_init(|| generate_rsa().expect("an RSA key")))
}

/// One signing key for all tests of the process: making one takes long.
pub(crate) fn keys() -> &'static SigningKeys {
    static KEYS: OnceLock<SigningKeys> = OnceLock::new();
    KEYS.get_or_init(|| SigningKeys::with(&generate_rsa().expect("an RSA key")))
}
