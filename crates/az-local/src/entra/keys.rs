//! The instance's token signing keys.

/// The RSA key that signs access tokens, and its public half for those who check them.
pub(crate) struct SigningKeys {}
