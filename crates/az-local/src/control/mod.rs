//! The control socket: how the command line, tests and the curious reach into a running instance.
//!
//! One JSON object a line, one answer a line. The socket is its user's alone, and each request
//! carries a token from the instance's folder besides.

pub(crate) mod client;
mod enter;
mod federation;
mod principals;
mod refusal;
pub(crate) mod reports;
pub(crate) mod server;

use crate::hosting::HostOptions;
use crate::machines::environment::Environment;
use crate::state::faults::Chaos;
use crate::state::knobs::Knob;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// A program that is to run on a machine that runs apart, as its admin user.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Entry {
    /// Needed where several have such a machine.
    pub subscription: Option<String>,
    /// Its resource group.
    pub group: String,
    /// Its name.
    pub name: String,
    /// The program and its arguments.
    pub line: Vec<String>,
    /// Names and values.
    pub variables: Vec<(String, String)>,
}

/// What a command needs to run as if on a machine.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum MachinePlace {
    /// On this computer, with this environment.
    Here(Environment),
    /// On a machine apart: by [`Command::Enter`].
    Apart,
}

/// What whoever has a program on a machine says to it.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Word {
    /// By its number.
    Signal(i32),
}

/// How such a program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Said {
    /// By itself, with this status.
    Status(i32),
    /// By this signal.
    Signal(i32),
}

/// What is asked of a running instance. Durations are milliseconds.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "camelCase")]
pub enum Command {
    /// What runs, where, and who is there.
    Status,
    /// End; the connection closes when it is done.
    Stop,
    /// The desk's environment.
    Environment {
        /// Counts from 1.
        tenant: usize,
    },
    /// The clock's time and how far it is ahead.
    ClockShow,
    /// Move the clock forward.
    ClockAdvance {
        /// Milliseconds.
        by: i64,
    },
    /// Answer wrongly.
    #[cfg(feature = "mutations")]
    Mutate {
        /// The wrong answer's name.
        name: String,
    },
    /// Turn a knob.
    Set {
        /// Which one.
        knob: Knob,
        /// Milliseconds.
        to: i64,
    },
    /// Take faults, as a file says them.
    Faults {
        /// TOML.
        text: String,
        /// In place of those that there are.
        replace: bool,
    },
    /// Faults at random.
    Chaos(Chaos),
    /// What faults there are.
    FaultsList,
    /// No more faults.
    FaultsClear,
    /// All machines.
    Machines {
        /// Of this one only.
        subscription: Option<String>,
    },
    /// What a command needs to run as if on a machine.
    Machine {
        /// Needed where several have such a machine.
        subscription: Option<String>,
        /// Its resource group.
        group: String,
        /// Its name.
        name: String,
    },
    /// To run a program on a machine that runs apart, on files that follow.
    Enter(Entry),
    /// A host that gives managed identities, and what a command needs to run as if there; it goes with the connection.
    Host(HostOptions),
    /// Who such a host is.
    HostIdentity(HostOptions),
    /// Everything that exists.
    Resources,
    /// Everybody in a tenant's directory.
    Principals {
        /// Counts from 1.
        tenant: usize,
    },
    /// Make a user.
    AddUser {
        /// Counts from 1.
        tenant: usize,
        /// The sign-in name, with or without a domain.
        name: String,
        /// The sign-in name's first part where there is none.
        display_name: Option<String>,
        /// One is made up and told where there is none.
        password: Option<String>,
    },
    /// Make a group.
    AddGroup {
        /// Counts from 1.
        tenant: usize,
        /// Its display name.
        name: String,
        /// Object ids, sign-in names or display names.
        members: Vec<String>,
    },
    /// Put principals into a group.
    AddMembers {
        /// Counts from 1.
        tenant: usize,
        /// The group's object id or display name.
        group: String,
        /// Object ids, sign-in names or display names.
        members: Vec<String>,
    },
    /// Make the desk's application accept a certificate (DER in base64).
    AddCertificate {
        /// Counts from 1.
        tenant: usize,
        /// DER in base64.
        certificate: String,
    },
    /// Make the desk's application trust the instance as an issuer, and sign an assertion; or sign one as another issuer.
    Federate {
        /// Counts from 1.
        tenant: usize,
        /// The issuer to play, and whom it speaks of.
        played: Option<(String, String)>,
        /// The assertion's audience; Entra ID's token exchange where there is none.
        audience: Option<String>,
    },
    /// Take an issuer's public keys.
    LearnIssuer {
        /// As assertions name it.
        url: String,
        /// A JSON Web Key Set.
        keys: serde_json::Value,
    },
}

/// A request as it is sent.
#[derive(Serialize, Deserialize)]
pub(crate) struct Envelope {
    token: String,
    request: Command,
}

/// The answer.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Answer {
    Done(serde_json::Value),
    Refused { reason: Refusal, message: String },
}

/// Why the instance did not do it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Refusal {
    /// What was named is not there.
    NotFound,
    /// The request makes no sense.
    Invalid,
    /// It went wrong.
    Failed,
}

/// Where a running instance is reached; kept in its folder while it runs.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Contact {
    pub(crate) pid: u32,
    pub(crate) port: u16,
    pub(crate) socket: PathBuf,
    token: String,
}

impl Contact {
    /// The file's name in the folder.
    pub(crate) const FILE: &'static str = "instance.json";
}
