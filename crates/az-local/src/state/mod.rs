//! What is kept, and all SQL: no other module speaks to the database.

pub(crate) mod addresses;
pub(crate) mod authority;
pub(crate) mod backup_key;
pub(crate) mod deployments;
pub(crate) mod directory;
pub(crate) mod document;
pub(crate) mod due;
mod durable;
pub(crate) mod durations;
pub(crate) mod faults;
pub(crate) mod federation;
pub(crate) mod holds;
pub(crate) mod host_keys;
pub(crate) mod knobs;
pub(crate) mod locks;
pub(crate) mod machine;
pub(crate) mod network;
pub(crate) mod operations;
pub(crate) mod people;
pub(crate) mod proxy_clients;
pub(crate) mod resources;
pub(crate) mod role_assignments;
pub(crate) mod roles;
mod schema;
pub(crate) mod secrets;
pub(crate) mod settings;
pub(crate) mod signing_keys;
pub(crate) mod store;
#[cfg(test)]
pub(crate) mod testing;
pub(crate) mod throttles;
pub(crate) mod transaction;
pub(crate) mod vaults;

pub(crate) use directory::{
    Application, FederatedCredential, ServicePrincipal, Subscription, Tenant,
};
pub(crate) use document::{Document, Page, Range};
pub(crate) use resources::Resource;
pub(crate) use role_assignments::RoleAssignment;
pub(crate) use store::Store;
pub(crate) use transaction::{StateError, Transaction};
pub(crate) use vaults::DeletedVault;
