//! Who may use the proxy: the desk, virtual machines, and commands on other hosts, each with a password of its own.

use super::document::{Document, Range};
use super::resources::Resource;
use super::transaction::StateError;
use super::transaction::Transaction;
use crate::ground::secret::{random_secret, same};
use crate::ground::wire::{Caller, Origin};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};
use uuid::Uuid;

/// The desk's user name.
const DESK: &str = "desk";

/// One caller's proxy credentials, as they are kept.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct StoredClient {
    user: String,
    password: String,
    machine: Option<MachineReference>,
    /// The kind of a host that is there for one command, and never kept.
    #[serde(skip)]
    host: Option<&'static str>,
}

/// A machine, and which of those that have had its name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct MachineReference {
    /// The resource's key.
    pub(crate) key: String,
    /// `properties.vmId`.
    pub(crate) vm_id: String,
}

impl Document for StoredClient {
    const KIND: &'static str = "proxyClient";
    fn key(&self) -> String {
        self.user.clone()
    }
}

/// A caller that has shown its credentials.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    /// The machine that calls.
    pub(crate) machine: Option<MachineReference>,
    /// The kind of the host that calls, where it is no machine. With neither it is the desk.
    pub(crate) host: Option<&'static str>,
}

impl Client {
    /// Where the caller is, as services see it.
    pub(crate) fn origin(&self) -> Origin {
        match (&self.machine, self.host) {
            (Some(machine), _) => Origin::Machine(machine.key.clone()),
            (None, Some(_)) => Origin::Host,
            (None, None) => Origin::Desk,
        }
    }

    /// The caller, for the request log.
    pub(crate) fn caller(&self) -> Caller {
        Caller {
            machine: self.machine.as_ref().map(|machine| machine.key.clone()),
            host: self.host,
            ..Caller::default()
        }
    }
}

/// All callers. Kept in memory too: every request asks.
#[derive(Default)]
pub(crate) struct Clients {
    known: RwLock<HashMap<String, StoredClient>>,
}

impl Clients {
    /// Reads the kept callers; a new instance gets the desk.
    pub(crate) fn load(tx: &Transaction<'_>) -> Result<Self, StateError> {
        let clients = Clients::default();
        for stored in tx.all::<StoredClient>(&Range::Below(""))? {
            clients.learn(stored);
        }
        clients.enrol(tx, DESK, None)?;
        Ok(clients)
    }

    /// The desk's user name and password for proxy URLs.
    pub(crate) fn desk(&self, tx: &Transaction<'_>) -> Result<(String, String), StateError> {
        self.enrol(tx, DESK, None)
    }

    /// A machine's user name and password for proxy URLs.
    pub(crate) fn machine(
        &self,
        tx: &Transaction<'_>,
        machine: &Resource,
        vm_id: &str,
    ) -> Result<(String, String), StateError> {
        let reference = MachineReference {
            key: Resource::key_of(&machine.id),
            vm_id: vm_id.to_owned(),
        };
        self.enrol(tx, &format!("vm-{vm_id}"), Some(reference))
    }

    /// Checks a `Proxy-Authorization` header.
    pub(crate) fn authenticate(&self, header: &str) -> Option<Client> {
        let (scheme, credentials) = header.split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("basic") {
            return None;
        }
        let credentials = String::from_utf8(STANDARD.decode(credentials.trim()).ok()?).ok()?;
        let (user, password) = credentials.split_once(':')?;
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let stored = known.get(user)?;
        same(&stored.password, password).then(|| Client {
            machine: stored.machine.clone(),
            host: stored.host,
        })
    }

    fn enrol(
        &self,
        tx: &Transaction<'_>,
        user: &str,
        machine: Option<MachineReference>,
    ) -> Result<(String, String), StateError> {
        if let Some(stored) = tx.get::<StoredClient>(user)? {
            return Ok((stored.user, stored.password));
        }
        let stored = StoredClient {
            user: user.to_owned(),
            password: random_secret(),
            machine,
            host: None,
        };
        tx.put(&stored)?;
        self.learn(stored.clone());
        Ok((stored.user, stored.password))
    }

    /// Lets a command on a host in, until it is dismissed: a user name and password for proxy URLs.
    pub(crate) fn admit(&self, host: &'static str) -> (String, String) {
        let stored = StoredClient {
            user: format!("host-{}", Uuid::new_v4().simple()),
            password: random_secret(),
            machine: None,
            host: Some(host),
        };
        self.learn(stored.clone());
        (stored.user, stored.password)
    }

    /// Lets a command on a host in no more.
    pub(crate) fn dismiss(&self, user: &str) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.remove(user);
    }

    fn learn(&self, stored: StoredClient) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.insert(stored.user.clone(), stored);
    }
}
