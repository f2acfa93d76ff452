//! The `DefaultAzureCredential` that the Azure SDK for Rust does not have.
//!
//! The chain, its names and its environment variables are those of Azure's SDK for Go
//! (<https://aka.ms/azsdk/go/identity/credential-chains#defaultazurecredential-overview>): environment → workload
//! identity → managed identity → Azure CLI → Azure Developer CLI → Azure PowerShell, stopping at the first that
//! gives a token and staying with it. A credential that is not set up here is passed over; one that is set up and refused
//! ends the search, so that nobody signs in as someone else by accident. The three developer tools are passed over
//! either way. `AZURE_TOKEN_CREDENTIALS` narrows the chain: `dev`, `prod`, or one credential's name.
//!
//! What differs from Go's, on purpose: a managed identity comes from App Service or from a virtual machine's
//! metadata service only (what `azure_identity` has), other sources count as not available; the Azure CLI is
//! asked for a token of a given subscription; user name and password are not supported; tokens of the three developer
//! tools are kept in the user's cache folder, for the next program, unless `AZ_TOKEN_CACHE=off`.

#![forbid(unsafe_code)]

mod certificate;
mod chain;
mod cloud;
mod developer;
mod env;
mod environment;
mod error;
pub mod http;
mod managed_identity;
mod powershell;
mod process;
mod selection;
mod token_cache;
mod workload_identity;

pub use chain::{DefaultAzureCredential, Options};
pub use cloud::{Cloud, UnknownCloud};
pub use env::Env;
pub use error::{Attempt, CredentialError, Outcome};
pub use selection::CredentialName;
