//! What machines of one virtual network send each other: packets, as they are, where the security rules let them pass.

use super::packet::{Flow, Packet};
use crate::dispatch;
use crate::instance::{Access, Instance};
use crate::machines::inbound::{self, SSH, TCP, Within};
use crate::state::network::Attachment;
use crate::state::proxy_clients::{Client, MachineReference};
use crate::state::{StateError, machine};
use rustix::io::write;
use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long an idle flow is remembered: Azure's own time for TCP
/// (<https://learn.microsoft.com/azure/load-balancer/load-balancer-tcp-reset>).
const IDLE: Duration = Duration::from_secs(240);

/// Most flows of a machine, and most packets that wait for a verdict.
const MOST_FLOWS: usize = 8192;
const MOST_WAITING: usize = 16;

/// The machines that are up, by network and address.
#[derive(Default)]
pub(super) struct Switch {
    ports: Mutex<HashMap<(String, Ipv4Addr), Arc<Port>>>,
}

/// A machine's port.
pub(super) struct Port {
    machine: MachineReference,
    pub(super) attachment: Attachment,
    packets: OwnedFd,
    /// The flows that the machine has begun.
    flows: Mutex<HashMap<Flow, Known>>,
}

struct Known {
    verdict: Verdict,
    last: Instant,
}

enum Verdict {
    Pass,
    Drop,
    /// Not known yet.
    Asked(Vec<Vec<u8>>),
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Port {
    pub(super) fn new(machine: MachineReference, attachment: Attachment, packets: OwnedFd) -> Self {
        Port {
            machine,
            attachment,
            packets,
            flows: Mutex::default(),
        }
    }

    /// Gives the machine a packet. One that it does not take is lost, as on any network.
    fn take(&self, packet: &[u8]) {
        let _ = write(&self.packets, packet);
    }

    /// Whether the machine has begun this flow, and was let.
    fn has_begun(&self, flow: &Flow) -> bool {
        let mut flows = lock(&self.flows);
        match flows.get_mut(flow) {
            Some(known) if matches!(known.verdict, Verdict::Pass) => {
                known.last = Instant::now();
                true
            }
            _ => false,
        }
    }
}

impl Switch {
    pub(super) fn plug_in(&self, port: &Arc<Port>) {
        let place = (port.attachment.network.clone(), port.attachment.address);
        lock(&self.ports).insert(place, Arc::clone(port));
    }

    pub(super) fn unplug(&self, port: &Arc<Port>) {
        let place = (port.attachment.network.clone(), port.attachment.address);
        let mut ports = lock(&self.ports);
        // A later machine may have the address by now.
        if ports
            .get(&place)
            .is_some_and(|there| Arc::ptr_eq(there, port))
        {
            ports.remove(&place);
        }
    }

    fn port(&self, network: &str, address: Ipv4Addr) -> Option<Arc<Port>> {
        lock(&self.ports)
            .get(&(network.to_owned(), address))
            .cloned()
    }

    /// Carries a packet to another machine of the network. False for one that is for nobody there, or for what is answered
    /// here: SSH.
    pub(super) fn carry(
        self: &Arc<Self>,
        instance: &Arc<Instance>,
        from: &Arc<Port>,
        packet: &Packet<'_>,
    ) -> bool {
        // Nobody sends as somebody else.
        if packet.from != from.attachment.address {
            return true;
        }
        if packet.protocol == TCP && packet.flow().to_port == SSH {
            return false;
        }
        let Some(to) = self.port(&from.attachment.network, packet.to) else {
            return false;
        };
        let flow = packet.flow();
        // An answer passes where the question did.
        if to.has_begun(&flow.back()) {
            to.take(packet.bytes);
            return true;
        }
        let mut flows = lock(&from.flows);
        let now = Instant::now();
        if flows.len() >= MOST_FLOWS {
            flows.retain(|_, known| now.duration_since(known.last) < IDLE);
            if flows.len() >= MOST_FLOWS {
                return true;
            }
        }
        match flows.get_mut(&flow) {
            Some(known) if now.duration_since(known.last) < IDLE => {
                known.last = now;
                match &mut known.verdict {
                    Verdict::Pass => to.take(packet.bytes),
                    Verdict::Drop => {}
                    Verdict::Asked(waiting) if waiting.len() < MOST_WAITING => {
                        waiting.push(packet.bytes.to_vec());
                    }
                    Verdict::Asked(_) => {}
                }
            }
            _ => {
                let verdict = Verdict::Asked(vec![packet.bytes.to_vec()]);
                flows.insert(flow, Known { verdict, last: now });
                drop(flows);
                let (instance, from) = (Arc::clone(instance), Arc::clone(from));
                let protocol = packet.protocol;
                tokio::spawn(async move {
                    let passes = may_pass(&instance, &from, flow, protocol).await;
                    from.decide(&to, flow, passes);
                });
            }
        }
        true
    }
}

impl Port {
    /// Takes down whether a flow passes, and sends on what has waited for that.
    fn decide(&self, to: &Port, flow: Flow, passes: bool) {
        let verdict = if passes { Verdict::Pass } else { Verdict::Drop };
        let waiting = {
            let mut flows = lock(&self.flows);
            let Some(known) = flows.get_mut(&flow) else {
                return;
            };
            match std::mem::replace(&mut known.verdict, verdict) {
                Verdict::Asked(waiting) if passes => waiting,
                _ => return,
            }
        };
        for packet in waiting {
            to.take(&packet);
        }
    }
}

async fn may_pass(
    instance: &Arc<Instance>,
    from: &Arc<Port>,
    flow: Flow,
    protocol: &'static str,
) -> bool {
    let (looking, from) = (Arc::clone(instance), Arc::clone(from));
    let passes = move || -> Result<bool, StateError> {
        dispatch::settle(&looking)?;
        let client = Client {
            machine: Some(from.machine.clone()),
            host: None,
        };
        let served = looking.serve(Access::Read, client.caller(), |cx| {
            let MachineReference { key, vm_id } = &from.machine;
            if machine::find_running(cx.tx, key, vm_id)?.is_none() {
                return Ok(false);
            }
            let sent = Within {
                from: &from.attachment,
                to: flow.to,
                protocol,
                port: flow.to_port,
            };
            Ok::<_, StateError>(inbound::reach_within(cx, &sent)?.is_ok())
        });
        served.result
    };
    matches!(instance.workers.run(passes).await, Some(Ok(true)))
}
