//! OpenSSH's own client, and the machines that it reaches.

use crate::{Azure, GROUP, PASSWORD, SIZE};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// The user of the machines.
pub const USER: &str = "azureuser";

/// A machine that is reached by SSH.
pub struct Machine<'a> {
    azure: &'a Azure,
    pub name: String,
    pub address: String,
    pub key: PathBuf,
}

/// A new key pair; gives the private one's file.
pub fn key_pair(folder: &Path, name: &str) -> PathBuf {
    let path = folder.join(name);
    let mut made = Command::new("ssh-keygen");
    made.args(["-q", "-t", "ed25519", "-N", "", "-f"])
        .arg(&path)
        .stdin(Stdio::null());
    assert!(made.status().expect("ssh-keygen runs").success());
    path
}

impl<'a> Machine<'a> {
    /// A new one in the group that takes a key and, with `more` saying so, other things.
    pub fn create(azure: &'a Azure, name: &str, more: &str) -> Self {
        let key = key_pair(azure.scratch(), name);
        let line = format!(
            "az-provision vm create -g {GROUP} -n {name} --size {SIZE} --admin-username {USER} {more} --ssh-key-values {}",
            key.with_extension("pub").display()
        );
        azure.run(&line).assert().success();
        Self::there(azure, name, key)
    }

    /// A new one that takes the tests' password and a key.
    pub fn with_password(azure: &'a Azure, name: &str) -> Self {
        let key = key_pair(azure.scratch(), name);
        let line = format!(
            "az-provision vm create -g {GROUP} -n {name} --size {SIZE} --admin-username {USER} --authentication-type all \
             --admin-password-file - --ssh-key-values {}",
            key.with_extension("pub").display()
        );
        azure.run(&line).write_stdin(PASSWORD).assert().success();
        Self::there(azure, name, key)
    }

    /// One that is there.
    pub fn there(azure: &'a Azure, name: &str, key: PathBuf) -> Self {
        let show = format!("az-provision vm show -d -g {GROUP} -n {name}");
        Machine {
            azure,
            name: name.to_owned(),
            address: azure.text(&show, "publicIps"),
            key,
        }
    }

    /// `user@address`
    pub fn destination(&self) -> String {
        format!("{USER}@{}", self.address)
    }

    /// One of OpenSSH's programs with the instance's configuration and the machine's key, and nothing of whoever runs the tests.
    pub fn client(&self, program: &str) -> Command {
        let mut command = self.bare(program);
        command.arg("-i").arg(&self.key);
        command
    }

    /// The same without a key.
    pub fn bare(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env_clear();
        for name in ["PATH", "HOME", "AZ_SSH_CONFIG", "HTTPS_PROXY"] {
            command.env(name, self.azure.var(name));
        }
        command.args(["-F", self.azure.var("AZ_SSH_CONFIG")]);
        command.args(["-o", "IdentitiesOnly=yes", "-o", "IdentityAgent=none"]);
        command.current_dir(self.azure.scratch());
        command
    }

    /// `ssh` to the machine, with a command line to run there.
    pub fn ssh(&self, options: &[&str], line: &str) -> Command {
        let mut command = self.client("ssh");
        command.args(["-o", "BatchMode=yes"]).args(options);
        command.arg(self.destination()).arg(line);
        command.stdin(Stdio::null());
        command
    }

    /// What a command line prints there; it must succeed.
    pub fn says(&self, line: &str) -> String {
        let output = self.ssh(&[], line).output().expect("ssh runs");
        assert!(output.status.success(), "{line}: {}", told(&output));
        text(&output.stdout)
    }
}

/// Bytes as text, without the line end.
pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim_end().to_owned()
}

/// What a command said on standard error.
pub fn told(output: &Output) -> String {
    text(&output.stderr)
}
