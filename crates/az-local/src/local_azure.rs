//! A local Azure in the process that starts it.

use crate::control::client::{Client, ControlError};
use crate::ground::folder::{Folder, FolderError};
use crate::instance::Options;
use crate::machines::environment::Environment;
use crate::server::{Server, StartError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread::JoinHandle;
use tempfile::TempDir;
use tokio::sync::oneshot;

/// A local Azure that runs on threads of this process until it is dropped.
///
/// ```no_run
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let azure = az_local::LocalAzure::start(&az_local::Options::default())?;
/// let mut client = std::process::Command::new("az");
/// for name in &azure.environment().unset {
///     client.env_remove(name);
/// }
/// client.args(["group", "list"]).envs(azure.environment().set.iter().cloned());
/// # Ok(())
/// # }
/// ```
pub struct LocalAzure {
    environment: Environment,
    folder: PathBuf,
    end: Option<oneshot::Sender<()>>,
    serving: Option<JoinHandle<()>>,
    _temporary: Option<TempDir>,
}

impl LocalAzure {
    /// Starts one in a folder that goes with it. It answers when this comes back.
    pub fn start(options: &Options) -> Result<Self, StartError> {
        let temporary = tempfile::Builder::new()
            .prefix("az-local-")
            .tempdir()
            .map_err(FolderError::at(std::env::temp_dir()))?;
        let mut started = Self::start_in(temporary.path(), options)?;
        started._temporary = Some(temporary);
        Ok(started)
    }

    /// Starts one in a folder, where it keeps its state if the options say so.
    pub fn start_in(folder: &Path, options: &Options) -> Result<Self, StartError> {
        let folder = Folder::open(folder)?;
        let path = folder.path().to_owned();
        let options = options.clone();
        let (end, ended) = oneshot::channel();
        let (tell, told) = mpsc::channel();
        let serving = std::thread::Builder::new()
            .name("az-local".to_owned())
            .spawn(move || serve(folder, &options, ended, &tell))
            .map_err(StartError::Thread)?;
        let environment = told
            .recv()
            .unwrap_or_else(|_| Err(StartError::Thread(io::ErrorKind::BrokenPipe.into())))?;
        Ok(LocalAzure {
            environment,
            folder: path,
            end: Some(end),
            serving: Some(serving),
            _temporary: None,
        })
    }

    /// What clients need to reach it as the desk: variables to set and to unset.
    pub fn environment(&self) -> &Environment {
        &self.environment
    }

    /// Its folder, for `az-local --data-dir`.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Its control socket: clock, knobs, machines.
    pub fn control(&self) -> Result<Client, ControlError> {
        Client::find(&self.folder)
    }
}

impl Drop for LocalAzure {
    fn drop(&mut self) {
        if let Some(end) = self.end.take() {
            // One that was told to stop otherwise has ended already.
            let _ = end.send(());
        }
        if let Some(serving) = self.serving.take() {
            let _ = serving.join();
        }
    }
}

fn serve(
    folder: Folder,
    options: &Options,
    ended: oneshot::Receiver<()>,
    tell: &mpsc::Sender<Result<Environment, StartError>>,
) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            let _ = tell.send(Err(StartError::Thread(error)));
            return;
        }
    };
    runtime.block_on(async {
        match Server::start(folder, options).await {
            Ok(server) => {
                let environment = server.environment();
                // Whoever has gone away meanwhile has dropped the other end, too, and the server ends at once.
                let _ = tell.send(environment);
                server.serve(ended).await;
            }
            Err(error) => {
                let _ = tell.send(Err(error));
            }
        }
    });
    runtime.shutdown_background();
}
