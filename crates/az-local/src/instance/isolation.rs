//! The machines that run apart from this computer, in namespaces of their own.

use crate::state::network::Attachment;
use crate::state::proxy_clients::MachineReference;
use az_machine::Machine;
use clap::ValueEnum;
use serde::Serialize;
use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use tokio::sync::{OnceCell, mpsc};

/// How a machine's programs run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Machines {
    /// As programs of this computer, told by their environment where they are.
    Process,
    /// On a machine of Linux namespaces: users, files, processes, network and host name of its own.
    Namespace,
    /// The latter where this computer allows it, else the former.
    #[default]
    Auto,
}

/// The network of a machine that has come up.
pub(crate) struct Network {
    pub(crate) machine: MachineReference,
    pub(crate) attachment: Option<Attachment>,
    /// Each read is a packet that the machine sends, each write one that it gets.
    pub(crate) packets: OwnedFd,
}

/// A machine, or the making of it.
pub(crate) type Slot = Arc<OnceCell<Arc<Machine>>>;

/// The machines that run apart, by `vmId`.
pub(crate) struct Isolation {
    wanted: Machines,
    /// What it is to be in fact, once it is known: whether machines run apart, and if not, why.
    settled: OnceLock<Result<(), String>>,
    there: Mutex<HashMap<String, Slot>>,
    /// What those have that come up, for who carries their packets.
    networks: mpsc::UnboundedSender<Network>,
    carrier: Mutex<Option<mpsc::UnboundedReceiver<Network>>>,
}

impl Isolation {
    pub(crate) fn new(machines: Machines) -> Self {
        let (networks, carrier) = mpsc::unbounded_channel();
        Isolation {
            wanted: machines,
            settled: OnceLock::new(),
            there: Mutex::default(),
            networks,
            carrier: Mutex::new(Some(carrier)),
        }
    }

    /// Whether machines run apart. `tried` says whether this computer allows it, and is asked once, where that matters.
    pub(crate) fn is_on(&self, tried: impl FnOnce() -> Result<(), String>) -> bool {
        match self.wanted {
            Machines::Process => false,
            Machines::Namespace => true,
            Machines::Auto => self.settled.get_or_init(tried).is_ok(),
        }
    }

    /// What was asked for, and why it is not so, if it is known not to be.
    pub(crate) fn said(&self) -> (Machines, Option<&str>) {
        let refusal = self
            .settled
            .get()
            .and_then(|settled| settled.as_ref().err());
        (self.wanted, refusal.map(String::as_str))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Slot>> {
        self.there.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where a machine is, or is to be: one that has ended by itself (its first process was killed) comes up anew.
    pub(crate) fn slot(&self, vm_id: &str) -> Slot {
        let mut there = self.lock();
        let slot = there.entry(vm_id.to_owned()).or_default();
        if slot.get().is_some_and(|machine| machine.is_gone()) {
            *slot = Slot::default();
        }
        Arc::clone(slot)
    }

    /// Has a machine's packets carried.
    pub(crate) fn connect(&self, network: Network) {
        // Where nobody carries any, the instance is ending.
        let _ = self.networks.send(network);
    }

    /// The networks of machines that come up, for the one that carries their packets.
    pub(crate) fn networks(&self) -> Option<mpsc::UnboundedReceiver<Network>> {
        let mut carrier = self.carrier.lock().unwrap_or_else(PoisonError::into_inner);
        carrier.take()
    }

    /// Ends a machine and all that runs there, and waits for it.
    pub(crate) fn end(&self, vm_id: &str) {
        let slot = self.lock().remove(vm_id);
        if let Some(machine) = slot.as_ref().and_then(|slot| slot.get()) {
            machine.end();
        }
    }

    /// Ends all machines.
    pub(crate) fn end_all(&self) {
        let all = std::mem::take(&mut *self.lock());
        std::thread::scope(|scope| {
            for machine in all.values().filter_map(|slot| slot.get()) {
                scope.spawn(|| machine.end());
            }
        });
    }
}
