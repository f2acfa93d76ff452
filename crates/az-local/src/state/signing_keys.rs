//! The instance's token signing key: RSA of 2048 bits, as Entra ID's.

use super::document::Document;
use super::transaction::StateError;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::rand::SystemRandom;
use ring::rsa::PublicKeyComponents;
use ring::signature::{self, RsaKeyPair};
use rsa::pkcs8::EncodePrivateKey;
use rsa::rand_core::UnwrapErr;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::HashSet;
use std::sync::{Condvar, Mutex, PoisonError};

/// Why there is no signing key, or it would not sign.
#[derive(Clone, Debug, thiserror::Error)]
pub enum KeyError {
    #[error("an RSA key could not be made: {0}")]
    Generate(String),
    #[error("the RSA key is not usable: {0}")]
    Unusable(String),
    #[error("the RSA key could not be kept: {0}")]
    Keep(String),
    #[error("the RSA key did not sign")]
    Sign,
}

/// An RSA key pair with its name in a key set (`kid`).
pub(crate) struct SigningKey {
    kid: String,
    pair: RsaKeyPair,
    modulus: Vec<u8>,
    exponent: Vec<u8>,
}

impl SigningKey {
    /// Reads a private key (PKCS#8, DER).
    pub(crate) fn from_pkcs8(der: &[u8]) -> Result<Self, KeyError> {
        let pair =
            RsaKeyPair::from_pkcs8(der).map_err(|error| KeyError::Unusable(error.to_string()))?;
        let PublicKeyComponents { n, e } = PublicKeyComponents::<Vec<u8>>::from(pair.public());
        let digest = ring::digest::digest(
            &ring::digest::SHA1_FOR_LEGACY_USE_ONLY,
            pair.public().as_ref(),
        );
        Ok(SigningKey {
            kid: URL_SAFE_NO_PAD.encode(digest),
            pair,
            modulus: n,
            exponent: e,
        })
    }

    /// Signs claims as a JSON Web Token with RS256.
    pub(crate) fn sign(&self, claims: &Value) -> Result<String, KeyError> {
        let header = json!({"typ": "JWT", "alg": "RS256", "x5t": self.kid, "kid": self.kid});
        let mut token = format!(
            "{}.{}",
            URL_SAFE_NO_PAD.encode(header.to_string()),
            URL_SAFE_NO_PAD.encode(claims.to_string())
        );
        let mut mark = vec![0; self.pair.public().modulus_len()];
        self.pair
            .sign(
                &signature::RSA_PKCS1_SHA256,
                &SystemRandom::new(),
                token.as_bytes(),
                &mut mark,
            )
            .map_err(|_| KeyError::Sign)?;
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(mark, &mut token);
        Ok(token)
    }

    /// Whether `mark` is this key's RS256 signature of `message`.
    pub(crate) fn verifies(&self, message: &[u8], mark: &[u8]) -> bool {
        signature::RsaPublicKeyComponents {
            n: &self.modulus,
            e: &self.exponent,
        }
        .verify(&signature::RSA_PKCS1_2048_8192_SHA256, message, mark)
        .is_ok()
    }

    /// The public half as a JSON Web Key Set of one key.
    pub(crate) fn key_set(&self, issuer: &str) -> Value {
        json!({"keys": [{
            "kty": "RSA",
            "use": "sig",
            "kid": self.kid,
            "x5t": self.kid,
            "n": URL_SAFE_NO_PAD.encode(&self.modulus),
            "e": URL_SAFE_NO_PAD.encode(&self.exponent),
            "issuer": issuer,
        }]})
    }
}

/// Makes an RSA key of 2048 bits (PKCS#8, DER). Takes some tenths of a second.
pub fn generate_rsa() -> Result<Vec<u8>, KeyError> {
    let key = rsa::RsaPrivateKey::new(&mut UnwrapErr(getrandom::SysRng), 2048)
        .map_err(|error| KeyError::Generate(error.to_string()))?;
    let der = key
        .to_pkcs8_der()
        .map_err(|error| KeyError::Generate(error.to_string()))?;
    Ok(der.as_bytes().to_vec())
}

/// The signing key as it is kept.
#[derive(Serialize, Deserialize)]
pub(crate) struct StoredKey {
    pkcs8: String,
}

impl StoredKey {
    pub(crate) const KEY: &'static str = "token-signing";
}

impl Document for StoredKey {
    const KIND: &'static str = "signingKey";
    fn key(&self) -> String {
        StoredKey::KEY.to_owned()
    }
}

/// The key that signs access tokens. It is made in the background while the instance already
/// answers; who needs it first waits for it.
#[derive(Default)]
pub(crate) struct SigningKeys {
    slot: Mutex<Option<Result<std::sync::Arc<SigningKey>, KeyError>>>,
    filled: Condvar,
    /// Digests of tokens whose signature was found good, which costs more than all else that a short request does.
    verified: Mutex<HashSet<[u8; 32]>>,
}

/// How many tokens are remembered; when there are more, all are forgotten.
const MOST_VERIFIED: usize = 4096;

impl SigningKeys {
    /// Loads the kept key, or makes and keeps one, and hands it to all who wait. Call it once, from
    /// a thread of its own.
    pub(crate) fn fill(
        &self,
        kept: Result<Option<StoredKey>, StateError>,
        keep: impl FnOnce(&StoredKey) -> Result<(), StateError>,
    ) {
        self.set(load_or_generate(kept, keep));
    }

    fn set(&self, key: Result<SigningKey, KeyError>) {
        let mut slot = self.slot.lock().unwrap_or_else(PoisonError::into_inner);
        *slot = Some(key.map(std::sync::Arc::new));
        self.filled.notify_all();
    }

    /// Whether a token's signature is this key's. It is looked at once a token.
    pub(crate) fn has_signed(&self, token: &str) -> Result<bool, KeyError> {
        let mut digest = [0; 32];
        digest.copy_from_slice(
            ring::digest::digest(&ring::digest::SHA256, token.as_bytes()).as_ref(),
        );
        let known = |set: &Mutex<HashSet<[u8; 32]>>| {
            set.lock()
                .unwrap_or_else(PoisonError::into_inner)
                .contains(&digest)
        };
        if known(&self.verified) {
            return Ok(true);
        }
        let Some((message, mark)) = token.rsplit_once('.') else {
            return Ok(false);
        };
        let Ok(mark) = URL_SAFE_NO_PAD.decode(mark) else {
            return Ok(false);
        };
        let good = self.current()?.verifies(message.as_bytes(), &mark);
        if good {
            let mut set = self.verified.lock().unwrap_or_else(PoisonError::into_inner);
            if set.len() >= MOST_VERIFIED {
                set.clear();
            }
            set.insert(digest);
        }
        Ok(good)
    }

    /// The key; waits while it is being made.
    pub(crate) fn current(&self) -> Result<std::sync::Arc<SigningKey>, KeyError> {
        let slot = self.slot.lock().unwrap_or_else(PoisonError::into_inner);
        let slot = self
            .filled
            .wait_while(slot, |slot| slot.is_none())
            .unwrap_or_else(PoisonError::into_inner);
        slot.clone()
            .unwrap_or_else(|| Err(KeyError::Generate("none was made".to_owned())))
    }
}

#[cfg(test)]
impl SigningKeys {
    /// A ready key, for tests.
    pub(crate) fn with(pkcs8: &[u8]) -> Self {
        let keys = SigningKeys::default();
        keys.set(SigningKey::from_pkcs8(pkcs8));
        keys
    }
}

fn load_or_generate(
    kept: Result<Option<StoredKey>, StateError>,
    keep: impl FnOnce(&StoredKey) -> Result<(), StateError>,
) -> Result<SigningKey, KeyError> {
    let failed = |error: StateError| KeyError::Keep(error.to_string());
    if let Some(kept) = kept.map_err(failed)? {
        let der = STANDARD
            .decode(kept.pkcs8)
            .map_err(|error| KeyError::Unusable(error.to_string()))?;
        return SigningKey::from_pkcs8(&der);
    }
    let der = generate_rsa()?;
    let key = SigningKey::from_pkcs8(&der)?;
    keep(&StoredKey {
        pkcs8: STANDARD.encode(&der),
    })
    .map_err(failed)?;
    Ok(key)
}
