//! Runs the developers' tools (`az`, `azd`, PowerShell).

use crate::env::Env;
use azure_identity::Executor;
use std::{
    ffi::OsStr,
    io,
    process::{Output, Stdio},
    sync::Arc,
    time::Duration,
};

/// The longest wait for a tool. A sign-in that asks questions would wait for ever; a cold `az` on a slow disk takes
/// many seconds.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Starts processes with the environment that was handed down.
#[derive(Debug)]
pub(super) struct Processes {
    env: Env,
    timeout: Duration,
}

impl Processes {
    pub(super) fn new(env: &Env) -> Arc<Self> {
        Arc::new(Processes {
            env: env.clone(),
            timeout: TIMEOUT,
        })
    }
}

#[async_trait::async_trait]
impl Executor for Processes {
    async fn run(&self, program: &OsStr, args: &[&OsStr]) -> io::Result<Output> {
        let output = tokio::process::Command::new(program)
            .args(args)
            .env_clear()
            .envs(self.env.pairs())
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output();
        match tokio::time::timeout(self.timeout, output).await {
            Ok(output) => output,
            Err(_) => Err(io::Error::new(
                io::ErrorKind::TimedOut,
                format!("no answer within {} s", self.timeout.as_secs()),
            )),
        }
    }
}
