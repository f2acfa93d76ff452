//! What every tool keeps: streams, exit statuses, errors, dry runs, bad input.

use end_to_end::{
    Azure, GROUP, IDENTITY, OFFICER, PASSWORD, SIZE, TOOLS, VAULT, VM, base_environment, binary,
    json, stderr,
};
use predicates::{prelude::*, str::contains};
use serde_json::Value;

/// A tool in an empty environment: nothing to sign in with, nowhere to go.
fn alone(folder: &std::path::Path, line: &str) -> assert_cmd::Command {
    let mut words = line.split_whitespace();
    let mut command = assert_cmd::Command::new(binary(words.next().expect("a tool")));
    command
        .args(words)
        .env_clear()
        .envs(base_environment(folder))
        .current_dir(folder);
    // Nothing may leave the machine: a proxy that is not there.
    command
        .env("HTTPS_PROXY", "http://127.0.0.1:9")
        .env("HTTP_PROXY", "http://127.0.0.1:9");
    command
}

#[test]
fn help_and_version_are_results() {
    let folder = tempfile::tempdir().expect("a folder");
    for tool in TOOLS {
        alone(folder.path(), &format!("{tool} --help"))
            .assert()
            .success()
            .stdout(contains("Usage:"))
            .stderr("");
        let version = format!("{tool} {}", env!("CARGO_PKG_VERSION"));
        alone(folder.path(), &format!("{tool} -V"))
            .assert()
            .success()
            .stdout(contains(version));
        alone(folder.path(), &format!("{tool} --no-such-flag"))
            .assert()
            .code(2)
            .stdout("");
    }
}

#[test]
fn bad_names_are_refused_with_the_rule_before_anything_is_sent() {
    let folder = tempfile::tempdir().expect("a folder");
    for (line, rule) in [
        (
            "az-provision group create -n bad/name -l eastus",
            "may hold only",
        ),
        ("az-provision group create -n ends. -l eastus", "period"),
        ("az-provision group create -n g -l east-us", "location"),
        (
            "az-provision group create -n g -l eastus --tags =x",
            "key=value",
        ),
        ("az-provision keyvault create -g g -n ab", "3 to 24"),
        (
            "az-provision keyvault create -g g -n 1abc",
            "begin with a letter",
        ),
        ("az-provision keyvault create -g g -n abc-", "end with"),
        ("az-provision keyvault create -g g -n a--b", "two hyphens"),
        (
            "az-provision keyvault create -g g -n a_bc",
            "letters, digits and hyphens",
        ),
        (
            "az-provision keyvault create -g g -n abc --retention-days 3",
            "7..=90",
        ),
        (
            "az-provision vm create -g g -n .bad",
            "begin with a letter or a digit",
        ),
        (
            "az-provision vm create -g g -n bad_",
            "end with a letter or a digit",
        ),
        (
            "az-provision vm create -g g -n v --vnet-name bad/",
            "may hold only",
        ),
        (
            "az-provision vm create -g g -n v --open-ports 70000",
            "65535",
        ),
        ("az-identity create -g g -n ab", "3 to 128"),
        ("az-identity create -g g -n _abc", "begin with"),
        (
            "az-identity vm assign -g g -n v --identities /subscriptions/s",
            "not the id of a user-assigned identity",
        ),
        (
            "az-role assignment create --assignee nobody --role R --scope /subscriptions/s",
            "is no assignee",
        ),
        (
            "az-role assignment create --assignee-object-id x --role R --scope /subscriptions/s",
            "GUID",
        ),
        (
            "az-role assignment create --assignee-object-id 99999999-9999-4999-8999-999999999999 --role R --scope subscriptions/s",
            "begin with '/'",
        ),
        (
            "az-role assignment create --assignee-object-id 99999999-9999-4999-8999-999999999999 --role R --scope /subscriptions/s/x",
            "providers",
        ),
        ("az-cleanup keyvault purge -n a--b", "two hyphens"),
        (
            "kv-set bad_name --vault-name kv-abc --value v",
            "letters, digits and hyphens",
        ),
        (
            "kv-get bad.name --vault-name kv-abc",
            "letters, digits and hyphens",
        ),
        ("kv-get s --vault-name a--b", "two hyphens"),
        ("kv-get s", "KEY_VAULT_NAME"),
        ("az-provision group list --query [", "--query"),
        ("az-provision group list --cloud Nowhere", "AzureCloud"),
        ("az-provision group list --timeout soon", "10m"),
    ] {
        let refused = alone(folder.path(), line).assert().code(2).stdout("");
        assert!(
            stderr(&refused).contains(rule),
            "{line}: {}",
            stderr(&refused)
        );
    }
}

#[test]
fn bad_passwords_are_refused_without_being_shown() {
    let folder = tempfile::tempdir().expect("a folder");
    for (password, rule) in [
        ("Short-1a".to_owned(), "12 to 72"),
        ("Aa1-".repeat(19), "12 to 72"),
        ("onlylowercaseletters".to_owned(), "three of"),
        ("lower-and-special".to_owned(), "three of"),
        ("UPPERCASE12345678".to_owned(), "three of"),
        ("With-a-bell-\u{7}-123".to_owned(), "control"),
        (String::new(), "12 to 72"),
    ] {
        let line = "az-provision vm create -g g -n v --admin-username azureuser --admin-password-file - --subscription 00000000-0000-4000-8000-000000000000";
        let refused = alone(folder.path(), line)
            .write_stdin(password.clone())
            .assert()
            .code(2);
        let said = stderr(&refused);
        assert!(said.contains(rule), "{said}");
        assert!(password.is_empty() || !said.contains(&password), "{said}");
    }
}

#[test]
fn bad_images_users_and_ranges_are_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    for (more, rule) in [
        (
            "--image canonical:ubuntu:latest",
            "four of publisher:offer:sku:version",
        ),
        ("--image canonical::sku:latest", "offer is empty"),
        ("--image canonical:offer:sku:newest", "three numbers"),
        ("--image NoSuchAlias", "Ubuntu2204"),
        ("--admin-username root", "does not allow"),
        ("--admin-username Upper", "upper case"),
        (
            "--vnet-address-prefix 10.0.0.1/16",
            "did you mean 10.0.0.0/16",
        ),
        ("--subnet-address-prefix 192.168.0.0/24", "not within"),
        ("--subnet-address-prefix 10.0.0.0/31", "/29"),
        ("--vnet-address-prefix nonsense", "invalid"),
        ("--authentication-type ssh", "password cannot be used"),
        ("--size bad/size", "--size"),
    ] {
        let user = if more.contains("admin-username") {
            ""
        } else {
            "--admin-username azureuser"
        };
        let line =
            format!("az-provision vm create -g g -n v --admin-password-file - {user} {more}");
        let refused = alone(folder.path(), &line)
            .write_stdin(PASSWORD)
            .assert()
            .code(2);
        assert!(
            stderr(&refused).contains(rule),
            "{more}: {}",
            stderr(&refused)
        );
    }
}

#[test]
fn without_a_credential_every_one_that_was_tried_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let line = "az-provision group list --subscription 00000000-0000-4000-8000-000000000000";
    let refused = alone(folder.path(), line).assert().code(4).stdout("");
    let said = stderr(&refused);
    for credential in [
        "EnvironmentCredential",
        "WorkloadIdentityCredential",
        "ManagedIdentityCredential",
        "AzureCLICredential",
        "AzureDeveloperCLICredential",
        "AzurePowerShellCredential",
    ] {
        assert!(
            said.to_lowercase().contains(&credential.to_lowercase()),
            "{credential}: {said}"
        );
    }
    assert!(said.contains("az login"), "{said}");
}

#[test]
fn a_wrong_secret_is_not_authenticated() {
    let azure = Azure::apart();
    let refused = azure
        .run("az-provision group list")
        .env("AZURE_CLIENT_SECRET", "wrong")
        .assert()
        .code(4)
        .stdout("");
    assert!(
        stderr(&refused).contains("AADSTS7000215"),
        "{}",
        stderr(&refused)
    );
}

#[test]
fn without_a_subscription_the_only_one_is_taken_and_several_are_named() {
    let azure = Azure::apart();
    azure
        .run("az-provision group list")
        .env_remove("AZURE_SUBSCRIPTION_ID")
        .assert()
        .success();
    let several = Azure::with(&["--subscriptions", "2"]);
    let refused = several
        .run("az-provision group list")
        .env_remove("AZURE_SUBSCRIPTION_ID")
        .assert()
        .code(2);
    assert!(stderr(&refused).contains("--subscription"));
    let name = several.status()["tenants"][0]["subscriptions"][1]["displayName"]
        .as_str()
        .expect("a name")
        .to_owned();
    several
        .tool("az-provision")
        .args(["group", "list", "--subscription", &name])
        .assert()
        .success();
    several
        .tool("az-provision")
        .args(["group", "list", "--subscription", "No Such"])
        .assert()
        .code(3)
        .stderr(contains("No Such"));
}

#[test]
fn without_a_network_the_answer_says_what_to_check() {
    let azure = Azure::apart();
    let refused = azure
        .run("az-provision group list")
        .env("HTTPS_PROXY", "http://127.0.0.1:9")
        .env("https_proxy", "http://127.0.0.1:9")
        .assert()
        .code(1)
        .stdout("");
    assert!(
        stderr(&refused).contains("HTTPS_PROXY"),
        "{}",
        stderr(&refused)
    );
}

#[test]
fn errors_are_objects_on_request() {
    let azure = Azure::apart();
    let refused = azure
        .run("az-provision group show -n nowhere --error-format json")
        .assert()
        .code(3)
        .stdout("");
    let error: Value = serde_json::from_str(stderr(&refused).trim()).expect("one JSON object");
    assert_eq!(error["code"], "ResourceGroupNotFound");
    assert_eq!(error["exitStatus"], 3);
    assert!(
        error["requestId"].is_string() && error["message"].is_string() && error["hint"].is_string()
    );
    let usage = azure
        .run("az-provision group show --error-format json")
        .assert()
        .code(2);
    let error: Value = serde_json::from_str(stderr(&usage).trim()).expect("one JSON object");
    assert_eq!(error["exitStatus"], 2);
}

#[test]
fn an_error_is_one_line_with_code_and_request_id() {
    let azure = Azure::apart();
    let refused = azure
        .run("az-provision group show -n nowhere")
        .assert()
        .code(3);
    let said = stderr(&refused);
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(
        said.starts_with("az-provision: ")
            && said.contains("ResourceGroupNotFound")
            && said.contains("request id")
    );
}

#[test]
fn whoever_may_not_is_told_what_is_missing() {
    let azure = Azure::apart().with_group().with_vault().with_vm();
    azure
        .run(&format!("az-identity vm assign -g {GROUP} -n {VM}"))
        .assert()
        .success();
    // the machine's identity has no role in the subscription
    let line = format!(
        "az-provision group create -n other -l eastus --subscription {}",
        azure.var("AZURE_SUBSCRIPTION_ID")
    );
    let denied = azure.on_machine(VM, &line).assert().code(5).stdout("");
    assert!(
        stderr(&denied).contains("AuthorizationFailed"),
        "{}",
        stderr(&denied)
    );
    for line in [
        format!("az-provision group show -n {GROUP}"),
        format!("az-provision keyvault create -g {GROUP} -n kv-another"),
        format!("az-identity create -g {GROUP} -n {IDENTITY}"),
        format!("az-identity vm show -g {GROUP} -n {VM}"),
        format!(
            "az-role assignment create --assignee-object-id 99999999-9999-4999-8999-999999999999 --role b86a8fe4-44ce-4948-aee5-eccb2c155cd7 --scope {}",
            azure.vault_id()
        ),
        format!("az-cleanup group delete -n {GROUP} --yes"),
        format!("az-cleanup all -g {GROUP} --yes"),
        format!("az-cleanup keyvault delete -g {GROUP} -n {VAULT}"),
    ] {
        let line = format!(
            "{line} --subscription {}",
            azure.var("AZURE_SUBSCRIPTION_ID")
        );
        let denied = azure.on_machine(VM, &line).assert().code(5).stdout("");
        assert!(
            stderr(&denied).contains("AuthorizationFailed"),
            "{line}: {}",
            stderr(&denied)
        );
    }
}

#[test]
fn a_dry_run_sends_no_write() {
    let azure = Azure::start().with_group().with_vault().with_vm();
    azure
        .run(&format!("az-identity create -g {GROUP} -n {IDENTITY}"))
        .assert()
        .success();
    let scope = azure.vault_id();
    let own = azure.own_object_id();
    azure.grant(&own, OFFICER);
    azure
        .run(&format!(
            "kv-set there --vault-name {VAULT} --wait-for-access 1m"
        ))
        .write_stdin("v")
        .assert()
        .success();
    azure
        .run(&format!(
            "az-provision keyvault create -g {GROUP} -n kv-deleted"
        ))
        .assert()
        .success();
    azure
        .run("az-cleanup keyvault delete -n kv-deleted")
        .assert()
        .success();
    azure
        .run(&format!("az-identity vm assign -g {GROUP} -n {VM}"))
        .assert()
        .success();
    let before = azure.writes();
    for (line, method) in [
        (
            "az-provision group create -n new -l eastus".to_owned(),
            "PUT",
        ),
        (
            format!("az-provision keyvault create -g {GROUP} -n kv-new-one"),
            "PUT",
        ),
        (
            format!(
                "az-provision vm create -g {GROUP} -n new --size {SIZE} --admin-username azureuser --admin-password-file -"
            ),
            "PUT",
        ),
        (
            format!(
                "az-provision all -g new-group -l eastus -n new --vault-name kv-new-two --size {SIZE} --admin-username azureuser --admin-password-file -"
            ),
            "PUT",
        ),
        (format!("az-identity vm remove -g {GROUP} -n {VM}"), "PATCH"),
        ("az-cleanup keyvault purge -n kv-deleted".to_owned(), "POST"),
        (
            "az-cleanup keyvault recover -n kv-deleted".to_owned(),
            "PUT",
        ),
        (
            format!("az-identity create -g {GROUP} -n new-identity"),
            "PUT",
        ),
        (
            format!("az-identity delete -g {GROUP} -n {IDENTITY}"),
            "DELETE",
        ),
        (
            format!("az-identity vm assign -g {GROUP} -n {VM} --identities {IDENTITY}"),
            "PATCH",
        ),
        (
            format!(
                "az-role assignment create --assignee-object-id {own} --role Reader --scope {scope}"
            ),
            "PUT",
        ),
        (
            format!("az-role assignment delete --assignee {own} --scope {scope}"),
            "DELETE",
        ),
        (format!("az-cleanup group delete -n {GROUP}"), "DELETE"),
        (format!("az-cleanup keyvault delete -n {VAULT}"), "DELETE"),
        (format!("az-cleanup all -g {GROUP}"), "DELETE"),
        (format!("kv-set new --vault-name {VAULT}"), "PUT"),
    ] {
        let planned = azure
            .run(&format!("{line} --dry-run"))
            .write_stdin(PASSWORD)
            .assert()
            .success();
        let text = String::from_utf8_lossy(&planned.get_output().stdout).into_owned();
        let requests: Vec<Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).expect("a request a line"))
            .collect();
        assert!(
            requests.iter().any(|request| request["method"] == method
                && request["url"]
                    .as_str()
                    .is_some_and(|url| url.starts_with("https://"))),
            "{line}: {text}"
        );
        assert!(!text.contains(PASSWORD), "{line}");
        assert_eq!(azure.writes(), before, "{line}");
    }
}

#[test]
fn a_closed_pipe_ends_a_tool_quietly() {
    let azure = Azure::start().with_group();
    let names: String = (0..40)
        .map(|number| format!("identity-{number}\\n"))
        .collect();
    let script = format!(
        "set -o pipefail; printf '{names}' | az-identity create -g {GROUP} -n - | head -1; echo \"${{PIPESTATUS[*]}}\""
    );
    let made = azure
        .shell(&script)
        .assert()
        .success()
        .stderr(contains("panicked").not().and(contains("roken pipe").not()));
    let text = String::from_utf8_lossy(&made.get_output().stdout).into_owned();
    assert!(
        text.lines()
            .last()
            .is_some_and(|statuses| statuses.starts_with("0 0 0")),
        "{text}"
    );
    azure
        .shell("az-provision group list | true")
        .assert()
        .success()
        .stderr("");
    azure
        .shell("az-provision --help | true")
        .assert()
        .success()
        .stderr("");
}

#[test]
fn results_come_in_every_format() {
    let azure = Azure::start().with_group();
    let run = |format: &str| {
        azure
            .run(&format!("az-provision group list -o {format}"))
            .assert()
            .success()
    };
    assert_eq!(
        json(&run("json")),
        json(&run("jsonc")),
        "no colours when not on a terminal"
    );
    run("yaml").stdout(contains(format!(
        "- id: /subscriptions/{}/resourceGroups/{GROUP}",
        azure.var("AZURE_SUBSCRIPTION_ID")
    )));
    run("table")
        .stdout(
            contains("Location    Name")
                .or(contains("Location    ManagedBy"))
                .or(contains("Location")),
        )
        .stdout(contains("--------"));
    run("tsv").stdout(contains(format!("\t{GROUP}\t")));
    run("none").stdout("");
    azure
        .run("az-provision group list --query [].{n:name,l:location} -o tsv")
        .assert()
        .success()
        .stdout(format!("{GROUP}\teastus\n"));
}

#[test]
fn debugging_shows_no_token_and_no_secret() {
    let azure = Azure::start().with_group().with_vault();
    let shown = azure
        .run("az-provision group list --debug")
        .assert()
        .success();
    let said = stderr(&shown);
    assert!(said.contains("GET /subscriptions/"), "{said}");
    assert!(
        !said.contains("eyJ") && !said.contains(azure.var("AZURE_CLIENT_SECRET")),
        "{said}"
    );
    let denied = azure
        .run(&format!("kv-set s --vault-name {VAULT} --debug"))
        .write_stdin("very-secret-value")
        .assert()
        .code(5);
    assert!(!stderr(&denied).contains("very-secret-value") && !stderr(&denied).contains("eyJ"));
    assert!(!azure.log_text().contains("eyJ") && !azure.log_text().contains("very-secret-value"));
    assert!(!azure.log_text().contains(azure.var("AZURE_CLIENT_SECRET")));
}

#[test]
fn a_dry_run_that_would_write_nothing_shows_the_result() {
    let azure = Azure::start().with_group();
    let shown = azure.json(&format!("az-provision group show -n {GROUP}"));
    for line in [
        format!("az-provision group show -n {GROUP} --dry-run"),
        format!("az-provision group create -n {GROUP} -l eastus --dry-run"),
    ] {
        assert_eq!(azure.json(&line), shown, "{line}");
    }
}

#[test]
fn an_argument_that_is_no_text_is_refused_without_a_panic() {
    use std::os::unix::ffi::OsStrExt;
    let folder = tempfile::tempdir().expect("a folder");
    for tool in TOOLS {
        let mut command = alone(folder.path(), tool);
        command.args([
            "--subscription".as_ref(),
            std::ffi::OsStr::from_bytes(b"bad\xff"),
        ]);
        command
            .assert()
            .code(2)
            .stderr(contains("panicked").not().and(contains("UTF-8")));
    }
}

/// Whoever reads the messages may have gone: what a program was to say is lost, its exit status is not.
#[test]
fn a_closed_standard_error_changes_no_exit_status() {
    let azure = Azure::start().with_group();
    let failing = [
        "az-provision group show -n no-such-group",
        "az-provision group create -n 'no good?' -l eastus",
        "az-identity show -g go-on-azure -n nobody",
        "az-role assignment create --role Reader",
        "az-cleanup keyvault purge -n kv-nowhere",
        "kv-set name --value x --vault-name kv-nowhere",
        "kv-get name --vault-name kv-nowhere",
        "az-local status --data-dir ./nowhere",
        "az-local env --data-dir ./nowhere",
        "az-local env --data-dir ./nowhere --shell fish",
    ];
    for line in failing {
        let status = |script: &str| {
            let output = azure.shell(script).output().expect("bash runs");
            String::from_utf8_lossy(&output.stdout)
                .trim_end()
                .to_owned()
        };
        let read = status(&format!("{line} >/dev/null 2>&1; echo $?"));
        // The reader is gone before the program begins.
        let closed = status(&format!(
            "exec 3> >(exec 0<&-); wait $!; {line} >/dev/null 2>&3; echo $?"
        ));
        assert_eq!(closed, read, "{line}");
        assert_ne!(read, "0", "{line}");
    }
}
