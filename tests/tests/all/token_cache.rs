//! The token cache: what `az` is asked when the tools use its sign-in.
#![cfg(unix)]

use end_to_end::{Azure, GROUP, IDENTITY, OFFICER, VAULT, VM, http::Client, stderr};
use predicates::{prelude::*, str::contains};
use std::{os::unix::fs::PermissionsExt, path::PathBuf};

/// A desk where `az` is signed in, and no variable has a credential.
struct Desk {
    azure: Azure,
    scope: String,
}

impl Desk {
    /// One with a group and a vault, and with an `az` that gives real tokens and writes down what it is asked.
    fn new() -> Self {
        let azure = Azure::start().with_group().with_vault();
        let scope = azure.vault_id();
        let desk = Desk { azure, scope };
        let client = Client::new(&desk.azure);
        let answer = |scope: &str| {
            let token = client.token(scope);
            format!(
                r#"{{"accessToken": "{token}", "expires_on": 2147483647, "tokenType": "Bearer"}}"#
            )
        };
        let script = format!(
            "#!/bin/sh\necho \"$*\" >> '{}'\ncase \"$*\" in\n*vault.azure.net*) echo '{}' ;;\n*management.azure.com*) echo '{}' ;;\n*graph.microsoft.com*) echo '{}' ;;\n*) exit 1 ;;\nesac\n",
            desk.log().display(),
            answer("https://vault.azure.net/.default"),
            answer("https://management.azure.com/.default"),
            answer("https://graph.microsoft.com/.default"),
        );
        std::fs::create_dir(desk.bin()).expect("made");
        let az = desk.bin().join("az");
        std::fs::write(&az, script).expect("written");
        std::fs::set_permissions(&az, std::fs::Permissions::from_mode(0o755)).expect("mode");
        desk.sign_in("ada@example.org");
        desk
    }

    fn bin(&self) -> PathBuf {
        self.azure.scratch().join("bin")
    }

    fn log(&self) -> PathBuf {
        self.azure.scratch().join("az.log")
    }

    /// What `az login` leaves.
    fn sign_in(&self, name: &str) {
        let folder = PathBuf::from(self.azure.var("AZURE_CONFIG_DIR"));
        std::fs::create_dir_all(&folder).expect("made");
        let profile = serde_json::json!({"subscriptions": [{
            "id": self.azure.var("AZURE_SUBSCRIPTION_ID"), "tenantId": self.azure.var("AZURE_TENANT_ID"),
            "name": "local", "isDefault": true, "environmentName": "AzureCloud",
            "user": {"name": name, "type": "user"},
        }]});
        std::fs::write(folder.join("azureProfile.json"), profile.to_string()).expect("written");
    }

    fn tokens(&self) -> PathBuf {
        PathBuf::from(self.azure.var("AZ_TOKEN_CACHE_DIR")).join("tokens.json")
    }

    /// A shell script at this desk.
    fn shell(&self, script: &str) -> assert_cmd::Command {
        let mut command = self.azure.shell(&format!("set -o pipefail; {script}"));
        for name in ["AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET"] {
            command.env_remove(name);
        }
        let path = format!("{}:{}", self.bin().display(), self.azure.var("PATH"));
        command.env("PATH", path);
        command
    }

    /// An identity is made, gets a role, and both are shown.
    fn pipeline(&self) -> String {
        format!(
            "az-identity create -g {GROUP} -n {IDENTITY} | az-role assignment create --assignee - --role '{OFFICER}' --scope {} && az-identity show -g {GROUP} -n {IDENTITY} && az-provision group show -n {GROUP}",
            self.scope
        )
    }

    /// How often `az` was started.
    fn starts(&self) -> usize {
        match std::fs::read_to_string(self.log()) {
            Ok(log) => log.lines().count(),
            Err(_) => 0,
        }
    }
}

#[test]
fn az_is_started_once_for_a_pipeline_and_what_follows() {
    let desk = Desk::new();
    desk.shell(&desk.pipeline()).assert().success();
    assert_eq!(desk.starts(), 1);
    let many = format!("for i in 1 2 3 4; do az-provision keyvault show -n {VAULT} & done; wait");
    desk.shell(&many).assert().success();
    assert_eq!(desk.starts(), 1);
    let mode = desk
        .tokens()
        .metadata()
        .expect("a file")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn tools_that_start_at_once_wait_for_one_az() {
    let desk = Desk::new();
    let many = format!("for i in 1 2 3 4; do az-provision keyvault show -n {VAULT} & done; wait");
    desk.shell(&many).assert().success();
    assert_eq!(desk.starts(), 1);
}

#[test]
fn without_the_cache_each_tool_starts_az_and_nothing_is_written() {
    let desk = Desk::new();
    let mut pipeline = desk.shell(&desk.pipeline());
    pipeline.env("AZ_TOKEN_CACHE", "off").assert().success();
    assert!(desk.starts() >= 4, "{}", desk.starts());
    assert!(!desk.tokens().exists());
}

#[test]
fn a_token_is_not_used_after_another_sign_in() {
    let desk = Desk::new();
    let show = format!("az-provision group show -n {GROUP}");
    for starts in [1, 1] {
        desk.shell(&show).assert().success();
        assert_eq!(desk.starts(), starts);
    }
    desk.sign_in("eve@example.org");
    desk.shell(&show).assert().success();
    assert_eq!(desk.starts(), 2);
}

#[test]
fn a_file_that_others_can_read_is_warned_of_once() {
    let desk = Desk::new();
    let show = format!("az-provision group show -n {GROUP}");
    desk.shell(&show).assert().success();
    let file = desk.tokens();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).expect("mode");
    let warned = desk.shell(&show).assert().success();
    let text = stderr(&warned);
    assert_eq!(
        text.matches("could be read by other users").count(),
        1,
        "{text}"
    );
    assert!(!text.contains("eyJ"), "{text}");
    assert_eq!(desk.starts(), 2);
    desk.shell(&show)
        .assert()
        .success()
        .stderr(contains("other users").not());
    assert_eq!(desk.starts(), 2);
}

#[test]
fn a_service_principal_s_and_a_machine_s_tokens_are_never_written() {
    let azure = Azure::start().with_group().with_vault().with_vm();
    let assigned = azure.json(&format!("az-identity vm assign -g {GROUP} -n {VM}"));
    let principal = assigned["systemAssignedIdentity"]
        .as_str()
        .expect("a principal");
    azure.grant(principal, OFFICER);
    azure
        .on_machine(VM, "kv-set ExampleSecret --wait-for-access 1m")
        .write_stdin("value")
        .assert()
        .success();
    let find = azure
        .shell("find . -name 'tokens.json*'")
        .assert()
        .success();
    find.stdout("");
}
