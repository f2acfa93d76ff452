//! A machine made of Linux namespaces: its own users, files, processes, network and host name, with the programs of the
//! computer that it runs on and its kernel. It knows nothing of Azure.
//!
//! Whoever has a machine ([`Machine`]) starts a program that takes its place inside, the *agent* ([`agent::main`]): this makes
//! the namespaces, lays out the files and the network, and is then the first process there. It starts programs when it is told
//! to, says how they ended, and inherits whoever loses a parent. With it all others end: the kernel sees to that.
//!
//! Files: what the computer has below `/usr` and `/opt` is there read-only, under a layer that belongs to the machine; `/etc` is
//! made from a folder that the caller gives; all else begins empty. Network: one device `eth0`, whose packets are the caller's to
//! read and to write. There is no other way out, and no address of the computer's is there.
//!
//! Where the caller is root, users keep their numbers, and the machine's root is without power outside: it holds capabilities
//! only over what the machine has. Where it is not, there is one user in the machine, and that is its root.
#![forbid(unsafe_code)]

mod message;
mod spec;

#[cfg(target_os = "linux")]
pub mod agent;
#[cfg(target_os = "linux")]
mod channel;
#[cfg(not(target_os = "linux"))]
mod elsewhere;
#[cfg(target_os = "linux")]
mod machine;
#[cfg(target_os = "linux")]
mod signals;

#[cfg(not(target_os = "linux"))]
pub use elsewhere::{Machine, Running, RunningOn, StartError, Started};
#[cfg(target_os = "linux")]
pub use machine::{Machine, Running, RunningOn, StartError, Started};
pub use message::Ended;
#[cfg(target_os = "linux")]
pub use signals::Signals;
pub use spec::{Executable, File, Layer, Program, Spec, Stdio, Terminal, User};
