//! Assertions of other identity providers, which the instance makes itself, and the keys of those who make their own.

use super::reports::{ReportError, find_desk};
use crate::entra::TOKEN_EXCHANGE;
use crate::instance::Instance;
use crate::state::federation::Issuer;
use crate::state::{Application, FederatedCredential};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use time::Duration;

/// The issuer of the assertions that the desk's application trusts: a name that can never be reached.
const ISSUER: &str = "https://az-local.invalid/";

/// How long a federated assertion is valid.
const ASSERTION_LIFETIME: Duration = Duration::hours(1);

/// An assertion as another identity provider would make it.
pub(super) struct Played {
    pub(super) issuer: String,
    pub(super) subject: String,
    pub(super) audience: Option<String>,
}

/// Makes the desk's application trust the instance as an issuer, and gives an assertion for it; or, where one is to be
/// played, an assertion of that issuer, for whoever trusts it.
pub(super) fn federate(
    instance: &Instance,
    tenant: usize,
    played: Option<Played>,
) -> Result<Value, ReportError> {
    let key = instance.keys.current()?;
    instance.store.write(|tx| {
        let desk = find_desk(tx, tenant)?;
        let is_played = played.is_some();
        let played = match played {
            Some(played) => {
                check(&played.issuer)?;
                played
            }
            None => Played {
                issuer: ISSUER.to_owned(),
                subject: format!("az-local:desk:{}", desk.number),
                audience: None,
            },
        };
        let audience = played.audience.unwrap_or_else(|| TOKEN_EXCHANGE.to_owned());
        Issuer::learn(tx, &played.issuer, &key.key_set(&played.issuer))?;
        if !is_played {
            let mut application: Application =
                tx.get(&desk.app_id)?.ok_or(ReportError::NoTenant(tenant))?;
            let mut trusted = application.federated.iter();
            if !trusted.any(|trusted| trusted.subject == played.subject) {
                application.federated.push(FederatedCredential {
                    issuer: played.issuer.clone(),
                    subject: played.subject.clone(),
                    audience: audience.clone(),
                });
                tx.put(&application)?;
            }
        }
        // Assertions go by the computer's clock, as those of any other issuer would.
        let now = instance.clock.read().computer;
        let assertion = key.sign(&json!({
            "iss": played.issuer,
            "sub": played.subject,
            "aud": audience,
            "iat": now.unix_timestamp(),
            "nbf": now.unix_timestamp(),
            "exp": (now + ASSERTION_LIFETIME).unix_timestamp(),
            "jti": uuid::Uuid::new_v4().to_string(),
        }))?;
        let client_id = (!is_played).then_some(desk.app_id);
        Ok(json!({
            "assertion": assertion,
            "clientId": client_id,
            "tenantId": desk.tenant_id,
        }))
    })
}

/// Takes the public keys of an issuer that makes its own assertions.
pub(super) fn learn_issuer(
    instance: &Instance,
    url: &str,
    keys: &Value,
) -> Result<Value, ReportError> {
    check(url)?;
    let list = keys["keys"].as_array().filter(|list| !list.is_empty());
    let list = list.ok_or(ReportError::NoKeys)?;
    // Others may be among them; only RSA keys sign assertions that Entra ID takes.
    let is_number = |one: &Value| {
        let text = one.as_str().map(|text| URL_SAFE_NO_PAD.decode(text));
        text.is_some_and(|text| text.is_ok_and(|bytes| !bytes.is_empty()))
    };
    let is_key = |key: &Value| key["kty"] == "RSA" && is_number(&key["n"]) && is_number(&key["e"]);
    if !list.iter().any(is_key) {
        return Err(ReportError::NoKeys);
    }
    instance.store.write(|tx| {
        Issuer::learn(tx, url, keys)?;
        Ok(json!({"issuer": url, "keys": list.len()}))
    })
}

fn check(issuer: &str) -> Result<(), ReportError> {
    match url::Url::parse(issuer) {
        Ok(url) if url.scheme() == "https" => Ok(()),
        _ => Err(ReportError::NoIssuer(issuer.to_owned())),
    }
}
