//! The way out of machines that run apart: what they send is answered here, as Azure's network would.
//!
//! A machine has one device, and every packet that it sends comes here. The metadata service and the emulated hosts answer;
//! other hosts are reached from here, by the name that the machine has asked for. What is this computer's is nowhere there.

mod device;
mod names;
mod packet;
mod switch;

use super::connect::{self, Way};
use super::{answers, machines, onward};
use crate::ground::hosts::{self, Host};
use crate::ground::wire::Response;
use crate::instance::Instance;
use crate::instance::isolation::Network;
use crate::machines::apart::MTU;
use crate::state::network::Attachment;
use crate::state::proxy_clients::Client;
use device::{Device, Taken};
use ipstack::{IpStack, IpStackConfig, IpStackStream, IpStackTcpStream, IpStackUdpStream};
use names::Names;
use packet::Packet;
use std::future::pending;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use switch::{Port, Switch};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::{Semaphore, watch};

/// Where machines ask for names.
const DNS: u16 = 53;

/// Most connections that a machine has at a time.
const MOST_CONNECTIONS: usize = 1024;

/// The longest question for a name without extensions, and more than that (bytes).
const LONGEST_QUESTION: usize = 4096;

/// Carries the packets of every machine that comes up, until the task is dropped.
pub(crate) async fn run(instance: Arc<Instance>) {
    let Some(mut networks) = instance.isolation.networks() else {
        return pending().await;
    };
    let (names, switch) = (Arc::new(Names::default()), Arc::new(Switch::default()));
    while let Some(network) = networks.recv().await {
        let (names, switch) = (Arc::clone(&names), Arc::clone(&switch));
        tokio::spawn(carry(Arc::clone(&instance), names, switch, network));
    }
    pending().await
}

/// Carries one machine's packets until it is gone.
async fn carry(instance: Arc<Instance>, names: Arc<Names>, switch: Arc<Switch>, network: Network) {
    let machine = network.machine;
    let port = match (network.attachment, network.packets.try_clone()) {
        (Some(attachment), Ok(packets)) => {
            let port = Port::new(machine.clone(), attachment, packets);
            Some(Arc::new(port))
        }
        _ => None,
    };
    let taken: Taken = match &port {
        None => Box::new(|_| false),
        Some(port) => {
            switch.plug_in(port);
            let (instance, switch) = (Arc::clone(&instance), Arc::clone(&switch));
            let port = Arc::clone(port);
            Box::new(move |bytes| {
                Packet::read(bytes).is_some_and(|packet| switch.carry(&instance, &port, &packet))
            })
        }
    };
    if let Ok((device, gone)) = Device::new(network.packets, taken) {
        let machine = Joined {
            client: Client {
                machine: Some(machine),
                host: None,
            },
            attachment: port.as_ref().map(|port| port.attachment.clone()),
        };
        answer(instance, names, machine, device, gone).await;
    }
    if let Some(port) = &port {
        switch.unplug(port);
    }
}

/// A machine on its network.
#[derive(Clone)]
struct Joined {
    client: Client,
    attachment: Option<Attachment>,
}

/// Answers what a machine sends to nobody else on its network.
async fn answer(
    instance: Arc<Instance>,
    names: Arc<Names>,
    machine: Joined,
    device: Device,
    mut gone: watch::Receiver<bool>,
) {
    let mut config = IpStackConfig::default();
    config.mtu_unchecked(MTU);
    let mut stack = IpStack::new(config, device);
    let room = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    loop {
        let stream = tokio::select! {
            stream = stack.accept() => stream,
            _ = gone.changed() => return,
        };
        // What is neither TCP nor UDP is not answered.
        let (instance, names) = (Arc::clone(&instance), Arc::clone(&names));
        let machine = machine.clone();
        let Ok(place) = Arc::clone(&room).try_acquire_owned() else {
            continue;
        };
        match stream {
            Ok(IpStackStream::Tcp(stream)) => {
                tokio::spawn(async move {
                    connected(instance, &names, machine, stream).await;
                    drop(place);
                });
            }
            Ok(IpStackStream::Udp(stream)) if stream.peer_addr().port() == DNS => {
                tokio::spawn(async move {
                    resolve(&instance, &names, stream).await;
                    drop(place);
                });
            }
            Ok(_) => {}
            Err(_) => return,
        }
    }
}

/// Answers a machine's connection, wherever it leads.
async fn connected(
    instance: Arc<Instance>,
    names: &Names,
    machine: Joined,
    stream: IpStackTcpStream,
) {
    let to = stream.peer_addr();
    let named = names.of(to.ip());
    let host = named.clone().unwrap_or_else(|| to.ip().to_string());
    let client = machine.client.clone();
    let led = match (named, to.ip()) {
        // Where no name leads, these are the virtual network's.
        (None, IpAddr::V4(address)) if is_private(address) => {
            lead_within(&instance, &machine, address, to.port(), stream).await
        }
        _ => lead(&instance, &client, &host, to.port(), stream).await,
    };
    if let Err(refusal) = led {
        let authority = format!("{host}:{}", to.port());
        let working = Arc::clone(&instance);
        let log = move || connect::log_refusal(&working, &client, &authority, &refusal);
        let _ = instance.workers.run(log).await;
    }
}

/// Whether an address is one that virtual networks have (RFC 1918, and RFC 6598).
fn is_private(address: Ipv4Addr) -> bool {
    let [first, second, ..] = address.octets();
    address.is_private() || (first == 100 && second & 0xc0 == 64)
}

/// Leads a connection to another machine of the network: its SSH server is here, and nothing else of it.
async fn lead_within(
    instance: &Arc<Instance>,
    machine: &Joined,
    address: Ipv4Addr,
    port: u16,
    stream: IpStackTcpStream,
) -> Result<(), Response> {
    let Some(from) = machine.attachment.clone() else {
        return Err(answers::unreachable(&address.to_string()));
    };
    let client = machine.client.clone();
    let other = machines::find_within(instance, client, from, address, port).await?;
    machines::serve(Arc::clone(instance), other, address, stream).await;
    Ok(())
}

async fn lead(
    instance: &Arc<Instance>,
    client: &Client,
    host: &str,
    port: u16,
    stream: IpStackTcpStream,
) -> Result<(), Response> {
    let working = Arc::clone(instance);
    match connect::way(instance, client, host, port).await? {
        Way::Here { host, tls } => {
            connect::serve_stream(working, client.clone(), host, tls, stream).await;
            Ok(())
        }
        Way::Machine(address) => {
            let machine = machines::find(instance, client.clone(), address, port).await?;
            machines::serve(working, machine, address, stream).await;
            Ok(())
        }
        Way::ThisComputer => Err(answers::unreachable(host)),
        Way::Onward => onward::carry(stream, host, port, instance.offline).await,
    }
}

/// Answers a machine's questions for names.
async fn resolve(instance: &Arc<Instance>, names: &Names, mut stream: IpStackUdpStream) {
    let mut question = vec![0; LONGEST_QUESTION];
    // Until it has asked nothing for a while.
    while let Ok(length) = stream.read(&mut question).await {
        if length == 0 {
            return;
        }
        let answer = names::answer(&question[..length], |name| async move {
            let known = is_there(instance, &name).await;
            known.then(|| names.address(&name))
        });
        if let Some(answer) = answer.await
            && stream.write_all(&answer).await.is_err()
        {
            return;
        }
    }
}

/// Whether a name stands for a host that can be reached from here.
async fn is_there(instance: &Arc<Instance>, name: &str) -> bool {
    match hosts::classify(name) {
        Host::Emulated(hosts::Service::KeyVault) => {
            connect::vault_exists(instance, name).await.unwrap_or(false)
        }
        Host::Emulated(_) | Host::Unemulated => true,
        Host::Other if !instance.offline => tokio::net::lookup_host((name, 0))
            .await
            .is_ok_and(|mut found| found.any(is_elsewhere)),
        _ => false,
    }
}

/// Whether an address is neither this computer's nor one of Azure's own networks.
fn is_elsewhere(address: SocketAddr) -> bool {
    let address: IpAddr = address.ip();
    matches!(hosts::classify_address(address), Host::Other)
}
