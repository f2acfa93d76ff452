//! Key vaults.

pub(crate) mod create;
mod deleted;
pub(crate) mod look;
pub(crate) mod vault;
pub(crate) mod wanted;
