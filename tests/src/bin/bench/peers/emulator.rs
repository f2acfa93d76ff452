//! The emulators: how each is started, and how its Key Vault is asked.

use crate::Result;
use crate::arguments::PeersArguments;
use crate::base::{self, VAULT};
use crate::client::{Call, Client, Dialer};
use crate::desk::{Desk, expect, request};
use crate::instance::{Instance, SignIn};
use base64::Engine as _;
use serde_json::Value;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::net::TcpStream;

/// How long an emulator may take until it answers.
const PATIENCE: Duration = Duration::from_secs(120);
/// Between two looks whether it listens, or answers.
const LOOK: Duration = Duration::from_millis(1);

/// One of the emulators, in one of its ways to keep secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// This one.
    AzLocal { on_disk: bool },
    /// <https://github.com/nagyesta/lowkey-vault>, in memory.
    LowkeyVault,
    /// <https://github.com/calvinchengx/azure-keyvault-emulator>.
    KeyVaultEmulator { on_disk: bool },
    /// <https://github.com/moabukar/miniblue>, in memory; it asks for no token.
    Miniblue,
}

/// A program that is there, ready to be started.
#[derive(Clone, Debug)]
pub(crate) struct Emulator {
    pub(crate) kind: Kind,
    program: PathBuf,
}

/// All of them, and who gives tokens to the one that checks them and gives none itself.
pub(crate) struct Emulators {
    pub(crate) all: Vec<Emulator>,
    /// It ends when this does.
    _issuer: Option<Instance>,
    tokens: Option<Tokens>,
}

/// Where an emulator's tokens come from.
struct Tokens {
    sign_in: SignIn,
    token: String,
    /// What a token says of who made it.
    issuer: String,
}

/// An emulator that runs. It ends with this value.
pub(crate) struct Running {
    pub(crate) kind: Kind,
    pub(crate) vault: Vault,
    /// When it was started, when it first took a connection, and when the first secret was read.
    pub(crate) times: Times,
    process: Process,
}

enum Process {
    Instance(Instance),
    Other { child: Child, _folder: TempDir },
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Times {
    pub(crate) listening: Duration,
    pub(crate) secret: Duration,
}

/// How a vault's secrets are asked for.
#[derive(Clone)]
pub(crate) struct Vault {
    pub(crate) dialer: Arc<Dialer>,
    host: Arc<str>,
    token: String,
    path: &'static str,
}

impl Vault {
    pub(crate) fn client(&self) -> Client {
        Client::new(Arc::clone(&self.dialer))
    }

    pub(crate) fn set(&self, name: &str, value: &Value) -> Call {
        self.call("PUT", name, Some(value))
    }

    pub(crate) fn get(&self, name: &str) -> Call {
        self.call("GET", name, None)
    }

    fn call(&self, method: &str, name: &str, body: Option<&Value>) -> Call {
        let path = format!("{}/{name}?api-version=7.4", self.path);
        request(&self.host, &self.token, method, &path, body)
    }

    /// Writes a secret and reads it back.
    async fn first(&self) -> Result<()> {
        let mut client = self.client();
        let value = base::value(0);
        expect(&mut client, &self.set("first", &value)).await?;
        let read = expect(&mut client, &self.get("first")).await?;
        if read["value"] != value["value"] {
            return Err(format!("not the secret that was written: {read}").into());
        }
        Ok(())
    }
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Kind::AzLocal { on_disk: false } => "az-local",
            Kind::AzLocal { on_disk: true } => "az-local, on disk",
            Kind::LowkeyVault => "lowkey-vault",
            Kind::KeyVaultEmulator { on_disk: false } => "azure-keyvault-emulator",
            Kind::KeyVaultEmulator { on_disk: true } => "azure-keyvault-emulator, on disk",
            Kind::Miniblue => "miniblue",
        }
    }

    fn on_disk(self) -> bool {
        match self {
            Kind::AzLocal { on_disk } | Kind::KeyVaultEmulator { on_disk } => on_disk,
            Kind::LowkeyVault | Kind::Miniblue => false,
        }
    }

    /// Whether it is this one.
    pub(crate) fn is_ours(self) -> bool {
        matches!(self, Kind::AzLocal { .. })
    }

    /// Whether this is the az-local that another is measured against: the one that keeps secrets in the same way.
    pub(crate) fn stands_for(self, other: Kind) -> bool {
        self.is_ours() && self.on_disk() == other.on_disk()
    }
}

impl Emulators {
    /// Those that are there. What is not is said.
    pub(crate) async fn prepare(arguments: &PeersArguments) -> Result<Self> {
        let server = &arguments.server;
        let mut all = vec![
            Emulator::new(Kind::AzLocal { on_disk: false }, server),
            Emulator::new(Kind::AzLocal { on_disk: true }, server),
        ];
        let vault = arguments.keyvault_emulator.as_ref();
        let others = [
            (Kind::LowkeyVault, arguments.lowkey_vault.as_ref()),
            (Kind::KeyVaultEmulator { on_disk: false }, vault),
            (Kind::KeyVaultEmulator { on_disk: true }, vault),
            (Kind::Miniblue, arguments.miniblue.as_ref()),
        ];
        for (kind, program) in others {
            match program {
                Some(program) => all.push(Emulator::new(kind, program)),
                None => say!("not measured: {}, which is not there", kind.name()),
            }
        }
        let (issuer, tokens) = match vault {
            Some(_) => {
                let instance = Instance::start_in_memory(server)?;
                let tokens = Tokens::of(&instance).await?;
                (Some(instance), Some(tokens))
            }
            None => (None, None),
        };
        Ok(Emulators {
            all,
            _issuer: issuer,
            tokens,
        })
    }

    /// Starts one, and waits until it has written a secret and read it.
    pub(crate) async fn start(&self, emulator: &Emulator) -> Result<Running> {
        let started = match emulator.kind {
            Kind::AzLocal { on_disk } => az_local(&emulator.program, on_disk).await,
            _ => self.other(emulator).await,
        };
        started.map_err(|error| format!("{}: {error}", emulator.kind.name()).into())
    }

    async fn other(&self, emulator: &Emulator) -> Result<Running> {
        let folder = TempDir::with_prefix("emulator-bench-")?;
        let port = free_port()?;
        let (mut command, token, path) = self.command(emulator, folder.path(), port)?;
        command
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let began = Instant::now();
        let child = command.spawn()?;
        let mut running = Running {
            kind: emulator.kind,
            vault: Vault {
                dialer: Arc::new(Dialer::straight(port)?),
                host: format!("localhost:{port}").as_str().into(),
                token,
                path,
            },
            times: Times {
                listening: Duration::ZERO,
                secret: Duration::ZERO,
            },
            process: Process::Other {
                child,
                _folder: folder,
            },
        };
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port))
            .await
            .is_err()
        {
            running.wait(began, "it does not listen").await?;
        }
        running.times.listening = began.elapsed();
        while let Err(error) = running.vault.first().await {
            running.wait(began, &error.to_string()).await?;
        }
        running.times.secret = began.elapsed();
        Ok(running)
    }

    /// The command that starts it, the token that it is shown, and the path to its secrets.
    fn command(
        &self,
        emulator: &Emulator,
        folder: &Path,
        port: u16,
    ) -> Result<(Command, String, &'static str)> {
        let mut command = match emulator.kind {
            Kind::LowkeyVault => Command::new("java"),
            _ => Command::new(&emulator.program),
        };
        command.env_clear().env("HOME", folder);
        if let Some(path) = std::env::var_os("PATH") {
            command.env("PATH", path);
        }
        // lowkey-vault looks whether there is a token, and miniblue does not.
        let mut token = "any".to_owned();
        let path = match emulator.kind {
            Kind::Miniblue => {
                command
                    .env("PORT", free_port()?.to_string())
                    .env("TLS_PORT", port.to_string())
                    .env("LOCAL_AZURE_CERT_DIR", folder);
                "/keyvault/bench/secrets"
            }
            Kind::LowkeyVault => {
                command
                    .arg("-jar")
                    .arg(&emulator.program)
                    .arg(format!("--server.port={port}"))
                    .arg(format!("--app.token.port={}", free_port()?));
                "/secrets"
            }
            _ => {
                let tokens = self.tokens.as_ref().ok_or("nobody gives it tokens")?;
                token.clone_from(&tokens.token);
                let data = match emulator.kind.on_disk() {
                    true => folder.join("data").into_os_string(),
                    false => Default::default(),
                };
                let tenant = &tokens.sign_in.tenant;
                command
                    .env("KV_ADDR", format!("127.0.0.1:{port}"))
                    .env("KV_DATA_DIR", data)
                    .env("KV_ENTRA_ISSUER", &tokens.issuer)
                    .env(
                        "KV_ENTRA_JWKS_URL",
                        format!("https://login.microsoftonline.com/{tenant}/discovery/v2.0/keys"),
                    )
                    .env("HTTPS_PROXY", &tokens.sign_in.proxy)
                    .env("SSL_CERT_FILE", &tokens.sign_in.bundle);
                "/secrets"
            }
        };
        Ok((command, token, path))
    }
}

impl Emulator {
    fn new(kind: Kind, program: &Path) -> Self {
        Emulator {
            kind,
            program: program.to_owned(),
        }
    }
}

impl Tokens {
    async fn of(instance: &Instance) -> Result<Self> {
        let desk = Desk::new(instance.sign_in()?).await?;
        let token = desk.key_vault().to_owned();
        let claims = token.split('.').nth(1).ok_or("a token has no claims")?;
        let claims = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(claims)?;
        let claims: Value = serde_json::from_slice(&claims)?;
        let issuer = claims["iss"].as_str().ok_or("a token has no issuer")?;
        Ok(Tokens {
            issuer: issuer.to_owned(),
            token,
            sign_in: desk.sign_in,
        })
    }
}

/// This one: a script signs in, and makes a group, a vault and a role assignment before the first secret.
async fn az_local(program: &Path, on_disk: bool) -> Result<Running> {
    let began = Instant::now();
    let instance = match on_disk {
        true => Instance::start(program)?,
        false => Instance::start_in_memory(program)?,
    };
    let listening = began.elapsed();
    let desk = Desk::new(instance.sign_in()?).await?;
    let mut client = desk.client();
    base::open_vault(&desk, &mut client).await?;
    let vault = Vault {
        dialer: Arc::clone(&desk.sign_in.dialer),
        host: format!("{VAULT}.vault.azure.net").as_str().into(),
        token: desk.key_vault().to_owned(),
        path: "/secrets",
    };
    vault.first().await?;
    let secret = began.elapsed();
    Ok(Running {
        kind: Kind::AzLocal { on_disk },
        vault,
        times: Times { listening, secret },
        process: Process::Instance(instance),
    })
}

impl Running {
    pub(crate) fn pid(&self) -> u32 {
        match &self.process {
            Process::Instance(instance) => instance.pid(),
            Process::Other { child, .. } => child.id(),
        }
    }

    /// Waits a moment for an emulator that is not ready; an error where it never will be.
    async fn wait(&mut self, began: Instant, why: &str) -> Result<()> {
        if let Process::Other { child, .. } = &mut self.process
            && let Some(status) = child.try_wait()?
        {
            return Err(format!("it ended ({status}): {why}").into());
        }
        if began.elapsed() > PATIENCE {
            return Err(format!("it is not ready after {} s: {why}", PATIENCE.as_secs()).into());
        }
        tokio::time::sleep(LOOK).await;
        Ok(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Process::Other { child, .. } = &mut self.process {
            // It is gone, or it cannot be ended: nothing is left to be done about it here.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// A port that nobody listens at, as far as one can know.
fn free_port() -> Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?
        .local_addr()?
        .port())
}
