//! Machines that run apart from this computer: what they are made of, and how they come up.

use crate::ground::folder::{FolderError, make_private};
use crate::instance::Instance;
use crate::instance::isolation::{Machines, Network};
use crate::machines::image;
use crate::state::machine::VirtualMachine;
use crate::state::network::{self, Attachment};
use crate::state::proxy_clients::MachineReference;
use crate::state::{Resource, StateError, Transaction};
use az_machine::{File, Layer, Machine, Spec, StartError, Started};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

/// What the program `az-local` is told to be on a machine: its first process.
pub const AGENT: &str = "machine-agent";

/// Where machines ask for names: Azure's own resolver
/// (<https://learn.microsoft.com/azure/virtual-network/what-is-ip-address-168-63-129-16>).
const RESOLVER: &str = "168.63.129.16";

/// The longest packet, as on Azure's networks (bytes).
pub(crate) const MTU: u16 = 1500;

/// Why a machine did not come up.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BootError {
    #[error(transparent)]
    State(#[from] StateError),
    #[error(transparent)]
    Folder(#[from] FolderError),
    #[error(transparent)]
    Start(#[from] StartError),
    #[error("whoever started this local Azure named no az-local program, which machines need")]
    NoProgram,
    #[error("the machine's start failed unexpectedly")]
    Unexpected,
}

/// The machine as it runs apart, brought up where it is not; none where machines are programs of this computer.
pub(crate) async fn machine(
    instance: &Arc<Instance>,
    machine: &Resource,
) -> Result<Option<Arc<Machine>>, BootError> {
    if instance.isolation.machines == Machines::Process {
        return Ok(None);
    }
    let vm_id = VirtualMachine::of(machine).vm_id()?;
    let slot = instance.isolation.slot(vm_id);
    let booted = slot
        .get_or_try_init(|| async {
            let (instance, machine) = (Arc::clone(instance), machine.clone());
            let booting = tokio::task::spawn_blocking(move || boot(&instance, &machine));
            booting.await.unwrap_or(Err(BootError::Unexpected))
        })
        .await?;
    Ok(Some(Arc::clone(booted)))
}

fn boot(instance: &Instance, machine: &Resource) -> Result<Arc<Machine>, BootError> {
    let vm = VirtualMachine::of(machine);
    let vm_id = vm.vm_id()?;
    let find = |tx: &Transaction<'_>| network::attachment(tx, machine);
    let attachment: Option<Attachment> = instance.store.read(find)?;
    let program = instance
        .program
        .to_start()
        .map_err(FolderError::at("az-local"))?;
    let mut agent = Command::new(program.ok_or(BootError::NoProgram)?);
    agent
        .arg(AGENT)
        .env_clear()
        .stdout(Stdio::null())
        .current_dir("/");
    let disk = instance.folder.machine_disk(vm_id);
    make_private(&disk)?;
    let spec = spec(instance, machine, disk, attachment.as_ref())?;
    let Started {
        machine: made,
        packets,
    } = Machine::start(agent, &spec)?;
    let machine = MachineReference {
        key: Resource::key_of(&machine.id),
        vm_id: vm_id.to_owned(),
    };
    instance.isolation.connect(Network {
        machine,
        attachment,
        packets,
    });
    Ok(Arc::new(made))
}

fn spec(
    instance: &Instance,
    machine: &Resource,
    disk: PathBuf,
    attachment: Option<&Attachment>,
) -> Result<Spec, BootError> {
    let vm = VirtualMachine::of(machine);
    let host_name = vm.computer().unwrap_or(machine.name()).to_owned();
    let image = image::made(&instance.folder)?;
    let layer = |from: &Path, at: &str| Layer {
        from: from.to_owned(),
        at: PathBuf::from(at),
    };
    let mut layers = vec![layer(&image.join("etc"), "/etc")];
    // What the package manager knows of what is installed.
    for path in ["/usr", "/opt", "/var/lib/dpkg", "/var/lib/apt"] {
        layers.push(layer(Path::new(path), path));
    }
    let file = |path: &str, content: String| File {
        path: PathBuf::from(path),
        content: content.into_bytes(),
        mode: 0o644,
    };
    let files = vec![
        file("/etc/hostname", format!("{host_name}\n")),
        file(
            "/etc/hosts",
            format!(
                "127.0.0.1 localhost\n127.0.1.1 {host_name}\n::1 localhost ip6-localhost ip6-loopback\n"
            ),
        ),
        file(
            "/etc/resolv.conf",
            format!("nameserver {RESOLVER}\noptions timeout:2\n"),
        ),
    ];
    Ok(Spec {
        host_name,
        disk,
        layers,
        files,
        address: attachment.map(|there| (there.address, there.bits)),
        mtu: MTU,
        own_program: vec!["/usr/bin/sudo".to_owned()],
    })
}
