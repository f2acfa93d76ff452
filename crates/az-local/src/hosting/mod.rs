//! Hosts that give managed identities, each for the life of one command: who it is, its endpoint on loopback or its token
//! file, and the environment that the command finds.

pub(crate) mod error;
mod listener;
pub(crate) mod options;
mod service_account;
mod variables;
mod who;

use crate::ground::self_signed::SelfSigned;
use crate::instance::Instance;
use crate::machines::environment::Environment;
use crate::machines::programs;
use crate::managed_identity::challenges::{self, Challenges};
use crate::managed_identity::{Endpoint, HostKind};
use error::HostError;
pub use options::HostOptions;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::task::AbortHandle;
use uuid::Uuid;
use who::Who;

/// A host that is there as long as this value. Dropping it takes a moment where programs of the host's still run.
pub(crate) struct Hosting {
    instance: Arc<Instance>,
    environment: Environment,
    /// In the proxy's URL.
    user: String,
    folder: PathBuf,
    endpoint: Option<Arc<Endpoint>>,
    tasks: Vec<AbortHandle>,
}

/// Who a host of these options is. Its own identity is made if it was never there.
pub(crate) fn show(instance: &Arc<Instance>, options: &HostOptions) -> Result<Value, HostError> {
    Ok(who::find(instance, options)?.shown())
}

impl Hosting {
    /// Opens a host. Call it where a runtime is: what serves it runs there.
    pub(crate) fn open(instance: &Arc<Instance>, options: &HostOptions) -> Result<Self, HostError> {
        let who = who::find(instance, options)?;
        // From here on what is there goes when this is dropped, also where the rest fails.
        let folder = instance.folder.host(&Uuid::new_v4().simple().to_string());
        let (user, password) = instance.clients.admit(options.kind.name());
        let mut hosting = Hosting {
            instance: Arc::clone(instance),
            environment: Environment::default(),
            user: user.clone(),
            folder,
            endpoint: None,
            tasks: Vec::new(),
        };
        let variables = match options.kind {
            HostKind::Kubernetes => hosting.give_token_file(&who)?,
            _ => hosting.give_endpoint(&who)?,
        };
        let proxy = instance.proxy_url((user, password));
        let home = hosting.folder.join("home");
        hosting.environment = Environment::of_host(&instance.folder, &proxy, &home, &variables);
        Ok(hosting)
    }

    /// What the command finds.
    pub(crate) fn environment(&self) -> &Environment {
        &self.environment
    }

    fn give_endpoint(&mut self, who: &Who) -> Result<Vec<(&'static str, String)>, HostError> {
        let challenges = match who.kind {
            HostKind::Arc => Some(secrets_of_arc()?),
            _ => None,
        };
        let certificate = match who.kind {
            HostKind::ServiceFabric => Some(SelfSigned::make("az-local Service Fabric")?),
            _ => None,
        };
        let endpoint = Endpoint::new(who.kind, who.resource_id.clone(), who.holder()?, challenges);
        let endpoint = Arc::new(endpoint);
        self.endpoint = Some(Arc::clone(&endpoint));
        let tls = certificate.as_ref().map(|made| Arc::clone(&made.tls));
        let opened = listener::open(&self.instance, &endpoint, tls).map_err(HostError::Port)?;
        self.tasks.push(opened.task);
        Ok(variables::of_endpoint(
            who,
            &endpoint,
            opened.port,
            certificate.map(|made| made.thumbprint),
        ))
    }

    fn give_token_file(&mut self, who: &Who) -> Result<Vec<(&'static str, String)>, HostError> {
        let workload = who.workload()?;
        let path = self.folder.join("tokens").join("azure-identity-token");
        let task = service_account::keep(&self.instance, workload, &path)?;
        self.tasks.push(task);
        Ok(variables::of_pod(workload, &path))
    }
}

impl Drop for Hosting {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
        if let Some(endpoint) = &self.endpoint {
            endpoint.close();
        }
        self.instance.clients.dismiss(&self.user);
        // The command itself has ended, or who ran it has been killed; what it left behind has no host any more.
        programs::end_all_of(&self.user);
        // What cannot be removed now goes when the instance starts the next time.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn secrets_of_arc() -> Result<Challenges, HostError> {
    if !cfg!(target_os = "linux") {
        return Err(HostError::ArcOnlyLinux);
    }
    let path = Path::new(challenges::FOLDER);
    Challenges::in_folder(path).map_err(|source| HostError::ArcFolder {
        path: path.to_owned(),
        source,
    })
}
