//! Programs that run on a machine: what they find around them, and how they end with it.

use crate::ground::folder::{FolderError, make_private};
use crate::instance::{Instance, Program};
use crate::machines::environment::Environment;
use crate::state::machine::VirtualMachine;
use crate::state::{Resource, StateError, Transaction};
use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What a program on a machine finds: a home folder, a clean environment, the metadata service as that machine.
#[derive(Clone)]
pub(crate) struct Surroundings {
    environment: Environment,
    home: PathBuf,
    program: Program,
}

/// Variables of az-local's own that programs need anywhere, and that carry no credential.
const PASSED_ON: [&str; 2] = ["PATH", "TZ"];

impl Surroundings {
    /// Those of a machine.
    pub(crate) fn of(
        instance: &Instance,
        tx: &Transaction<'_>,
        machine: &Resource,
    ) -> Result<Self, StateError> {
        let vm = VirtualMachine::of(machine);
        let vm_id = vm.vm_id()?;
        let proxy = instance.proxy_url(instance.clients.machine(tx, machine, vm_id)?);
        let user = vm
            .admin()
            .ok_or_else(|| machine.lacks("osProfile.adminUsername"))?;
        Ok(Surroundings {
            environment: Environment::of_machine(&instance.folder, &proxy, vm_id, user),
            home: instance.folder.machine_home(vm_id),
            program: instance.program.clone(),
        })
    }

    /// The home folder.
    pub(crate) fn home(&self) -> &Path {
        &self.home
    }

    /// The program `az-local`, where it is at hand.
    pub(crate) fn az_local(&self) -> io::Result<Option<PathBuf>> {
        self.program.to_start()
    }

    /// The variables, for a program that is started by somebody else.
    pub(crate) fn into_environment(self) -> Environment {
        self.environment
    }

    /// A command on the machine, in its home folder.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Result<Command, FolderError> {
        make_private(&self.home)?;
        let mut command = Command::new(program);
        command.env_clear().current_dir(&self.home);
        for name in PASSED_ON {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        command.env("SHELL", shell());
        command.envs(
            self.environment
                .set
                .iter()
                .map(|(name, value)| (name, value)),
        );
        Ok(command)
    }
}

/// The user's shell on a machine: bash where this computer has it, as on Azure's Linux images.
pub(crate) fn shell() -> &'static Path {
    ["/bin/bash", "/usr/bin/bash", "/usr/local/bin/bash"]
        .iter()
        .map(Path::new)
        .find(|path| path.is_file())
        .unwrap_or(Path::new("/bin/sh"))
}

/// Ends every program on a machine: they are asked, and after a moment they are killed.
///
/// A machine's programs are known by the proxy's address in the environment that they were started with, however far
/// they have gone into the background. Only Linux shows that.
pub(crate) fn end_all(vm_id: &str) {
    end(format!("HTTPS_PROXY=http://vm-{vm_id}:").as_bytes());
}

/// The same for the host whose programs have this user in their proxy's address.
pub(crate) fn end_all_of(user: &str) {
    end(format!("HTTPS_PROXY=http://{user}:").as_bytes());
}

/// The same for all machines and hosts whose proxy has this port.
pub(crate) fn end_all_behind(port: u16) {
    let ending = format!("@127.0.0.1:{port}");
    end_where(|variable| {
        let beginnings = ["HTTPS_PROXY=http://vm-", "HTTPS_PROXY=http://host-"];
        beginnings
            .iter()
            .any(|one| variable.starts_with(one.as_bytes()))
            && variable.ends_with(ending.as_bytes())
    });
}

fn end(prefix: &[u8]) {
    end_where(|variable| variable.starts_with(prefix));
}

#[cfg(target_os = "linux")]
fn end_where(marks: impl Fn(&[u8]) -> bool) {
    use rustix::process::Signal;
    use std::time::{Duration, Instant};

    /// How long programs have to end by themselves.
    const GRACE: Duration = Duration::from_millis(500);

    /// How often those are looked for that were forked meanwhile.
    const ROUNDS: usize = 5;

    let deadline = Instant::now() + GRACE;
    let mut asked = linux::find(&marks);
    for process in &asked {
        process.signal(Signal::HUP);
        process.signal(Signal::TERM);
        // One that was stopped hears nothing before it goes on.
        process.signal(Signal::CONT);
    }
    asked.retain(|process| !process.ends_before(deadline));
    for _ in 0..ROUNDS {
        let left = linux::find(&marks);
        if left.is_empty() {
            return;
        }
        for process in &left {
            process.signal(Signal::KILL);
        }
        let deadline = Instant::now() + GRACE;
        for process in &left {
            process.ends_before(deadline);
        }
    }
}

#[cfg(not(target_os = "linux"))]
fn end_where(_: impl Fn(&[u8]) -> bool) {}

#[cfg(target_os = "linux")]
mod linux {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    use rustix::fd::OwnedFd;
    use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
    use std::time::Instant;

    /// A process that cannot be mistaken for a later one of the same number.
    pub(super) struct Process(OwnedFd);

    impl Process {
        pub(super) fn signal(&self, signal: Signal) {
            // One that has ended needs none.
            let _ = pidfd_send_signal(&self.0, signal);
        }

        /// Waits for the end, and says whether it came.
        pub(super) fn ends_before(&self, deadline: Instant) -> bool {
            let left = deadline.saturating_duration_since(Instant::now());
            let left = Timespec::try_from(left).ok();
            let mut wanted = [PollFd::new(&self.0, PollFlags::IN)];
            poll(&mut wanted, left.as_ref()).is_ok_and(|ready| ready > 0)
        }
    }

    /// The processes in whose first environment a variable is marked.
    pub(super) fn find(marks: &impl Fn(&[u8]) -> bool) -> Vec<Process> {
        let own = std::process::id();
        let Ok(all) = std::fs::read_dir("/proc") else {
            return Vec::new();
        };
        all.filter_map(|entry| {
            let id: u32 = entry.ok()?.file_name().to_str()?.parse().ok()?;
            let pid = Pid::from_raw(i32::try_from(id).ok()?)?;
            // Held first: what is read next is this process's or nobody's.
            let held = pidfd_open(pid, PidfdFlags::empty()).ok()?;
            let environment = std::fs::read(format!("/proc/{id}/environ")).ok()?;
            let found = id != own && environment.split(|byte| *byte == 0).any(marks);
            found.then_some(Process(held))
        })
        .collect()
    }
}
