//! Azure Resource Manager: `management.azure.com`.
//!
//! A call is authenticated, its path taken apart, and handed to the provider that it names. Types of resources
//! that are created, read, changed and deleted alike go through [`tracked`].

mod authorization;
mod batch;
mod call;
mod compute;
mod deployments;
pub(crate) mod due;
mod error;
mod filter;
mod group_scope;
mod groups;
mod handle;
mod keep;
mod key_vault;
mod locations;
mod locked;
mod managed_identity;
mod names;
pub(crate) mod network;
mod not_emulated;
pub(crate) mod operations;
pub(crate) mod path;
mod providers;
mod registration;
mod resource_type;
mod resources;
mod router;
mod subscriptions;
mod tags;
mod throttled;
mod times;
mod tracked;
pub(crate) mod version;

pub(crate) use compute::script_ended;
#[cfg(feature = "fuzzing")]
pub(crate) use filter::equalities;
pub(crate) use handle::handle;
#[cfg(test)]
pub(crate) use keep::fits_below;
#[cfg(test)]
pub(crate) use providers::kind;
