//! Which instance a command finds, and what becomes of a shell that was to have the environment of one that is not there.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, lchown};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A user's home, with a folder for what runs; what was started there is stopped in the end.
struct Home(TempDir);

impl Home {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        // The system's may be behind a symbolic link.
        fs::create_dir(folder.path().join("home")).expect("a new folder");
        Home(folder)
    }

    fn path(&self) -> PathBuf {
        self.0.path().canonicalize().expect("a path").join("home")
    }

    fn folder(&self, name: impl AsRef<Path>) -> PathBuf {
        self.path().join(name)
    }

    fn notes(&self) -> PathBuf {
        self.folder("runtime/az-local/instances")
    }

    /// How many instances are noted.
    fn noted(&self) -> usize {
        let entries = fs::read_dir(self.notes()).map_or(0, Iterator::count);
        entries.saturating_sub(usize::from(self.notes().join("lock").exists()))
    }

    fn prepare(&self, command: &mut Command) {
        let programs = Path::new(env!("CARGO_BIN_EXE_az-local")).parent();
        let programs = programs.expect("a folder").display();
        let path = std::env::var("PATH").expect("PATH");
        command
            .current_dir(self.path())
            .env_clear()
            .env("PATH", format!("{programs}:{path}"))
            .env("HOME", self.path())
            .env("XDG_RUNTIME_DIR", self.folder("runtime"))
            .env("XDG_CONFIG_HOME", self.path())
            .env("TMPDIR", self.path())
            .env("LC_ALL", "C.UTF-8")
            .stdin(Stdio::null());
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_az-local"));
        self.prepare(&mut command);
        command.args(arguments);
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("az-local")
    }

    fn succeed(&self, arguments: &[&str]) -> Output {
        let output = self.run(arguments);
        assert!(
            output.status.success(),
            "{arguments:?}: {}",
            text(&output.stderr)
        );
        output
    }

    fn start(&self, folder: &str) {
        self.succeed(&["start", "--data-dir", folder]);
    }

    /// The folder of the instance that a command finds.
    fn found(&self) -> String {
        let status = self.succeed(&["status", "-o", "json"]).stdout;
        let status: serde_json::Value = serde_json::from_slice(&status).expect("JSON");
        status["dataDir"].as_str().expect("a folder").to_owned()
    }

    /// Ends an instance as a lack of memory would.
    fn kill(&self, folder: &str) {
        let status = self
            .succeed(&["--data-dir", folder, "status", "-o", "json"])
            .stdout;
        let status: serde_json::Value = serde_json::from_slice(&status).expect("JSON");
        kill(&status["pid"].to_string());
        // Its socket goes with it, a moment later.
        while self.run(&["--data-dir", folder, "status"]).status.success() {}
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let _ = self.run(&["--data-dir", "runtime/az-local", "stop"]);
        for note in fs::read_dir(self.notes()).into_iter().flatten().flatten() {
            let path = fs::read(note.path()).unwrap_or_default();
            let path = Path::new(OsStr::from_bytes(&path));
            if path.is_absolute() {
                // A test may have opened it to others.
                let _ = fs::set_permissions(path, Permissions::from_mode(0o700));
                let _ = self.command(&["stop", "--data-dir"]).arg(path).output();
            }
        }
    }
}

fn kill(pid: &str) {
    let killed = Command::new("kill").args(["-9", pid]).status();
    assert!(killed.expect("kill").success());
}

#[test]
fn an_instance_with_a_folder_of_its_own_is_found_by_every_command() {
    let home = Home::new();
    home.start("./azure");
    for arguments in [
        ["env"].as_slice(),
        &["env", "--shell", "pwsh"],
        &["status"],
        &["clock", "show"],
        &["clock", "advance", "1h"],
        &["set", "role-delay", "1s"],
        &["resources"],
        &["vm", "list"],
        &["ssh-config"],
        &["credential", "federated", "-o", "assertion"],
    ] {
        let output = home.succeed(arguments);
        assert_eq!(text(&output.stderr), "", "{arguments:?}");
    }
    assert_eq!(home.found(), home.folder("azure").display().to_string());
    let twice = home.run(&["start", "--data-dir", "azure"]);
    assert_eq!(twice.status.code(), Some(6));
    home.succeed(&["stop"]);
    assert_eq!(home.noted(), 0);
    assert_eq!(home.run(&["status"]).status.code(), Some(3));
}

#[test]
fn the_words_of_the_readme_are_enough() {
    let home = Home::new();
    let mut shell = Command::new("sh");
    home.prepare(&mut shell);
    let script = "set -e
        az-local start --data-dir ./azure
        eval \"$(az-local env)\"
        echo \"$AZ_LOCAL_DIR\"
        az-local stop";
    let output = shell.args(["-c", script]).output().expect("a shell");
    assert!(output.status.success(), "{}", text(&output.stderr));
    let last = text(&output.stdout).lines().last().map(str::to_owned);
    assert_eq!(last, Some(home.folder("azure").display().to_string()));
}

#[test]
fn where_several_run_none_is_chosen_silently() {
    let home = Home::new();
    home.start("one");
    home.start("two");
    home.succeed(&["start"]);
    let folders = [
        home.folder("one"),
        home.folder("two"),
        home.folder("runtime/az-local"),
    ];
    for arguments in [["env"].as_slice(), &["stop"], &["clock", "advance", "1h"]] {
        let output = home.run(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        let said = text(&output.stderr);
        for folder in &folders {
            assert!(said.contains(&folder.display().to_string()), "{said}");
        }
        assert!(
            said.contains("--data-dir") && said.contains("AZ_LOCAL_DIR"),
            "{said}"
        );
    }
    // Who names one gets it.
    for folder in &folders {
        let shown = folder.display().to_string();
        let output = home.succeed(&["--data-dir", &shown, "status"]);
        assert!(text(&output.stdout).contains(&shown));
        let mut by_variable = home.command(&["status"]);
        let output = by_variable.env("AZ_LOCAL_DIR", folder).output();
        assert!(text(&output.expect("az-local").stdout).contains(&shown));
    }
    home.succeed(&["stop", "--data-dir", "one"]);
    home.succeed(&["stop", "--data-dir", "runtime/az-local"]);
    assert_eq!(home.found(), folders[1].display().to_string());
}

#[test]
fn one_that_is_no_more_is_forgotten() {
    let home = Home::new();
    home.start("one");
    home.start("two");
    assert_eq!(home.noted(), 2);
    home.kill("one");
    assert_eq!(home.found(), home.folder("two").display().to_string());
    assert_eq!(home.noted(), 1);
    home.kill("two");
    fs::remove_dir_all(home.folder("two")).expect("removed");
    let output = home.run(&["env"]);
    assert_eq!(output.status.code(), Some(3), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("az-local start"));
    assert_eq!(home.noted(), 0);
    home.start("one");
    assert_eq!(home.found(), home.folder("one").display().to_string());
}

#[test]
fn instances_that_start_at_once_are_all_noted() {
    let home = Home::new();
    let folders = ["a", "b", "c", "with a 'quote'\nand a line"];
    std::thread::scope(|scope| {
        for folder in folders {
            let home = &home;
            scope.spawn(move || home.start(folder));
        }
    });
    assert_eq!(home.noted(), folders.len());
    for folder in &folders[..3] {
        home.succeed(&["stop", "--data-dir", folder]);
    }
    assert_eq!(home.found(), home.folder(folders[3]).display().to_string());
}

#[test]
fn the_one_of_a_run_is_its_commands_alone() {
    let home = Home::new();
    let mut script = home.command(&[
        "run",
        "--",
        "sh",
        "-c",
        "env -u AZ_LOCAL_DIR az-local status",
    ]);
    assert_eq!(script.output().expect("az-local").status.code(), Some(3));
    assert_eq!(home.noted(), 0);
}

#[test]
fn notes_are_their_users_alone_and_else_not_believed() {
    let home = Home::new();
    home.start("azure");
    let notes = home.notes();
    let mode = |path: &Path| fs::metadata(path).expect("metadata").permissions().mode() & 0o777;
    assert_eq!(mode(&notes), 0o700);
    for note in fs::read_dir(&notes).expect("notes") {
        assert_eq!(mode(&note.expect("a note").path()), 0o600);
    }
    let folders = [notes.clone(), notes.parent().expect("a folder").to_owned()];
    for folder in folders {
        let allow =
            |mode| fs::set_permissions(&folder, Permissions::from_mode(mode)).expect("a mode");
        allow(0o770);
        let output = home.run(&["env"]);
        assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
        assert!(text(&output.stderr).contains(&folder.display().to_string()));
        // An instance can be started all the same, which says who finds it.
        let started = home.succeed(&["start", "--data-dir", "other"]);
        assert!(
            text(&started.stderr).contains("--data-dir"),
            "{}",
            text(&started.stderr)
        );
        home.succeed(&["stop", "--data-dir", "other"]);
        allow(0o700);
    }
    home.succeed(&["stop"]);
}

/// A shell, and how it reads the environment. `{}` stands for the arguments of `az-local`.
struct Reader {
    program: &'static str,
    /// What follows `env` to name the shell
    shell: &'static str,
    /// The same, misspelt
    misspelt: &'static str,
    read: &'static str,
    status: &'static str,
    /// What makes a script end with the first failure, and what reads the environment there
    strict: &'static str,
}

const READERS: [Reader; 6] = [
    Reader {
        program: "sh",
        shell: "",
        misspelt: "--shell=nonsense",
        read: "eval \"$(az-local {})\"",
        status: "$?",
        strict: "set -e; eval \"$(az-local {})\"",
    },
    Reader {
        program: "bash",
        shell: "--shell bash",
        misspelt: "--shell bsh",
        read: "eval \"$(az-local {})\"",
        status: "$?",
        strict: "set -euo pipefail; eval \"$(az-local {})\"",
    },
    // Without the quotes.
    Reader {
        program: "bash",
        shell: "",
        misspelt: "--shell",
        read: "eval $(az-local {})",
        status: "$?",
        strict: "set -e; eval $(az-local {})",
    },
    Reader {
        program: "sh",
        shell: "--shell=sh",
        misspelt: "--shell=",
        read: "eval $(az-local {})",
        status: "$?",
        strict: "set -e; eval $(az-local {}) ",
    },
    Reader {
        program: "zsh",
        shell: "--shell zsh",
        misspelt: "--shell zzsh",
        read: "eval \"$(az-local {})\"",
        status: "$?",
        strict: "set -e; eval \"$(az-local {})\"",
    },
    Reader {
        program: "fish",
        shell: "--shell fish",
        misspelt: "--shell FISH",
        read: "az-local {} | source",
        status: "$status",
        strict: "az-local {} | source; or exit",
    },
];

/// Why there is no environment: the name, what makes it so, the arguments, and the status.
type Reason = (&'static str, fn(&Home), &'static str, i32);

const REASONS: [Reason; 11] = [
    ("none was started", |_| {}, "env {shell}", 3),
    (
        "none is there",
        |_| {},
        "env --data-dir elsewhere {shell}",
        3,
    ),
    (
        "it was stopped",
        |home| {
            home.start("azure");
            home.succeed(&["stop"]);
        },
        "env --data-dir azure {shell}",
        3,
    ),
    (
        "it was killed",
        |home| {
            home.start("azure");
            home.kill("azure");
        },
        "env {shell}",
        3,
    ),
    (
        "several run",
        |home| {
            home.start("one");
            home.start("two");
        },
        "env {shell}",
        2,
    ),
    (
        "others may write to its folder",
        |home| {
            home.start("azure");
            let open = Permissions::from_mode(0o777);
            fs::set_permissions(home.folder("azure"), open).expect("a mode");
        },
        "--data-dir azure env {shell}",
        2,
    ),
    (
        "the default folder is somebody else's",
        |home| {
            let folder = home.folder("runtime/az-local");
            fs::create_dir_all(&folder).expect("a new folder");
            if lchown(&folder, Some(65534), None).is_err() {
                eprintln!(
                    "only root can give folders away: a folder that others may write is taken"
                );
                let open = Permissions::from_mode(0o777);
                fs::set_permissions(&folder, open).expect("a mode");
            }
        },
        "env {shell}",
        2,
    ),
    (
        "there is no such tenant",
        |home| home.start("azure"),
        "env --tenant 9 {shell}",
        3,
    ),
    (
        "a number is none",
        |home| home.start("azure"),
        "env --tenant x {shell}",
        2,
    ),
    (
        "an option is unknown",
        |home| home.start("azure"),
        "--data-dir azure env {shell} --bogus",
        2,
    ),
    (
        "the shell is unknown",
        |home| home.start("azure"),
        "env {misspelt}",
        2,
    ),
];

/// What the user has of the real Azure's.
const REAL: [(&str, &str); 9] = [
    ("AZURE_TENANT_ID", "real"),
    ("AZURE_CLIENT_ID", "real"),
    ("AZURE_CLIENT_SECRET", "real"),
    ("AZURE_SUBSCRIPTION_ID", "real"),
    ("AZURE_CONFIG_DIR", "/real"),
    ("IDENTITY_ENDPOINT", "http://real"),
    ("NO_PROXY", "*"),
    ("no_proxy", ".azure.com"),
    ("ALL_PROXY", "socks5://real"),
];

/// Runs a script; none where the shell is not installed. CI installs all of them.
fn shell(home: &Home, program: &str, script: &str) -> Option<Output> {
    let mut command = Command::new(program);
    home.prepare(&mut command);
    match command.args(["-c", script]).envs(REAL).output() {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let ci = std::env::var_os("CI").is_some_and(|ci| !ci.is_empty());
            assert!(!ci, "{program} is not installed");
            eprintln!("{program} is not installed: it was not tested");
            None
        }
        output => Some(output.expect("a shell")),
    }
}

/// The environment that a shell's programs have, printed by `env -0` behind a line.
fn environment(printed: &[u8]) -> HashMap<String, String> {
    let at = printed
        .iter()
        .position(|byte| *byte == b'\n')
        .expect("a line");
    text(&printed[at + 1..])
        .split('\0')
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// No client that heeds the environment reaches anything in it.
fn assert_leads_nowhere(environment: &HashMap<String, String>, of: &str) {
    let get = |name: &str| environment.get(name).map(String::as_str);
    for name in ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"] {
        assert_eq!(get(name), Some("http://127.0.0.1:1"), "{of}: {name}");
    }
    for name in ["NO_PROXY", "no_proxy"] {
        assert_eq!(get(name), Some(""), "{of}: {name}");
    }
    for name in ["AZURE_CONFIG_DIR", "AZD_CONFIG_DIR", "AZ_TOKEN_CACHE_DIR"] {
        assert!(
            get(name).is_some_and(|folder| folder.starts_with("/dev/null/")),
            "{of}: {name}"
        );
    }
    for (name, real) in REAL {
        assert_ne!(get(name), Some(real), "{of}: {name}");
    }
    for name in [
        "AZURE_CLIENT_SECRET",
        "AZURE_TENANT_ID",
        "IDENTITY_ENDPOINT",
        "ALL_PROXY",
    ] {
        assert_eq!(get(name), None, "{of}: {name}");
    }
}

fn a_failure_ends_where_it_is(reader: &Reader) {
    for (reason, cause, arguments, status) in REASONS {
        let of = format!("{}, {}: {reason}", reader.program, reader.read);
        let home = Home::new();
        cause(&home);
        let arguments = arguments
            .replace("{shell}", reader.shell)
            .replace("{misspelt}", reader.misspelt);
        let lines = [
            reader.read.replace("{}", &arguments),
            format!("echo {}", reader.status),
            "env -0".to_owned(),
        ];
        let Some(output) = shell(&home, reader.program, &lines.join("\n")) else {
            return;
        };
        let (printed, said) = (&output.stdout, text(&output.stderr));
        let first = text(printed).lines().next().map(str::to_owned);
        assert_eq!(first, Some(status.to_string()), "{of}: {said}");
        assert_leads_nowhere(&environment(printed), &of);
        assert!(said.contains("no local Azure here"), "{of}: {said}");
        // Beside what the shell says, the reason.
        assert!(said.lines().count() > 1, "{of}: {said}");

        let strict = reader.strict.replace("{}", &arguments);
        let output =
            shell(&home, reader.program, &format!("{strict}\necho went on")).expect("a shell");
        assert_eq!(text(&output.stdout), "", "{of}");
        assert_eq!(output.status.code(), Some(status), "{of}");

        let words: Vec<_> = arguments.split_whitespace().collect();
        assert_eq!(home.run(&words).status.code(), Some(status), "{of}");
    }
}

#[test]
fn a_posix_shell_does_not_go_on_without_an_instance() {
    a_failure_ends_where_it_is(&READERS[0]);
}

#[test]
fn bash_does_not_go_on_without_an_instance() {
    a_failure_ends_where_it_is(&READERS[1]);
}

#[test]
fn bash_does_not_go_on_without_an_instance_and_without_quotes() {
    a_failure_ends_where_it_is(&READERS[2]);
}

#[test]
fn a_posix_shell_does_not_go_on_without_an_instance_and_without_quotes() {
    a_failure_ends_where_it_is(&READERS[3]);
}

#[test]
fn zsh_does_not_go_on_without_an_instance() {
    a_failure_ends_where_it_is(&READERS[4]);
}

#[test]
fn fish_does_not_go_on_without_an_instance() {
    a_failure_ends_where_it_is(&READERS[5]);
}

#[test]
fn powershell_is_thrown_an_error() {
    let home = Home::new();
    for arguments in [
        ["env", "--shell", "pwsh"].as_slice(),
        &["env", "--shell", "PowerShell"],
        &["env", "--tenant", "x", "--shell=pwsh"],
    ] {
        let output = home.run(arguments);
        assert!(!output.status.success());
        let printed = text(&output.stdout);
        assert!(
            printed.contains("$env:HTTPS_PROXY = 'http://127.0.0.1:1'\n"),
            "{printed}"
        );
        assert!(printed.contains("Remove-Item -ErrorAction Ignore Env:AZURE_CLIENT_SECRET\n"));
        let last = printed.lines().last().unwrap_or_default();
        assert!(
            last.starts_with("throw '") && last.ends_with('\''),
            "{last}"
        );
    }
}

#[test]
fn only_a_failing_env_prints_what_leads_nowhere() {
    let home = Home::new();
    for arguments in [
        ["status"].as_slice(),
        &["--bogus"],
        &["status", "--bogus", "env"],
        &["--data-dir", "env", "status", "--bogus"],
        &["run", "--bogus", "env"],
        &["stop"],
    ] {
        let output = home.run(arguments);
        assert!(!output.status.success(), "{arguments:?}");
        assert_eq!(text(&output.stdout), "", "{arguments:?}");
    }
    let help = text(&home.succeed(&["env", "--help"]).stdout);
    assert!(
        help.contains("Usage") && !help.contains("127.0.0.1"),
        "{help}"
    );
}

#[test]
fn a_good_environment_takes_the_place_of_one_that_leads_nowhere() {
    let home = Home::new();
    let script = "eval \"$(az-local env 2>/dev/null)\" 2>/dev/null
        az-local start --data-dir azure >/dev/null 2>&1
        eval \"$(az-local env)\"; echo $?; env -0";
    let output = shell(&home, "sh", script).expect("a shell");
    let environment = environment(&output.stdout);
    assert!(
        output.stdout.starts_with(b"0\n"),
        "{}",
        text(&output.stderr)
    );
    assert!(environment["HTTPS_PROXY"].contains('@'));
    assert!(!environment.contains_key("AZURE_TOKEN_CREDENTIALS"));
    let own = home.folder("azure");
    assert!(Path::new(&environment["AZURE_CONFIG_DIR"]).starts_with(own));
}

#[test]
fn each_shell_reads_a_good_environment() {
    let home = Home::new();
    home.start("a folder");
    for reader in &READERS {
        let read = reader.read.replace("{}", &format!("env {}", reader.shell));
        let script = format!("{read}\necho {}\nenv -0", reader.status);
        let Some(output) = shell(&home, reader.program, &script) else {
            continue;
        };
        let of = format!("{}, {}", reader.program, reader.read);
        assert!(
            output.stdout.starts_with(b"0\n"),
            "{of}: {}",
            text(&output.stderr)
        );
        let environment = environment(&output.stdout);
        let own = home.folder("a folder").display().to_string();
        assert_eq!(environment["AZ_LOCAL_DIR"], own, "{of}");
        assert_ne!(environment["AZURE_CLIENT_SECRET"], "real", "{of}");
        assert!(!environment.contains_key("IDENTITY_ENDPOINT"), "{of}");
        assert_eq!(environment["no_proxy"], "", "{of}");
    }
}

/// curl, where it is installed, gets nothing in the environment that a shell has after `script`.
fn assert_curl_fails(home: &Home, script: &str, word: &str) {
    if let Err(error) = Command::new("curl").arg("--version").output() {
        eprintln!("curl: {error}: it was not tested");
        return;
    }
    for url in [
        "https://management.azure.com/",
        "http://no-such-host.invalid/",
    ] {
        let script = format!("{script}\ncurl -sS --max-time 30 {url} && echo reached");
        let output = shell(home, "sh", &script).expect("a shell");
        assert!(!text(&output.stdout).contains("reached"), "{url}");
        let said = text(&output.stderr);
        assert!(said.contains(word), "{url}: {said}");
    }
}

#[test]
fn curl_goes_nowhere_without_an_instance() {
    let home = Home::new();
    assert_curl_fails(&home, "eval \"$(az-local env)\"", "127.0.0.1 port 1 ");
}

#[test]
fn curl_goes_nowhere_when_the_instance_is_gone() {
    for end in [
        "az-local stop",
        "kill -9 \"$(az-local status | sed -n 's/^running  process \\([0-9]*\\).*/\\1/p')\"",
    ] {
        let home = Home::new();
        let script = format!(
            "az-local start --data-dir azure >/dev/null; eval \"$(az-local env)\"; {end}
             while az-local status >/dev/null 2>&1; do :; done
             port=${{HTTPS_PROXY##*:}}; test -n \"$AZURE_CLIENT_SECRET\" && test -z \"$NO_PROXY$ALL_PROXY\" && echo \"gone from $port\""
        );
        let output = shell(&home, "sh", &script).expect("a shell");
        let printed = text(&output.stdout);
        assert!(
            printed.contains("gone from "),
            "{printed}{}",
            text(&output.stderr)
        );
        assert_curl_fails(&home, &script, "127.0.0.1 port ");
    }
}

#[test]
fn curl_goes_nowhere_when_the_instance_of_a_run_is_gone() {
    let home = Home::new();
    // The command outlives its az-local, which is killed.
    let script = "kill -9 $PPID
        while kill -0 $PPID 2>/dev/null; do :; done
        curl -sS --max-time 30 https://management.azure.com/ 2>said && echo reached >>said
        mv said done";
    let mut command = home.command(&["run", "--", "sh", "-c", script]);
    let status = command.envs(REAL).status().expect("az-local");
    assert_eq!(status.code(), None);
    let until = std::time::Instant::now() + std::time::Duration::from_secs(60);
    let said = loop {
        match fs::read_to_string(home.folder("done")) {
            Ok(said) => break said,
            Err(_) => assert!(std::time::Instant::now() < until, "the command never ended"),
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
    };
    assert!(!said.contains("reached"), "{said}");
    assert!(
        said.contains("127.0.0.1 port ") || said.contains("curl"),
        "{said}"
    );
}

#[test]
fn a_command_ends_with_the_instance_that_it_was_run_with() {
    let home = Home::new();
    let script = "az-local stop; curl -sS https://management.azure.com/; sleep 60; echo went on";
    let output = home.run(&["run", "--", "sh", "-c", script]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(text(&output.stdout), "");
}
