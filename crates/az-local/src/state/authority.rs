//! The instance's certificate authority: it speaks for Azure's domains and for nothing else.

use super::document::Document;
use super::transaction::StateError;
use super::transaction::Transaction;
use crate::ground::hosts::DOMAINS;
use crate::ground::pkcs7::{self, Signer};
use crate::ground::roots::{AUTHORITY, DIGITS};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, DnType, ExtendedKeyUsagePurpose,
    GeneralSubtree, IsCa, Issuer, KeyPair, KeyUsagePurpose, NameConstraints,
    PKCS_ECDSA_P256_SHA256, SerialNumber, SigningKey as _,
};
use rustls::ServerConfig;
use rustls::crypto::ring as provider;
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use time::{Duration, OffsetDateTime};

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    #[error("a certificate could not be made: {0}")]
    Certificate(#[from] rcgen::Error),
    #[error("TLS could not be set up: {0}")]
    Tls(#[from] rustls::Error),
    #[error("the kept certificate authority is damaged: {0}")]
    Damaged(#[from] base64::DecodeError),
    #[error(transparent)]
    State(#[from] StateError),
}

/// The authority as it is kept.
#[derive(Serialize, Deserialize)]
pub(super) struct StoredAuthority {
    name: String,
    pkcs8: String,
    certificate: String,
}

impl StoredAuthority {
    const KEY: &'static str = "ca";
}

impl Document for StoredAuthority {
    const KIND: &'static str = "certificateAuthority";
    fn key(&self) -> String {
        StoredAuthority::KEY.to_owned()
    }
}

/// Issues leaf certificates for emulated hosts, one a host.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    /// Its common name, the only name that it has.
    name: String,
    pem: String,
    /// All leafs share one key: they live and die with the process.
    leaf_key: KeyPair,
    leafs: Mutex<HashMap<String, Arc<ServerConfig>>>,
}

/// The name of Azure's metadata service in certificates.
const METADATA: &str = "metadata.azure.com";

/// How many hosts' certificates are kept in memory.
const KEPT_LEAFS: usize = 1024;

impl Authority {
    /// The kept authority, or a new one, which is then kept.
    pub(crate) fn load_or_create(tx: &Transaction<'_>) -> Result<Self, AuthorityError> {
        let (issuer, name, pem) = match tx.get::<StoredAuthority>(StoredAuthority::KEY)? {
            Some(stored) => {
                let der = PrivatePkcs8KeyDer::from(STANDARD.decode(&stored.pkcs8)?);
                let key = KeyPair::from_pkcs8_der_and_sign_algo(&der, &PKCS_ECDSA_P256_SHA256)?;
                (
                    Issuer::new(parameters(&stored.name)?, key),
                    stored.name,
                    stored.certificate,
                )
            }
            None => {
                // A name of its own: two instances' authorities must not be taken for one.
                let digits = &uuid::Uuid::new_v4().simple().to_string()[..DIGITS];
                let name = format!("{AUTHORITY}{digits}");
                let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
                let parameters = parameters(&name)?;
                let certificate = parameters.self_signed(&key)?.pem();
                tx.put(&StoredAuthority {
                    name: name.clone(),
                    pkcs8: STANDARD.encode(key.serialize_der()),
                    certificate: certificate.clone(),
                })?;
                (Issuer::new(parameters, key), name, certificate)
            }
        };
        Ok(Authority {
            issuer,
            name,
            pem,
            leaf_key: KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?,
            leafs: Mutex::default(),
        })
    }

    /// The authority's certificate, PEM.
    pub(crate) fn pem(&self) -> &str {
        &self.pem
    }

    /// The TLS configuration of a host, with a certificate in its name.
    pub(crate) fn server(&self, host: &str) -> Result<Arc<ServerConfig>, AuthorityError> {
        let mut leafs = self.leafs.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(config) = leafs.get(host) {
            return Ok(Arc::clone(config));
        }
        let config = Arc::new(self.issue(host, Duration::days(365))?);
        if leafs.len() >= KEPT_LEAFS {
            leafs.clear();
        }
        leafs.insert(host.to_owned(), Arc::clone(&config));
        Ok(config)
    }

    /// The TLS configuration of a host, with a certificate that is valid for so long from now; for no time, it expired an
    /// hour ago.
    pub(crate) fn server_for(
        &self,
        host: &str,
        valid: std::time::Duration,
    ) -> Result<Arc<ServerConfig>, AuthorityError> {
        let valid = match Duration::try_from(valid) {
            Ok(valid) if valid.is_zero() => Duration::hours(-1),
            Ok(valid) => valid.min(Duration::days(365)),
            Err(_) => Duration::days(365),
        };
        Ok(Arc::new(self.issue(host, valid)?))
    }

    /// Signs what the metadata service of a region says (PKCS#7, DER), with a certificate in its names: clients look for
    /// `metadata.azure.com` and what is below it.
    pub(crate) fn attest(&self, content: &[u8], region: &str) -> Result<Vec<u8>, AuthorityError> {
        let host = format!("{region}.{METADATA}");
        let mut leaf = CertificateParams::new(vec![host, METADATA.to_owned()])?;
        leaf.distinguished_name.push(DnType::CommonName, METADATA);
        leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        leaf.use_authority_key_identifier_extension = true;
        let serial = uuid::Uuid::new_v4().into_bytes();
        // A serial number has no sign.
        let serial = [&[serial[0] & 0x7f | 0x40], &serial[1..]].concat();
        leaf.serial_number = Some(SerialNumber::from_slice(&serial));
        let now = OffsetDateTime::now_utc();
        leaf.not_before = now - Duration::days(1);
        leaf.not_after = now + Duration::days(365);
        let certificate = leaf.signed_by(&self.leaf_key, &self.issuer)?;
        let signer = Signer {
            certificate: certificate.der(),
            issuer: &self.name,
            serial: &serial,
        };
        let signature = self.leaf_key.sign(content)?;
        Ok(pkcs7::signed(content, &signature, &signer))
    }

    fn issue(&self, host: &str, valid: Duration) -> Result<ServerConfig, AuthorityError> {
        let mut leaf = CertificateParams::new(vec![host.to_owned()])?;
        leaf.distinguished_name.push(DnType::CommonName, host);
        leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        leaf.use_authority_key_identifier_extension = true;
        // Clients check certificates by the computer's clock, not by the instance's.
        let now = OffsetDateTime::now_utc();
        leaf.not_before = now - Duration::days(1);
        leaf.not_after = now + valid;
        let certificate = leaf.signed_by(&self.leaf_key, &self.issuer)?;
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(self.leaf_key.serialize_der()));
        let mut config =
            ServerConfig::builder_with_provider(Arc::new(provider::default_provider()))
                .with_safe_default_protocol_versions()?
                .with_no_client_auth()
                .with_single_cert(vec![certificate.der().clone()], key)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(config)
    }
}

fn parameters(name: &str) -> Result<CertificateParams, rcgen::Error> {
    let mut ca = CertificateParams::new(Vec::new())?;
    ca.distinguished_name.push(DnType::CommonName, name);
    ca.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    ca.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    ca.name_constraints = Some(NameConstraints {
        permitted_subtrees: DOMAINS
            .iter()
            .map(|domain| GeneralSubtree::DnsName((*domain).to_owned()))
            .collect(),
        // Names of one kind say nothing about another: addresses are excluded as such.
        excluded_subtrees: vec![
            GeneralSubtree::IpAddress(CidrSubnet::from_v4_prefix([0; 4], 0)),
            GeneralSubtree::IpAddress(CidrSubnet::from_v6_prefix([0; 16], 0)),
        ],
    });
    let now = OffsetDateTime::now_utc();
    ca.not_before = now - Duration::days(1);
    ca.not_after = now + Duration::days(3650);
    Ok(ca)
}
