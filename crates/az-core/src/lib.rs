//! What the tools share: a client for Azure Resource Manager, Key Vault habits, and command-line habits; over
//! [`az_credential`], which knows the clouds and signs in.
//!
//! Data flows one way: arguments and environment are taken in [`cli::main`], handed down in a [`cli::Session`],
//! and nothing below reads the environment.
//!
//! ```
//! use az_core::arm::ResourceId;
//! let group = ResourceId::group("00000000-0000-0000-0000-000000000000", "go-on-azure");
//! let vault = group.resource("Microsoft.KeyVault", "vaults", "kv-go");
//! assert!(vault.is_type("microsoft.keyvault/VAULTS"));
//! ```
#![forbid(unsafe_code)]

pub mod arm;
pub mod budget;
pub mod caller;
pub mod cause;
pub mod cli;
pub mod concealed;
pub mod connection;
pub mod date;
pub mod dotenv;
pub mod examples;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
pub mod graph;
pub mod identity;
pub mod keyvault;
pub mod name;
pub mod nearest;
pub mod origin;
pub mod pacer;
pub mod pages;
pub mod reach;
pub mod resend;
pub mod role;
pub mod run_again;
mod said;
pub mod shown;
pub mod subscription;
#[cfg(test)]
mod testing;
