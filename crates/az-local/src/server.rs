//! Starting an instance, and serving it until it is told to end.

use crate::control::reports::{self, ReportError};
use crate::control::server::Control;
use crate::ground::folder::{Folder, FolderError, write_private};
use crate::ground::{roots, trust_store};
use crate::instance::{Instance, OpenError, Options};
use crate::machines::environment::Environment;
use crate::machines::programs;
use crate::machines::ssh::client_config;
use crate::proxy::{self, gateway};
use crate::state::StateError;
use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;
use tokio::net::{TcpListener, UnixStream};
use tokio::sync::mpsc;

/// Why an instance could not be started.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each variant's message says what it is")]
pub enum StartError {
    #[error(transparent)]
    Folder(#[from] FolderError),
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    State(#[from] StateError),
    #[error(transparent)]
    Environment(#[from] ReportError),
    #[error("az-local could not be started: {0}")]
    Thread(io::Error),
    #[error(
        "port {port} is taken: {source}. Environments that were exported before name this port; \
         `--port 0` takes another one"
    )]
    Port { port: u16, source: io::Error },
}

/// A started instance: its sockets are open, and nobody is served yet.
pub struct Server {
    instance: Arc<Instance>,
    listener: TcpListener,
    control: Control,
    port: u16,
}

impl Server {
    /// Opens an instance and its sockets. Clients may connect once this is done.
    pub async fn start(folder: Folder, options: &Options) -> Result<Self, StartError> {
        let instance = Instance::open(folder, options)?;
        let wanted = instance.wanted_port.unwrap_or(0);
        let taken = |source| StartError::Port {
            port: wanted,
            source,
        };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, wanted))
            .await
            .map_err(taken)?;
        let port = listener.local_addr().map_err(taken)?.port();
        if wanted != port {
            instance.keep_port(port)?;
        }
        instance.listens_on(port);
        write_certificates(&instance)?;
        write_ssh_files(&instance)?;
        let control = Control::open(&instance, port)?;
        Ok(Server {
            instance,
            listener,
            control,
            port,
        })
    }

    /// The proxy's port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The instance's folder.
    pub fn folder(&self) -> &Folder {
        &self.instance.folder
    }

    /// The desk's environment in the first tenant.
    pub fn environment(&self) -> Result<Environment, StartError> {
        Ok(reports::desk_environment(&self.instance, 1)?)
    }

    /// Serves until `end` is done or the control socket is told to stop; gives what `end` gave.
    pub async fn serve<T>(self, end: impl Future<Output = T>) -> (Option<T>, Ended) {
        let (stop, mut stopped) = mpsc::channel(1);
        let instance = Arc::clone(&self.instance);
        let result = tokio::select! {
            () = self.control.run(Arc::clone(&self.instance), stop) => (None, None),
            () = proxy::run(Arc::clone(&self.instance), self.listener) => (None, None),
            () = gateway::run(Arc::clone(&self.instance)) => (None, None),
            asker = stopped.recv() => (None, asker),
            result = end => (Some(result), None),
        };
        // The machines go down with their network.
        instance.isolation.end_all();
        programs::end_all_behind(self.port);
        // Where it cannot be kept, the clock goes on some seconds of the computer's later.
        let _ = instance.keep_gain();
        self.instance.store.close();
        (result.0, Ended { _asker: result.1 })
    }
}

/// Holds the connection of whoever asked for the end: it closes when all is done.
pub struct Ended {
    _asker: Option<UnixStream>,
}

/// Writes what OpenSSH's client reads to reach the machines.
fn write_ssh_files(instance: &Instance) -> Result<(), StartError> {
    let program = instance
        .program
        .path()
        .map_err(FolderError::at("az-local"))?;
    let known_hosts = instance.host_keys.known_hosts().map_err(OpenError::from)?;
    Ok(client_config::write(
        &instance.folder,
        program.as_deref(),
        &known_hosts,
    )?)
}

/// Writes the authority's certificate, and the bundle that clients are given: the system's roots and
/// the authority's certificate; for the JVM the same as a trust store.
fn write_certificates(instance: &Instance) -> Result<(), FolderError> {
    let pem = instance.authority.pem();
    write_private(&instance.folder.authority(), pem.as_bytes())?;
    let system = match openssl_probe::probe().cert_file {
        Some(path) => std::fs::read(&path).map_err(FolderError::at(path))?,
        None => Vec::new(),
    };
    let bundle = roots::with(&system, pem);
    write_private(&instance.folder.bundle(), &bundle)?;
    let trust_store = trust_store::pkcs12(&bundle);
    write_private(&instance.folder.trust_store(), &trust_store)
}
