//! The SSH server that every machine has, on a connection that came through the proxy.
//!
//! It has no socket of its own. Whoever speaks to it has shown the proxy's credentials and passed the machine's
//! security rules; a program is run only for who then signs in as the machine's user.

mod account;
pub mod client_config;
mod process;
mod session;
pub mod sftp;
mod terminal;
pub mod unread;

use crate::instance::Instance;
use crate::state::host_keys::HostKeyError;
use crate::state::machine::VirtualMachine;
use crate::state::{Resource, StateError};
use account::Accounts;
use russh::server::{Config, run_stream};
use russh::{Disconnect, SshId};
use session::{Quotas, Session, WINDOW};
use std::borrow::Cow;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::broadcast;

/// How often a client may try (sshd's `MaxAuthTries`).
const MAX_AUTH_TRIES: usize = 6;

/// How long a wrong proof is thought about, always the same.
const REJECTION_TIME: Duration = Duration::from_millis(50);

/// How long a client that is sent away may take to hear it.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// Why a machine's SSH server did not begin.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ServeError {
    #[error(transparent)]
    State(#[from] StateError),
    #[error(transparent)]
    HostKey(#[from] HostKeyError),
}

/// What a fuzzer may choose beside all else: no keys and no cipher, so that what it makes up is read.
#[cfg(feature = "fuzzing")]
fn in_clear() -> russh::Preferred {
    let mut preferred = russh::Preferred::default();
    preferred.kex.to_mut().push(russh::kex::NONE);
    preferred.cipher.to_mut().push(russh::cipher::NONE);
    preferred.mac.to_mut().push(russh::mac::NONE);
    preferred
}

/// Serves one connection to a machine until it ends, or the machine does.
pub(crate) async fn serve<S>(
    instance: Arc<Instance>,
    machine: Resource,
    address: Ipv4Addr,
    stream: S,
) -> Result<(), ServeError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let vm_id = VirtualMachine::of(&machine).vm_id()?.to_owned();
    // Before the machine is looked at: an end from now on is noticed.
    let mut ended = instance.ended.subscribe();
    let bounds = &instance.ssh;
    bounds.strangers.room().await;
    let stranger = Arc::new(bounds.strangers.enter());
    let quotas = Quotas {
        connections: bounds.connections.of(&vm_id),
        programs: bounds.programs.of(&vm_id),
    };
    let account = Accounts::of(&machine);
    let (key, certificate) = instance.host_keys.of_machine(&vm_id, address)?;
    let config = Arc::new(Config {
        // As OpenSSH's own port to Windows is called: clients that look for the name find what they expect, and OpenSSH's
        // tells only such a server that it has stopped reading.
        server_id: SshId::Standard(Cow::Borrowed(concat!(
            "SSH-2.0-OpenSSH_for_az-local_",
            env!("CARGO_PKG_VERSION")
        ))),
        methods: account.methods(),
        auth_rejection_time: REJECTION_TIME,
        auth_rejection_time_initial: Some(Duration::ZERO),
        keys: vec![key],
        certificates: vec![certificate],
        window_size: WINDOW,
        max_auth_attempts: MAX_AUTH_TRIES,
        inactivity_timeout: None,
        #[cfg(feature = "fuzzing")]
        preferred: in_clear(),
        ..Config::default()
    });
    let session = Session::new(instance, machine, account, Arc::clone(&stranger), quotas);
    let opened = tokio::select! {
        opened = run_stream(config, stream, session) => opened.ok(),
        () = stranger.turned_away() => None,
    };
    // What is no SSH client, or one that has gone: there is nobody to tell.
    let Some(mut running) = opened else {
        return Ok(());
    };
    let handle = running.handle();
    let turned_away = stranger.turned_away();
    tokio::pin!(turned_away);
    let reason = loop {
        tokio::select! {
            _ = &mut running => return Ok(()),
            () = &mut turned_away => break "not signed in in time",
            name = ended.recv() => match name {
                Ok(name) if name != vm_id => {}
                // One that lags has missed who it was: better to end than to go on in a machine that is off.
                Ok(_) | Err(broadcast::error::RecvError::Lagged(_)) => break "the machine is going down",
                Err(broadcast::error::RecvError::Closed) => break "az-local is ending",
            },
        }
    };
    let told = handle.disconnect(Disconnect::ByApplication, reason.to_owned(), String::new());
    // Who does not read is not waited for.
    let gone = async { told.await.is_ok() && running.await.is_ok() };
    let _ = tokio::time::timeout(LAST_WORDS, gone).await;
    Ok(())
}
