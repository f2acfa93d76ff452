//! A server on loopback with a certificate of its own, which clients know by its thumbprint.

use rcgen::{CertificateParams, DnType, KeyPair, KeyUsagePurpose, SanType};
use rustls::ServerConfig;
use rustls::crypto::ring as provider;
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use time::{Duration, OffsetDateTime};

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub enum SelfSignedError {
    #[error("a certificate could not be made: {0}")]
    Certificate(#[from] rcgen::Error),
    #[error("TLS could not be set up: {0}")]
    Tls(#[from] rustls::Error),
}

/// A certificate that nobody vouches for, and what serves with it.
pub(crate) struct SelfSigned {
    pub(crate) tls: Arc<ServerConfig>,
    /// SHA-1 of the certificate, in hexadecimal.
    pub(crate) thumbprint: String,
}

impl SelfSigned {
    /// Makes one for this computer's own names, with a key that lives as long as it.
    pub(crate) fn make(common_name: &str) -> Result<Self, SelfSignedError> {
        let key = KeyPair::generate()?;
        let mut leaf = CertificateParams::new(vec!["localhost".to_owned()])?;
        leaf.subject_alt_names
            .push(SanType::IpAddress(IpAddr::V4(Ipv4Addr::LOCALHOST)));
        leaf.distinguished_name
            .push(DnType::CommonName, common_name);
        leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        // Clients check certificates by the computer's clock.
        let now = OffsetDateTime::now_utc();
        leaf.not_before = now - Duration::days(1);
        leaf.not_after = now + Duration::days(365);
        let certificate = leaf.self_signed(&key)?;
        let der = certificate.der().clone();
        let digest = ring::digest::digest(&ring::digest::SHA1_FOR_LEGACY_USE_ONLY, &der);
        let thumbprint = digest.as_ref().iter().map(|byte| format!("{byte:02X}"));
        let thumbprint = thumbprint.collect();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let mut tls = ServerConfig::builder_with_provider(Arc::new(provider::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![der], key)?;
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(SelfSigned {
            tls: Arc::new(tls),
            thumbprint,
        })
    }
}
