//! `EnvironmentCredential`: a service principal from environment variables.

#[cfg(feature = "certificate")]
use crate::certificate::{Certificate, CertificateAssertion};
use crate::{
    advice::{Sent, advice},
    cached::Cached,
    entra_client::{EntraClient, Proof},
    error::{Failure, Outcome, reason},
    parts::Parts,
};
use azure_core::credentials::TokenCredential;
use std::sync::Arc;
use zeroize::Zeroizing;

const ADVICE: &str = "For a service principal set AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET or AZURE_CLIENT_CERTIFICATE_PATH.";

/// The credential that the variables describe. What cannot be made counts as not available, as in Go's chain.
pub(super) fn build(parts: &Parts) -> Result<Arc<dyn TokenCredential>, Failure> {
    let env = &parts.env;
    let (tenant, client) = match (env.get("AZURE_TENANT_ID"), env.get("AZURE_CLIENT_ID")) {
        (Some(tenant), Some(client)) => (tenant, client),
        (None, Some(_)) => {
            return Err(Outcome::unavailable("AZURE_TENANT_ID is not set", ADVICE).into());
        }
        (Some(_), None) => {
            return Err(Outcome::unavailable("AZURE_CLIENT_ID is not set", ADVICE).into());
        }
        (None, None) => {
            return Err(Outcome::unavailable(
                "AZURE_TENANT_ID and AZURE_CLIENT_ID are not set",
                ADVICE,
            )
            .into());
        }
    };
    let proof = if let Some(secret) = env.get("AZURE_CLIENT_SECRET") {
        Some(Proof::Secret(Zeroizing::new(secret.to_owned())))
    } else if let Some(path) = env.get("AZURE_CLIENT_CERTIFICATE_PATH") {
        Some(certificate(parts, path, client)?)
    } else {
        None
    };
    if let Some(proof) = proof {
        let made = EntraClient::new(parts, tenant, client, proof, parts.transport.clone())
            .map_err(|error| {
                Failure::new(Outcome::unavailable(error.to_string(), ADVICE), error)
            })?;
        return Ok(Arc::new(Cached::new(made, parts.clock.clone())));
    }
    if env.get("AZURE_USERNAME").is_some() {
        return Err(Outcome::unavailable(
            "AZURE_USERNAME is set, but signing in with a user's password is not supported",
            ADVICE,
        )
        .into());
    }
    Err(Outcome::unavailable(
        "only AZURE_TENANT_ID and AZURE_CLIENT_ID are set, neither AZURE_CLIENT_SECRET nor AZURE_CLIENT_CERTIFICATE_PATH",
        ADVICE,
    ).into())
}

#[cfg(not(feature = "certificate"))]
fn certificate(_: &Parts, _: &str, _: &str) -> Result<Proof, Outcome> {
    Err(Outcome::unavailable(
        "AZURE_CLIENT_CERTIFICATE_PATH is set, but this program knows no certificates",
        "Build it with the feature 'certificate' of az-credential.",
    ))
}

/// The certificate of `AZURE_CLIENT_CERTIFICATE_PATH`, as what proves who the application is.
#[cfg(feature = "certificate")]
fn certificate(parts: &Parts, path: &str, client_id: &str) -> Result<Proof, Outcome> {
    let env = &parts.env;
    let certificate = Certificate::read(
        std::path::Path::new(path),
        env.get("AZURE_CLIENT_CERTIFICATE_PASSWORD"),
    )
    .map_err(|error| {
        Outcome::unavailable(
            format!("AZURE_CLIENT_CERTIFICATE_PATH: {error}"),
            "Give a PEM or PKCS#12 file with an RSA key and its certificate.",
        )
    })?;
    let send_chain = env
        .get("AZURE_CLIENT_SEND_CERTIFICATE_CHAIN")
        .is_some_and(|value| value == "1" || value.eq_ignore_ascii_case("true"));
    let assertion = CertificateAssertion::new(certificate, client_id, send_chain);
    Ok(Proof::Assertion(Box::new(assertion)))
}

/// A service principal that Entra ID refuses ends the search.
pub(super) fn failed(parts: &Parts, error: &azure_core::Error) -> Outcome {
    let sent = match parts.env.get("AZURE_CLIENT_SECRET") {
        Some(_) => Sent::Secret,
        None => Sent::Certificate,
    };
    Outcome::refused(reason(error), advice(error, &sent))
}
