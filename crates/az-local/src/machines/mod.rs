//! Machines as the programs that they run: what these find around them, who may sign in, and what reaches them.

pub(crate) mod apart;
pub(crate) mod effects;
pub(crate) mod environment;
pub(crate) mod first_boot;
pub(crate) mod image;
pub(crate) mod inbound;
pub(crate) mod java;
pub(crate) mod place;
pub(crate) mod programs;
pub(crate) mod scripts;
pub(crate) mod ssh;
