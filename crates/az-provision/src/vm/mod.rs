//! Virtual machines.

mod compare;
pub(crate) mod create;
mod data;
mod ed25519;
pub(crate) mod image;
mod keys;
mod login;
pub(crate) mod look;
mod machine;
pub(crate) mod network;
pub(crate) mod open_port;
pub(crate) mod power;
pub(crate) mod request;
pub(crate) mod run_command;
mod security_rules;
mod size;
pub(crate) mod target;
pub(crate) mod template;
pub(crate) mod user;

pub(crate) use machine::{addresses, delete, list, show, sizes, wait};
