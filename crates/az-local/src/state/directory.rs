//! Who is who: tenants, subscriptions, applications and service principals.

use super::document::{Document, Index};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

/// An Entra ID tenant.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Tenant {
    pub(crate) id: String,
    pub(crate) display_name: String,
    /// Domains of its own, besides the one that every tenant has.
    #[serde(default)]
    pub(crate) domains: Vec<String>,
}

impl Tenant {
    /// The domain that the tenant has had from the beginning.
    pub(crate) fn initial_domain(&self) -> String {
        let letters = self
            .display_name
            .chars()
            .filter(char::is_ascii_alphanumeric);
        let name: String = letters.collect();
        format!("{}.onmicrosoft.com", name.to_ascii_lowercase())
    }

    /// Whether a domain is the tenant's.
    pub(crate) fn has_domain(&self, domain: &str) -> bool {
        let own = self.initial_domain();
        let mut all = self.domains.iter().chain([&own]);
        all.any(|known| known.eq_ignore_ascii_case(domain))
    }
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
    #[serde(default)]
    pub(crate) tags: serde_json::Map<String, serde_json::Value>,
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

/// Whose assertions an application or an identity accepts.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct FederatedCredential {
    pub(crate) issuer: String,
    pub(crate) subject: String,
    pub(crate) audience: String,
}

impl Application {
    pub(crate) const BY_TENANT: Index<Application> = Index::new("tenant");
}

impl Document for Application {
    const KIND: &'static str = "application";
    const COLUMNS: &'static [&'static str] = &["tenant"];
    fn key(&self) -> String {
        self.app_id.clone()
    }
    fn columns(&self) -> Vec<Option<String>> {
        vec![Some(self.tenant_id.clone())]
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

impl ServicePrincipal {
    /// The application's id, in lower case.
    pub(crate) const BY_APPLICATION: Index<ServicePrincipal> = Index::new("application");
    pub(crate) const BY_TENANT: Index<ServicePrincipal> = Index::new("tenant");
    /// `{tenant}/{display name}`, in lower case.
    pub(crate) const BY_NAME: Index<ServicePrincipal> = Index::new("name");
    /// The resource of a managed identity, by its key.
    pub(crate) const BY_RESOURCE: Index<ServicePrincipal> = Index::new("resource");

    /// What stands in [`ServicePrincipal::BY_NAME`].
    pub(crate) fn name_in(tenant_id: &str, name: &str) -> String {
        format!("{tenant_id}/{}", name.to_lowercase())
    }
}

impl Document for ServicePrincipal {
    const KIND: &'static str = "servicePrincipal";
    const COLUMNS: &'static [&'static str] = &["application", "tenant", "name", "resource"];
    fn key(&self) -> String {
        self.object_id.clone()
    }
    fn columns(&self) -> Vec<Option<String>> {
        let resource = self.managed_identity.as_deref();
        vec![
            Some(self.app_id.to_ascii_lowercase()),
            Some(self.tenant_id.clone()),
            Some(ServicePrincipal::name_in(
                &self.tenant_id,
                &self.display_name,
            )),
            resource.map(str::to_ascii_lowercase),
        ]
    }
}
