//! Entra ID: who is who, and tokens that say so.

pub(crate) mod keys;
#[cfg(test)]
pub(crate) mod testing;
pub(crate) mod token;
