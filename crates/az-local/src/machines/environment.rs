//! The environment that makes unmodified clients talk to the instance.

use crate::ground::folder::Folder;
use crate::ground::quoting::{fish_quoted, posix_quoted, pwsh_quoted};
use crate::machines::java;
use crate::machines::ssh::client_config;
use crate::state::Application;
use crate::state::settings::Desk;
use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Variables to set and to unset, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Environment {
    /// Names and values.
    pub set: Vec<(String, String)>,
    /// Names.
    pub unset: Vec<String>,
}

/// What would steer a client past the instance, or to another identity.
const STEERING: &[&str] = &[
    "ALL_PROXY",
    "all_proxy",
    "SSL_CERT_DIR",
    "AZURE_AUTHORITY_HOST",
    "AZURE_CLIENT_CERTIFICATE_PASSWORD",
    "AZURE_CLIENT_CERTIFICATE_PATH",
    "AZURE_CLIENT_SEND_CERTIFICATE_CHAIN",
    "AZURE_CLIENT_ID",
    "AZURE_CLIENT_SECRET",
    "AZURE_TENANT_ID",
    "AZURE_SUBSCRIPTION_ID",
    "AZURE_CLI_DISABLE_CONNECTION_VERIFICATION",
    "AZURE_CLOUD",
    "AZURE_DISABLE_INSTANCE_DISCOVERY",
    "AZURE_FEDERATED_TOKEN",
    "AZURE_FEDERATED_TOKEN_FILE",
    "AZURE_IDENTITY_DISABLE_MULTITENANTAUTH",
    "AZURE_PASSWORD",
    "AZURE_POD_IDENTITY_AUTHORITY_HOST",
    "AZURE_REGIONAL_AUTHORITY_NAME",
    "AZURE_TOKEN_CREDENTIALS",
    "AZURE_USERNAME",
    "IDENTITY_ENDPOINT",
    "IDENTITY_HEADER",
    "IDENTITY_SERVER_THUMBPRINT",
    "IMDS_ENDPOINT",
    "MSI_ENDPOINT",
    "MSI_SECRET",
    "SYSTEM_ACCESSTOKEN",
    "SYSTEM_OIDCREQUESTURI",
    // Ansible's and Terraform's.
    "ARM_AUXILIARY_TENANT_IDS",
    "ARM_CLIENT_CERTIFICATE",
    "ARM_CLIENT_CERTIFICATE_PASSWORD",
    "ARM_CLIENT_CERTIFICATE_PATH",
    "ARM_CLIENT_ID",
    "ARM_CLIENT_ID_FILE_PATH",
    "ARM_CLIENT_SECRET",
    "ARM_CLIENT_SECRET_FILE_PATH",
    "ARM_ENVIRONMENT",
    "ARM_METADATA_HOSTNAME",
    "ARM_MSI_ENDPOINT",
    "ARM_OIDC_TOKEN",
    "ARM_OIDC_TOKEN_FILE_PATH",
    "ARM_SUBSCRIPTION_ID",
    "ARM_TENANT_ID",
    "ARM_USE_AKS_WORKLOAD_IDENTITY",
    "ARM_USE_MSI",
    "ARM_USE_OIDC",
    "AZURE_AD_USER",
    "AZURE_ADFS_AUTHORITY_URL",
    "AZURE_CERT_VALIDATION_MODE",
    "AZURE_CLOUD_ENVIRONMENT",
    "AZURE_PROFILE",
    "AZURE_SECRET",
    "AZURE_TENANT",
    "AZURE_THUMBPRINT",
    "AZURE_X509_CERTIFICATE_PATH",
];

/// Ansible's names (`AZURE_CREDENTIAL_ENV_MAPPING` in azure.azcollection) and Terraform's
/// (<https://registry.terraform.io/providers/hashicorp/azurerm/latest/docs#argument-reference>), beside the SDKs'.
const OTHER_NAMES: [(&str, &str); 6] = [
    ("AZURE_SECRET", "AZURE_CLIENT_SECRET"),
    ("AZURE_TENANT", "AZURE_TENANT_ID"),
    ("ARM_CLIENT_ID", "AZURE_CLIENT_ID"),
    ("ARM_CLIENT_SECRET", "AZURE_CLIENT_SECRET"),
    ("ARM_SUBSCRIPTION_ID", "AZURE_SUBSCRIPTION_ID"),
    ("ARM_TENANT_ID", "AZURE_TENANT_ID"),
];

/// Where nothing listens: only root could. Nobody could on port 0, but clients may take that for no port given.
const NOWHERE: &str = "http://127.0.0.1:1";

/// Below it no client finds anything, and none can make anything.
const NO_FOLDER: &str = "/dev/null/az-local";

impl Environment {
    /// Nobody's: no sign-in, and a proxy that is not there. For a shell that was to have an instance's and has none, so that
    /// what goes on in it does not reach the real Azure.
    pub fn of_nobody() -> Self {
        let mut environment = Environment::default();
        environment.lead_to(NOWHERE);
        environment.set(java::VARIABLE, &java::options(None));
        environment.keep_in(Path::new(NO_FOLDER));
        // The chains of the SDKs, and ours, end with the variables that are not there: no metadata service, no tool of the
        // user's is asked.
        environment.set("AZURE_TOKEN_CREDENTIALS", "EnvironmentCredential");
        environment.unset_rest();
        environment
    }

    /// The desk's: the proxy, trust in it, the desk's service principal, and folders of its own.
    pub(crate) fn of_desk(
        folder: &Folder,
        proxy: &str,
        desk: &Desk,
        application: &Application,
    ) -> Self {
        let mut environment = Environment::through(folder, proxy);
        environment.set("AZURE_TENANT_ID", &desk.tenant_id);
        environment.set("AZURE_CLIENT_ID", &desk.app_id);
        let secret = application.secrets.first().map_or("", |secret| secret);
        environment.set("AZURE_CLIENT_SECRET", secret);
        let subscription = desk.subscription_ids.first().map_or("", |id| id);
        environment.set("AZURE_SUBSCRIPTION_ID", subscription);
        environment.name_for_others();
        let name = if desk.number == 1 {
            String::new()
        } else {
            format!("-{}", desk.number)
        };
        environment.keep_in(&folder.client(&format!("desk{name}")));
        environment.set_path("AZ_LOCAL_DIR", folder.path());
        environment.unset_rest();
        environment
    }

    /// A machine's: the proxy as that machine, and folders in its home; nobody's credential.
    pub(crate) fn of_machine(folder: &Folder, proxy: &str, vm_id: &str, user: &str) -> Self {
        let home = folder.machine_home(vm_id);
        let mut environment = Environment::through(folder, proxy);
        environment.set_path("HOME", &home);
        environment.set("USER", user);
        environment.set("LOGNAME", user);
        environment.keep_in(&home.join(".az-local"));
        environment
    }

    /// Another host's: the proxy as that host, folders in its home, and the variables by which programs find its identity.
    /// What it has on loopback is reached without the proxy, as it is there.
    pub(crate) fn of_host(
        folder: &Folder,
        proxy: &str,
        home: &Path,
        variables: &[(&str, String)],
    ) -> Self {
        let mut environment = Environment::through(folder, proxy);
        for (name, value) in &mut environment.set {
            if name.eq_ignore_ascii_case("NO_PROXY") {
                *value = "localhost,127.0.0.1".to_owned();
            } else if name == java::VARIABLE {
                *value = java::options_for_all(Some(&folder.trust_store()), proxy);
            }
        }
        environment.set_path("HOME", home);
        environment.keep_in(&home.join(".az-local"));
        for (name, value) in variables {
            environment.set(name, value);
        }
        environment.unset_rest();
        environment
    }

    fn through(folder: &Folder, proxy: &str) -> Self {
        let mut environment = Environment::default();
        environment.lead_to(proxy);
        for name in [
            "SSL_CERT_FILE",
            "REQUESTS_CA_BUNDLE",
            "CURL_CA_BUNDLE",
            "NODE_EXTRA_CA_CERTS",
        ] {
            environment.set_path(name, &folder.bundle());
        }
        let java = java::options(Some(&folder.trust_store()));
        environment.set(java::VARIABLE, &java);
        environment.set_path("AZ_SSH_CONFIG", &client_config::path(folder.path()));
        // Nothing that runs here is of interest to Microsoft.
        environment.set("AZURE_CORE_COLLECT_TELEMETRY", "false");
        environment.set("AZURE_CORE_SURVEY_MESSAGE", "false");
        environment.set("AZURE_DEV_COLLECT_TELEMETRY", "no");
        environment.set("DOTNET_CLI_TELEMETRY_OPTOUT", "1");
        environment.set("POWERSHELL_TELEMETRY_OPTOUT", "1");
        environment
    }

    /// The sign-in by the names that clients have for it which do not take the SDKs'.
    fn name_for_others(&mut self) {
        for (other, name) in OTHER_NAMES {
            if let Some(value) = self.get(name).map(str::to_owned) {
                self.set(other, &value);
            }
        }
    }

    /// Sends clients to a proxy, whatever the host.
    fn lead_to(&mut self, proxy: &str) {
        for name in ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"] {
            self.set(name, proxy);
        }
        for name in ["NO_PROXY", "no_proxy"] {
            self.set(name, "");
        }
        // Node's own `fetch` and `http` read the others where this is set (from 24 and 22.21 on).
        self.set("NODE_USE_ENV_PROXY", "1");
    }

    /// Gives clients folders for their sign-ins and token caches.
    fn keep_in(&mut self, folder: &Path) {
        self.set_path("AZURE_CONFIG_DIR", &folder.join("azure"));
        self.set_path("AZD_CONFIG_DIR", &folder.join("azd"));
        self.set_path("AZ_TOKEN_CACHE_DIR", &folder.join("tokens"));
    }

    fn set(&mut self, name: &str, value: &str) {
        self.set.push((name.to_owned(), value.to_owned()));
    }

    fn set_path(&mut self, name: &str, value: &Path) {
        self.set(name, &value.to_string_lossy());
    }

    fn unset_rest(&mut self) {
        self.unset = STEERING
            .iter()
            .filter(|name| !self.set.iter().any(|(set, _)| set == *name))
            .map(|name| (*name).to_owned())
            .collect();
    }

    /// The same beside what its user has set: options for the JVM (`JAVA_TOOL_OPTIONS`) are kept that have nothing to do with
    /// proxies and trust.
    pub fn beside(mut self, java_options: Option<&str>) -> Self {
        for (name, value) in &mut self.set {
            if name == java::VARIABLE
                && let Some(theirs) = java_options
            {
                *value = java::beside(theirs, value);
            }
        }
        self
    }

    /// The value that a variable is set to.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.set
            .iter()
            .find(|(set, _)| set == name)
            .map(|(_, value)| value.as_str())
    }

    /// As lines for a shell to read, each a command of it. In POSIX shells each ends with a semicolon, too: where the quotes
    /// around `$(…)` are left out, all is one line.
    pub fn lines(&self, shell: Shell) -> String {
        let unset = self.unset.iter().map(|name| match shell {
            Shell::Bash | Shell::Zsh | Shell::Sh => format!("unset {name};\n"),
            Shell::Fish => fish_unset(name),
            Shell::Pwsh => format!("Remove-Item -ErrorAction Ignore Env:{name}\n"),
        });
        let set = self.set.iter().map(|(name, value)| match shell {
            Shell::Bash | Shell::Zsh | Shell::Sh => {
                format!("export {name}={};\n", posix_quoted(value))
            }
            Shell::Fish => format!("set -gx {name} {}\n", fish_quoted(value)),
            // Before PowerShell 7.5 an empty value removes the variable (about_Environment_Variables). Only NO_PROXY
            // has one, and clients take an empty one and none alike.
            Shell::Pwsh => format!("$env:{name} = {}\n", pwsh_quoted(value)),
        });
        // Setting a variable leaves fish the status that it had: that of a question whether another one is there.
        let end = (shell == Shell::Fish).then(|| "true\n".to_owned());
        unset.chain(set).chain(end).collect()
    }

    /// As lines that a shell fails on once it has read them: it prints `message`, and `status` is the status of its
    /// `eval` or `source` (in PowerShell an error is thrown).
    pub fn failing_lines(&self, shell: Shell, message: &str, status: u8) -> String {
        let lines = self.lines(shell);
        match shell {
            Shell::Bash | Shell::Zsh | Shell::Sh => format!(
                "{lines}echo {} >&2;\n(exit {status});\n",
                posix_quoted(message)
            ),
            // No `exit`: it would end an interactive fish.
            Shell::Fish => format!(
                "{lines}echo {} >&2\nsh -c 'exit {status}'\n",
                fish_quoted(message)
            ),
            Shell::Pwsh => format!("{lines}throw {}\n", pwsh_quoted(message)),
        }
    }
}

/// A shell that can read the environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Shell {
    /// eval "$(az-local env)"
    Bash,
    /// eval "$(az-local env --shell zsh)"
    Zsh,
    /// eval "$(az-local env --shell sh)", for any POSIX shell
    Sh,
    /// az-local env --shell fish | source
    Fish,
    /// az-local env --shell pwsh | Out-String | Invoke-Expression
    Pwsh,
}

impl Shell {
    /// The shell that someone means who calls it by another name: PowerShell's has many.
    pub fn called(name: &str) -> Self {
        let name = name.to_lowercase();
        if name.contains("fish") {
            Shell::Fish
        } else if name.contains("power") || name.contains("pwsh") || name.starts_with("ps") {
            Shell::Pwsh
        } else {
            Shell::Sh
        }
    }
}

/// Takes a variable from fish and from the programs that it starts.
///
/// A universal variable stays in every session of its user: it is not erased, but covered by an empty global one. One
/// that is merely not exported would not cover it: fish exports the universal one then.
fn fish_unset(name: &str) -> String {
    format!("set -eg {name}; set -q {name}; and set -gx {name} ''\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::{
        prelude::*,
        test_runner::{Config, TestRunner},
    };
    use std::{
        io::{ErrorKind, Write},
        process::{Command, Stdio},
    };

    /// What a shell prints after it has read the lines; none where the shell is not installed.
    ///
    /// CI installs all of them, so there a missing one is a failure.
    fn run(shell: Shell, lines: &str, then: &str) -> Option<String> {
        let (program, read) = match shell {
            Shell::Bash => ("bash", "eval \"$(cat)\""),
            Shell::Zsh => ("zsh", "eval \"$(cat)\""),
            Shell::Sh => ("sh", "eval \"$(cat)\""),
            Shell::Fish => ("fish", "source"),
            Shell::Pwsh => panic!("PowerShell is not run in tests"),
        };
        // Fish keeps its universal variables there.
        let home = tempfile::tempdir().expect("a folder");
        let spawned = Command::new(program)
            .args(["-c", &format!("{read}\n{then}")])
            .envs([("LC_ALL", "C.UTF-8"), ("TAKEN", "inherited")])
            .env("HOME", home.path())
            .env("XDG_CONFIG_HOME", home.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn();
        let mut child = match spawned {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let ci = std::env::var_os("CI").is_some_and(|ci| !ci.is_empty());
                assert!(!ci, "{program} is not installed");
                eprintln!("{program} is not installed: its quoting was not tested");
                return None;
            }
            spawned => spawned.expect("a shell"),
        };
        let mut input = child.stdin.take().expect("standard input");
        input.write_all(lines.as_bytes()).expect("read");
        drop(input);
        let output = child.wait_with_output().expect("it ends");
        assert!(output.status.success(), "{program}: {lines}");
        Some(String::from_utf8(output.stdout).expect("UTF-8"))
    }

    fn setting(value: &str) -> Environment {
        Environment {
            set: vec![("X".to_owned(), value.to_owned())],
            unset: Vec::new(),
        }
    }

    /// What a program that the shell starts finds as X.
    const SHOW_X: &str = "sh -c 'printf %s \"$X\"'";

    fn any_value_survives(shell: Shell) {
        if run(shell, "", "true").is_none() {
            return;
        }
        for value in [
            "",
            " ",
            "=ls",
            "~",
            "a:~",
            "'",
            "''",
            "\\",
            "\\'",
            "$HOME",
            "`",
            "\n",
            "!x",
            "‘’‚‛",
        ] {
            let read = run(shell, &setting(value).lines(shell), SHOW_X);
            assert_eq!(read.as_deref(), Some(value));
        }
        let outcome = TestRunner::new(Config::with_cases(32)).run(&"[^\0\r]{0,40}", |value| {
            let read = run(shell, &setting(&value).lines(shell), SHOW_X);
            prop_assert_eq!(read, Some(value));
            Ok(())
        });
        outcome.unwrap_or_else(|error| panic!("{error}"));
    }

    fn a_variable_is_taken_away(shell: Shell) {
        let environment = Environment {
            set: Vec::new(),
            unset: vec!["TAKEN".to_owned(), "NEVER_THERE".to_owned()],
        };
        let script = "sh -c 'echo \"${TAKEN-gone} ${NEVER_THERE-gone}\"'";
        if let Some(read) = run(shell, &environment.lines(shell), script) {
            assert_eq!(read, "gone gone\n");
        }
    }

    #[test]
    fn bash_reads_any_value_as_it_is() {
        any_value_survives(Shell::Bash);
    }

    #[test]
    fn zsh_reads_any_value_as_it_is() {
        any_value_survives(Shell::Zsh);
    }

    #[test]
    fn a_posix_shell_reads_any_value_as_it_is() {
        any_value_survives(Shell::Sh);
    }

    #[test]
    fn fish_reads_any_value_as_it_is() {
        any_value_survives(Shell::Fish);
    }

    #[test]
    fn what_would_steer_a_client_is_taken_away_in_each_shell() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Sh, Shell::Fish] {
            a_variable_is_taken_away(shell);
        }
    }

    #[test]
    fn a_universal_variable_of_fish_is_covered_and_kept() {
        let environment = Environment {
            set: Vec::new(),
            unset: vec!["KEPT".to_owned()],
        };
        let lines = format!("set -Ux KEPT once\n{}", environment.lines(Shell::Fish));
        let show = "sh -c 'echo \"[$KEPT]\"'; set -eg KEPT; echo $KEPT";
        if let Some(read) = run(Shell::Fish, &lines, show) {
            assert_eq!(read, "[]\nonce\n");
        }
    }

    #[test]
    fn powershell_is_told_by_its_own_words() {
        let environment = Environment {
            set: vec![
                ("A".to_owned(), "it's $here `n \"x\" ‘’‚‛".to_owned()),
                ("NO_PROXY".to_owned(), String::new()),
            ],
            unset: vec!["B".to_owned()],
        };
        assert_eq!(
            environment.lines(Shell::Pwsh),
            "Remove-Item -ErrorAction Ignore Env:B\n\
             $env:A = 'it''s $here `n \"x\" ‘‘’’‚‚‛‛'\n\
             $env:NO_PROXY = ''\n"
        );
    }

    /// Reads a string in single quotes, and what stands behind it, as PowerShell's tokenizer does
    /// (`ScanStringLiteral` in `tokenizer.cs`).
    fn pwsh_read(text: &str) -> Option<(String, &str)> {
        let mut letters = text.char_indices().peekable();
        let quote = |letter: char| "'\u{2018}\u{2019}\u{201a}\u{201b}".contains(letter);
        letters.next().filter(|(_, first)| quote(*first))?;
        let mut read = String::new();
        while let Some((at, letter)) = letters.next() {
            if !quote(letter) {
                read.push(letter);
                continue;
            }
            match letters.next_if(|(_, next)| quote(*next)) {
                Some((_, second)) => read.push(second),
                None => return Some((read, &text[at + letter.len_utf8()..])),
            }
        }
        None
    }

    proptest! {
        #[test]
        fn powershells_rules_read_any_value_as_it_is(value in "([^\0\r]|['‘’‚‛]){0,40}") {
            let lines = setting(&value).lines(Shell::Pwsh);
            let quoted = lines.strip_prefix("$env:X = ").expect("an assignment");
            prop_assert_eq!(pwsh_read(quoted), Some((value, "\n")));
        }
    }
}
