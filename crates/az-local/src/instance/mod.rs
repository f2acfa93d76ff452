//! A running instance: its state, clock, keys and settings, shared by all that serve it.

#[cfg(feature = "mutations")]
pub(crate) mod mutation;
pub(crate) mod seed;

use crate::arm;
use crate::ground::clock::Clock;
use crate::ground::folder::{Folder, FolderError};
use crate::ground::request_log::RequestLog;
use crate::ground::wire::Caller;
use crate::machines::programs;
use crate::machines::scripts;
use crate::request::Context;
use crate::request::effects::EndedMachine;
use crate::request::effects::Script;
use crate::state::authority::{Authority, AuthorityError};
use crate::state::host_keys::{HostKeyError, HostKeys};
use crate::state::knobs::{Knob, Knobs};
use crate::state::machine;
use crate::state::proxy_clients::Clients;
use crate::state::settings::Settings;
use crate::state::signing_keys::SigningKeys;
use crate::state::{Resource, StateError, Store, Transaction};
use std::cell::RefCell;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock, PoisonError, RwLock, Weak};
use time::{Duration, OffsetDateTime};
use tokio::sync::broadcast;

/// What the user chose when the instance was started. Knobs that are not chosen stay as kept.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Whether the state is kept in the folder; else it is in memory.
    pub persistent: bool,
    /// The proxy's port; 0 is any, none the one that the folder had before.
    pub port: Option<u16>,
    /// How many the first tenant has at least.
    pub subscriptions: usize,
    /// Whether hosts that are not Azure's are refused.
    pub offline: bool,
    /// Where each exchange is written, a JSON object a line.
    pub request_log: Option<PathBuf>,
    /// Knobs, and what they are turned to.
    pub knobs: Vec<(Knob, Duration)>,
}

/// Why an instance could not be opened.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each variant's message says what it is")]
pub enum OpenError {
    #[error(transparent)]
    Folder(#[from] FolderError),
    #[error(transparent)]
    State(#[from] StateError),
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    #[error(transparent)]
    HostKeys(#[from] HostKeyError),
}

/// Ends of machines that a connection may be behind with.
const MOST_ENDS: usize = 64;

/// A running instance.
pub(crate) struct Instance {
    pub(crate) folder: Folder,
    pub(crate) store: Store,
    pub(crate) clock: Clock,
    pub(crate) keys: SigningKeys,
    pub(crate) authority: Authority,
    pub(crate) clients: Clients,
    pub(crate) host_keys: HostKeys,
    /// Tells each machine (by `vmId`) that goes down.
    pub(crate) ended: broadcast::Sender<String>,
    pub(crate) log: Option<RequestLog>,
    pub(crate) offline: bool,
    /// The port that the proxy had before, or was told to take.
    pub(crate) wanted_port: Option<u16>,
    #[cfg(feature = "mutations")]
    pub(crate) mutation: crate::instance::mutation::Current,
    port: OnceLock<u16>,
    own: Weak<Instance>,
    knobs: RwLock<Knobs>,
}

impl Instance {
    /// Opens an instance in a folder, and begins to make its signing key if it has none.
    pub(crate) fn open(folder: Folder, options: &Options) -> Result<Arc<Self>, OpenError> {
        let database = if options.persistent {
            Some(folder.database()?)
        } else {
            None
        };
        let store = Store::open(database.as_deref())?;
        let log = options
            .request_log
            .as_deref()
            .map(|path| RequestLog::open(path).map_err(FolderError::at(path)))
            .transpose()?;
        let (settings, authority, clients, host_keys) = store.transaction(|tx| {
            let mut settings: Settings = tx.get(Settings::KEY)?.unwrap_or_default();
            for (knob, to) in &options.knobs {
                knob.turn(&mut settings.knobs, *to);
            }
            settings.port = options.port.or(settings.port);
            tx.put(&settings)?;
            let now = OffsetDateTime::now_utc() + Duration::milliseconds(settings.clock_offset_ms);
            seed::seed(tx, options.subscriptions, now)?;
            let machines: Vec<Resource> = tx.list("")?;
            let machines: Vec<String> = machines
                .iter()
                .filter(|resource| resource.kind.eq_ignore_ascii_case(machine::KIND))
                .map(|machine| machine::vm_id(machine).to_owned())
                .collect();
            folder.keep_machines(&machines);
            Ok::<_, OpenError>((
                settings,
                Authority::load_or_create(tx)?,
                Clients::load(tx)?,
                HostKeys::load_or_create(tx)?,
            ))
        })?;
        let instance = Arc::new_cyclic(|own| Instance {
            own: Weak::clone(own),
            folder,
            store,
            clock: Clock::ahead_by(Duration::milliseconds(settings.clock_offset_ms)),
            keys: SigningKeys::default(),
            authority,
            clients,
            host_keys,
            ended: broadcast::Sender::new(MOST_ENDS),
            log,
            offline: options.offline,
            wanted_port: settings.port,
            #[cfg(feature = "mutations")]
            mutation: crate::instance::mutation::Current::default(),
            port: OnceLock::new(),
            knobs: RwLock::new(settings.knobs),
        });
        let filling = Arc::clone(&instance);
        std::thread::spawn(move || filling.keys.fill(&filling.store));
        Ok(instance)
    }

    /// The knobs as they stand.
    pub(crate) fn knobs(&self) -> Knobs {
        self.knobs
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Runs `work` with a request's view of the instance, as one transaction. Gives the caller that
    /// `work` noted, too.
    pub(crate) fn serve<R, E: From<StateError>>(
        &self,
        caller: Caller,
        work: impl FnOnce(&Context<'_>) -> Result<R, E>,
    ) -> (Result<R, E>, Caller) {
        let knobs = self.knobs();
        let mut noted = caller.clone();
        let mut ended = Vec::new();
        let mut scripts = Vec::new();
        let result = self.store.transaction(|tx| {
            let now = self.clock.now();
            let context = Context {
                tx,
                now,
                client_now: now - self.clock.offset(),
                knobs: &knobs,
                keys: &self.keys,
                caller: RefCell::new(caller),
                ended: RefCell::new(Vec::new()),
                scripts: RefCell::new(Vec::new()),
            };
            let result = work(&context);
            noted = context.caller.into_inner();
            ended = context.ended.into_inner();
            scripts = context.scripts.into_inner();
            result
        });
        if result.is_ok() {
            self.end_machines(&ended);
            self.run_scripts(scripts);
        }
        (result, noted)
    }

    /// Runs `work` after everything that is due by the clock has been done, as one transaction.
    pub(crate) fn settled<R, E: From<StateError>>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<R, E>,
    ) -> Result<R, E> {
        let (result, _) = self.serve(Caller::default(), |cx| {
            arm::settle(cx)?;
            work(cx.tx)
        });
        result
    }

    /// Ends what runs on machines that have just gone down, and removes what those that are gone had.
    fn end_machines(&self, ended: &[EndedMachine]) {
        for machine in ended {
            // Nobody may be connected.
            let _ = self.ended.send(machine.vm_id.clone());
            programs::end_all(&machine.vm_id);
            if machine.gone {
                self.folder.remove_machine(&machine.vm_id);
            }
        }
    }

    fn run_scripts(&self, scripts: Vec<Script>) {
        for script in scripts {
            // Gone only while the instance ends.
            if let Some(instance) = self.own.upgrade() {
                std::thread::spawn(move || scripts::run(&instance, &script));
            }
        }
    }

    /// The proxy's port, once it listens.
    pub(crate) fn port(&self) -> u16 {
        self.port.get().copied().unwrap_or_default()
    }

    /// Tells the port that the proxy listens on, once.
    pub(crate) fn listens_on(&self, port: u16) {
        let _ = self.port.set(port);
    }

    /// The proxy's URL for a user.
    pub(crate) fn proxy_url(&self, (user, password): (String, String)) -> String {
        format!("http://{user}:{password}@127.0.0.1:{}", self.port())
    }

    /// Moves the clock forward and keeps that.
    pub(crate) fn advance_clock(&self, by: Duration) -> Result<(), StateError> {
        self.clock.advance(by);
        self.change_settings(|settings| {
            settings.clock_offset_ms = self.clock.offset().whole_milliseconds() as i64;
        })
    }

    /// Turns a knob and keeps that.
    pub(crate) fn turn(&self, knob: Knob, to: Duration) -> Result<Knobs, StateError> {
        self.change_settings(|settings| knob.turn(&mut settings.knobs, to))?;
        let mut knobs = self.knobs.write().unwrap_or_else(PoisonError::into_inner);
        knob.turn(&mut knobs, to);
        Ok(knobs.clone())
    }

    /// Keeps the port that the proxy got.
    pub(crate) fn keep_port(&self, port: u16) -> Result<(), StateError> {
        self.change_settings(|settings| settings.port = Some(port))
    }

    fn change_settings(&self, change: impl FnOnce(&mut Settings)) -> Result<(), StateError> {
        self.store.transaction(|tx: &Transaction<'_>| {
            let mut settings: Settings = tx.get(Settings::KEY)?.unwrap_or_default();
            change(&mut settings);
            tx.put(&settings)
        })
    }
}
