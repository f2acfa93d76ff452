//! Trust between identity providers: whose assertions an identity accepts, and the keys of those who make them.

use super::directory::FederatedCredential;
use super::document::Document;
use super::resources::Resource;
use super::transaction::{StateError, Transaction};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// A federated identity credential of a user-assigned identity
/// (<https://learn.microsoft.com/entra/workload-id/workload-identity-federation>).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct IdentityFederation {
    /// Its resource id.
    pub(crate) id: String,
    pub(crate) issuer: String,
    pub(crate) subject: String,
    pub(crate) audiences: Vec<String>,
}

impl IdentityFederation {
    /// What the keys of an identity's credentials begin with.
    pub(crate) fn below(identity: &str) -> String {
        format!(
            "{}/federatedidentitycredentials/",
            Resource::key_of(identity)
        )
    }

    /// The last part of the id.
    pub(crate) fn name(&self) -> &str {
        self.id.rsplit('/').next().unwrap_or_default()
    }
}

impl From<IdentityFederation> for FederatedCredential {
    fn from(one: IdentityFederation) -> Self {
        FederatedCredential {
            issuer: one.issuer,
            subject: one.subject,
            // There is one.
            audience: one.audiences.into_iter().next().unwrap_or_default(),
        }
    }
}

impl Document for IdentityFederation {
    const KIND: &'static str = "identityFederation";
    fn key(&self) -> String {
        Resource::key_of(&self.id)
    }
}

/// An identity provider whose keys are known: what Entra ID reads at the issuer's `.well-known/openid-configuration`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Issuer {
    /// As assertions name it (`iss`).
    pub(crate) url: String,
    /// A JSON Web Key Set.
    pub(crate) keys: Value,
}

impl Issuer {
    /// Makes keys (a JSON Web Key Set) an issuer's, besides those that it has.
    pub(crate) fn learn(tx: &Transaction<'_>, url: &str, keys: &Value) -> Result<(), StateError> {
        let known: Option<Issuer> = tx.get(url)?;
        let mut all = known.map_or_else(Vec::new, |known| known.list().to_vec());
        let new = keys["keys"].as_array().into_iter().flatten();
        for key in new {
            all.retain(|old| old["kid"].is_null() && old != key || old["kid"] != key["kid"]);
            all.push(key.clone());
        }
        tx.put(&Issuer {
            url: url.to_owned(),
            keys: json!({"keys": all}),
        })
    }

    /// Its keys.
    pub(crate) fn list(&self) -> &[Value] {
        let keys = self.keys["keys"].as_array();
        keys.map(Vec::as_slice).unwrap_or_default()
    }
}

impl Document for Issuer {
    const KIND: &'static str = "issuer";
    fn key(&self) -> String {
        self.url.clone()
    }
}
