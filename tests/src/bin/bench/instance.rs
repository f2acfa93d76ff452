//! A local Azure with a data folder of its own, which ends with the value that stands for it.

use crate::Result;
use crate::client::Dialer;
use crate::process::{self, Status};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Instant;
use tempfile::TempDir;

/// Nothing is to be waited for, and nothing leaves the computer.
const OPTIONS: [&str; 8] = [
    "--foreground",
    "--offline",
    "--role-delay",
    "0s",
    "--principal-delay",
    "0s",
    "--operation-time",
    "0s",
];

/// A server and its folder.
pub(crate) struct Instance {
    program: PathBuf,
    folder: TempDir,
    /// Whether its state is in its folder, or in memory.
    on_disk: bool,
    child: Option<Child>,
}

/// What signs in to an instance.
pub(crate) struct SignIn {
    pub(crate) dialer: Arc<Dialer>,
    /// The proxy's URL and the certificates to trust, for another program.
    pub(crate) proxy: String,
    pub(crate) bundle: String,
    pub(crate) tenant: String,
    pub(crate) client_id: String,
    pub(crate) secret: String,
    pub(crate) subscription: String,
    /// The desk's principal.
    pub(crate) object_id: String,
}

impl Instance {
    /// Starts one on a new folder.
    pub(crate) fn start(program: &Path) -> Result<Self> {
        Self::begin(program, true)
    }

    /// Starts one whose state is in memory.
    pub(crate) fn start_in_memory(program: &Path) -> Result<Self> {
        Self::begin(program, false)
    }

    fn begin(program: &Path, on_disk: bool) -> Result<Self> {
        let mut instance = Instance {
            program: program.to_owned(),
            folder: TempDir::with_prefix("az-local-bench-")?,
            on_disk,
            child: None,
        };
        instance.launch()?;
        Ok(instance)
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(words)
            .env_clear()
            .env("HOME", self.folder.path())
            .stdin(Stdio::null());
        if self.on_disk {
            command.arg("--data-dir").arg(self.data_dir());
        }
        command
    }

    /// The server's data folder.
    pub(crate) fn data_dir(&self) -> PathBuf {
        self.folder.path().join("azure")
    }

    /// Starts the server and waits until it says that it is ready.
    fn launch(&mut self) -> Result<()> {
        let mut command = self.command(&["start"]);
        let mut child = command.args(OPTIONS).stdout(Stdio::piped()).spawn()?;
        let output = child.stdout.take();
        self.child = Some(child);
        let mut line = String::new();
        let mut output = BufReader::new(output.ok_or("the server has no output")?);
        output.read_line(&mut line)?;
        // The pipe stays open as long as the server may write to it.
        if let Some(child) = &mut self.child {
            child.stdout = Some(output.into_inner());
        }
        if line.is_empty() {
            return Err(format!("{} did not start", self.program.display()).into());
        }
        Ok(())
    }

    /// Kills the server without a warning.
    pub(crate) fn kill(&mut self) -> Result<()> {
        if let Some(mut child) = self.child.take() {
            child.kill()?;
            child.wait()?;
        }
        Ok(())
    }

    /// Kills the server and starts it again on its folder. When the start began.
    pub(crate) fn restart(&mut self) -> Result<Instant> {
        self.kill()?;
        let began = Instant::now();
        self.launch()?;
        Ok(began)
    }

    /// The server's process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.as_ref().map_or(0, Child::id)
    }

    /// The server's memory and threads.
    pub(crate) fn status(&self) -> Result<Status> {
        process::status(self.pid())
    }

    /// How to sign in, as `az-local env` and `az-local status` say.
    pub(crate) fn sign_in(&self) -> Result<SignIn> {
        let lines = self.ask(&["env"])?;
        let variable = |name: &str| -> Result<String> {
            let begin = format!("export {name}=");
            let found = lines.lines().find_map(|line| line.strip_prefix(&begin));
            let found = found.ok_or_else(|| format!("az-local env gives no {name}"))?;
            // A shell's command ends with a semicolon; an earlier version's does not.
            Ok(found.trim_end_matches(';').trim_matches('\'').to_owned())
        };
        let status: Value = serde_json::from_str(&self.ask(&["status", "-o", "json"])?)?;
        let object_id = status["tenants"][0]["objectId"].as_str();
        let (proxy, bundle) = (variable("HTTPS_PROXY")?, variable("SSL_CERT_FILE")?);
        Ok(SignIn {
            dialer: Arc::new(Dialer::new(&proxy, Path::new(&bundle))?),
            proxy,
            bundle,
            tenant: variable("AZURE_TENANT_ID")?,
            client_id: variable("AZURE_CLIENT_ID")?,
            secret: variable("AZURE_CLIENT_SECRET")?,
            subscription: variable("AZURE_SUBSCRIPTION_ID")?,
            object_id: object_id.ok_or("az-local status names no desk")?.to_owned(),
        })
    }

    fn ask(&self, words: &[&str]) -> Result<String> {
        let output = self.command(words).stderr(Stdio::inherit()).output()?;
        if !output.status.success() {
            return Err(format!("az-local {} failed", words.join(" ")).into());
        }
        Ok(String::from_utf8(output.stdout)?)
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        // It is gone, or it cannot be ended: nothing is left to be done about it here.
        let _ = self.kill();
    }
}
