//! For unit tests of every service: a fixed signing key.

use crate::state::Store;
use crate::state::authority::{Authority, AuthorityError};
use crate::state::signing_keys::{SigningKeys, generate_rsa};
use std::sync::OnceLock;

/// Signing keys of an instance's own, with the one key of all tests.
pub(crate) fn own_keys() -> SigningKeys {
    static DER: OnceLock<Vec<u8>> = OnceLock::new();
    SigningKeys::with(DER.get_or_init(|| generate_rsa().expect("an RSA key")))
}

/// One certificate authority for all tests of the process.
pub(crate) fn authority() -> &'static Authority {
    static AUTHORITY: OnceLock<Authority> = OnceLock::new();
    AUTHORITY.get_or_init(|| {
        let store = Store::open(None).expect("a store in memory");
        let made: Result<Authority, AuthorityError> = store.write(Authority::load_or_create);
        made.expect("an authority")
    })
}

/// One signing key for all tests of the process: making one takes long.
pub(crate) fn keys() -> &'static SigningKeys {
    static KEYS: OnceLock<SigningKeys> = OnceLock::new();
    KEYS.get_or_init(|| SigningKeys::with(&generate_rsa().expect("an RSA key")))
}
