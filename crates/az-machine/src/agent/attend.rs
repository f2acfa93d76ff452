//! What the agent does once its machine is there.

use super::programs::{self, Programs};
use super::rights;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex};

/// Carries out orders until the caller is gone or says that the machine goes down.
pub(super) fn attend(socket: &OwnedFd, listener: OwnedFd) {
    let programs = Arc::new(Programs::default());
    let says = Arc::new(Mutex::new(()));
    let thread = || std::thread::Builder::new().stack_size(128 * 1024);
    let (reaping, asked) = (Arc::clone(&programs), Arc::clone(&programs));
    let Ok(caller) = socket.try_clone() else {
        return;
    };
    let quiet = Arc::clone(&says);
    let started = thread()
        .spawn(move || programs::reap(&reaping, &caller, &quiet))
        .and_then(|_| thread().spawn(move || rights::hear(&listener, &asked)));
    if started.is_ok() {
        programs::orders(socket, &programs, &says);
    }
    // Not waited for: with this process the kernel ends every other one.
    std::process::exit(0);
}
