//! Client assertions: JSON Web Tokens that an application signs, or that an issuer it trusts does
//! (<https://learn.microsoft.com/entra/identity-platform/certificate-credentials>).

use super::error::{EntraError, stamp};
use super::token::Proof;
use crate::request::Context;
use crate::state::FederatedCredential;
use crate::state::federation::Issuer;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::digest;
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};
use rustls_pki_types::{CertificateDer, SignatureVerificationAlgorithm};
use serde::Deserialize;
use serde_json::Value;
use time::{Duration, OffsetDateTime};

/// How far an assertion's clock may be off, as Entra ID allows.
const SKEW: Duration = Duration::minutes(5);

#[derive(Deserialize)]
struct Header {
    alg: String,
    #[serde(default)]
    kid: Option<String>,
    /// SHA-1 of the certificate, base64url.
    #[serde(default)]
    x5t: Option<String>,
    /// SHA-256 of the certificate, base64url.
    #[serde(default, rename = "x5t#S256")]
    x5t_s256: Option<String>,
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: Audience,
    /// Seconds; RFC 7519 allows fractions, and some clients send them.
    exp: f64,
    #[serde(default)]
    nbf: Option<f64>,
}

/// RFC 7519, 4.1.3: one, or an array as Kubernetes writes it.
struct Audience(Vec<String>);

impl<'de> Deserialize<'de> for Audience {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            One(String),
            Several(Vec<String>),
        }
        Ok(Audience(match Written::deserialize(from)? {
            Written::One(one) => vec![one],
            Written::Several(all) => all,
        }))
    }
}

/// What a client accepts as a proof that somebody is it.
pub(crate) struct Accepts {
    pub(crate) app_id: String,
    pub(crate) tenant_id: String,
    /// DER in base64.
    pub(crate) certificates: Vec<String>,
    pub(crate) federated: Vec<FederatedCredential>,
}

/// A client assertion, taken apart and not yet believed.
pub(crate) struct Assertion<'a> {
    header: Header,
    claims: Claims,
    message: &'a str,
    mark: Vec<u8>,
}

impl<'a> Assertion<'a> {
    /// Takes a JSON Web Token apart.
    pub(crate) fn parse(jwt: &'a str) -> Result<Self, EntraError> {
        let malformed = || EntraError::AssertionMalformed("Token format not valid.");
        let (message, mark) = jwt.rsplit_once('.').ok_or_else(malformed)?;
        let (header, claims) = message.split_once('.').ok_or_else(malformed)?;
        Ok(Assertion {
            header: decode(header)?,
            claims: decode(claims)?,
            message,
            mark: bytes(mark)?,
        })
    }

    /// Checks the assertion against what the client accepts.
    pub(crate) fn check(&self, cx: &Context<'_>, client: &Accepts) -> Result<Proof, EntraError> {
        let own = self.claims.iss.eq_ignore_ascii_case(&client.app_id);
        let proof = if own {
            self.by_certificate(client)?
        } else {
            self.federated(cx, client)?
        };
        self.check_times(cx.client_now)?;
        Ok(proof)
    }

    fn by_certificate(&self, application: &Accepts) -> Result<Proof, EntraError> {
        if !self.claims.sub.eq_ignore_ascii_case(&application.app_id) {
            return Err(EntraError::AssertionIssuer);
        }
        let mut audiences = self.claims.aud.0.iter();
        if !audiences.any(|one| is_endpoint_of(one, &application.tenant_id)) {
            return Err(EntraError::AssertionAudience);
        }
        let algorithm: &dyn SignatureVerificationAlgorithm = match self.header.alg.as_str() {
            "RS256" => webpki::ring::RSA_PKCS1_2048_8192_SHA256,
            "PS256" => webpki::ring::RSA_PSS_2048_8192_SHA256_LEGACY_KEY,
            _ => {
                return Err(EntraError::AssertionMalformed(
                    "The algorithm is not supported.",
                ));
            }
        };
        let (name, method) = match (&self.header.x5t_s256, &self.header.x5t) {
            (Some(name), _) => (thumbprint_bytes(name)?, &digest::SHA256),
            (None, Some(name)) => (thumbprint_bytes(name)?, &digest::SHA1_FOR_LEGACY_USE_ONLY),
            (None, None) => {
                return Err(EntraError::AssertionMalformed(
                    "It has neither x5t nor x5t#S256.",
                ));
            }
        };
        let thumbprint: String = name.iter().map(|byte| format!("{byte:02X}")).collect();
        let certificate = application
            .certificates
            .iter()
            .filter_map(|certificate| STANDARD.decode(certificate).ok())
            .find(|der| digest::digest(method, der).as_ref() == name)
            .ok_or_else(|| EntraError::CertificateNotRegistered {
                thumbprint: thumbprint.clone(),
                app_id: application.app_id.clone(),
            })?;
        let certificate = CertificateDer::from(certificate);
        webpki::EndEntityCert::try_from(&certificate)
            .and_then(|leaf| leaf.verify_signature(algorithm, self.message.as_bytes(), &self.mark))
            .map_err(|_| EntraError::AssertionSignature { thumbprint })?;
        Ok(Proof::ClientCertificate)
    }

    fn federated(&self, cx: &Context<'_>, client: &Accepts) -> Result<Proof, EntraError> {
        let Claims { iss, sub, aud, .. } = &self.claims;
        let mut left: Vec<_> = client
            .federated
            .iter()
            .filter(|trusted| trusted.issuer == *iss)
            .collect();
        if left.is_empty() {
            return Err(EntraError::FederatedIssuer(iss.clone()));
        }
        left.retain(|trusted| trusted.subject == *sub);
        if left.is_empty() {
            return Err(EntraError::FederatedSubject(sub.clone()));
        }
        left.retain(|trusted| aud.0.contains(&trusted.audience));
        if left.is_empty() {
            return Err(EntraError::FederatedAudience(aud.0.join(", ")));
        }
        let issuer: Issuer = cx
            .tx
            .get(iss)?
            .ok_or_else(|| EntraError::IssuerUnreachable(iss.clone()))?;
        if self.header.alg != "RS256" || !self.signed_by(issuer.list()) {
            return Err(EntraError::FederatedSignature);
        }
        Ok(Proof::Federated)
    }

    /// Whether one of the keys made the signature.
    fn signed_by(&self, keys: &[Value]) -> bool {
        let part = |key: &Value, name: &str| {
            key.get(name)
                .and_then(Value::as_str)
                .and_then(|text| URL_SAFE_NO_PAD.decode(text).ok())
        };
        keys.iter()
            .filter(|key| {
                let kid = key.get("kid").and_then(Value::as_str);
                kid.is_none() || kid == self.header.kid.as_deref()
            })
            .filter_map(|key| Some((part(key, "n")?, part(key, "e")?)))
            .any(|(n, e)| {
                RsaPublicKeyComponents { n, e }
                    .verify(
                        &RSA_PKCS1_2048_8192_SHA256,
                        self.message.as_bytes(),
                        &self.mark,
                    )
                    .is_ok()
            })
    }

    fn check_times(&self, now: OffsetDateTime) -> Result<(), EntraError> {
        let until = time(self.claims.exp)?;
        let from = self.claims.nbf.map_or(Ok(now), time)?;
        if now - SKEW < until && from <= now + SKEW {
            return Ok(());
        }
        Err(EntraError::AssertionTime {
            now: stamp(now),
            from: stamp(from),
            until: stamp(until),
        })
    }
}

/// Whether an audience is the tenant's token endpoint or its issuer, by any of Entra ID's names.
fn is_endpoint_of(audience: &str, tenant_id: &str) -> bool {
    let mut parts = audience.splitn(5, '/');
    let (scheme, empty, host, tenant) = (parts.next(), parts.next(), parts.next(), parts.next());
    let host_is_entra = [
        "login.microsoftonline.com",
        "login.microsoft.com",
        "login.windows.net",
        "sts.windows.net",
    ]
    .iter()
    .any(|known| host.is_some_and(|host| host.eq_ignore_ascii_case(known)));
    scheme == Some("https:")
        && empty == Some("")
        && host_is_entra
        && tenant.is_some_and(|tenant| {
            tenant.eq_ignore_ascii_case(tenant_id) || ["common", "organizations"].contains(&tenant)
        })
}

fn time(seconds: f64) -> Result<OffsetDateTime, EntraError> {
    OffsetDateTime::from_unix_timestamp(seconds as i64)
        .map_err(|_| EntraError::AssertionMalformed("A time is out of range."))
}

/// A certificate's thumbprint. The library of the SDK for Go writes it in the ordinary alphabet of base64, and Entra ID
/// takes both.
fn thumbprint_bytes(part: &str) -> Result<Vec<u8>, EntraError> {
    bytes(&part.replace('+', "-").replace('/', "_"))
}

fn bytes(part: &str) -> Result<Vec<u8>, EntraError> {
    URL_SAFE_NO_PAD
        .decode(part.trim_end_matches('='))
        .map_err(|_| EntraError::AssertionMalformed("It is not base64url."))
}

fn decode<T: serde::de::DeserializeOwned>(part: &str) -> Result<T, EntraError> {
    serde_json::from_slice(&bytes(part)?)
        .map_err(|_| EntraError::AssertionMalformed("It is not the expected JSON."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_assertion_is_for_its_own_tenants_endpoint() {
        let tenant = "0d3b5b7e-0000-4000-8000-000000000001";
        let endpoint = format!("https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token");
        assert!(is_endpoint_of(&endpoint, tenant));
        assert!(is_endpoint_of(
            &format!("https://login.microsoftonline.com/{tenant}/v2.0"),
            tenant
        ));
        assert!(!is_endpoint_of(&endpoint, "another"));
        assert!(!is_endpoint_of(
            &format!("https://evil.example/{tenant}/oauth2/v2.0/token"),
            tenant
        ));
        assert!(!is_endpoint_of("api://AzureADTokenExchange", tenant));
    }

    proptest! {
        #[test]
        fn any_text_is_parsed_or_refused(text in ".{0,200}") {
            let _ = Assertion::parse(&text);
        }
    }
}
