//! The machines that run apart from this computer, in namespaces of their own.

use crate::state::network::Attachment;
use crate::state::proxy_clients::MachineReference;
use az_machine::Machine;
use clap::ValueEnum;
use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{OnceCell, mpsc};

/// How a machine's programs run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Machines {
    /// As programs of this computer, told by their environment where they are.
    #[default]
    Process,
    /// On a machine of Linux namespaces: users, files, processes, network and host name of its own.
    Namespace,
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
    pub(crate) machines: Machines,
    there: Mutex<HashMap<String, Slot>>,
    /// What those have that come up, for who carries their packets.
    networks: mpsc::UnboundedSender<Network>,
    carrier: Mutex<Option<mpsc::UnboundedReceiver<Network>>>,
}

impl Isolation {
    pub(crate) fn new(machines: Machines) -> Self {
        let (networks, carrier) = mpsc::unbounded_channel();
        Isolation {
            machines,
            there: Mutex::default(),
            networks,
            carrier: Mutex::new(Some(carrier)),
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Slot>> {
        self.there.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where a machine is, or is to be.
    pub(crate) fn slot(&self, vm_id: &str) -> Slot {
        Arc::clone(self.lock().entry(vm_id.to_owned()).or_default())
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
