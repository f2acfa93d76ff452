//! What the tools share: Azure's clouds, the `DefaultAzureCredential` chain that the Azure SDK for Rust does not
//! have, a client for Azure Resource Manager, and command-line habits.
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
pub mod cli;
pub mod cloud;
pub mod connection;
pub mod credential;
pub mod env;
pub mod graph;
pub mod http;
pub mod identity;
pub mod keyvault;
pub mod name;
pub mod origin;
pub mod subscription;
