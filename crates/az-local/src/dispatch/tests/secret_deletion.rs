use super::azure::Azure;
use crate::state::knobs::Knob;
use http::Method;
use serde_json::{Value, json};
use time::Duration;

const DELETED: &str = "/deletedsecrets/one";

/// A vault with a secret, and a deletion that takes ten seconds.
fn start() -> (Azure, String) {
    let azure = Azure::start();
    azure.furnish("g", "1");
    let turned = azure
        .instance
        .turn(Knob::SecretDeletionTime, Duration::seconds(10));
    turned.expect("a knob");
    let azure_vault = "kv-g1".to_owned();
    let (status, _) = azure.vault(
        Method::PUT,
        &azure_vault,
        "/secrets/one",
        r#"{"value": "x"}"#,
    );
    assert_eq!(status, 200);
    (azure, azure_vault)
}

fn ask(azure: &Azure, vault: &str, method: Method, path: &str) -> (u16, Value) {
    let body = if method == Method::PUT {
        r#"{"value": "y"}"#
    } else {
        ""
    };
    let (status, answer) = azure.vault(method, vault, path, body);
    (status, answer["error"]["innererror"]["code"].clone())
}

fn wait(azure: &Azure) {
    azure.instance.clock.advance(Duration::seconds(11));
}

#[test]
fn a_secret_is_neither_there_nor_gone_while_it_is_deleted() {
    let (azure, vault) = start();
    let ask = |method: Method, path: &str| ask(&azure, &vault, method, path);
    let being_deleted = (409, json!("ObjectIsBeingDeleted"));
    assert_eq!(ask(Method::DELETE, "/secrets/one").0, 200);
    assert_eq!(ask(Method::GET, "/secrets/one").0, 404);
    assert_eq!(ask(Method::GET, DELETED).0, 404);
    assert_eq!(ask(Method::DELETE, DELETED).0, 409);
    assert_eq!(ask(Method::PUT, "/secrets/one"), being_deleted);
    let (_, list) = azure.vault(Method::GET, &vault, "/deletedsecrets", "");
    assert_eq!(list["value"], json!([]));
    wait(&azure);
    assert_eq!(ask(Method::GET, DELETED).0, 200);
    assert_eq!(
        ask(Method::PUT, "/secrets/one"),
        (409, json!("ObjectIsDeletedButRecoverable"))
    );
    // A purge takes its time, too.
    assert_eq!(ask(Method::DELETE, DELETED).0, 204);
    assert_eq!(ask(Method::GET, DELETED).0, 404);
    assert_eq!(ask(Method::PUT, "/secrets/one"), being_deleted);
    wait(&azure);
    assert_eq!(ask(Method::PUT, "/secrets/one").0, 200);
    let (_, versions) = azure.vault(Method::GET, &vault, "/secrets/one/versions", "");
    assert_eq!(versions["value"].as_array().map(Vec::len), Some(1));
}

#[test]
fn a_secret_comes_back_in_its_own_time() {
    let (azure, vault) = start();
    let ask = |method: Method, path: &str| ask(&azure, &vault, method, path);
    assert_eq!(ask(Method::DELETE, "/secrets/one").0, 200);
    assert_eq!(ask(Method::POST, "/deletedsecrets/one/recover").0, 409);
    wait(&azure);
    assert_eq!(ask(Method::POST, "/deletedsecrets/one/recover").0, 200);
    assert_eq!(ask(Method::GET, "/secrets/one").0, 404);
    assert_eq!(
        ask(Method::PUT, "/secrets/one"),
        (409, json!("ObjectIsBeingRecovered"))
    );
    wait(&azure);
    assert_eq!(ask(Method::GET, "/secrets/one").0, 200);
    assert_eq!(ask(Method::GET, DELETED).0, 404);
}
