//! A new Ed25519 key pair, made with the crypto library that TLS uses anyway: another one would be a fortieth of the
//! program.

use ring::{
    rand::{SystemRandom, generate},
    signature::{Ed25519KeyPair, KeyPair},
};
use ssh_key::{
    PrivateKey,
    private::{Ed25519Keypair, Ed25519PrivateKey, KeypairData},
    public::Ed25519PublicKey,
};
use zeroize::Zeroizing;

/// Why no pair could be made.
#[derive(Debug, thiserror::Error)]
pub(super) enum KeyError {
    #[error("the system gives no random numbers")]
    Random,
    #[error(transparent)]
    Key(#[from] ssh_key::Error),
}

/// Makes a pair. The seed is the private key (RFC 8032, 5.1.5).
pub(super) fn new_pair() -> Result<PrivateKey, KeyError> {
    let seed: [u8; 32] = generate(&SystemRandom::new())
        .map_err(|_| KeyError::Random)?
        .expose();
    let seed = Zeroizing::new(seed);
    let pair = Ed25519KeyPair::from_seed_unchecked(&*seed).map_err(|_| KeyError::Random)?;
    let public = Ed25519PublicKey::try_from(pair.public_key().as_ref())?;
    let pair = Ed25519Keypair {
        public,
        private: Ed25519PrivateKey::from_bytes(&seed),
    };
    Ok(PrivateKey::new(KeypairData::Ed25519(pair), "")?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ssh_key::LineEnding;

    #[test]
    fn a_pair_is_as_openssh_reads_it_and_new_each_time() {
        let pair = new_pair().expect("a pair");
        let text = pair.to_openssh(LineEnding::LF).expect("written");
        let read = PrivateKey::from_openssh(&*text).expect("read");
        assert_eq!(read.public_key(), pair.public_key());
        assert_ne!(pair.public_key(), new_pair().expect("another").public_key());
    }

    /// `ssh-keygen -y` computes the public half from the private one.
    #[cfg(unix)]
    #[test]
    fn the_public_half_belongs_to_the_private_one() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("key");
        let pair = new_pair().expect("a pair");
        let text = pair.to_openssh(LineEnding::LF).expect("written");
        std::fs::write(&file, text.as_bytes()).expect("written");
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).expect("a mode");
        let shown = std::process::Command::new("ssh-keygen")
            .args(["-y", "-f"])
            .arg(&file)
            .output()
            .expect("OpenSSH is installed");
        let public = pair.public_key().to_openssh().expect("written");
        assert_eq!(String::from_utf8_lossy(&shown.stdout).trim(), public.trim());
    }
}
