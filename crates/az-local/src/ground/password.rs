//! Passwords of people, which are kept so that nobody can read them.

use super::secret::random_secret;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::pbkdf2;
use serde::{Deserialize, Serialize};
use std::num::NonZeroU32;

/// Rounds of PBKDF2 with SHA-256. A local instance's people are made up; their passwords may not be.
const ROUNDS: NonZeroU32 = NonZeroU32::new(50_000).expect("not zero");

/// A password that cannot be read back.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Hashed {
    salt: String,
    hash: String,
}

impl Hashed {
    pub(crate) fn of(password: &str) -> Self {
        let salt = random_secret();
        let mut hash = [0; 32];
        pbkdf2::derive(
            pbkdf2::PBKDF2_HMAC_SHA256,
            ROUNDS,
            salt.as_bytes(),
            password.as_bytes(),
            &mut hash,
        );
        Hashed {
            salt,
            hash: STANDARD.encode(hash),
        }
    }

    /// Whether it is this one. The time does not tell where they differ.
    pub(crate) fn is(&self, password: &str) -> bool {
        let hash = STANDARD.decode(&self.hash).unwrap_or_default();
        pbkdf2::verify(
            pbkdf2::PBKDF2_HMAC_SHA256,
            ROUNDS,
            self.salt.as_bytes(),
            password.as_bytes(),
            &hash,
        )
        .is_ok()
    }

    /// Something that changes with the password and does not tell it.
    pub(crate) fn mark(&self) -> &str {
        &self.salt
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_known_again_and_not_kept() {
        let hashed = Hashed::of("Correct-Horse-1");
        assert!(hashed.is("Correct-Horse-1"));
        assert!(!hashed.is("correct-horse-1") && !hashed.is(""));
        let kept = serde_json::to_string(&hashed).expect("JSON");
        assert!(!kept.contains("Horse"), "{kept}");
        assert_ne!(hashed.mark(), Hashed::of("Correct-Horse-1").mark());
    }
}
