//! A running instance: its state, clock, keys and settings, shared by all that serve it.

pub(crate) mod isolation;
#[cfg(feature = "mutations")]
pub(crate) mod mutation;
pub(crate) mod seed;

use crate::ground::clock::{Clock, Reading};
use crate::ground::folder::{Folder, FolderError};
use crate::ground::gate::Gate;
use crate::ground::quota::Quotas;
use crate::ground::request_log::RequestLog;
use crate::ground::wire::Caller;
use crate::ground::workers::Workers;
use crate::request::Context;
use crate::request::effects::Effects;
use crate::state::authority::{Authority, AuthorityError};
use crate::state::faults::{self, Chaos, Faults, FaultsError, Twist};
use crate::state::host_keys::{HostKeyError, HostKeys};
use crate::state::knobs::{Knob, Knobs, Profile};
use crate::state::machine::{self, VirtualMachine};
use crate::state::proxy_clients::Clients;
use crate::state::settings::Settings;
use crate::state::signing_keys::{SigningKeys, StoredKey};
use crate::state::throttles::Throttles;
use crate::state::{Range, Resource, StateError, Store, Transaction};
use isolation::{Isolation, Machines};
use std::cell::RefCell;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use time::Duration;
use tokio::sync::{broadcast, watch};

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
    /// The program that `ssh` and machines need.
    pub program: Program,
    /// How the machines' programs run.
    pub machines: Machines,
    /// What all knobs begin with; without, they stay as kept.
    pub profile: Option<Profile>,
    /// Knobs, and what they are turned to.
    pub knobs: Vec<(Knob, Duration)>,
    /// Whether too many requests are refused; without, as the profile has it.
    pub throttle: Option<bool>,
    /// How many times as fast as the computer's the clock runs; without, as kept.
    pub speed: Option<u32>,
    /// Faults that requests meet, as a file says them (TOML); none where it is empty.
    pub faults: String,
    /// Faults at random.
    pub chaos: Option<Chaos>,
}

/// The program `az-local`: it carries the connections of OpenSSH's client to the machines, and serves their files there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Program {
    /// Not at hand: `ssh` is told so, and the machines have no SFTP.
    #[default]
    Missing,
    /// The running program is it.
    Running,
    /// It is there.
    At(PathBuf),
}

impl Program {
    /// Its file.
    pub(crate) fn path(&self) -> io::Result<Option<PathBuf>> {
        match self {
            Program::Missing => Ok(None),
            Program::Running => std::env::current_exe().map(Some),
            Program::At(path) => Ok(Some(path.clone())),
        }
    }

    /// The same for a process of this one, which may be asked after the file was replaced.
    pub(crate) fn to_start(&self) -> io::Result<Option<PathBuf>> {
        match self {
            Program::Running if cfg!(target_os = "linux") => Ok(Some("/proc/self/exe".into())),
            _ => self.path(),
        }
    }
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
    #[error("the faults: {0}")]
    Faults(#[from] FaultsError),
}

/// What a request may do with the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    Read,
    Write,
}

/// What came of a request.
pub(crate) struct Served<R, E> {
    pub(crate) result: Result<R, E>,
    /// As the services noted it.
    pub(crate) caller: Caller,
    /// What is to be done now that its writes are kept. None where they were undone.
    pub(crate) effects: Effects,
}

/// What SSH clients may have at a time.
pub(crate) struct SshBounds {
    /// Those who have not signed in.
    pub(crate) strangers: Arc<Gate>,
    /// Connections to a machine, by `vmId`.
    pub(crate) connections: Quotas,
    /// Programs on a machine that a connection waits for, by `vmId`.
    pub(crate) programs: Quotas,
}

/// How long a client may take to sign in, and how many may be at it (sshd's `LoginGraceTime` and `MaxStartups`); where
/// there are more, those who have been at it longest go, but not within the patience.
const SIGN_IN_TIME: std::time::Duration = std::time::Duration::from_secs(120);
const SIGN_IN_PATIENCE: std::time::Duration = std::time::Duration::from_secs(2);
const MOST_SIGNING_IN: usize = 100;

/// Most connections and programs of a machine's clients.
const MOST_CONNECTIONS: usize = 64;
const MOST_PROGRAMS: usize = 128;

impl Default for SshBounds {
    fn default() -> Self {
        SshBounds {
            strangers: Gate::of(MOST_SIGNING_IN, SIGN_IN_PATIENCE, SIGN_IN_TIME),
            connections: Quotas::new(MOST_CONNECTIONS),
            programs: Quotas::new(MOST_PROGRAMS),
        }
    }
}

/// How long a request may take from [`Instance::keep_pace`] to its last look at the clock, and for how long what is kept
/// suffices (milliseconds of the computer's).
const LEAST_AHEAD_MS: i64 = 2_000;
const MOST_AHEAD_MS: i64 = 5_000;

/// How long what is under way may go on at the end (milliseconds).
const LAST_MS: i64 = 200;

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
    pub(crate) faults: Faults,
    pub(crate) throttles: Throttles,
    pub(crate) profile: Profile,
    pub(crate) host_keys: HostKeys,
    /// Tells each machine (by `vmId`) that goes down.
    pub(crate) ended: broadcast::Sender<String>,
    /// Tells when the clock was moved.
    pub(crate) clock_moved: watch::Sender<()>,
    pub(crate) log: Option<RequestLog>,
    pub(crate) workers: Workers,
    pub(crate) ssh: SshBounds,
    pub(crate) offline: bool,
    pub(crate) program: Program,
    pub(crate) isolation: Isolation,
    /// The port that the proxy had before, or was told to take.
    pub(crate) wanted_port: Option<u16>,
    #[cfg(feature = "mutations")]
    pub(crate) mutation: crate::instance::mutation::Current,
    port: OnceLock<u16>,
    knobs: RwLock<Knobs>,
    /// What the clock may have gained so that a restart does not put it back (milliseconds).
    gain_kept: AtomicI64,
}

impl Instance {
    /// Opens an instance in a folder, and begins to make its signing key if it has none.
    pub(crate) fn open(folder: Folder, options: &Options) -> Result<Arc<Self>, OpenError> {
        let instance = Self::open_with(folder, options, SigningKeys::default())?;
        let filling = Arc::clone(&instance);
        std::thread::spawn(move || {
            let kept = filling.store.read(|tx| tx.get(StoredKey::KEY));
            filling
                .keys
                .fill(kept, |key| filling.store.write(|tx| tx.put(key)));
        });
        Ok(instance)
    }

    /// Opens an instance that signs with these keys.
    pub(crate) fn open_with(
        folder: Folder,
        options: &Options,
        keys: SigningKeys,
    ) -> Result<Arc<Self>, OpenError> {
        let database = if options.persistent {
            Some(folder.database()?)
        } else {
            None
        };
        let store = Store::open(database.as_deref())?;
        let faults = Faults::default();
        faults.set(faults::read(&options.faults)?);
        faults.set_chaos(options.chaos);
        let log = options
            .request_log
            .as_deref()
            .map(RequestLog::open)
            .transpose()?;
        let (settings, clock, authority, clients, host_keys) = store.write(|tx| {
            let mut settings: Settings = tx.get(Settings::KEY)?.unwrap_or_default();
            if let Some(profile) = options.profile {
                settings.profile = profile;
                settings.knobs = Knobs::of(profile);
                settings.throttle = profile == Profile::Azure;
            }
            settings.throttle = options.throttle.unwrap_or(settings.throttle);
            settings.speed = options.speed.unwrap_or(settings.speed).max(1);
            for (knob, to) in &options.knobs {
                knob.turn(&mut settings.knobs, *to);
            }
            settings.port = options.port.or(settings.port);
            tx.put(&settings)?;
            let clock = Clock::ahead_by(settings.ahead(), settings.speed);
            seed::seed(tx, options.subscriptions, clock.now())?;
            let mut machines = Vec::new();
            let kind = format!("{}/", machine::KIND.to_ascii_lowercase());
            tx.each(
                &Range::Beginning(Resource::BY_TYPE, &kind),
                |machine: Resource| {
                    machines.push(VirtualMachine::of(&machine).vm_id()?.to_owned());
                    Ok::<_, StateError>(())
                },
            )?;
            folder.keep_machines(&machines);
            folder.remove_hosts();
            Ok::<_, OpenError>((
                settings,
                clock,
                Authority::load_or_create(tx)?,
                Clients::load(tx)?,
                HostKeys::load_or_create(tx)?,
            ))
        })?;
        Ok(Arc::new(Instance {
            folder,
            store,
            clock,
            gain_kept: AtomicI64::new(settings.clock_gained_ms),
            throttles: Throttles::new(settings.throttle),
            profile: settings.profile,
            keys,
            authority,
            clients,
            faults,
            host_keys,
            ended: broadcast::Sender::new(MOST_ENDS),
            clock_moved: watch::Sender::new(()),
            log,
            workers: Workers::default(),
            ssh: SshBounds::default(),
            offline: options.offline,
            program: options.program.clone(),
            isolation: Isolation::new(options.machines),
            wanted_port: settings.port,
            #[cfg(feature = "mutations")]
            mutation: crate::instance::mutation::Current::default(),
            port: OnceLock::new(),
            knobs: RwLock::new(settings.knobs),
        }))
    }

    /// The knobs as they stand.
    pub(crate) fn knobs(&self) -> Knobs {
        self.knobs
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Runs `work` with a request's view of the instance, as one transaction. Nothing can be written where `access` is
    /// [`Access::Read`]; such requests run beside each other.
    pub(crate) fn serve<R, E: From<StateError>>(
        &self,
        access: Access,
        caller: Caller,
        work: impl FnOnce(&Context<'_>) -> Result<R, E>,
    ) -> Served<R, E> {
        self.serve_twisted(access, caller, &Twist::default(), work)
    }

    /// The same with a view that differs from how things are.
    pub(crate) fn serve_twisted<R, E: From<StateError>>(
        &self,
        access: Access,
        caller: Caller,
        twist: &Twist,
        work: impl FnOnce(&Context<'_>) -> Result<R, E>,
    ) -> Served<R, E> {
        let mut knobs = self.knobs();
        for (knob, to) in &twist.knobs {
            knob.turn(&mut knobs, *to);
        }
        let mut noted = caller.clone();
        let mut effects = Effects::default();
        let with_context = |tx: &Transaction<'_>| {
            let Reading {
                now,
                wall,
                computer,
            } = self.clock.read();
            let context = Context {
                tx,
                now: now + twist.clock,
                wall_now: wall + twist.clock,
                client_now: computer + twist.clock,
                speed: self.clock.speed(),
                throttles: &self.throttles,
                operation_end: twist.operation.as_ref(),
                knobs: &knobs,
                authority: &self.authority,
                keys: &self.keys,
                caller: RefCell::new(caller),
                effects: RefCell::default(),
            };
            let result = work(&context);
            noted = context.caller.into_inner();
            effects = context.effects.into_inner();
            result
        };
        let result = match access {
            Access::Read => self.store.read(with_context),
            Access::Write => self.store.write(with_context),
        };
        if result.is_err() {
            effects = Effects::default();
        }
        Served {
            result,
            caller: noted,
            effects,
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
        self.clock_moved.send_replace(());
        self.change_settings(|settings| {
            settings.clock_offset_ms = self.clock.ahead().moved_ms;
        })
    }

    /// Sees to it that whatever ends this process, the next one's clock is not behind this one's: what a faster clock gains is
    /// kept some seconds ahead. To be called before anything is done by the clock.
    pub(crate) fn keep_pace(&self) -> Result<(), StateError> {
        if self.clock.speed() == 1 {
            return Ok(());
        }
        let gained = self.clock.ahead().gained_ms;
        if gained.saturating_add(self.clock.gain(LEAST_AHEAD_MS))
            <= self.gain_kept.load(Ordering::Acquire)
        {
            return Ok(());
        }
        let ahead = gained.saturating_add(self.clock.gain(MOST_AHEAD_MS));
        self.change_settings(|settings| {
            settings.clock_gained_ms = settings.clock_gained_ms.max(ahead);
        })?;
        self.gain_kept.fetch_max(ahead, Ordering::AcqRel);
        Ok(())
    }

    /// Keeps what the clock has gained, now that hardly anything is done any more.
    pub(crate) fn keep_gain(&self) -> Result<(), StateError> {
        if self.clock.speed() == 1 {
            return Ok(());
        }
        let gained = self.clock.ahead().gained_ms;
        self.change_settings(|settings| {
            settings.clock_gained_ms = gained.saturating_add(self.clock.gain(LAST_MS));
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
        self.store.write(|tx: &Transaction<'_>| {
            let mut settings: Settings = tx.get(Settings::KEY)?.unwrap_or_default();
            change(&mut settings);
            tx.put(&settings)
        })
    }
}
