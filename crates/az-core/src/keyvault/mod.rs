//! Key Vault's secrets: what the tools that write and read them share, on top of Azure's own client library.

mod access;
mod args;
mod client;
mod error;
mod shape;

pub use access::Access;
pub use args::{SecretArgs, SecretRef, Vault};
pub use client::{Retries, client};
pub use error::{ServiceError, explain, failure, service_error};
pub use shape::{sentence, shape_item, shape_secret};
