//! Service Fabric.
//!
//! <https://learn.microsoft.com/azure/service-fabric/how-to-managed-identity-service-fabric-app-code>. The service has a
//! certificate that it signed itself; its SHA-1 thumbprint is in a variable, and the connection is to no other.

use super::error::ManagedIdentityError;
use crate::http::{HttpError, over_tls};
use azure_core::http::{Method, Request, Transport, Url};
use ring::digest;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime},
};
use std::{fmt, sync::Arc};
use zeroize::Zeroizing;

const VERSION: &str = "2019-07-01-preview";

pub(super) struct ServiceFabric {
    pub(super) endpoint: Url,
    pub(super) header: Zeroizing<String>,
}

impl ServiceFabric {
    pub(super) fn request(&self, resource: &str) -> Request {
        let mut url = self.endpoint.clone();
        url.query_pairs_mut()
            .append_pair("api-version", VERSION)
            .append_pair("resource", resource);
        let mut request = Request::new(url, Method::Get);
        request.insert_header("accept", "application/json");
        request.insert_header("secret", self.header.as_str().to_owned());
        request
    }
}

/// The SHA-1 of a certificate.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Thumbprint([u8; 20]);

impl Thumbprint {
    /// Reads 40 hexadecimal digits, with or without colons and spaces between them.
    pub(super) fn parse(text: &str) -> Result<Self, ManagedIdentityError> {
        let mut digits = text
            .chars()
            .filter(|letter| *letter != ':' && !letter.is_whitespace())
            .map(|letter| letter.to_digit(16));
        let mut bytes = [0; 20];
        for byte in &mut bytes {
            match (digits.next().flatten(), digits.next().flatten()) {
                (Some(high), Some(low)) => *byte = (high << 4 | low) as u8,
                _ => return Err(ManagedIdentityError::Thumbprint),
            }
        }
        match digits.next() {
            None => Ok(Thumbprint(bytes)),
            Some(_) => Err(ManagedIdentityError::Thumbprint),
        }
    }

    fn is_of(&self, certificate: &CertificateDer<'_>) -> bool {
        // What Service Fabric publishes is a SHA-1, and says which certificate is meant.
        let found = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, certificate);
        found.as_ref() == self.0
    }
}

/// A transport that speaks with whoever has this certificate, and with nobody else.
pub(super) fn pinned(thumbprint: Thumbprint) -> Result<Transport, HttpError> {
    over_tls(config(thumbprint)?)
}

fn config(thumbprint: Thumbprint) -> Result<ClientConfig, HttpError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|error| HttpError::Setup(error.to_string()))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Pinned {
            thumbprint,
            provider,
        }))
        .with_no_client_auth();
    Ok(config)
}

/// Takes one certificate, by its thumbprint; the handshake's signatures are checked as ever.
struct Pinned {
    thumbprint: Thumbprint,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if self.thumbprint.is_of(end_entity) {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(CertificateError::ApplicationVerificationFailure.into())
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

impl fmt::Debug for Pinned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pinned").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Authority, TlsServer};
    use azure_core::http::Context;
    use rustls::{ClientConnection, ServerConfig, ServerConnection, pki_types::PrivatePkcs8KeyDer};

    /// A certificate that signed itself, and the shake of hands with who has it.
    struct Service {
        certificate: CertificateDer<'static>,
        config: Arc<ServerConfig>,
    }

    impl Service {
        fn new() -> Self {
            let made = rcgen::generate_simple_self_signed(["localhost".to_owned()])
                .expect("a certificate");
            let certificate = made.cert.der().clone();
            let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
            let provider = Arc::new(rustls::crypto::ring::default_provider());
            let config = ServerConfig::builder_with_provider(provider)
                .with_safe_default_protocol_versions()
                .expect("versions")
                .with_no_client_auth()
                .with_single_cert(vec![certificate.clone()], key.into())
                .expect("a config");
            Service {
                certificate,
                config: Arc::new(config),
            }
        }

        fn thumbprint(&self) -> String {
            digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, &self.certificate)
                .as_ref()
                .iter()
                .map(|byte| format!("{byte:02X}"))
                .collect()
        }

        fn shake_hands(&self, thumbprint: Thumbprint) -> Result<(), Error> {
            let config = Arc::new(config(thumbprint).expect("a config"));
            let name = ServerName::try_from("10.0.0.1").expect("a name");
            let mut client = ClientConnection::new(config, name).expect("a client");
            let mut server = ServerConnection::new(self.config.clone()).expect("a server");
            while client.is_handshaking() || server.is_handshaking() {
                let mut bytes = Vec::new();
                client.write_tls(&mut bytes).expect("written");
                server.read_tls(&mut bytes.as_slice()).expect("read");
                server.process_new_packets()?;
                let mut bytes = Vec::new();
                server.write_tls(&mut bytes).expect("written");
                client.read_tls(&mut bytes.as_slice()).expect("read");
                client.process_new_packets()?;
            }
            Ok(())
        }
    }

    #[test]
    fn the_connection_is_to_the_certificate_with_the_thumbprint_and_to_no_other() {
        let (service, other) = (Service::new(), Service::new());
        let pin = Thumbprint::parse(&service.thumbprint()).expect("a thumbprint");
        assert_eq!(service.shake_hands(pin), Ok(()), "whatever its name");
        assert_eq!(
            other.shake_hands(pin),
            Err(CertificateError::ApplicationVerificationFailure.into())
        );
    }

    #[tokio::test]
    async fn a_request_with_its_secret_reaches_nobody_else() {
        let authority = Authority::new();
        let (service, other) = (
            TlsServer::start(&authority, "service", "token"),
            TlsServer::start(&authority, "service", "token"),
        );
        let found = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, &service.certificate);
        let mut pin = Thumbprint([0; 20]);
        pin.0.copy_from_slice(found.as_ref());
        let transport = pinned(pin).expect("a transport");
        for (server, reached) in [(&service, true), (&other, false)] {
            let address = format!("https://127.0.0.1:{}/token", server.port);
            let fabric = ServiceFabric {
                endpoint: Url::parse(&address).expect("an address"),
                header: Zeroizing::new("hunter2".to_owned()),
            };
            let answer = transport
                .send(&Context::new(), &mut fabric.request("r"))
                .await;
            assert_eq!(answer.is_ok(), reached);
            let asked = server.asked.lock().expect("lock");
            assert_eq!(
                asked.iter().any(|(_, text)| text.contains("hunter2")),
                reached
            );
        }
    }

    #[test]
    fn thumbprints_are_read_with_colons_and_spaces_and_in_either_case() {
        let plain = "00112233445566778899aabbccddeeff00112233";
        let expected = Thumbprint::parse(plain).expect("a thumbprint");
        let colons = "00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33 ";
        assert!(Thumbprint::parse(colons).expect("a thumbprint") == expected);
        for wrong in [
            &plain[1..],
            &format!("{plain}0"),
            "",
            &plain.replace('a', "g"),
        ] {
            assert!(Thumbprint::parse(wrong).is_err(), "{wrong}");
        }
    }
}
