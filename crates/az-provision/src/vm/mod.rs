//! Virtual machines.

mod compare;
pub(crate) mod create;
mod data;
mod image;
mod login;
mod machine;
mod network;
pub(crate) mod power;
pub(crate) mod request;
pub(crate) mod run_command;
mod size;

pub(crate) use machine::{delete, list, show, sizes};
