//! `az-local credential`: other ways for the desk's application to prove who it is.

use super::shared::{print_json, read};
use crate::cli::CredentialCommand;
use crate::failure::Failure;
use az_local::Client;
use az_local::Command as Ask;
use az_local::generate_rsa;
use az_local::{make_private, write_private};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use p12_keystore::{
    Certificate, EncryptionAlgorithm, KeyStore, KeyStoreEntry, MacAlgorithm, PrivateKey,
    PrivateKeyChain,
};
use rcgen::{CertificateParams, DnType, KeyPair, PKCS_RSA_SHA256};
use rustls_pki_types::PrivatePkcs8KeyDer;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use time::{Duration, OffsetDateTime};

pub(super) fn run(client: &Client, command: CredentialCommand) -> Result<ExitCode, Failure> {
    match command {
        CredentialCommand::Certificate {
            output_dir,
            pkcs12,
            password_file,
            tenant,
        } => certificate(client, &output_dir, pkcs12, password_file, tenant),
        CredentialCommand::Federated {
            output_file,
            issuer,
            subject,
            audience,
            tenant,
        } => {
            let answer: Value = client.ask(Ask::Federate {
                tenant,
                played: issuer.zip(subject),
                audience,
            })?;
            let assertion = answer["assertion"].as_str().unwrap_or_default();
            write_private(&output_file, assertion.as_bytes())?;
            print_json(&json!({
                "tenantId": answer["tenantId"],
                "clientId": answer["clientId"],
                "federatedTokenFile": output_file,
            }))
        }
        CredentialCommand::Issuer { url, keys } => {
            let text = read(&keys)?;
            let keys = serde_json::from_str(&text).map_err(|error| Failure::File {
                path: keys,
                source: error.into(),
            })?;
            print_json(&client.ask::<Value>(Ask::LearnIssuer { url, keys })?)
        }
    }
}

fn certificate(
    client: &Client,
    folder: &Path,
    pkcs12: bool,
    password_file: Option<PathBuf>,
    tenant: usize,
) -> Result<ExitCode, Failure> {
    let made = SelfSigned::make()?;
    let password = match password_file {
        Some(path) => std::fs::read_to_string(&path)
            .map_err(|source| Failure::File { path, source })?
            .lines()
            .next()
            .unwrap_or_default()
            .to_owned(),
        None => String::new(),
    };
    let (name, content) = if pkcs12 {
        ("certificate.pfx", made.pkcs12(&password)?)
    } else {
        ("certificate.pem", made.pem.clone().into_bytes())
    };
    make_private(folder)?;
    let path = folder.join(name);
    write_private(&path, &content)?;
    let asked = Ask::AddCertificate {
        tenant,
        certificate: STANDARD.encode(&made.certificate),
    };
    let answer: Value = client.ask(asked)?;
    print_json(&json!({
        "tenantId": answer["tenantId"],
        "clientId": answer["clientId"],
        "certificatePath": path,
    }))
}

/// A certificate with its key: RSA, because Entra ID takes no other for applications.
struct SelfSigned {
    key: Vec<u8>,
    certificate: Vec<u8>,
    /// Key and certificate.
    pem: String,
}

impl SelfSigned {
    fn make() -> Result<Self, Failure> {
        let failed = |error: rcgen::Error| Failure::Certificate(error.to_string());
        let key = generate_rsa().map_err(|error| Failure::Certificate(error.to_string()))?;
        let der = PrivatePkcs8KeyDer::from(key.clone());
        let pair = KeyPair::from_pkcs8_der_and_sign_algo(&der, &PKCS_RSA_SHA256).map_err(failed)?;
        let mut parameters = CertificateParams::new(Vec::new()).map_err(failed)?;
        parameters
            .distinguished_name
            .push(DnType::CommonName, "az-local-desk");
        let now = OffsetDateTime::now_utc();
        parameters.not_before = now - Duration::days(1);
        parameters.not_after = now + Duration::days(365);
        let certificate = parameters.self_signed(&pair).map_err(failed)?;
        let pem = format!("{}{}", pair.serialize_pem(), certificate.pem());
        Ok(SelfSigned {
            key,
            certificate: certificate.der().to_vec(),
            pem,
        })
    }

    fn pkcs12(&self, password: &str) -> Result<Vec<u8>, Failure> {
        let failed = |error: p12_keystore::error::Error| Failure::Certificate(error.to_string());
        let key = PrivateKey::from_der(&self.key).map_err(failed)?;
        let certificate = Certificate::from_der(&self.certificate).map_err(failed)?;
        let mut store = KeyStore::new();
        let chain = PrivateKeyChain::new(b"1".to_vec(), key, [certificate]);
        store.add_entry("az-local-desk", KeyStoreEntry::PrivateKeyChain(chain));
        // The SDK for Go, among others, reads no newer algorithms. The key is a local instance's alone.
        store
            .writer(password)
            .encryption_algorithm(EncryptionAlgorithm::PbeWithShaAnd3KeyTripleDesCbc)
            .mac_algorithm(MacAlgorithm::HmacSha1)
            .write()
            .map_err(failed)
    }
}
