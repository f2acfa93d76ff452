//! One request's view of the instance: what a service is handed, and what it may ask for.

pub(crate) mod context;
pub(crate) mod effects;
pub(crate) mod principal;
#[cfg(test)]
pub(crate) mod testing;

pub(crate) use context::Context;
pub(crate) use principal::{ManagedIdentity, Principal};
