//! Machines that run apart from this computer: what they are made of, and how they come up.

use crate::ground::folder::{FolderError, make_private};
use crate::ground::stderr;
use crate::instance::Instance;
use crate::instance::isolation::Network;
use crate::machines::{first_boot, image};
use crate::state::machine::{self, VirtualMachine};
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
    let trying = Arc::clone(instance);
    let is_on = tokio::task::spawn_blocking(move || is_on(&trying)).await;
    if !is_on.unwrap_or(false) {
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

/// Whether this instance's machines run apart. Where that is left to it, it tries once whether this computer allows it.
pub(crate) fn is_on(instance: &Instance) -> bool {
    instance.isolation.is_on(|| {
        let tried = try_out(instance);
        if let Err(why) = &tried {
            stderr::say(format_args!(
                "machines run as programs of this computer, without isolation: {why}"
            ));
        }
        tried
    })
}

/// Makes a machine that nobody needs, and lets go of it.
fn try_out(instance: &Instance) -> Result<(), String> {
    let disk = tempfile::Builder::new()
        .prefix("trial-")
        .tempdir_in(instance.folder.path())
        .map_err(|error| error.to_string())?;
    let spec = Spec {
        host_name: "trial".to_owned(),
        disk: disk.path().to_owned(),
        layers: vec![layer(Path::new("/usr"), "/usr")],
        files: Vec::new(),
        address: None,
        mtu: MTU,
        own_program: Vec::new(),
    };
    let agent = agent(instance).map_err(|error| error.to_string())?;
    let started = Machine::start(agent, &spec).map_err(|error| error.to_string())?;
    started.machine.end();
    Ok(())
}

/// What plays a machine's first process.
fn agent(instance: &Instance) -> Result<Command, BootError> {
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
    Ok(agent)
}

fn layer(from: &Path, at: &str) -> Layer {
    Layer {
        from: from.to_owned(),
        at: PathBuf::from(at),
        mask: None,
    }
}

/// Brings a new machine up that has something to do by itself; none where machines do not run apart.
pub(crate) fn begin(instance: &Arc<Instance>, id: &str) {
    let begun = || -> Result<(), BootError> {
        let find = |tx: &Transaction<'_>| machine::find(tx, id);
        let Some(found) = instance.store.read::<_, StateError>(find)? else {
            return Ok(());
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|_| BootError::Unexpected)?;
        runtime.block_on(machine(instance, &found)).map(drop)
    };
    if let Err(error) = begun() {
        stderr::say(format_args!("{id}: {error}"));
    }
}

fn boot(instance: &Instance, machine: &Resource) -> Result<Arc<Machine>, BootError> {
    let vm = VirtualMachine::of(machine);
    let vm_id = vm.vm_id()?;
    let find = |tx: &Transaction<'_>| network::attachment(tx, machine);
    let attachment: Option<Attachment> = instance.store.read(find)?;
    let disk = instance.folder.machine_disk(vm_id);
    let is_first = !disk.exists();
    make_private(&disk)?;
    let mut spec = spec(instance, machine, disk, attachment.as_ref())?;
    let first = vm.custom_data().filter(|_| is_first);
    if first.is_some() {
        spec.files.push(first_boot::begun());
    }
    let Started {
        machine: made,
        packets,
    } = Machine::start(agent(instance)?, &spec)?;
    let made = Arc::new(made);
    if let Some(data) = first {
        first_boot::begin(Arc::clone(&made), machine.name().to_owned(), data);
    }
    let machine = MachineReference {
        key: Resource::key_of(&machine.id),
        vm_id: vm_id.to_owned(),
    };
    instance.isolation.connect(Network {
        machine,
        attachment,
        packets,
    });
    Ok(made)
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
    let mut layers = vec![layer(&image.join("etc"), "/etc")];
    // What the package manager knows of what is installed.
    for path in ["/usr", "/opt", "/var/lib/dpkg", "/var/lib/apt"] {
        let mask = image::mask(&image, path);
        layers.push(Layer {
            mask: mask.is_dir().then_some(mask),
            ..layer(Path::new(path), path)
        });
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
        File {
            path: PathBuf::from("/usr/bin/cloud-init"),
            content: first_boot::COMMAND.into(),
            mode: 0o755,
        },
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
