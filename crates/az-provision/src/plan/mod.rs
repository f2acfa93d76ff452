//! `all --plan`: what is there, and what would be made or changed.

pub(crate) mod node;
pub(crate) mod report;
