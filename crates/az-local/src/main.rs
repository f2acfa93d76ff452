//! A local Azure: Entra ID, Resource Manager, Key Vault and IMDS behind a forward proxy, so that
//! unmodified clients run against it offline.
//!
//! It shares no code with the tools on purpose: a test double that used the client's own rules
//! would repeat the client's mistakes.
#![forbid(unsafe_code)]

mod clock;
mod context;
mod entra;
mod state;
mod wire;

fn main() {}
