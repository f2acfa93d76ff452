//! What once went wrong.

use end_to_end::{Azure, GROUP, OFFICER, PASSWORD, SIZE, VAULT, VM};
use predicates::{prelude::*, str::contains};
use serde_json::json;

/// Ctrl-C while a tool reads standard input, which nobody closes. `/proc` tells when the tool listens.
#[test]
#[cfg(target_os = "linux")]
fn an_interrupt_ends_a_tool_that_reads_standard_input() {
    let azure = Azure::start();
    let script = "
        mkfifo lines && exec 3<>lines
        az-role assignment create --assignee - --role Reader --scope /subscriptions/s <&3 2>said &
        tool=$!
        until grep -q SigCgt:.*2$ /proc/$tool/status || ! kill -0 $tool; do :; done
        kill -INT $tool
        wait $tool
        echo $?; cat said";
    // A shell without job control starts what is behind `&` with SIGINT ignored; the tool takes it up again.
    azure
        .shell(script)
        .timeout(std::time::Duration::from_secs(60))
        .assert()
        .success()
        .stdout(contains("130\n").and(contains("interrupted")));
}

#[test]
fn a_bad_line_is_found_before_any_secret_is_written() {
    let azure = Azure::start().with_group().with_vault();
    azure.grant(&azure.own_object_id(), OFFICER);
    azure
        .run(&format!(
            "kv-set - --vault-name {VAULT} --wait-for-access 1m"
        ))
        .write_stdin(
            "{\"name\": \"one\", \"value\": \"v\"}\n{\"name\": \"t_w_o\", \"value\": \"v\"}\n",
        )
        .assert()
        .code(2)
        .stdout("")
        .stderr(contains("line 2"));
    assert_eq!(
        azure.json(&format!(
            "kv-get --list --vault-name {VAULT} --wait-for-access 1m"
        )),
        json!([])
    );
}

#[test]
fn a_bad_line_is_found_before_any_identity_is_deleted() {
    let azure = Azure::start().with_group();
    let create = format!("az-identity create -g {GROUP} -n first-one");
    azure.run(&create).assert().success();
    azure
        .run(&format!("az-identity delete -g {GROUP} -n -"))
        .write_stdin("first-one\nb a d\n")
        .assert()
        .code(2)
        .stderr(contains("line 2"));
    azure
        .run(&format!("az-identity show -g {GROUP} -n first-one"))
        .assert()
        .success();
}

#[test]
fn a_secret_that_would_never_be_valid_is_refused() {
    let azure = Azure::start();
    azure
        .run("kv-set s --vault-name kv-any --value-env HOME --not-before 2031-01-01 --expires 2030-01-01")
        .assert()
        .code(2)
        .stderr(contains("must be before"));
}

#[test]
fn a_value_without_end_is_refused() {
    let azure = Azure::start();
    azure
        .run("kv-set s --vault-name kv-any --value-file /dev/zero")
        .timeout(std::time::Duration::from_secs(60))
        .assert()
        .code(2)
        .stderr(contains("25600"));
}

#[test]
fn a_private_key_given_for_a_public_one_is_not_shown() {
    let azure = Azure::start();
    let key = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAA\n-----END OPENSSH PRIVATE KEY-----";
    azure
        .run(&format!(
            "az-provision vm create -g {GROUP} -n {VM} --image Debian12 --ssh-key-values"
        ))
        .arg(key)
        .assert()
        .code(2)
        .stderr(contains("b3Blbn").not());
    azure
        .run(&format!(
            "az-provision vm create -g {GROUP} -n {VM} --image Debian12"
        ))
        .arg(format!("--ssh-key-values={key}"))
        .assert()
        .code(2)
        .stderr(contains("this is a private key").and(contains("b3Blbn").not()));
}

#[test]
fn a_password_may_begin_with_a_hyphen() {
    let azure = Azure::start().with_group();
    azure
        .run(&format!(
            "az-provision vm create -g {GROUP} -n {VM} --image Debian12 --dry-run"
        ))
        .args(["--admin-password", "-Correct-Horse-1"])
        .assert()
        .success()
        .stdout(contains("Horse").not());
}

/// An interrupted run made the private key and not the public one.
#[test]
fn a_private_key_alone_gets_its_public_half() {
    let azure = Azure::start().with_group();
    let create = format!(
        "az-provision vm create -g {GROUP} -n {VM} --image Debian12 --size {SIZE} --generate-ssh-keys -o none"
    );
    let home = azure.scratch().join("user");
    let made = azure.run(&create).env("HOME", &home).assert().success();
    // Where ssh does not look by itself, it is told how to.
    let offer = format!("ssh -i {}", home.join(".ssh/id_ed25519").display());
    made.stderr(contains(offer));
    let public = home.join(".ssh/id_ed25519.pub");
    let before = std::fs::read_to_string(&public).expect("a public key");
    std::fs::remove_file(&public).expect("removed");
    azure.run(&create).env("HOME", &home).assert().success();
    let after = std::fs::read_to_string(&public).expect("a public key");
    assert_eq!(before, after);
    let left = std::fs::read_dir(home.join(".ssh")).expect("a folder");
    assert_eq!(left.count(), 2);
}

#[test]
fn a_group_that_is_not_there_is_not_to_be_created_first() {
    let azure = Azure::start();
    azure
        .run("az-cleanup group delete -n nothing --yes")
        .assert()
        .code(3)
        .stderr(contains("could not be found").and(contains("group create").not()));
}

#[test]
fn waiting_for_a_principal_is_bounded_by_the_timeout() {
    let azure = Azure::start().with_group();
    let group = azure.text(&format!("az-provision group show -n {GROUP}"), "id");
    azure
        .run(&format!(
            "az-role assignment create --assignee-object-id 11111111-1111-4111-8111-111111111111 \
             --assignee-principal-type ServicePrincipal --role Reader --scope {group} --timeout 5s"
        ))
        .timeout(std::time::Duration::from_secs(60))
        .assert()
        .code(3)
        .stderr(contains("PrincipalNotFound"));
}

#[test]
fn all_purges_a_vault_that_was_deleted_before_its_group() {
    let azure = Azure::start().with_group().with_vault();
    azure
        .run(&format!("az-cleanup keyvault delete -n {VAULT}"))
        .assert()
        .success();
    let done = azure.json(&format!("az-cleanup all -g {GROUP} --yes"));
    assert_eq!(
        done,
        json!({"deleted": true, "purgedVaults": [VAULT], "resourceGroup": GROUP})
    );
    assert_eq!(azure.json("az-cleanup keyvault list-deleted"), json!([]));
}

#[test]
fn a_recovered_vault_is_printed_as_a_created_one() {
    let azure = Azure::start().with_group().with_vault();
    let created = azure.json(&format!("az-provision keyvault show -n {VAULT}"));
    azure
        .run(&format!("az-cleanup keyvault delete -n {VAULT}"))
        .assert()
        .success();
    let recovered = azure.json(&format!("az-cleanup keyvault recover -n {VAULT}"));
    let members = |vault: &serde_json::Value| -> Vec<String> {
        let properties = vault["properties"].as_object().expect("properties");
        properties.keys().cloned().collect()
    };
    assert_eq!(members(&created), members(&recovered));
}

/// When both halves of `all` fail, both are errors: neither is hidden, and each is an object on request.
#[test]
fn both_failures_of_all_are_reported() {
    let azure = Azure::start().with_group().with_vault();
    let all = format!(
        "az-provision all -g {GROUP} --vm-name {VM} --vault-name {VAULT} -l eastus --retention-days 7 \
         --image Canonical:no-such-offer:no-sku:latest --admin-password {PASSWORD} --only-show-errors --error-format json"
    );
    let failed = azure.run(&all).assert().failure();
    let errors = String::from_utf8_lossy(&failed.get_output().stderr).into_owned();
    let errors: Vec<serde_json::Value> = errors
        .lines()
        .map(|line| serde_json::from_str(line).expect("an object"))
        .collect();
    assert_eq!(errors.len(), 2, "{errors:?}");
}

/// A machine was deleted, and its network stayed; the second run asks for a machine that is not on the internet.
#[test]
fn an_interface_left_by_other_arguments_is_a_conflict() {
    let azure = Azure::start().with_group();
    let create = format!(
        "az-provision vm create -g {GROUP} -n {VM} --image Debian12 --admin-password {PASSWORD}"
    );
    azure.run(&create).assert().success();
    azure
        .run(&format!("az-provision vm delete -g {GROUP} -n {VM} --yes"))
        .assert()
        .success();
    azure
        .run(&create)
        .args(["--public-ip-address", ""])
        .assert()
        .code(6)
        .stderr(contains(
            "its public IP address is 'go-on-azure-vmPublicIP', not none",
        ));
    azure
        .run(&format!("{create} --size {SIZE}"))
        .assert()
        .success();
}

/// Exit status 2 says that nothing was sent.
#[test]
fn a_query_that_fails_on_the_result_is_no_usage_error() {
    let azure = Azure::start();
    azure
        .run(&format!(
            "az-provision group create -n {GROUP} -l eastus --query abs(name)"
        ))
        .assert()
        .code(1)
        .stderr(contains("has been carried out"));
    azure
        .run(&format!("az-provision group show -n {GROUP}"))
        .assert()
        .success();
}

#[test]
fn a_pipe_in_place_of_what_az_keeps_is_not_waited_for() {
    let azure = Azure::start();
    let folder = azure.scratch().join("az");
    std::fs::create_dir(&folder).expect("a folder");
    for name in ["config", "azureProfile.json", "clouds.config"] {
        let made = std::process::Command::new("mkfifo")
            .arg(folder.join(name))
            .status();
        assert!(made.expect("mkfifo").success());
    }
    for line in ["az-provision group list", "kv-get --help"] {
        azure
            .run(line)
            .env("AZURE_CONFIG_DIR", &folder)
            .env_remove("AZURE_SUBSCRIPTION_ID")
            .timeout(std::time::Duration::from_secs(60))
            .assert()
            .success();
    }
}
