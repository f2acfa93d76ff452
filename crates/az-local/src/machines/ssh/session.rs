//! One SSH connection to one machine: signing in, and a program for each channel.

use super::account::Accounts;
use super::process::{Asked, Line, Process, Program};
use super::terminal::{self, Wanted};
use super::unread::{Heard, Outputs};
use crate::ground::gate::Stranger;
use crate::ground::quota::{Quota, Taken};
use crate::ground::stderr;
use crate::instance::Instance;
use crate::machines::apart;
use crate::machines::place::Place;
use crate::state::Resource;
use russh::server::{
    Auth, ChannelOpenHandle, Handler, Msg, PublicKeyOffer, Session as Russh, VerifiedPublicKey,
};
use russh::{Channel, ChannelId, ChannelOpenFailure, ChannelWriteHalf, Disconnect, Pty, Sig};
use std::collections::HashMap;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::sync::Arc;
use std::time::Duration;

/// Bytes that a client may send ahead of what a program has read, for each channel.
pub(super) const WINDOW: u32 = 256 * 1024;

/// Most channels that one connection has at a time.
const MOST_CHANNELS: usize = 64;

/// Most variables that a client may send for a program, and their greatest length together (bytes).
const MOST_VARIABLES: usize = 128;
const LONGEST_VARIABLES: usize = 64 * 1024;

/// Input that a program may be behind with before its client is slowed down (bytes).
const MOST_QUEUED: usize = 256 * 1024;

/// The window of a client that is slowed down (bytes): not nothing, since only what comes in opens it again.
const TRICKLE: u32 = 2;

/// How long such a client waits for its next bytes.
const TRICKLE_TIME: Duration = Duration::from_millis(10);

/// What a client has asked for in a channel.
struct Open {
    /// Gone to the program once one runs.
    output: Option<ChannelWriteHalf<Msg>>,
    variables: Vec<(String, String)>,
    terminal: Option<Wanted>,
    process: Option<Process>,
}

/// What the clients of a machine have together.
pub(super) struct Quotas {
    pub(super) connections: Quota,
    pub(super) programs: Quota,
}

/// The server's side of a connection.
pub(super) struct Session {
    instance: Arc<Instance>,
    machine: Resource,
    account: Accounts,
    /// Who has signed in.
    user: String,
    stranger: Arc<Stranger>,
    quotas: Quotas,
    /// The connection's among those that may be there, once it is signed in.
    place: Option<Taken>,
    channels: HashMap<ChannelId, Open>,
    outputs: Outputs,
    heard: Option<Heard>,
}

impl Session {
    pub(super) fn new(
        instance: Arc<Instance>,
        machine: Resource,
        account: Accounts,
        stranger: Arc<Stranger>,
        quotas: Quotas,
    ) -> Self {
        Session {
            instance,
            machine,
            account,
            user: String::new(),
            stranger,
            quotas,
            place: None,
            channels: HashMap::new(),
            outputs: Outputs::default(),
            heard: None,
        }
    }

    /// Starts a program in a channel that has none yet.
    async fn start(
        &mut self,
        id: ChannelId,
        program: Program,
        russh: &mut Russh,
    ) -> Result<(), russh::Error> {
        let Some(place) = self.quotas.programs.take() else {
            let name = self.machine.name();
            stderr::say(format_args!(
                "'{name}': too many programs run in its sessions"
            ));
            return russh.channel_failure(id);
        };
        let place_of_work = Place::of(&self.instance, &self.machine).await;
        let Some((channel, output)) = self.channels.get_mut(&id).and_then(|channel| {
            let output = channel.output.take()?;
            Some((channel, output))
        }) else {
            return russh.channel_failure(id);
        };
        let handle = russh.handle();
        let shared = self.outputs.begin(id);
        let line = Line {
            channel: output,
            handle,
            shared,
            _place: place,
        };
        let started = match place_of_work {
            Ok(Some(at)) => {
                let asked = Asked {
                    program,
                    user: &self.user,
                    variables: &channel.variables,
                    terminal: channel.terminal.as_ref(),
                };
                let started = Process::start(&at, asked, line).await;
                started.map_err(|error| error.to_string())
            }
            Ok(None) => Err("it is not running".to_owned()),
            Err(error) => Err(error.to_string()),
        };
        match started {
            Ok(process) => {
                channel.process = Some(process);
                russh.channel_success(id)
            }
            Err(error) => {
                stderr::say(format_args!("'{}': {error}", self.machine.name()));
                russh.channel_failure(id)
            }
        }
    }

    fn process(&self, id: ChannelId) -> Option<&Process> {
        self.channels.get(&id)?.process.as_ref()
    }
}

/// Without saying so, a refusal would take its method away, and a client could not try its next key.
fn verdict(accepted: bool, account: &Accounts) -> Auth {
    if accepted {
        return Auth::Accept;
    }
    Auth::Reject {
        proceed_with_methods: Some(account.methods()),
        partial_success: false,
    }
}

impl Handler for Session {
    type Error = russh::Error;

    async fn authentication_banner(&mut self) -> Result<Option<String>, Self::Error> {
        let instance = Arc::clone(&self.instance);
        let apart = tokio::task::spawn_blocking(move || apart::is_on(&instance)).await;
        let what = match apart {
            Ok(true) => {
                "with users, files, processes and a network of its own, on this computer's kernel and programs"
            }
            _ => {
                "programs of this computer's own user, with no kernel, no root and no isolation of their own"
            }
        };
        let name = self.machine.name();
        Ok(Some(format!(
            "az-local: '{name}' is a stand-in for a virtual machine: {what}.\r\n"
        )))
    }

    async fn auth_publickey_offered(
        &mut self,
        user: &str,
        offer: PublicKeyOffer<'_>,
    ) -> Result<Auth, Self::Error> {
        let known = self.account.has_key(user, offer.public_key);
        Ok(verdict(known, &self.account))
    }

    async fn auth_publickey(
        &mut self,
        user: &str,
        key: VerifiedPublicKey<'_>,
    ) -> Result<Auth, Self::Error> {
        let known = self.account.has_key(user, key.public_key);
        self.user = user.to_owned();
        Ok(verdict(known, &self.account))
    }

    async fn auth_password(&mut self, user: &str, password: &str) -> Result<Auth, Self::Error> {
        let known = self.account.has_password(user, password);
        self.user = user.to_owned();
        Ok(verdict(known, &self.account))
    }

    async fn auth_succeeded(&mut self, russh: &mut Russh) -> Result<(), Self::Error> {
        self.stranger.is_known();
        self.place = self.quotas.connections.take();
        if self.place.is_none() {
            let reason = "too many connections to this machine";
            return russh.disconnect(Disconnect::TooManyConnections, reason, "");
        }
        self.heard = Heard::here(&self.outputs);
        Ok(())
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _: &mut Russh,
    ) -> Result<(), Self::Error> {
        if self.channels.len() >= MOST_CHANNELS {
            reply.reject(ChannelOpenFailure::ResourceShortage).await;
            return Ok(());
        }
        // Input comes by `data`, so that a program that does not read holds up nobody else; output goes by the write
        // half, which waits for the client's window.
        let (_, output) = channel.split();
        self.channels.insert(
            output.id(),
            Open {
                output: Some(output),
                variables: Vec::new(),
                terminal: None,
                process: None,
            },
        );
        reply.accept().await;
        Ok(())
    }

    async fn env_request(
        &mut self,
        id: ChannelId,
        name: &str,
        value: &str,
        russh: &mut Russh,
    ) -> Result<(), Self::Error> {
        let taken = self.channels.get_mut(&id).is_some_and(|channel| {
            let length: usize = channel
                .variables
                .iter()
                .map(|(n, v)| n.len() + v.len())
                .sum();
            let fits = channel.variables.len() < MOST_VARIABLES
                && length + name.len() + value.len() <= LONGEST_VARIABLES;
            let taken = channel.process.is_none() && fits && accepts(name) && !value.contains('\0');
            if taken {
                channel.variables.push((name.to_owned(), value.to_owned()));
            }
            taken
        });
        if taken {
            russh.channel_success(id)
        } else {
            russh.channel_failure(id)
        }
    }

    async fn pty_request(
        &mut self,
        id: ChannelId,
        term: &str,
        columns: u32,
        rows: u32,
        width: u32,
        height: u32,
        modes: &[(Pty, u32)],
        russh: &mut Russh,
    ) -> Result<(), Self::Error> {
        match self.channels.get_mut(&id) {
            Some(channel) if channel.process.is_none() && !term.contains('\0') => {
                let size = terminal::size(columns, rows, width, height);
                channel.terminal = Some(Wanted::new(term, size, modes));
                russh.channel_success(id)
            }
            _ => russh.channel_failure(id),
        }
    }

    async fn shell_request(&mut self, id: ChannelId, russh: &mut Russh) -> Result<(), Self::Error> {
        self.start(id, Program::Shell, russh).await
    }

    async fn exec_request(
        &mut self,
        id: ChannelId,
        line: &[u8],
        russh: &mut Russh,
    ) -> Result<(), Self::Error> {
        let line = OsString::from_vec(line.to_vec());
        self.start(id, Program::Line(line), russh).await
    }

    async fn subsystem_request(
        &mut self,
        id: ChannelId,
        name: &str,
        russh: &mut Russh,
    ) -> Result<(), Self::Error> {
        match name {
            "sftp" => self.start(id, Program::Sftp, russh).await,
            _ => russh.channel_failure(id),
        }
    }

    async fn window_change_request(
        &mut self,
        id: ChannelId,
        columns: u32,
        rows: u32,
        width: u32,
        height: u32,
        _: &mut Russh,
    ) -> Result<(), Self::Error> {
        if let Some(process) = self.process(id) {
            process.resize(terminal::size(columns, rows, width, height));
        }
        Ok(())
    }

    async fn signal(
        &mut self,
        id: ChannelId,
        signal: Sig,
        _: &mut Russh,
    ) -> Result<(), Self::Error> {
        if let Some(process) = self.process(id) {
            process.signal(&signal);
        }
        Ok(())
    }

    async fn data(&mut self, id: ChannelId, data: &[u8], _: &mut Russh) -> Result<(), Self::Error> {
        let Some(process) = self.process(id) else {
            return Ok(());
        };
        process.write(data);
        if process.queued() > MOST_QUEUED && data.len() <= TRICKLE as usize {
            tokio::time::sleep(TRICKLE_TIME).await;
        }
        Ok(())
    }

    /// The library opens a client's window as soon as something came in, read or not. So the window itself is made
    /// small while a program is behind.
    fn adjust_window(&mut self, id: ChannelId, _: u32) -> u32 {
        match self.process(id) {
            Some(process) if process.queued() > MOST_QUEUED => TRICKLE,
            _ => WINDOW,
        }
    }

    async fn channel_eof(&mut self, id: ChannelId, _: &mut Russh) -> Result<(), Self::Error> {
        if let Some(process) = self.process(id) {
            process.end_input();
        }
        Ok(())
    }

    async fn channel_close(&mut self, id: ChannelId, _: &mut Russh) -> Result<(), Self::Error> {
        self.channels.remove(&id);
        self.outputs.end(id);
        Ok(())
    }
}

/// Whether a client may set this variable: any in capitals, but for those that belong to the machine or change what
/// runs there.
fn accepts(name: &str) -> bool {
    const OWN: [&str; 14] = [
        "HOME",
        "USER",
        "LOGNAME",
        "SHELL",
        "PATH",
        "PWD",
        "OLDPWD",
        "MAIL",
        "ENV",
        "IFS",
        "CDPATH",
        "SHELLOPTS",
        "BASHOPTS",
        "PS4",
    ];
    const FAMILIES: [&str; 10] = [
        "LD_",
        "DYLD_",
        "BASH_",
        "SSH_",
        "SSL_",
        "MSI_",
        "IDENTITY_",
        "AZ_LOCAL",
        "IMDS_",
        "NODE_EXTRA_CA",
    ];
    let shaped = !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name
            .chars()
            .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_');
    shaped
        && !OWN.contains(&name)
        && !FAMILIES.iter().any(|family| name.starts_with(family))
        && !name.ends_with("_PROXY")
        && !name.ends_with("_CA_BUNDLE")
}

#[cfg(test)]
mod tests {
    use super::accepts;

    #[test]
    fn names_of_a_program_are_taken_and_names_of_the_machine_are_not() {
        for name in [
            "KEY_VAULT_NAME",
            "LANG",
            "LC_ALL",
            "AZURE_CLIENT_ID",
            "GOPROXY",
            "A1",
        ] {
            assert!(accepts(name), "{name}");
        }
        for name in [
            "",
            "lower",
            "1A",
            "A-B",
            "A=B",
            "PATH",
            "HOME",
            "LD_PRELOAD",
            "BASH_ENV",
            "HTTPS_PROXY",
            "NO_PROXY",
            "SSL_CERT_FILE",
            "REQUESTS_CA_BUNDLE",
            "NODE_EXTRA_CA_CERTS",
            "IDENTITY_ENDPOINT",
        ] {
            assert!(!accepts(name), "{name}");
        }
    }
}
