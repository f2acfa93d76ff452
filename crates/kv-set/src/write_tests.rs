//! Writes against a scripted vault.

use super::*;
use crate::cli::Properties;
use az_core::{
    budget::Budget,
    cli::Status,
    connection::Connection,
    keyvault::{Repeatable, Vault, client},
};
use azure_core::{
    Bytes, Error as CoreError,
    credentials::{AccessToken, TokenCredential, TokenRequestOptions},
    http::{AsyncRawResponse, HttpClient, Request, StatusCode, Transport},
    time::{OffsetDateTime, to_rfc7231},
};
use serde_json::{Value, json};
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

/// What the vault does with one request.
#[derive(Debug)]
enum Step {
    Answers(u16, Value),
    /// The request arrives, the answer does not.
    LosesTheAnswer,
    /// Nobody takes the connection.
    IsNotThere,
}
use Step::{Answers, IsNotThere, LosesTheAnswer};

#[derive(Debug)]
struct Script {
    steps: Mutex<VecDeque<Step>>,
    asked: Mutex<Vec<String>>,
}

#[async_trait::async_trait]
impl HttpClient for Script {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        let mut headers = Headers::new();
        headers.insert(
            HeaderName::from_static("date"),
            to_rfc7231(&OffsetDateTime::now_utc()),
        );
        let authorization = HeaderName::from_static("authorization");
        if request
            .headers()
            .get_optional_string(&authorization)
            .is_none()
        {
            let challenge = r#"Bearer authorization="https://login.microsoftonline.com/t", resource="https://vault.azure.net""#;
            headers.insert(HeaderName::from_static("www-authenticate"), challenge);
            return Ok(AsyncRawResponse::from_bytes(
                StatusCode::Unauthorized,
                headers,
                Bytes::from("{}"),
            ));
        }
        let asked = format!("{} {}", request.method().as_str(), request.url().path());
        self.asked.lock().expect("lock").push(asked.clone());
        let step = self.steps.lock().expect("lock").pop_front();
        match step.unwrap_or_else(|| panic!("unexpected: {asked}")) {
            Answers(status, body) => Ok(AsyncRawResponse::from_bytes(
                StatusCode::from(status),
                headers,
                Bytes::from(body.to_string()),
            )),
            LosesTheAnswer => Err(CoreError::with_message(ErrorKind::Io, "connection reset")),
            IsNotThere => Err(CoreError::with_message(
                ErrorKind::Connection,
                "connection refused",
            )),
        }
    }
}

#[derive(Debug)]
struct Token;

#[async_trait::async_trait]
impl TokenCredential for Token {
    async fn get_token(
        &self,
        _: &[&str],
        _: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        Ok(AccessToken::new(
            "t",
            OffsetDateTime::now_utc() + Span::hours(1),
        ))
    }
}

/// Runs one write of the value `v` against the script; gives back the result and what was asked.
async fn run(steps: Vec<Step>) -> (Result<String, Failure>, Vec<String>) {
    let script = Arc::new(Script {
        steps: Mutex::new(steps.into()),
        asked: Mutex::default(),
    });
    let connection = Connection {
        cloud: az_credential::Cloud::resolve(None, &az_credential::Env::default()).expect("public"),
        credential: Arc::new(Token),
        transport: Transport::new(script.clone()),
        tool: "kv-set",
        budget: Budget::new(Duration::from_secs(120)),
        pacer: Default::default(),
    };
    let vault = Vault::named(&connection.cloud, &"kv-go".parse().expect("valid"));
    let made = |repeatable| client(&connection, &vault, repeatable).expect("a client");
    let clients = Clients {
        writer: made(Repeatable::Reads),
        reader: made(Repeatable::All),
    };
    let secret = NewSecret::new(
        "n".parse().expect("valid"),
        "v".into(),
        &Properties::default(),
    )
    .expect("good");
    let access = Access::new(Duration::ZERO, |_| {});
    let result = write(&clients, &access, &secret)
        .await
        .map_err(|error| match error {
            WriteError::Vault(error) => VaultError::from(error).into(),
            WriteError::Undecided(error) => error.into(),
        });
    let asked = script.asked.lock().expect("lock").clone();
    assert!(
        script.steps.lock().expect("lock").is_empty(),
        "not asked enough: {asked:?}"
    );
    (result.map(|written| written.id.unwrap_or_default()), asked)
}

/// A version of the secret, this many seconds old.
fn version(id: &str, value: &str, age: i64) -> Value {
    let created = OffsetDateTime::now_utc().unix_timestamp() - age;
    json!({"id": format!("https://kv-go.vault.azure.net/secrets/n/{id}"), "value": value,
        "attributes": {"enabled": true, "created": created, "updated": created}})
}

fn without_value(mut version: Value) -> Value {
    version.as_object_mut().expect("object").remove("value");
    version
}

fn error(code: &str) -> Value {
    json!({"error": {"code": code, "message": "no"}})
}

const PUT: &str = "PUT /secrets/n";
const LATEST: &str = "GET /secrets/n/";

#[tokio::test(start_paused = true)]
async fn a_good_write_is_one_request() {
    let (result, asked) = run(vec![Answers(200, version("1", "v", 0))]).await;
    assert!(result.expect("written").ends_with("/1"));
    assert_eq!(asked, [PUT]);
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_is_looked_up_and_nothing_is_written_twice() {
    let (result, asked) = run(vec![LosesTheAnswer, Answers(200, version("1", "v", 0))]).await;
    assert!(result.expect("written").ends_with("/1"));
    assert_eq!(asked, [PUT, LATEST]);
}

#[tokio::test(start_paused = true)]
async fn a_write_that_never_arrived_is_done_again() {
    let old = version("0", "v", 3600);
    let (result, asked) = run(vec![
        LosesTheAnswer,
        Answers(200, old),
        Answers(200, version("1", "v", 0)),
    ])
    .await;
    assert!(
        result.expect("written").ends_with("/1"),
        "the same value of an hour ago is not this write"
    );
    assert_eq!(asked, [PUT, LATEST, PUT]);
}

#[tokio::test(start_paused = true)]
async fn a_first_write_that_never_arrived_is_done_again() {
    let steps = vec![
        Answers(503, error("ServerBusy")),
        Answers(404, error("SecretNotFound")),
        Answers(200, version("1", "v", 0)),
    ];
    let (result, asked) = run(steps).await;
    assert!(result.is_ok());
    assert_eq!(asked, [PUT, LATEST, PUT]);
}

#[tokio::test(start_paused = true)]
async fn someone_else_s_version_does_not_hide_ours() {
    let (theirs, ours) = (version("2", "theirs", 0), version("1", "v", 0));
    let list = json!({"value": [without_value(theirs.clone()), without_value(ours.clone())]});
    let steps = vec![
        LosesTheAnswer,
        Answers(200, theirs.clone()),
        Answers(200, list),
        Answers(200, theirs),
        Answers(200, ours),
    ];
    let (result, asked) = run(steps).await;
    assert!(result.expect("written").ends_with("/1"));
    assert_eq!(
        asked[2..],
        [
            "GET /secrets/n/versions",
            "GET /secrets/n/2",
            "GET /secrets/n/1"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_looked_up_is_said_to_be_undecided() {
    let (result, asked) = run(vec![LosesTheAnswer, Answers(403, error("Forbidden"))]).await;
    let failure = result.expect_err("undecided");
    assert_eq!(failure.status, Status::GaveUp);
    assert!(failure.message.contains("not known whether"), "{failure}");
    assert_eq!(asked, [PUT, LATEST]);
}

#[tokio::test(start_paused = true)]
async fn a_write_that_was_not_sent_is_sent_again_without_a_look() {
    let (result, asked) = run(vec![IsNotThere, Answers(200, version("1", "v", 0))]).await;
    assert!(result.is_ok());
    assert_eq!(asked, [PUT, PUT]);
    let (result, asked) = run((0..6).map(|_| IsNotThere).collect()).await;
    assert_eq!(result.expect_err("not there").status, Status::Failed);
    assert_eq!(asked.len(), 6);
}

#[tokio::test(start_paused = true)]
async fn a_throttled_write_is_sent_again() {
    let (result, asked) = run(vec![
        Answers(429, error("Throttled")),
        Answers(200, version("1", "v", 0)),
    ])
    .await;
    assert!(result.is_ok());
    assert_eq!(asked, [PUT, PUT]);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_no_secret_is_looked_up() {
    for odd in [
        json!({}),
        json!([]),
        json!({"id": ""}),
        json!({"value": "v"}),
    ] {
        let steps = vec![Answers(200, odd), Answers(200, version("1", "v", 0))];
        let (result, asked) = run(steps).await;
        assert!(result.expect("written").ends_with("/1"));
        assert_eq!(asked, [PUT, LATEST]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_final() {
    let refusal = json!({"error": {"code": "Forbidden", "message": "no", "innererror": {"code": "ForbiddenByRbac"}}});
    let (result, asked) = run(vec![Answers(403, refusal)]).await;
    assert_eq!(result.expect_err("denied").status, Status::Denied);
    assert_eq!(asked, [PUT]);
}
