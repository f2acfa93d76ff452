//! A client certificate, and the assertion that it signs.
//!
//! `azure_identity`'s own support needs OpenSSL and takes PKCS#12 only; this signs with the library that TLS uses anyway.
//! <https://learn.microsoft.com/entra/identity-platform/certificate-credentials>

use crate::entra_client::Assertion;
use azure_core::{
    Uuid, base64,
    http::Context,
    time::{Duration, OffsetDateTime},
};
use p12_keystore::Pkcs12Archive;
use ring::{digest, rand::SystemRandom, rsa, signature::RSA_PSS_SHA256};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use serde_json::json;
use std::{fmt, path::Path};
use zeroize::Zeroizing;

/// How long an assertion is good for; Entra ID advises five to ten minutes.
const LIFETIME: Duration = Duration::minutes(10);

/// Why a certificate's file is of no use.
#[derive(Debug, thiserror::Error)]
pub(super) enum CertificateError {
    #[error("'{path}' cannot be read: {reason}")]
    Unreadable {
        path: String,
        reason: std::io::Error,
    },
    #[error(
        "the file is neither PEM nor PKCS#12, or AZURE_CLIENT_CERTIFICATE_PASSWORD is wrong: {0}"
    )]
    Pkcs12(String),
    #[error("the PEM file is broken: {0}")]
    Pem(String),
    #[error("its private key is encrypted, which is supported in PKCS#12 files only")]
    EncryptedKey,
    #[error("it has no private key")]
    NoKey,
    #[error("its private key is not an RSA key of 2048 to 8192 bits")]
    NotRsa,
    #[error("it has no certificate for its private key")]
    NoCertificate,
}

/// An RSA key with its certificate, and the certificates above it.
pub(super) struct Certificate {
    key: rsa::KeyPair,
    /// DER; the key's own certificate first.
    chain: Vec<Vec<u8>>,
}

impl Certificate {
    /// Reads a PEM or PKCS#12 file. The password is for PKCS#12.
    pub(super) fn read(path: &Path, password: Option<&str>) -> Result<Self, CertificateError> {
        let data = std::fs::read(path).map(Zeroizing::new).map_err(|reason| {
            CertificateError::Unreadable {
                path: path.display().to_string(),
                reason,
            }
        })?;
        Certificate::parse(&data, password)
    }

    fn parse(data: &[u8], password: Option<&str>) -> Result<Self, CertificateError> {
        if contains(data, b"-----BEGIN ") {
            Certificate::from_pem(data)
        } else {
            Certificate::from_pkcs12(data, password)
        }
    }

    fn from_pem(data: &[u8]) -> Result<Self, CertificateError> {
        let broken =
            |error: rustls::pki_types::pem::Error| CertificateError::Pem(error.to_string());
        if contains(data, b"ENCRYPTED") {
            return Err(CertificateError::EncryptedKey);
        }
        let key = PrivateKeyDer::pem_slice_iter(data)
            .next()
            .ok_or(CertificateError::NoKey)?
            .map_err(broken)?;
        let certificates = CertificateDer::pem_slice_iter(data)
            .map(|found| found.map(|certificate| certificate.to_vec()))
            .collect::<Result<Vec<_>, _>>()
            .map_err(broken)?;
        let key = match &key {
            PrivateKeyDer::Pkcs1(der) => rsa::KeyPair::from_der(der.secret_pkcs1_der()),
            PrivateKeyDer::Pkcs8(der) => rsa::KeyPair::from_pkcs8(der.secret_pkcs8_der()),
            _ => return Err(CertificateError::NotRsa),
        };
        Certificate::new(key.map_err(|_| CertificateError::NotRsa)?, certificates)
    }

    fn from_pkcs12(data: &[u8], password: Option<&str>) -> Result<Self, CertificateError> {
        let archive = Pkcs12Archive::from_pkcs12(data, password.unwrap_or_default())
            .map_err(|error| CertificateError::Pkcs12(error.to_string()))?;
        let key = archive.keys.first().ok_or(CertificateError::NoKey)?;
        let key =
            rsa::KeyPair::from_pkcs8(key.key.as_der()).map_err(|_| CertificateError::NotRsa)?;
        Certificate::new(
            key,
            archive
                .certs
                .iter()
                .map(|bag| bag.cert.as_der().to_vec())
                .collect(),
        )
    }

    fn new(key: rsa::KeyPair, mut certificates: Vec<Vec<u8>>) -> Result<Self, CertificateError> {
        // A certificate holds its subject's public key byte for byte, and no other one.
        let public = key.public().as_ref();
        let own = certificates
            .iter()
            .position(|certificate| contains(certificate, public));
        let own = certificates.remove(own.ok_or(CertificateError::NoCertificate)?);
        certificates.insert(0, own);
        Ok(Certificate {
            key,
            chain: certificates,
        })
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate").finish_non_exhaustive()
    }
}

fn contains(data: &[u8], part: &[u8]) -> bool {
    data.windows(part.len()).any(|window| window == part)
}

/// Makes the signed assertions that stand in for a client's secret.
#[derive(Debug)]
pub(super) struct CertificateAssertion {
    certificate: Certificate,
    header: String,
    client_id: String,
}

impl CertificateAssertion {
    /// `send_chain` puts the certificates into the assertion, for applications that trust an issuer and a subject name.
    pub(super) fn new(certificate: Certificate, client_id: &str, send_chain: bool) -> Self {
        let thumbprint = digest::digest(&digest::SHA256, &certificate.chain[0]);
        let mut header =
            json!({"alg": "PS256", "typ": "JWT", "x5t#S256": base64::encode_url_safe(thumbprint)});
        if send_chain {
            header["x5c"] = certificate.chain.iter().map(base64::encode).collect();
        }
        CertificateAssertion {
            header: base64::encode_url_safe(header.to_string()),
            client_id: client_id.to_owned(),
            certificate,
        }
    }

    fn sign(&self, audience: &str, now: OffsetDateTime) -> azure_core::Result<String> {
        let claims = json!({
            "aud": audience,
            "iss": self.client_id,
            "sub": self.client_id,
            "jti": Uuid::new_v4().to_string(),
            "iat": now.unix_timestamp(),
            "nbf": now.unix_timestamp(),
            "exp": (now + LIFETIME).unix_timestamp(),
        });
        let text = format!(
            "{}.{}",
            self.header,
            base64::encode_url_safe(claims.to_string())
        );
        let mut signature = vec![0; self.certificate.key.public().modulus_len()];
        self.certificate
            .key
            .sign(
                &RSA_PSS_SHA256,
                &SystemRandom::new(),
                text.as_bytes(),
                &mut signature,
            )
            .map_err(|_| {
                let kind = azure_core::error::ErrorKind::Credential;
                azure_core::Error::with_message(kind, "the certificate's key cannot sign")
            })?;
        Ok(format!("{text}.{}", base64::encode_url_safe(signature)))
    }
}

#[async_trait::async_trait]
impl Assertion for CertificateAssertion {
    async fn assertion(
        &self,
        audience: &str,
        _: &Context<'_>,
    ) -> azure_core::Result<Zeroizing<String>> {
        self.sign(audience, OffsetDateTime::now_utc())
            .map(Zeroizing::new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use ring::signature::{RSA_PSS_2048_8192_SHA256, UnparsedPublicKey};
    use serde_json::Value;

    // One key and its certificate, from a CA of its own, in several forms. They open nothing.
    const PEM: &[u8] = include_bytes!("testdata/client.pem");
    const PKCS1: &[u8] = include_bytes!("testdata/pkcs1.pem");
    const PFX: &[u8] = include_bytes!("testdata/client.pfx");
    const LEGACY_PFX: &[u8] = include_bytes!("testdata/client-legacy.pfx");
    const ENCRYPTED: &[u8] = include_bytes!("testdata/encrypted.pem");
    const EC: &[u8] = include_bytes!("testdata/ec.pem");
    /// Of the certificate, as `openssl x509 -fingerprint` tells it.
    const THUMBPRINT: &str = "-wojY4bVU-z8cHfwBj6zOuQwSFhnFATgo_f2pb52XfM";

    fn header(certificate: Certificate, send_chain: bool) -> Value {
        let assertion = CertificateAssertion::new(certificate, "client", send_chain);
        serde_json::from_slice(&base64::decode_url_safe(&assertion.header).expect("base64"))
            .expect("JSON")
    }

    #[test]
    fn every_form_gives_the_same_key_and_certificate() {
        for (data, password) in [
            (PEM, None),
            (PKCS1, None),
            (PFX, Some("changeit")),
            (LEGACY_PFX, None),
        ] {
            let certificate = Certificate::parse(data, password).expect("parses");
            assert_eq!(header(certificate, false)["x5t#S256"], THUMBPRINT);
        }
    }

    #[test]
    fn the_chain_is_sent_when_it_is_asked_for_with_the_key_s_own_certificate_first() {
        for (data, password) in [(PEM, None), (PFX, Some("changeit"))] {
            let certificate = Certificate::parse(data, password).expect("parses");
            let own = base64::encode(&certificate.chain[0]);
            let header = header(certificate, true);
            let chain = header["x5c"].as_array().expect("a chain");
            assert_eq!((chain.len(), chain[0].as_str()), (2, Some(own.as_str())));
        }
    }

    #[test]
    fn assertions_are_signed_and_bounded_in_time() {
        let certificate = Certificate::parse(PEM, None).expect("parses");
        let public = certificate.key.public().as_ref().to_vec();
        let assertion = CertificateAssertion::new(certificate, "client", false);
        let now = OffsetDateTime::now_utc();
        let audience = "https://login.microsoftonline.com/tenant/oauth2/v2.0/token";
        let token = assertion.sign(audience, now).expect("signs");
        let (text, signature) = token.rsplit_once('.').expect("three parts");
        let signature = base64::decode_url_safe(signature).expect("base64");
        UnparsedPublicKey::new(&RSA_PSS_2048_8192_SHA256, public)
            .verify(text.as_bytes(), &signature)
            .expect("verifies");
        let claims =
            base64::decode_url_safe(text.split_once('.').expect("two parts").1).expect("base64");
        let claims: Value = serde_json::from_slice(&claims).expect("JSON");
        assert_eq!(claims["aud"], audience);
        assert_eq!(
            (&claims["iss"], &claims["sub"]),
            (&"client".into(), &"client".into())
        );
        assert_eq!(claims["exp"].as_i64(), Some(now.unix_timestamp() + 600));
    }

    #[test]
    fn what_is_wrong_with_a_file_is_said() {
        let parse =
            |data: &[u8], password| Certificate::parse(data, password).expect_err("useless");
        assert!(matches!(
            parse(ENCRYPTED, None),
            CertificateError::EncryptedKey
        ));
        assert!(matches!(parse(EC, None), CertificateError::NotRsa));
        assert!(matches!(
            parse(PFX, Some("wrong")),
            CertificateError::Pkcs12(_)
        ));
        assert!(matches!(
            parse(b"nonsense", None),
            CertificateError::Pkcs12(_)
        ));
        let end = PEM
            .windows(15)
            .position(|part| part == b"-----BEGIN CERT")
            .expect("a certificate");
        assert!(matches!(
            parse(&PEM[..end], None),
            CertificateError::NoCertificate
        ));
        assert!(matches!(parse(&PEM[end..], None), CertificateError::NoKey));
    }

    #[test]
    fn nothing_of_the_key_is_in_the_debug_output() {
        let certificate = Certificate::parse(PEM, None).expect("parses");
        assert_eq!(format!("{certificate:?}"), "Certificate { .. }");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn no_file_panics(at in 0..PEM.len(), byte: u8, cut in 0..PFX.len(), noise in prop::collection::vec(any::<u8>(), 0..64)) {
            let mut pem = PEM.to_vec();
            pem[at] = byte;
            let _ = Certificate::parse(&pem, None);
            let _ = Certificate::parse(&noise, None);
            let _ = Certificate::parse(&PFX[..cut], Some("changeit"));
        }
    }
}
