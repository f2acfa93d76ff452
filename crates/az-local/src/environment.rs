//! The environment that makes unmodified clients talk to the instance.

use crate::instance::folder::Folder;
use crate::instance::settings::Desk;
use crate::ssh::client_config;
use crate::state::Application;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Variables to set and to unset, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Environment {
    pub(crate) set: Vec<(String, String)>,
    pub(crate) unset: Vec<String>,
}

/// What would steer a client past the instance, or to another identity.
const STEERING: [&str; 30] = [
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
];

impl Environment {
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
        environment.set(
            "AZURE_CLIENT_SECRET",
            application.secrets.first().map_or("", |s| s),
        );
        let subscription = desk.subscription_ids.first().map_or("", |id| id);
        environment.set("AZURE_SUBSCRIPTION_ID", subscription);
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

    fn through(folder: &Folder, proxy: &str) -> Self {
        let mut environment = Environment::default();
        for name in ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"] {
            environment.set(name, proxy);
        }
        for name in ["NO_PROXY", "no_proxy"] {
            environment.set(name, "");
        }
        for name in [
            "SSL_CERT_FILE",
            "REQUESTS_CA_BUNDLE",
            "CURL_CA_BUNDLE",
            "NODE_EXTRA_CA_CERTS",
        ] {
            environment.set_path(name, &folder.bundle());
        }
        environment.set_path("AZ_SSH_CONFIG", &client_config::path(folder.path()));
        // Nothing that runs here is of interest to Microsoft.
        environment.set("AZURE_CORE_COLLECT_TELEMETRY", "false");
        environment.set("AZURE_CORE_SURVEY_MESSAGE", "false");
        environment.set("AZURE_DEV_COLLECT_TELEMETRY", "no");
        environment.set("DOTNET_CLI_TELEMETRY_OPTOUT", "1");
        environment.set("POWERSHELL_TELEMETRY_OPTOUT", "1");
        environment
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

    /// The value that a variable is set to.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.set
            .iter()
            .find(|(set, _)| set == name)
            .map(|(_, value)| value.as_str())
    }

    /// As lines for `eval` in bash, zsh or any POSIX shell.
    pub(crate) fn shell(&self) -> String {
        let mut lines = String::new();
        for name in &self.unset {
            lines.push_str(&format!("unset {name}\n"));
        }
        for (name, value) in &self.set {
            lines.push_str(&format!("export {name}={}\n", quote(value)));
        }
        lines
    }
}

/// Quotes a value so that a POSIX shell reads it as it is.
pub(crate) fn quote(value: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_./:@%+=,".contains(letter);
    if !value.is_empty() && value.chars().all(plain) {
        return value.to_owned();
    }
    format!("'{}'", value.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::process::Command;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn a_shell_reads_a_quoted_value_as_it_is(value in "[^\0\r]{0,40}") {
            let environment = Environment { set: vec![("X".to_owned(), value.clone())], unset: Vec::new() };
            let script = format!("{}printf %s \"$X\"", environment.shell());
            let output = Command::new("sh").arg("-c").arg(script).output().expect("a shell");
            prop_assert_eq!(String::from_utf8_lossy(&output.stdout), value);
        }
    }
}
