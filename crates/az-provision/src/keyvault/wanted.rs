//! A vault that is wanted.

use crate::{cli::Vault, group::same_location};
use az_core::{
    arm::ResourceId,
    name::{Location, VaultName},
};
use serde_json::{Value, json};

/// A vault that is wanted.
pub(crate) struct Wanted<'a> {
    pub(crate) name: &'a VaultName,
    pub(crate) group: &'a ResourceId,
    pub(crate) location: &'a Location,
    /// Whether somebody chose the location: a vault that is recovered comes back where it was.
    pub(crate) location_given: bool,
    pub(crate) vault: &'a Vault,
    pub(crate) tags: Option<Value>,
    pub(crate) no_wait: bool,
}

impl Wanted<'_> {
    /// What is being done, for messages.
    pub(super) fn doing(&self) -> String {
        format!("creating vault '{}'", self.name)
    }

    pub(crate) fn id(&self) -> ResourceId {
        self.group
            .resource("Microsoft.KeyVault", "vaults", self.name.as_str())
    }

    pub(crate) fn body(&self, tenant: &str, location: &str) -> Value {
        let vault = self.vault;
        let mut body = json!({
            "location": location,
            "properties": {
                "tenantId": tenant,
                "sku": {"name": vault.sku.to_lowercase(), "family": "A"},
                "accessPolicies": [],
                "enableRbacAuthorization": vault.enable_rbac_authorization,
                "enableSoftDelete": true,
                "softDeleteRetentionInDays": vault.retention_days,
                "networkAcls": {"bypass": "AzureServices", "defaultAction": "Allow"},
            },
        });
        if vault.enable_purge_protection == Some(true) {
            // Azure takes only true here: protection cannot be turned off.
            body["properties"]["enablePurgeProtection"] = json!(true);
        }
        if let Some(access) = vault.public_network_access {
            body["properties"]["publicNetworkAccess"] = access.as_str().into();
        }
        if let Some(tags) = &self.tags {
            body["tags"] = tags.clone();
        }
        body
    }

    /// How a vault that is there differs from this one.
    pub(super) fn differences(&self, there: &Value) -> Vec<String> {
        let properties = &there["properties"];
        let wanted = self.vault;
        let mut differences = Vec::new();
        let mut check = |what: &str, is: String, want: String| {
            if !is.eq_ignore_ascii_case(&want) {
                differences.push(format!("{what} is '{is}', not '{want}'"));
            }
        };
        let location = there["location"].as_str().unwrap_or_default();
        if !same_location(location, self.location) {
            check("location", location.to_owned(), self.location.canonical());
        }
        let text = |value: &Value| {
            value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned)
        };
        check("sku", text(&properties["sku"]["name"]), wanted.sku.clone());
        check(
            "enableRbacAuthorization",
            properties["enableRbacAuthorization"]
                .as_bool()
                .unwrap_or(false)
                .to_string(),
            wanted.enable_rbac_authorization.to_string(),
        );
        check(
            "retention days",
            text(&properties["softDeleteRetentionInDays"]),
            wanted.retention_days.to_string(),
        );
        if let Some(protection) = wanted.enable_purge_protection {
            check(
                "enablePurgeProtection",
                properties["enablePurgeProtection"]
                    .as_bool()
                    .unwrap_or(false)
                    .to_string(),
                protection.to_string(),
            );
        }
        if let Some(access) = wanted.public_network_access {
            // A vault that nobody closed is open.
            let is = properties["publicNetworkAccess"]
                .as_str()
                .unwrap_or("Enabled");
            check(
                "publicNetworkAccess",
                is.to_owned(),
                access.as_str().to_owned(),
            );
        }
        differences
    }
}
