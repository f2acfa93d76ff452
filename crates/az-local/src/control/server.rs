//! Serving the control socket.

use super::enter;
use super::federation::{self, Played};
use super::principals;
use super::refusal::{refusal, refused};
use super::reports::{self, ReportError};
use super::{Answer, Command, Contact, Envelope, Refusal};
use crate::ground::folder::{FolderError, write_private};
use crate::ground::secret::{random_secret, same};
use crate::hosting::{self, HostOptions, Hosting};
use crate::instance::Instance;
use crate::state::faults;
use crate::state::knobs::Knob;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;
use time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;

/// Longest path that a socket can have on the systems at hand (bytes), with some room.
const LONGEST_SOCKET_PATH: usize = 100;

/// The control socket, listening. Its files go when it is dropped.
pub(crate) struct Control {
    listener: UnixListener,
    contact: Contact,
    file: PathBuf,
    /// Where the socket is when the folder's own path is too long for one.
    _elsewhere: Option<tempfile::TempDir>,
}

impl Drop for Control {
    fn drop(&mut self) {
        // Left-overs are harmless: a client finds that nobody listens.
        let _ = std::fs::remove_file(&self.file);
        let _ = std::fs::remove_file(&self.contact.socket);
    }
}

impl Control {
    /// Opens the socket, and leaves word in the folder where it is.
    pub(crate) fn open(instance: &Instance, port: u16) -> Result<Self, FolderError> {
        let folder = instance.folder.path();
        let mut socket = folder.join("control.sock");
        let mut elsewhere = None;
        if socket.as_os_str().len() > LONGEST_SOCKET_PATH {
            let made = tempfile::Builder::new()
                .prefix("az-local-")
                .permissions(std::fs::Permissions::from_mode(0o700))
                .tempdir()
                .map_err(FolderError::at(std::env::temp_dir()))?;
            socket = made.path().join("control.sock");
            elsewhere = Some(made);
        }
        // One that was killed leaves its socket; the folder's lock says that nobody else is there.
        let _ = std::fs::remove_file(&socket);
        let listener = UnixListener::bind(&socket).map_err(FolderError::at(&socket))?;
        std::fs::set_permissions(&socket, std::fs::Permissions::from_mode(0o600))
            .map_err(FolderError::at(&socket))?;
        let contact = Contact {
            pid: std::process::id(),
            port,
            socket,
            token: random_secret(),
        };
        let file = folder.join(Contact::FILE);
        let content = serde_json::to_vec(&contact).unwrap_or_default();
        write_private(&file, &content)?;
        Ok(Control {
            listener,
            contact,
            file,
            _elsewhere: elsewhere,
        })
    }

    /// Serves the socket until the task is dropped. Who asks for the end gets it by `stop`, with a
    /// connection that closes when the process ends.
    pub(crate) async fn run(&self, instance: Arc<Instance>, stop: mpsc::Sender<UnixStream>) {
        loop {
            if let Ok((stream, _)) = self.listener.accept().await {
                tokio::spawn(serve(
                    Arc::clone(&instance),
                    self.contact.clone(),
                    stream,
                    stop.clone(),
                ));
            }
        }
    }
}

async fn serve(
    instance: Arc<Instance>,
    contact: Contact,
    mut stream: UnixStream,
    stop: mpsc::Sender<UnixStream>,
) {
    let mut line = String::new();
    // A host that was asked for on this connection goes with it.
    let mut host = None;
    let mut reader = BufReader::new(&mut stream);
    while reader.read_line(&mut line).await.is_ok_and(|read| read > 0) {
        let envelope = serde_json::from_str::<Envelope>(&line)
            .ok()
            .filter(|envelope| same(&envelope.token, &contact.token));
        let stops = matches!(
            &envelope,
            Some(Envelope {
                request: Command::Stop,
                ..
            })
        );
        let answer = match envelope {
            Some(Envelope {
                request: Command::Host(options),
                ..
            }) => {
                let instance = Arc::clone(&instance);
                let opened =
                    tokio::task::spawn_blocking(move || open_host(&instance, &options)).await;
                match opened.unwrap_or_else(|_| Err(failed())) {
                    Ok((opened, answer)) => {
                        host = Some(opened);
                        answer
                    }
                    Err(refusal) => refusal,
                }
            }
            Some(Envelope {
                request: Command::Enter(entry),
                ..
            }) => {
                // Its connection is the program's.
                let _ = enter::serve(&instance, entry, &mut reader).await;
                return;
            }
            Some(envelope) => {
                let (instance, contact) = (Arc::clone(&instance), contact.clone());
                tokio::task::spawn_blocking(move || answer(&instance, &contact, envelope.request))
                    .await
                    .unwrap_or_else(|_| failed())
            }
            None => refused(Refusal::Invalid, "the request or its token is not good"),
        };
        let mut text = serde_json::to_string(&answer).unwrap_or_default();
        text.push('\n');
        if reader.get_mut().write_all(text.as_bytes()).await.is_err() {
            return;
        }
        if stops {
            let _ = stop.send(stream).await;
            return;
        }
        line.clear();
    }
    // Before the connection, whose end says that nothing of it is left.
    let _ = tokio::task::spawn_blocking(move || drop(host)).await;
}

fn failed() -> Answer {
    refused(Refusal::Failed, "az-local failed unexpectedly")
}

fn open_host(instance: &Arc<Instance>, options: &HostOptions) -> Result<(Hosting, Answer), Answer> {
    let opened = Hosting::open(instance, options).map_err(ReportError::from);
    let done = opened.and_then(|host| {
        let environment = serde_json::to_value(host.environment())?;
        Ok((host, Answer::Done(environment)))
    });
    done.map_err(refusal)
}

fn answer(instance: &Arc<Instance>, contact: &Contact, command: Command) -> Answer {
    if let Err(error) = instance.keep_pace() {
        return refusal(error.into());
    }
    let done = match command {
        // A host is its connection's, which opens it.
        Command::Stop | Command::Host(_) | Command::Enter(_) => Ok(serde_json::Value::Null),
        Command::HostIdentity(options) => {
            hosting::show(instance, &options).map_err(ReportError::from)
        }
        Command::Status => reports::status(instance, contact),
        Command::Environment { tenant } => reports::environment(instance, tenant),
        Command::ClockShow => Ok(reports::clock(instance)),
        Command::ClockAdvance { by } => instance
            .advance_clock(Duration::milliseconds(by))
            .map(|()| reports::clock(instance))
            .map_err(ReportError::from),
        #[cfg(feature = "mutations")]
        Command::Mutate { name } => {
            if instance.mutation.set(&name) {
                Ok(serde_json::Value::String(name))
            } else {
                return refused(Refusal::NotFound, &format!("there is no mutation '{name}'"));
            }
        }
        Command::Set { to, .. } if Duration::milliseconds(to) > Knob::LONGEST => {
            return refused(
                Refusal::Invalid,
                "the longest that a knob takes is 100 years",
            );
        }
        Command::Set { knob, to } => instance
            .turn(knob, Duration::milliseconds(to))
            .map_err(ReportError::from)
            .and_then(|knobs| Ok(serde_json::to_value(knobs)?)),
        Command::Faults { text, replace } => match faults::read(&text) {
            Err(error) => return refused(Refusal::Invalid, &error.to_string()),
            Ok(rules) => {
                if replace {
                    instance.faults.set(rules);
                } else {
                    instance.faults.add(rules);
                }
                Ok(instance.faults.list())
            }
        },
        Command::Chaos(chaos) => {
            instance.faults.set_chaos(Some(chaos));
            Ok(instance.faults.list())
        }
        Command::FaultsList => Ok(instance.faults.list()),
        Command::FaultsClear => {
            instance.faults.clear();
            Ok(instance.faults.list())
        }
        Command::Machines { subscription } => reports::machines(instance, subscription.as_deref()),
        Command::Machine {
            subscription,
            group,
            name,
        } => reports::machine(instance, subscription.as_deref(), &group, &name),
        Command::Resources => reports::resources(instance),
        Command::Principals { tenant } => principals::list(instance, tenant),
        Command::AddUser {
            tenant,
            name,
            display_name,
            password,
        } => principals::add_user(instance, tenant, &name, display_name, password),
        Command::AddGroup {
            tenant,
            name,
            members,
        } => principals::add_group(instance, tenant, &name, &members),
        Command::AddMembers {
            tenant,
            group,
            members,
        } => principals::add_members(instance, tenant, &group, &members),
        Command::AddCertificate {
            tenant,
            certificate,
        } => reports::add_certificate(instance, tenant, certificate),
        Command::Federate {
            tenant,
            played,
            audience,
        } => {
            let played = played.map(|(issuer, subject)| Played {
                issuer,
                subject,
                audience,
            });
            federation::federate(instance, tenant, played)
        }
        Command::LearnIssuer { url, keys } => federation::learn_issuer(instance, &url, &keys),
    };
    match done {
        Ok(value) => Answer::Done(value),
        Err(error) => refusal(error),
    }
}
