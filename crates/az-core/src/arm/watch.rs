//! What is under way, for whoever waits for it.

use super::id::ResourceId;
use azure_core::http::Method;
use std::fmt;

/// Is told of each write, from its request until its operation has ended.
pub trait Watch: Send + Sync {
    /// A write begins. What it gives back is dropped when nobody waits for the write any more.
    fn begins(&self, write: &Write) -> Box<dyn Watched>;
}

/// A write that somebody watches.
pub trait Watched: Send + Sync {
    /// Its operation has ended well.
    fn succeeded(&self);
}

/// A write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    verb: Verb,
    /// What it is about, as `virtual machine 'vm'`.
    pub what: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Verb {
    Create,
    Change,
    Delete,
    /// The action's name.
    Run(String),
}

impl Write {
    /// The write that a request is.
    pub(super) fn of(method: Method, path: &str) -> Self {
        let whole = || path.parse::<ResourceId>();
        let (verb, id) = match method {
            Method::Put => (Verb::Create, whole()),
            Method::Patch => (Verb::Change, whole()),
            Method::Delete => (Verb::Delete, whole()),
            _ => {
                let (id, action) = path.rsplit_once('/').unwrap_or(("", path));
                (Verb::Run(action.to_owned()), id.parse())
            }
        };
        Write {
            verb,
            what: id.map_or_else(|_| path.to_owned(), |id| described(&id)),
        }
    }

    /// Whether it makes something.
    pub fn creates(&self) -> bool {
        self.verb == Verb::Create
    }
}

/// `creating virtual machine 'vm'`.
impl fmt::Display for Write {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.verb {
            Verb::Create => write!(f, "creating {}", self.what),
            Verb::Change => write!(f, "changing {}", self.what),
            Verb::Delete => write!(f, "deleting {}", self.what),
            Verb::Run(action) => write!(f, "'{action}' of {}", self.what),
        }
    }
}

/// A resource as a sentence names it: `virtual machine 'vm'`.
pub fn described(id: &ResourceId) -> String {
    let kind = id.resource_type();
    let kind = match kind.as_deref() {
        None if id.resource_group().is_some() => "resource group",
        None => "subscription",
        Some("Microsoft.Compute/virtualMachines") => "virtual machine",
        Some("Microsoft.KeyVault/vaults") => "key vault",
        Some("Microsoft.KeyVault/locations/deletedVaults") => "deleted vault",
        Some("Microsoft.ManagedIdentity/userAssignedIdentities") => "identity",
        Some("Microsoft.Network/networkInterfaces") => "network interface",
        Some("Microsoft.Network/networkSecurityGroups") => "security group",
        Some("Microsoft.Network/publicIPAddresses") => "public IP address",
        Some("Microsoft.Network/virtualNetworks") => "virtual network",
        Some("Microsoft.Network/virtualNetworks/subnets") => "subnet",
        Some("Microsoft.Authorization/roleAssignments") => "role assignment",
        Some(other) => other,
    };
    format!("{kind} '{}'", id.name())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_is_named_as_people_do() {
        let vm = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/vm";
        for (method, path, said) in [
            (Method::Put, vm.to_owned(), "creating virtual machine 'vm'"),
            (
                Method::Post,
                format!("{vm}/start"),
                "'start' of virtual machine 'vm'",
            ),
            (
                Method::Delete,
                "/subscriptions/s/resourceGroups/g".to_owned(),
                "deleting resource group 'g'",
            ),
            (Method::Patch, "/odd".to_owned(), "changing /odd"),
        ] {
            assert_eq!(Write::of(method, &path).to_string(), said);
        }
    }
}
