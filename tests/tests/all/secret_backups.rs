//! Backups of secrets, between the tools.

use end_to_end::{Azure, GROUP, OFFICER, VAULT, json};
use predicates::{prelude::*, str::contains};
use serde_json::Value;
use std::os::unix::fs::PermissionsExt;

/// A second vault, whose secrets the desk may write.
fn with_other_vault(azure: Azure) -> Azure {
    azure
        .run(&format!(
            "az-provision keyvault create -g {GROUP} -n kv-other"
        ))
        .assert()
        .success();
    let scope = azure.text("az-provision keyvault show -n kv-other", "id");
    azure
        .run(&format!(
            "az-role assignment create --assignee-object-id {} --assignee-principal-type ServicePrincipal --scope {scope} --role",
            azure.own_object_id()
        ))
        .arg(OFFICER)
        .assert()
        .success();
    azure
        .run("kv-get --list --vault-name kv-other --wait-for-access 1m")
        .assert()
        .success();
    azure
}

#[test]
fn a_backup_is_a_private_file_that_another_vault_restores() {
    let azure = with_other_vault(Azure::start().with_secrets());
    for value in ["first", "hunter2"] {
        azure.set_secret("s", value);
    }
    let line = format!("kv-get s --backup s.backup --vault-name {VAULT}");
    azure.run(&line).assert().success().stdout("").stderr("");
    let file = azure.scratch().join("s.backup");
    let mode = std::fs::metadata(&file)
        .expect("a file")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    let bytes = std::fs::read(&file).expect("a file");
    // The bytes as az writes them: what the service answers, without base64url.
    assert!(bytes.starts_with(b")AzureKeyVaultSecretBackupV1.microsoft.com"));
    assert!(!String::from_utf8_lossy(&bytes).contains("hunter2"));
    // It is not replaced without a word.
    azure
        .run(&line)
        .assert()
        .code(6)
        .stderr(contains("--overwrite"));
    assert_eq!(std::fs::read(&file).expect("a file"), bytes);
    azure.run(&format!("{line} --overwrite")).assert().success();
    assert_ne!(std::fs::read(&file).expect("a file"), bytes);

    let restored = azure.json("kv-set --restore s.backup --vault-name kv-other");
    assert_eq!(restored["value"], Value::Null);
    assert_eq!(restored["name"], "s");
    let list = azure.json("kv-get s --list-versions --vault-name kv-other");
    assert_eq!(list.as_array().map(Vec::len), Some(2));
    assert_eq!(
        azure.json("kv-get s --vault-name kv-other")["value"],
        "hunter2"
    );
    azure
        .run("kv-set --restore s.backup --vault-name kv-other")
        .assert()
        .code(6)
        .stderr(contains("already exists").and(contains("az-cleanup secret purge")));
}

#[test]
fn a_backup_goes_through_a_pipe() {
    let azure = with_other_vault(Azure::start().with_secrets());
    azure.set_secret("s", "v");
    azure
        .shell(&format!(
            "set -o pipefail; kv-get s --backup - --vault-name {VAULT} | kv-set --restore - --vault-name kv-other"
        ))
        .assert()
        .success();
    assert_eq!(azure.json("kv-get s --vault-name kv-other")["value"], "v");
}

#[test]
fn what_is_no_backup_is_not_restored() {
    let azure = Azure::start().with_secrets();
    std::fs::write(azure.scratch().join("garbage"), "garbage").expect("a file");
    std::fs::write(azure.scratch().join("empty"), "").expect("a file");
    let restore = |file: &str| {
        azure
            .run(&format!("kv-set --restore {file} --vault-name {VAULT}"))
            .assert()
    };
    restore("garbage")
        .code(1)
        .stderr(contains("Malformed backup blob").and(contains("kv-get --backup")));
    restore("empty").code(2);
    restore("none").code(2).stderr(contains("'none'"));
    azure
        .run(&format!("kv-get none --backup f --vault-name {VAULT}"))
        .assert()
        .code(3);
    assert!(!azure.scratch().join("f").exists());
    azure
        .run(&format!("kv-get s --backup . --vault-name {VAULT}"))
        .assert()
        .code(2);
    azure
        .run(&format!(
            "kv-set --restore garbage --dry-run --vault-name {VAULT}"
        ))
        .assert()
        .success()
        .stdout(contains("/secrets/restore").and(contains("garbage").not()));
}

#[test]
fn a_file_of_any_bytes_is_kept_in_base64() {
    let azure = Azure::start().with_secrets();
    std::fs::write(azure.scratch().join("cert.pfx"), b"\xff\x00\n").expect("a file");
    let line = format!("kv-set s --file cert.pfx --vault-name {VAULT}");
    azure
        .run(&line)
        .assert()
        .code(2)
        .stderr(contains("--encoding base64"));
    let written = azure
        .run(&format!("{line} --encoding base64"))
        .assert()
        .success();
    assert_eq!(json(&written)["tags"]["file-encoding"], "base64");
    let read = azure.json(&format!("kv-get s --vault-name {VAULT}"));
    assert_eq!(read["value"], "/wAK");
}
