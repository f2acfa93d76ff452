//! The way out of machines that run apart: what they send is answered here, as Azure's network would.
//!
//! A machine has one device, and every packet that it sends comes here. The metadata service and the emulated hosts answer;
//! other hosts are reached from here, by the name that the machine has asked for. What is this computer's is nowhere there.

mod device;
mod names;

use super::connect::{self, Way};
use super::{answers, machines, onward};
use crate::ground::hosts::{self, Host};
use crate::ground::wire::Response;
use crate::instance::Instance;
use crate::instance::isolation::Network;
use crate::machines::apart::MTU;
use crate::state::proxy_clients::Client;
use device::Device;
use ipstack::{IpStack, IpStackConfig, IpStackStream, IpStackTcpStream, IpStackUdpStream};
use names::Names;
use std::future::pending;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Semaphore;

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
    let names = Arc::new(Names::default());
    while let Some(network) = networks.recv().await {
        tokio::spawn(carry(Arc::clone(&instance), Arc::clone(&names), network));
    }
    pending().await
}

/// Carries one machine's packets until it is gone.
async fn carry(instance: Arc<Instance>, names: Arc<Names>, network: Network) {
    let Ok((device, mut gone)) = Device::new(network.packets) else {
        return;
    };
    let client = Client {
        machine: Some(network.machine),
        host: None,
    };
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
        let (instance, names, client) = (Arc::clone(&instance), Arc::clone(&names), client.clone());
        let Ok(place) = Arc::clone(&room).try_acquire_owned() else {
            continue;
        };
        match stream {
            Ok(IpStackStream::Tcp(stream)) => {
                tokio::spawn(async move {
                    connected(instance, &names, client, stream).await;
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
    client: Client,
    stream: IpStackTcpStream,
) {
    let to = stream.peer_addr();
    let host = match names.of(to.ip()) {
        Some(name) => name,
        None => to.ip().to_string(),
    };
    if let Err(refusal) = lead(&instance, &client, &host, to.port(), stream).await {
        let authority = format!("{host}:{}", to.port());
        let working = Arc::clone(&instance);
        let log = move || connect::log_refusal(&working, &client, &authority, &refusal);
        let _ = instance.workers.run(log).await;
    }
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
            .is_ok_and(|mut found| found.any(|one| is_elsewhere(one))),
        _ => false,
    }
}

/// Whether an address is neither this computer's nor one of Azure's own networks.
fn is_elsewhere(address: SocketAddr) -> bool {
    let address: IpAddr = address.ip();
    matches!(hosts::classify_address(address), Host::Other)
}
