//! Becoming another user on a machine, as `sudo` is asked to: the agent starts the program, on the files of whoever asks.
//!
//! A program of the computer's cannot be one that becomes root by itself (its owner may have no number here), so the agent's
//! own program stands at the path of `sudo`, and asks here.

use super::accounts::{self, Account};
use super::programs::{Found, Programs, Wanted};
use super::wish::{Answer, Wish};
use crate::channel;
use rustix::net::sockopt::socket_peercred;
use rustix::net::{SocketFlags, accept_with};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

/// Hears everybody who asks, each on a thread.
pub(super) fn hear(listener: &OwnedFd, programs: &Arc<Programs>) {
    loop {
        match accept_with(listener, SocketFlags::CLOEXEC) {
            Ok(asker) => {
                let programs = Arc::clone(programs);
                let hearing = std::thread::Builder::new().stack_size(128 * 1024);
                // One that cannot be heard finds its connection closed.
                let _ = hearing.spawn(move || grant(&asker, &programs));
            }
            Err(rustix::io::Errno::INTR | rustix::io::Errno::CONNABORTED) => {}
            // Out of files, most likely: those that are heard give theirs back.
            Err(_) => std::thread::sleep(std::time::Duration::from_millis(20)),
        }
    }
}

fn grant(asker: &OwnedFd, programs: &Arc<Programs>) {
    let Ok(Some((
        Wish::Run {
            user,
            line,
            login,
            variables,
            folder,
        },
        files,
    ))) = channel::receive::<Wish>(asker)
    else {
        return;
    };
    let refuse = |why: String| {
        // Who is gone hears nothing.
        let _ = channel::send(asker, &Answer::Refused(why), &[]);
    };
    let target = match allowed(asker, &user) {
        Ok(target) => target,
        Err(why) => return refuse(why),
    };
    let Ok(mine) = asker.try_clone() else {
        return;
    };
    let begun = {
        let wanted = Wanted {
            file: Found::There,
            line: &line,
            login,
            variables: &variables,
            folder: (!login).then_some(&folder),
        };
        programs.start_for(&target, &wanted, files, mine)
    };
    let pid = match begun {
        Ok(pid) => pid,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let first = line.first().map(|word| word.to_string_lossy().into_owned());
            return refuse(format!("{}: command not found", first.unwrap_or_default()));
        }
        Err(error) => return refuse(error.to_string()),
    };
    while let Ok(Some((wish, _))) = channel::receive::<Wish>(asker) {
        if let Wish::Signal(signal) = wish {
            programs.signal(pid, signal);
        }
    }
    // Who asked is gone before its program: that one is hung up on, as if its terminal had gone.
    programs.signal(pid, rustix::process::Signal::HUP.as_raw());
}

/// The account that somebody may become.
fn allowed(asker: &OwnedFd, user: &str) -> Result<Account, String> {
    let credentials = socket_peercred(asker.as_fd()).map_err(|error| error.to_string())?;
    let uid = credentials.uid.as_raw();
    let target = accounts::find(user).ok_or_else(|| format!("unknown user {user}"))?;
    if uid == 0 || uid == target.uid {
        return Ok(target);
    }
    let Some(account) = accounts::with_number(uid) else {
        return Err("you do not exist in the passwd database".to_owned());
    };
    if accounts::may_administer(&account) {
        Ok(target)
    } else {
        Err(format!("{} is not in the sudoers file.", account.name))
    }
}
