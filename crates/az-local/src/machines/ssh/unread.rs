//! Clients that have stopped reading: `ssh … 'yes' | head -n 1`.
//!
//! OpenSSH's client says so with the channel request `eow@openssh.com` (PROTOCOL, 2.1), to servers whose version begins
//! with `OpenSSH`. russh (0.65) has no handler for requests that it does not know: it says in its log that one came, while
//! it works on the connection's own task, and not for which channel. So the log is listened to. Which program is meant is
//! known where one program of the connection alone has printed anything; where several have, as on a connection that
//! `ControlMaster` shares, nothing is done, and it runs on until the session ends.
//!
//! This goes when russh hands unknown requests to its handlers.

use log::{Level, LevelFilter, Log, Metadata, Record};
use russh::ChannelId;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;
use tokio::task::Id;

/// Where russh says it, and what.
const TARGET: &str = "russh::server::encrypted";
const SAID: &str = "unknown channel request eow@openssh.com";

/// What a program that runs in a channel shares with its connection.
#[derive(Default)]
pub(super) struct Output {
    /// Whether anything was printed.
    pub(super) begun: AtomicBool,
    /// Told when the client does not read any more.
    pub(super) unread: Notify,
}

/// The programs of a connection, by their channels.
#[derive(Clone, Default)]
pub(super) struct Outputs(Arc<Mutex<HashMap<ChannelId, Arc<Output>>>>);

impl Outputs {
    /// Those of a program that begins.
    pub(super) fn begin(&self, channel: ChannelId) -> Arc<Output> {
        let output = Arc::new(Output::default());
        lock(&self.0).insert(channel, Arc::clone(&output));
        output
    }

    /// The channel is closed.
    pub(super) fn end(&self, channel: ChannelId) {
        lock(&self.0).remove(&channel);
    }

    /// The client has stopped reading one of them.
    fn one_is_unread(&self) {
        let all = lock(&self.0);
        let mut begun = all.values().filter(|one| one.begun.load(Ordering::Relaxed));
        if let (Some(one), None) = (begun.next(), begun.next()) {
            one.unread.notify_one();
        }
    }
}

/// The connections, by the tasks that work on them.
static CONNECTIONS: Mutex<Option<HashMap<Id, Outputs>>> = Mutex::new(None);

/// A connection's entry there, as long as it is.
pub(super) struct Heard(Id);

impl Heard {
    /// Enters the connection that the current task works on. None outside of a task.
    pub(super) fn here(outputs: &Outputs) -> Option<Self> {
        let id = tokio::task::try_id()?;
        let mut all = lock(&CONNECTIONS);
        all.get_or_insert_default().insert(id, outputs.clone());
        Some(Heard(id))
    }
}

impl Drop for Heard {
    fn drop(&mut self) {
        if let Some(all) = lock(&CONNECTIONS).as_mut() {
            all.remove(&self.0);
        }
    }
}

/// Begins to listen. A process has one log: where the program has its own already, that stays, and programs whose output
/// nobody reads run on.
pub fn listen() {
    if log::set_logger(&Listener).is_ok() {
        log::set_max_level(LevelFilter::Warn);
    }
}

struct Listener;

impl Log for Listener {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() == Level::Warn && metadata.target() == TARGET
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) || record.args().to_string() != SAID {
            return;
        }
        let connection =
            tokio::task::try_id().and_then(|id| lock(&CONNECTIONS).as_ref()?.get(&id).cloned());
        if let Some(outputs) = connection {
            outputs.one_is_unread();
        }
    }

    fn flush(&self) {}
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
