//! Resources of Resource Manager.

use super::document::{Document, Index};
use super::transaction::StateError;
use serde::{Deserialize, Serialize};

/// A resource of Resource Manager: a group, a machine, a vault, a network interface, …
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Resource {
    /// The id in the case it was created with.
    pub(crate) id: String,
    /// `Microsoft.Compute/virtualMachines`, in the provider's spelling.
    pub(crate) kind: String,
    /// Everything else that a GET answers (location, tags, sku, identity, properties, …), but for
    /// `id`, `name` and `type`.
    pub(crate) body: serde_json::Map<String, serde_json::Value>,
    /// What the service knows and never answers (a machine's password).
    #[serde(default)]
    pub(crate) hidden: serde_json::Map<String, serde_json::Value>,
    /// Tells it from others that had its name before.
    #[serde(default)]
    pub(crate) incarnation: String,
}

/// The type of key vaults.
pub(crate) const VAULT: &str = "Microsoft.KeyVault/vaults";

/// The type of resource groups.
pub(crate) const GROUP: &str = "Microsoft.Resources/resourceGroups";

impl Resource {
    /// `{type}/{subscription}`, in lower case.
    pub(crate) const BY_TYPE: Index<Resource> = Index::new("type");
    /// The subscription, of what is not a group.
    pub(crate) const BY_SUBSCRIPTION: Index<Resource> = Index::new("subscription");
    /// A name that is unique in the whole cloud, in lower case.
    pub(crate) const BY_GLOBAL_NAME: Index<Resource> = Index::new("global_name");

    /// A new resource, with nothing in it.
    pub(crate) fn new(id: String, kind: &str) -> Self {
        Resource {
            id,
            kind: kind.to_owned(),
            body: serde_json::Map::new(),
            hidden: serde_json::Map::new(),
            incarnation: uuid::Uuid::new_v4().simple().to_string(),
        }
    }

    /// What stands in [`Resource::BY_TYPE`] for a type in a subscription.
    pub(crate) fn type_in(kind: &str, subscription: &str) -> String {
        format!("{kind}/{subscription}").to_ascii_lowercase()
    }

    /// The subscription's id, as it is spelled in the id.
    pub(crate) fn subscription(&self) -> &str {
        self.id.split('/').nth(2).unwrap_or_default()
    }

    /// The group's name, as it is spelled in the id.
    pub(crate) fn group(&self) -> &str {
        self.id.split('/').nth(4).unwrap_or_default()
    }

    /// `location`, if it has one.
    pub(crate) fn location(&self) -> &str {
        let location = self.body.get("location");
        location
            .and_then(serde_json::Value::as_str)
            .unwrap_or_default()
    }

    /// A member of `properties`.
    pub(crate) fn property(&self, name: &str) -> Option<&serde_json::Value> {
        self.body.get("properties")?.get(name)
    }

    /// Why a member that every one of its kind has is not there.
    pub(crate) fn lacks(&self, member: &'static str) -> StateError {
        let id = self.id.clone();
        StateError::Lacks { id, member }
    }

    /// A member of `properties` that is an array.
    pub(crate) fn items(&self, name: &str) -> &[serde_json::Value] {
        let items = self.property(name).and_then(serde_json::Value::as_array);
        items.map(Vec::as_slice).unwrap_or_default()
    }

    /// The key of the resource with this id: the id in lower case, without a trailing slash.
    pub(crate) fn key_of(id: &str) -> String {
        id.trim_end_matches('/').to_ascii_lowercase()
    }

    /// The last segment of the id.
    pub(crate) fn name(&self) -> &str {
        self.id.rsplit('/').next().unwrap_or_default()
    }
}

impl Document for Resource {
    const KIND: &'static str = "resource";
    const COLUMNS: &'static [&'static str] = &["type", "subscription", "global_name"];
    fn key(&self) -> String {
        Resource::key_of(&self.id)
    }
    fn columns(&self) -> Vec<Option<String>> {
        let subscription = self.subscription().to_ascii_lowercase();
        let is_vault = self.kind == VAULT;
        vec![
            Some(Resource::type_in(&self.kind, &subscription)),
            Some(subscription).filter(|_| self.kind != GROUP),
            Some(self.name().to_ascii_lowercase()).filter(|_| is_vault),
        ]
    }
}
