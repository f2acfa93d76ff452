//! Random secrets, and comparing them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use subtle::ConstantTimeEq;
use uuid::Uuid;

/// A new secret of 244 random bits, in letters that need no quoting in URLs and shells.
pub(crate) fn random_secret() -> String {
    let mut bytes = [0; 32];
    bytes[..16].copy_from_slice(Uuid::new_v4().as_bytes());
    bytes[16..].copy_from_slice(Uuid::new_v4().as_bytes());
    // A leading letter: a value that begins with a dash reads as a flag on command lines.
    format!("s{}", URL_SAFE_NO_PAD.encode(bytes))
}

/// Whether two secrets are equal, in a time that does not tell where they differ.
pub(crate) fn same(one: &str, other: &str) -> bool {
    one.as_bytes().ct_eq(other.as_bytes()).into()
}
