//! A client for Azure Resource Manager on `azure_core`'s HTTP pipeline: its retry, its bearer tokens, its
//! request ids. Ids, paging, long-running operations and Azure's errors are here.

mod answer;
mod body;
mod client;
mod error;
mod id;
mod lost;
mod operation;
mod permissions;
mod progress;
mod repeat;
pub mod versions;
mod watch;

pub use answer::Answer;
/// Base64, in which Resource Manager takes what is not text.
pub use azure_core::base64;
pub use body::{Body, REDACTED};
pub use client::{Client, ClientOptions, DryRun, Planned};
pub use error::{ArmError, ServiceError};
pub use id::{InvalidResourceId, ResourceId};
pub use permissions::Permissions;
pub use progress::is_leaving;
pub use watch::{Watch, Watched, Write, described};
