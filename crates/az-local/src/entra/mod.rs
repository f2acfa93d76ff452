//! Entra ID: who is who, and tokens that say so.

pub(crate) mod keys;
pub(crate) mod token;
