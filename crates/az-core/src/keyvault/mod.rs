//! Key Vault: what the tools share that write and read secrets, on top of Azure's own client library, and a vault's form.

mod access;
mod address;
mod checked;
mod client;
mod error;
mod lists;
mod shape;
mod up_front;

pub use crate::resend::Repeatable;
pub use access::Access;
pub use address::{InvalidAddress, InvalidVersion, SecretRef, Vault, parse_version};
pub use checked::{checked, checked_value};
pub use client::client;
pub use error::{ServiceError, VaultError, explain, service_error};
pub use lists::{list_deleted_secrets, list_secrets, list_versions};
pub use shape::{
    sentence, shape_deleted, shape_deleted_item, shape_item, shape_secret, shape_vault,
};
