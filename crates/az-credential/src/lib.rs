//! The `DefaultAzureCredential` that the Azure SDK for Rust does not have: one credential that signs in as whoever is
//! there, on a developer's computer, in CI and on a machine in Azure, without a change to the program.
//!
//! ```no_run
//! use az_credential::{DefaultAzureCredential, Options};
//! use azure_core::credentials::TokenCredential;
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let credential = DefaultAzureCredential::new(Options::from_process()?)?;
//! let token = credential.get_token(&["https://vault.azure.net/.default"], None).await?;
//! println!("signed in by {}", credential.chosen().expect("one gave a token"));
//! # Ok(())
//! # }
//! ```
//!
//! It is a [`TokenCredential`](azure_core::credentials::TokenCredential), so every client of Azure's SDK takes it.
//!
//! The chain, its names and its environment variables are those of Azure's SDK for Go
//! (<https://aka.ms/azsdk/go/identity/credential-chains#defaultazurecredential-overview>): environment → workload
//! identity → managed identity → Azure CLI → Azure Developer CLI → Azure PowerShell, stopping at the first that
//! gives a token and staying with it. A credential that is not set up here is passed over; one that is set up and refused
//! ends the search, so that nobody signs in as someone else by accident. The three developer tools are passed over
//! either way. `AZURE_TOKEN_CREDENTIALS` narrows the chain: `dev`, `prod`, or one credential's name.
//!
//! Beside the chain there are its members alone ([`ManagedIdentityCredential`], [`MemberCredential`]), a chain in an order of
//! one's own ([`ChainedTokenCredential`]), an application that trusts a managed identity
//! ([`FederatedIdentityCredential`]), and tokens kept in memory for any other credential ([`CachedTokenCredential`]).
//! The [`guide`] is for who comes from Go, Python or .NET, and tells which member is right in production and how to test.
//!
//! What differs from Go's, on purpose: the Azure CLI is asked for a token of a given subscription; user name and password
//! are not supported; retries end within seconds; with the feature `token-cache` tokens of the three developer tools are
//! kept in the user's cache folder, for the next program, unless `AZ_TOKEN_CACHE=off`.
//!
//! # Features
//!
//! - `certificate`: `AZURE_CLIENT_CERTIFICATE_PATH`, in PEM or PKCS#12.
//! - `token-cache`: the file with the developer tools' tokens.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod advice;
mod answer;
mod arc_agent;
mod asked;
mod az_config;
mod bounded_retry;
mod cached;
#[cfg(feature = "certificate")]
mod certificate;
mod chain;
mod chain_error;
mod chained;
mod claims_challenge;
mod clock;
mod cloud;
mod developer;
mod entra_answer;
mod entra_client;
mod env;
mod environment;
mod error;
mod federated_identity;
mod federated_token;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
pub mod guide;
pub mod http;
mod issued;
mod kept;
mod managed_identity;
mod managed_identity_credential;
mod managed_identity_id;
mod member;
mod member_credential;
mod memory_cache;
mod name;
mod options;
mod parts;
mod powershell;
mod process;
mod region;
mod selection;
#[cfg(all(unix, not(target_vendor = "apple"), not(target_os = "android")))]
mod system_roots;
mod tenants;
#[cfg(test)]
mod testing;
mod token_answer;
#[cfg(feature = "token-cache")]
mod token_cache;
mod token_proxy;
#[cfg(test)]
mod trace_tests;
mod turns;
mod unavailable;
mod workload_identity;
mod workload_options;

pub use asked::{Claims, TenantId};
pub use az_config::{AzConfig, Setting};
pub use cached::CachedTokenCredential;
pub use chain::DefaultAzureCredential;
pub use chain_error::{ChainAttempt, ChainError};
pub use chained::{ChainedTokenCredential, ChainedTokenCredentialOptions, IsUnavailable};
pub use claims_challenge::ClaimsChallenge;
pub use clock::{Clock, SystemClock};
pub use cloud::{Cloud, UnknownCloud};
pub use env::Env;
pub use error::{Attempt, CredentialError, Outcome};
pub use federated_identity::FederatedIdentityCredential;
pub use managed_identity::{ArcKeyFault, ManagedIdentityError, ManagedIdentitySource};
pub use managed_identity_credential::ManagedIdentityCredential;
pub use managed_identity_id::ManagedIdentityId;
pub use member_credential::MemberCredential;
pub use name::CredentialName;
pub use options::Options;
pub use region::InvalidRegion;
pub use tenants::TenantError;
#[cfg(feature = "token-cache")]
pub use token_cache::folder as cache_folder;
pub use token_proxy::TokenProxyError;
pub use unavailable::{CredentialUnavailable, is_unavailable};
pub use workload_options::WorkloadIdentityOptions;

/// The README's example is compiled too.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
