//! The machines' host keys, and the authority that vouches for them.
//!
//! Each machine has a key of its own, derived from the instance's secret and the machine's id: the same for as long as
//! the machine lives, another for its successor of the same name. The authority certifies it for the address that
//! was asked for, so one line of `known_hosts` is good for all machines, those to come too.

use super::document::Document;
use super::transaction::StateError;
use super::transaction::Transaction;
use crate::ground::hosts::MACHINE_ADDRESSES;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use russh::keys::ssh_key::certificate::{Builder, CertType};
use russh::keys::ssh_key::private::Ed25519Keypair;
use russh::keys::{Certificate, PrivateKey, PublicKey, ssh_key};
use serde::{Deserialize, Serialize};
use std::net::Ipv4Addr;

/// Why there is no host key.
#[derive(Debug, thiserror::Error)]
pub enum HostKeyError {
    #[error(transparent)]
    State(#[from] StateError),
    #[error("no random numbers: {0}")]
    Random(#[from] getrandom::Error),
    #[error("the kept SSH secret is damaged")]
    Damaged,
    #[error("a host key could not be certified: {0}")]
    Key(#[from] ssh_key::Error),
}

/// What all host keys of an instance are derived from, in base64.
#[derive(Serialize, Deserialize)]
pub(super) struct StoredSecret {
    secret: String,
}

impl StoredSecret {
    const KEY: &'static str = "hostKeys";
}

impl Document for StoredSecret {
    const KIND: &'static str = "sshSecret";
    fn key(&self) -> String {
        StoredSecret::KEY.to_owned()
    }
}

/// The host keys of an instance's machines.
pub(crate) struct HostKeys {
    secret: hmac::Key,
    authority: PrivateKey,
}

impl HostKeys {
    /// The kept ones; a new instance gets new ones.
    pub(crate) fn load_or_create(tx: &Transaction<'_>) -> Result<Self, HostKeyError> {
        let secret = match tx.get::<StoredSecret>(StoredSecret::KEY)? {
            Some(stored) => STANDARD
                .decode(stored.secret)
                .map_err(|_| HostKeyError::Damaged)?,
            None => {
                let mut secret = vec![0; 32];
                getrandom::fill(&mut secret)?;
                tx.put(&StoredSecret {
                    secret: STANDARD.encode(&secret),
                })?;
                secret
            }
        };
        let secret = hmac::Key::new(hmac::HMAC_SHA256, &secret);
        let authority = derive(&secret, "authority");
        Ok(HostKeys { secret, authority })
    }

    /// A machine's key, and its certificate for an address.
    pub(crate) fn of_machine(
        &self,
        vm_id: &str,
        address: Ipv4Addr,
    ) -> Result<(PrivateKey, Certificate), HostKeyError> {
        let key = derive(&self.secret, &format!("machine {vm_id}"));
        // A certificate of the same content may have the same nonce: it is then the same certificate.
        let nonce = hmac::sign(&self.secret, format!("nonce {vm_id} {address}").as_bytes());
        let mut builder = Builder::new(nonce.as_ref(), key.public_key().clone(), 0, u64::MAX)?;
        builder
            .cert_type(CertType::Host)?
            .key_id(vm_id)?
            .valid_principal(address.to_string())?;
        Ok((key, builder.sign(&self.authority)?))
    }

    /// The line of `known_hosts` that vouches for every machine of the instance.
    pub(crate) fn known_hosts(&self) -> Result<String, HostKeyError> {
        let authority = PublicKey::from(&self.authority).to_openssh()?;
        Ok(format!(
            "@cert-authority {} {authority} az-local\n",
            MACHINE_ADDRESSES.join(",")
        ))
    }
}

fn derive(secret: &hmac::Key, of: &str) -> PrivateKey {
    let mut seed = [0; 32];
    seed.copy_from_slice(hmac::sign(secret, of.as_bytes()).as_ref());
    PrivateKey::from(Ed25519Keypair::from_seed(&seed))
}
