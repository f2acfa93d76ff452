//! Key Vault: what the tools share that write and read secrets, on top of Azure's own client library, and a vault's form.

mod access;
mod args;
mod client;
mod error;
mod shape;

pub use access::Access;
pub use args::{SecretArgs, SecretRef, Vault};
pub use client::{Retries, client};
pub use error::{ServiceError, explain, failure, service_error};
pub use shape::{sentence, shape_item, shape_secret, shape_vault};
