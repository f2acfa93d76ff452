//! What the machine's root may do.

use rustix::io;
use rustix::thread::{CapabilitySet, remove_capability_from_bounding_set};

/// What is left of root's powers, over the machine alone: those that container engines leave, and the network's.
///
/// Above all not `CAP_SYS_ADMIN`: whoever mounts `/proc` anew has the kernel's settings, which belong to the computer's root, and
/// where `az-local` runs as that, the machine's root has its number (capabilities(7), user_namespaces(7)).
const KEPT: CapabilitySet = CapabilitySet::CHOWN
    .union(CapabilitySet::DAC_OVERRIDE)
    .union(CapabilitySet::FOWNER)
    .union(CapabilitySet::FSETID)
    .union(CapabilitySet::KILL)
    .union(CapabilitySet::SETGID)
    .union(CapabilitySet::SETUID)
    .union(CapabilitySet::SETPCAP)
    .union(CapabilitySet::SETFCAP)
    .union(CapabilitySet::NET_BIND_SERVICE)
    .union(CapabilitySet::NET_ADMIN)
    .union(CapabilitySet::NET_RAW)
    .union(CapabilitySet::SYS_CHROOT)
    .union(CapabilitySet::MKNOD)
    .union(CapabilitySet::AUDIT_WRITE);

/// Takes all other powers from every program that this thread starts, and from those of threads that it starts. It keeps its own:
/// nobody on the machine has as many, so nobody can lay hands on it (ptrace(2)).
pub(super) fn limit() -> io::Result<()> {
    for power in CapabilitySet::all().difference(KEPT).iter() {
        match remove_capability_from_bounding_set(power) {
            // One that this kernel does not know.
            Err(io::Errno::INVAL) | Ok(()) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
