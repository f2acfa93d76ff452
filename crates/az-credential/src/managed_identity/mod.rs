//! `ManagedIdentityCredential`: the identity of the machine or service that this runs on.
//!
//! The sources, their order and their protocols are those of Azure's SDK for Go: `managed_identity_client.go` of azidentity
//! 1.15, and `apps/managedidentity` of microsoft-authentication-library-for-go 1.10, under it.

mod app_service;
mod azure_arc;
mod azure_ml;
mod cloud_shell;
mod endpoint;
mod error;
mod imds;
mod member;
mod service_fabric;
mod source;
mod tokens;

#[cfg(feature = "fuzzing")]
pub(crate) use azure_arc::arc_key;
pub use error::{ArcKeyFault, ManagedIdentityError};
pub(crate) use member::{build, failed, metadata_service};
pub use source::ManagedIdentitySource;
