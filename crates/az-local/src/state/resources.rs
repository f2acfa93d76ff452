//! Resources of Resource Manager.

use super::store::Document;
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
}

impl Resource {
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
    fn key(&self) -> String {
        Resource::key_of(&self.id)
    }
}
