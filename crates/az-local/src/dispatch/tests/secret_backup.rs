use super::azure::Azure;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::Method;
use serde_json::{Value, json};

/// Two vaults, in the first of them a secret with two versions.
fn start() -> Azure {
    let azure = Azure::start();
    azure.furnish("g", "1");
    azure.furnish("h", "2");
    for value in ["first", "second"] {
        let body = json!({"value": value, "tags": {"of": value}});
        let (status, _) = azure.vault(Method::PUT, "kv-g1", "/secrets/one", &body.to_string());
        assert_eq!(status, 200);
    }
    azure
}

fn backup(azure: &Azure) -> Value {
    let (status, backup) = azure.vault(Method::POST, "kv-g1", "/secrets/one/backup", "");
    assert_eq!(status, 200);
    backup
}

fn restore(azure: &Azure, vault: &str, backup: &Value) -> (u16, Value) {
    azure.vault(Method::POST, vault, "/secrets/restore", &backup.to_string())
}

#[test]
fn a_backup_is_restored_with_all_versions_in_another_vault() {
    let azure = start();
    let backup = backup(&azure);
    let blob = URL_SAFE_NO_PAD.decode(backup["value"].as_str().expect("a blob"));
    let blob = String::from_utf8(blob.expect("base64url")).expect("text");
    assert!(blob.starts_with(")AzureKeyVaultSecretBackupV1.microsoft.com"));
    assert!(!blob.contains("second"));
    let (status, restored) = restore(&azure, "kv-h2", &backup);
    assert_eq!(status, 200);
    assert_eq!(restored["tags"], json!({"of": "second"}));
    assert!(restored.get("value").is_none());
    let versions = |vault: &str| {
        let (_, list) = azure.vault(Method::GET, vault, "/secrets/one/versions", "");
        let text = list["value"].to_string();
        text.replace(&format!("{vault}."), "")
    };
    assert_eq!(versions("kv-g1"), versions("kv-h2"));
    let (_, read) = azure.vault(Method::GET, "kv-h2", "/secrets/one", "");
    assert_eq!(read["value"], "second");
}

#[test]
fn a_secret_that_is_there_is_not_restored_over() {
    let azure = start();
    let backup = backup(&azure);
    let (status, answer) = restore(&azure, "kv-g1", &backup);
    assert_eq!(
        (status, &answer["error"]["code"]),
        (409, &json!("Conflict"))
    );
    assert_eq!(
        azure.vault(Method::DELETE, "kv-g1", "/secrets/one", "").0,
        200
    );
    let (status, answer) = restore(&azure, "kv-g1", &backup);
    assert_eq!(
        (status, &answer["error"]["innererror"]["code"]),
        (409, &json!("ObjectIsDeletedButRecoverable"))
    );
    assert_eq!(
        azure
            .vault(Method::DELETE, "kv-g1", "/deletedsecrets/one", "")
            .0,
        204
    );
    assert_eq!(restore(&azure, "kv-g1", &backup).0, 200);
}

#[test]
fn what_is_no_backup_of_the_subscription_s_is_refused() {
    let azure = start();
    let zeros = json!({"value": URL_SAFE_NO_PAD.encode([0; 64])});
    for garbage in [zeros, json!({"value": "!"}), json!({"value": ""})] {
        let (status, answer) = restore(&azure, "kv-h2", &garbage);
        assert_eq!(
            (status, answer["error"].clone()),
            (
                400,
                json!({"code": "Malformed backup blob", "message": "Backup blob contains invalid or corrupt version."})
            )
        );
    }
    // One that has made no backup yet, and one that has.
    let foreign = backup(&start());
    for _ in 0..2 {
        let (status, answer) = restore(&azure, "kv-h2", &foreign);
        assert_eq!(status, 400);
        assert_eq!(answer["error"]["message"], "Cannot decrypt backup blob.");
        backup(&azure);
    }
    assert_eq!(restore(&azure, "kv-h2", &json!({})).0, 400);
}
