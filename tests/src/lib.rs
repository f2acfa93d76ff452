//! What the end-to-end tests share: a local Azure per test, and commands in its environment.
#![forbid(unsafe_code)]

pub mod http;
pub mod ssh;
pub mod terminal;

use assert_cmd::{Command, assert::Assert};
use az_local::{LocalAzure, Machines, Options, Program};
use serde_json::Value;
use std::{
    path::{Path, PathBuf},
    sync::{
        OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
};
use tempfile::TempDir;

/// A size that the published schema of machines lists; it is older than the default one.
pub const SIZE: &str = "Standard_D2s_v3";

/// The names that most tests use; each test has a local Azure of its own, so they never meet.
pub const GROUP: &str = "go-on-azure";
pub const VM: &str = "go-on-azure-vm";
pub const VAULT: &str = "kv-end-to-end";
pub const IDENTITY: &str = "GoUserIdentity";
pub const PASSWORD: &str = "Correct-Horse-1";
/// The tools, each a program of its own.
pub const TOOLS: [&str; 6] = [
    "az-provision",
    "az-identity",
    "az-role",
    "az-cleanup",
    "kv-set",
    "kv-get",
];
pub const OFFICER: &str = "Key Vault Secrets Officer";

/// The folder with the built binaries. `cargo test` does not build another package's binaries, so the first
/// test that asks does.
fn binaries() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let mut cargo = std::process::Command::new(env!("CARGO"));
        cargo
            .args(["build", "--workspace", "--bins", "--examples", "--quiet"])
            .current_dir(workspace);
        // What the outer cargo says of this package: build scripts that ask for it would run again, and all that
        // rests on them would be built twice.
        for (name, _) in std::env::vars_os() {
            let about_this =
                |name: &str| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_");
            if name.to_str().is_some_and(about_this) {
                cargo.env_remove(name);
            }
        }
        assert!(
            cargo.status().expect("cargo runs").success(),
            "the binaries do not build"
        );
        let own = std::env::current_exe().expect("an executable");
        // target/debug/deps/test, or target/debug/conformance
        let folder = own.parent().expect("a folder");
        let deps = folder.ends_with("deps");
        let folder = if deps { folder.parent() } else { Some(folder) };
        folder.expect("a target folder").to_owned()
    })
}

/// A built binary of the workspace.
pub fn binary(name: &str) -> PathBuf {
    binaries().join(name)
}

/// How machines run where a test does not say it: `AZ_TEST_MACHINES=namespace` has them run apart.
pub fn machines() -> Machines {
    match std::env::var("AZ_TEST_MACHINES").as_deref() {
        Ok("namespace") => Machines::Namespace,
        _ => Machines::Process,
    }
}

/// Whether the kernel has what machines that run apart are made of. Where it has, CI must be able to run them.
pub fn namespaces_are_offered() -> bool {
    let most = std::fs::read_to_string("/proc/sys/user/max_user_namespaces");
    let most = most.ok().and_then(|most| most.trim().parse::<u64>().ok());
    most.is_some_and(|most| most > 0) && Path::new("/dev/net/tun").exists()
}

/// Whether a test has nothing to see, for it is about machines that are programs of this computer.
pub fn machines_are_apart() -> bool {
    let apart = machines() == Machines::Namespace;
    if apart {
        eprintln!("about machines that are programs of this computer: nothing was tested");
    }
    apart
}

/// A local Azure that is stopped when the test ends.
pub struct Azure {
    folder: TempDir,
    log: PathBuf,
    env: Vec<(String, String)>,
    /// Where it runs in this process.
    here: Option<LocalAzure>,
}

impl Azure {
    /// One with everything as a user gets it, in this process.
    pub fn start() -> Self {
        let mut azure = Self::new(request_log);
        azure.start_here();
        azure
    }

    /// The same as a process of its own, by `az-local start`, with more arguments for that.
    pub fn with(arguments: &[&str]) -> Self {
        let mut azure = Self::new(request_log);
        azure.launch(arguments);
        azure
    }

    /// One whose requests are not kept for `AZ_TEST_LOGS`: for tests that send what no tool of ours would.
    pub fn apart() -> Self {
        let mut azure = Self::new(|folder| folder.join("requests.jsonl"));
        azure.start_here();
        azure
    }

    /// The same as a process of its own, by `az-local start`, with more arguments for that.
    pub fn apart_with(arguments: &[&str]) -> Self {
        let mut azure = Self::new(|folder| folder.join("requests.jsonl"));
        azure.launch(arguments);
        azure
    }

    fn new(log: impl FnOnce(&Path) -> PathBuf) -> Self {
        let folder = TempDir::new().expect("a folder");
        let log = log(folder.path());
        Azure {
            folder,
            log,
            env: vec![],
            here: None,
        }
    }

    fn start_here(&mut self) {
        let options = Options {
            persistent: true,
            program: Program::At(binary("az-local")),
            request_log: Some(self.log.clone()),
            machines: machines(),
            ..Options::default()
        };
        let here = LocalAzure::start_in(&self.data_dir(), &options).expect("a local Azure");
        // As `az-local env` would have it; that it does is the business of other tests.
        let mut env = base_environment(self.folder.path());
        env.push(("AZ_LOCAL_DIR".to_owned(), text_of(&self.data_dir())));
        env.retain(|(name, _)| !here.environment().unset.contains(name));
        env.extend(here.environment().set.iter().cloned());
        self.env = env;
        self.here = Some(here);
    }

    /// Starts the server on this instance's folder as a process of its own; none must be running there.
    pub fn launch(&mut self, arguments: &[&str]) {
        self.here = None;
        let mut start = self.local();
        start.args(["start", "--data-dir"]).arg(self.data_dir());
        if !arguments.contains(&"--machines") {
            let machines = match machines() {
                Machines::Namespace => "namespace",
                _ => "process",
            };
            start.args(["--machines", machines]);
        }
        start.arg("--request-log").arg(&self.log).args(arguments);
        start.assert().success();
        self.env = self.environment("");
    }

    /// Ends the server's process at once, as a crash does.
    pub fn kill(&self) {
        assert!(self.here.is_none(), "it runs in the test's own process");
        let pid = self.status()["pid"].to_string();
        let mut kill = std::process::Command::new("kill");
        assert!(
            kill.args(["-9", &pid])
                .status()
                .expect("kill runs")
                .success()
        );
    }

    /// The instance's data folder.
    pub fn data_dir(&self) -> PathBuf {
        self.folder.path().join("azure")
    }

    /// A folder for the test's own files.
    pub fn scratch(&self) -> &Path {
        self.folder.path()
    }

    /// What a shell has after `eval "$(az-local env …)"`.
    pub fn environment(&self, arguments: &str) -> Vec<(String, String)> {
        let script = format!("eval \"$(az-local env {arguments})\" && env -0");
        let output = std::process::Command::new("bash")
            .args(["-c", &script])
            .env_clear()
            .envs(base_environment(self.folder.path()))
            .env("AZ_LOCAL_DIR", self.data_dir())
            .output()
            .expect("bash runs");
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let text = String::from_utf8(output.stdout).expect("UTF-8");
        text.split('\0')
            .filter_map(|pair| pair.split_once('='))
            .map(|(k, v)| (k.to_owned(), v.to_owned()))
            .collect()
    }

    /// A variable of the instance's environment.
    pub fn var(&self, name: &str) -> &str {
        let found = self.env.iter().find(|(key, _)| key == name);
        found
            .map(|(_, value)| value.as_str())
            .unwrap_or_else(|| panic!("az-local env gives no {name}"))
    }

    /// All variables of the instance's environment.
    pub fn variables(&self) -> &[(String, String)] {
        &self.env
    }

    /// A tool of the workspace in the instance's environment.
    pub fn tool(&self, name: &str) -> Command {
        let mut command = Command::new(binary(name));
        command
            .env_clear()
            .envs(self.env.iter().map(|(key, value)| (key, value)));
        command.current_dir(self.folder.path());
        command
    }

    /// A tool with its arguments, as words of one line.
    pub fn run(&self, line: &str) -> Command {
        let mut words = line.split_whitespace();
        let mut command = self.tool(words.next().expect("a tool"));
        command.args(words);
        command
    }

    /// What a successful command prints, as JSON.
    pub fn json(&self, line: &str) -> Value {
        json(&self.run(line).assert().success())
    }

    /// What a successful command prints with `--query QUERY -o tsv`.
    pub fn text(&self, line: &str, query: &str) -> String {
        let mut command = self.run(line);
        let output = command
            .args(["--query", query, "-o", "tsv"])
            .assert()
            .success();
        String::from_utf8_lossy(&output.get_output().stdout)
            .trim_end()
            .to_owned()
    }

    /// A shell in the instance's environment, with the tools on PATH.
    pub fn shell(&self, script: &str) -> Command {
        let mut command = Command::new("bash");
        command
            .args(["-c", script])
            .env_clear()
            .envs(self.env.iter().map(|(key, value)| (key, value)));
        command.current_dir(self.folder.path());
        command
    }

    /// `az-local` for this instance.
    pub fn local(&self) -> Command {
        let mut command = Command::new(binary("az-local"));
        command
            .env_clear()
            .envs(base_environment(self.folder.path()))
            .env("AZ_LOCAL_DIR", self.data_dir());
        command
    }

    /// A command on one of the instance's machines.
    pub fn on_machine(&self, vm: &str, line: &str) -> Command {
        let mut command = self.local();
        command
            .args(["vm", "exec", "-g", GROUP, "-n", vm, "--env"])
            .arg(format!("KEY_VAULT_NAME={VAULT}"));
        command.arg("--").args(line.split_whitespace());
        command
    }

    /// What `az-local status -o json` says.
    pub fn status(&self) -> Value {
        let mut command = self.local();
        json(&command.args(["status", "-o", "json"]).assert().success())
    }

    /// Where every exchange is logged.
    pub fn log_path(&self) -> &Path {
        &self.log
    }

    /// Every exchange so far, as text.
    pub fn log_text(&self) -> String {
        std::fs::read_to_string(&self.log).expect("a request log")
    }

    /// Every exchange so far.
    pub fn log(&self) -> Vec<Value> {
        self.log_text()
            .lines()
            .map(|line| serde_json::from_str(line).expect("a line of JSON"))
            .collect()
    }

    /// How many writes Azure has seen so far: what `--dry-run` must not change.
    pub fn writes(&self) -> usize {
        let write = |exchange: &&Value| {
            let url = exchange["url"].as_str().unwrap_or_default();
            let service = url.starts_with("https://management.azure.com/")
                || url.contains(".vault.azure.net/");
            let asks = url.contains("/checkNameAvailability?") || url.contains("/whatIf?");
            service && exchange["method"] != "GET" && !asks
        };
        self.log().iter().filter(write).count()
    }

    /// The tutorial's group.
    pub fn with_group(self) -> Self {
        self.run(&format!("az-provision group create -n {GROUP} -l eastus"))
            .assert()
            .success();
        self
    }

    /// The tutorial's machine, in its group.
    pub fn with_vm(self) -> Self {
        self.create_vm(VM);
        self
    }

    /// Another machine in the group.
    pub fn create_vm(&self, name: &str) {
        let line = format!(
            "az-provision vm create -g {GROUP} -n {name} --size {SIZE} --admin-username azureuser --admin-password-file -"
        );
        self.run(&line).write_stdin(PASSWORD).assert().success();
    }

    /// The tutorial's vault, in its group.
    pub fn with_vault(self) -> Self {
        self.run(&format!(
            "az-provision keyvault create -g {GROUP} -n {VAULT}"
        ))
        .assert()
        .success();
        self
    }

    /// A vault in the group whose secrets the desk's principal may write, now.
    pub fn with_secrets(self) -> Self {
        let azure = self.with_group().with_vault();
        azure.grant(&azure.own_object_id(), OFFICER);
        azure
            .run(&format!(
                "kv-get --list --vault-name {VAULT} --wait-for-access 1m"
            ))
            .assert()
            .success();
        azure
    }

    /// Writes a secret of the vault, as `kv-set` does.
    pub fn set_secret(&self, name: &str, value: &str) {
        self.run(&format!("kv-set {name} --vault-name {VAULT}"))
            .write_stdin(value)
            .assert()
            .success();
    }

    /// The vault's id.
    pub fn vault_id(&self) -> String {
        self.text(&format!("az-provision keyvault show -n {VAULT}"), "id")
    }

    /// Gives a principal a role on the vault.
    pub fn grant(&self, principal: &str, role: &str) {
        let scope = self.vault_id();
        let mut command = self.tool("az-role");
        command.args(["assignment", "create", "--assignee-object-id", principal]);
        command.args([
            "--assignee-principal-type",
            "ServicePrincipal",
            "--role",
            role,
            "--scope",
            &scope,
        ]);
        command.assert().success();
    }

    /// The object id of the desk's own principal.
    pub fn own_object_id(&self) -> String {
        let mut command = self.tool("az-role");
        let scope = format!("/subscriptions/{}", self.var("AZURE_SUBSCRIPTION_ID"));
        command.args([
            "assignment",
            "list",
            "--scope",
            &scope,
            "--query",
            // Tests give others lesser roles there.
            "[?roleDefinitionName=='Owner'].principalId | [0]",
            "-o",
            "tsv",
        ]);
        let output = command.assert().success();
        String::from_utf8_lossy(&output.get_output().stdout)
            .trim_end()
            .to_owned()
    }
}

impl Drop for Azure {
    fn drop(&mut self) {
        if self.here.take().is_none() {
            let _ = self.local().arg("stop").output();
        }
    }
}

fn text_of(path: &Path) -> String {
    path.to_str().expect("UTF-8").to_owned()
}

/// What a successful command printed, as JSON.
pub fn json(assert: &Assert) -> Value {
    let output = assert.get_output();
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stdout)))
}

/// What a command printed on standard error.
pub fn stderr(assert: &Assert) -> String {
    String::from_utf8_lossy(&assert.get_output().stderr).into_owned()
}

/// The environment that a test starts from: the tools on PATH, a home folder of its own, nothing else.
pub fn base_environment(home: &Path) -> Vec<(String, String)> {
    let path = std::env::var("PATH").unwrap_or_default();
    vec![
        (
            "PATH".to_owned(),
            format!("{}:{path}", binaries().display()),
        ),
        ("HOME".to_owned(), home.display().to_string()),
        ("LANG".to_owned(), "C.UTF-8".to_owned()),
    ]
}

/// Where an instance logs its exchanges. `AZ_TEST_LOGS` names a folder that keeps them, for checks of what
/// all tests sent.
fn request_log(folder: &Path) -> PathBuf {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    match std::env::var_os("AZ_TEST_LOGS") {
        Some(kept) => {
            let name = format!(
                "{}-{}.jsonl",
                std::process::id(),
                NEXT.fetch_add(1, Ordering::Relaxed)
            );
            Path::new(&kept).join(name)
        }
        None => folder.join("requests.jsonl"),
    }
}
