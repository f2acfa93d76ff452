//! Who is who: tenants, subscriptions, applications and service principals.

use super::store::Document;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

/// An Entra ID tenant.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Tenant {
    pub(crate) id: String,
    pub(crate) display_name: String,
}

impl Document for Tenant {
    const KIND: &'static str = "tenant";
    fn key(&self) -> String {
        self.id.clone()
    }
}

/// A subscription; it trusts one tenant.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Subscription {
    pub(crate) id: String,
    pub(crate) display_name: String,
    pub(crate) tenant_id: String,
    /// Registered resource providers, lower case.
    pub(crate) providers: Vec<String>,
}

impl Document for Subscription {
    const KIND: &'static str = "subscription";
    fn key(&self) -> String {
        self.id.clone()
    }
}

/// An application registration: what can prove to be it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Application {
    pub(crate) app_id: String,
    pub(crate) tenant_id: String,
    /// Client secrets. They are a local instance's own, and `env` has to print the first one.
    pub(crate) secrets: Vec<String>,
    /// Certificates, DER in base64.
    pub(crate) certificates: Vec<String>,
    /// Federated identity credentials.
    pub(crate) federated: Vec<FederatedCredential>,
}

/// Whose assertions an application accepts.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct FederatedCredential {
    pub(crate) issuer: String,
    pub(crate) subject: String,
    pub(crate) audience: String,
    /// The issuer's public keys, a JSON Web Key Set.
    pub(crate) keys: serde_json::Value,
}

impl Document for Application {
    const KIND: &'static str = "application";
    fn key(&self) -> String {
        self.app_id.clone()
    }
}

/// A service principal: what role assignments and access policies name.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ServicePrincipal {
    /// The object id (`oid` in tokens, `principalId` in Azure Resource Manager).
    pub(crate) object_id: String,
    pub(crate) app_id: String,
    pub(crate) tenant_id: String,
    pub(crate) display_name: String,
    /// For a managed identity, its resource id (a machine's or a user-assigned identity's).
    pub(crate) managed_identity: Option<String>,
    #[serde(with = "time::serde::rfc3339")]
    pub(crate) created: OffsetDateTime,
}

impl Document for ServicePrincipal {
    const KIND: &'static str = "servicePrincipal";
    fn key(&self) -> String {
        self.object_id.clone()
    }
}
