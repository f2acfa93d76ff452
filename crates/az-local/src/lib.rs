//! A local Azure: Entra ID, Resource Manager, Key Vault and IMDS behind a forward proxy, so that
//! unmodified clients run against it offline.
//!
//! It shares no code with the tools on purpose: a test double that used the client's own rules
//! would repeat the client's mistakes.
//!
//! The modules are storeys: each imports from those below it only, in the order of `docs/architecture.md`.
#![forbid(unsafe_code)]

mod arm;
mod control;
mod dispatch;
mod entra;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod graph;
mod ground;
mod hosting;
mod imds;
mod instance;
mod keyvault;
mod kubernetes;
mod local_azure;
mod machines;
mod managed_identity;
mod proxy;
mod rbac;
mod request;
mod server;
mod state;

pub use control::client::{Client, ControlError, Entered};
pub use control::{Command, Entry, MachinePlace, Refusal, Said};
pub use ground::folder::{
    Folder, FolderError, check_own, lock, make_own, make_private, open_private, write_private,
};
pub use ground::shown::{escaped, escaped_json};
pub use ground::stderr;
pub use hosting::HostOptions;
pub use instance::isolation::Machines;
pub use instance::{OpenError, Options, Program};
pub use local_azure::LocalAzure;
pub use machines::apart::AGENT;
pub use machines::environment::{Environment, Shell};
pub use machines::ssh::{client_config, sftp, unread};
pub use managed_identity::HostKind;
pub use server::{Ended, Server, StartError};
pub use state::faults::{Chaos, FaultsError};
pub use state::knobs::{Knob, Profile};
pub use state::signing_keys::generate_rsa;
