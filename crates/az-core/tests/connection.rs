//! What every client keeps to, whatever a service answers: its token goes to that service alone, and requests say who
//! sends them.

use az_core::{
    arm::{self, Client as Arm},
    budget::Budget,
    cli::{Failure, Status},
    connection::Connection,
    graph,
    keyvault::{self, Repeatable, Vault, VaultError},
};
use az_credential::Cloud;
use azure_core::{
    Bytes,
    credentials::{AccessToken, TokenCredential, TokenRequestOptions},
    http::{
        AsyncRawResponse, HttpClient, Request, StatusCode, Transport, Url,
        headers::{HeaderName, Headers},
    },
    time::{Duration as Span, OffsetDateTime},
};
use futures::TryStreamExt;
use serde_json::{Value, json};
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

const VAULT: &str = "kv-go.vault.azure.net";
const RESOURCE_MANAGER: &str = "management.azure.com";
const GRAPH: &str = "graph.microsoft.com";

/// What a service answers to the first request that carries a token; after it, an empty last page.
#[derive(Clone, Debug, Default)]
struct First {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Value,
}

/// Answers everything, whoever is asked, and writes down what that was.
#[derive(Debug)]
struct Wire {
    first: Mutex<Option<First>>,
    /// Every answer is the first one.
    goes_round: bool,
    asked: Mutex<Vec<Request>>,
}

#[async_trait::async_trait]
impl HttpClient for Wire {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        self.asked.lock().expect("lock").push(request.clone());
        let mut headers = Headers::new();
        if header(request, "authorization").is_none() {
            let challenge = r#"Bearer authorization="https://login.microsoftonline.com/t", resource="https://vault.azure.net""#;
            headers.insert(HeaderName::from_static("www-authenticate"), challenge);
            let nobody = Bytes::from_static(b"{}");
            return Ok(AsyncRawResponse::from_bytes(
                StatusCode::Unauthorized,
                headers,
                nobody,
            ));
        }
        let mut first = self.first.lock().expect("lock");
        let answer = match self.goes_round {
            true => first.clone(),
            false => first.take(),
        };
        drop(first);
        let answer = answer.unwrap_or_else(|| First {
            status: 200,
            body: json!({"value": [], "status": "Succeeded"}),
            ..First::default()
        });
        for (name, value) in answer.headers {
            headers.insert(HeaderName::from_static(name), value);
        }
        Ok(AsyncRawResponse::from_bytes(
            StatusCode::from(answer.status),
            headers,
            Bytes::from(answer.body.to_string()),
        ))
    }
}

fn header(request: &Request, name: &'static str) -> Option<String> {
    request
        .headers()
        .get_optional_string(&HeaderName::from_static(name))
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
        let expires = OffsetDateTime::now_utc() + Span::hours(1);
        Ok(AccessToken::new("T", expires))
    }
}

fn connection(wire: &Arc<Wire>) -> Connection {
    Connection {
        cloud: Cloud::public(),
        credential: Arc::new(Token),
        transport: Transport::new(wire.clone()),
        tool: "az-role",
        budget: Budget::new(Duration::from_secs(60)),
        pacer: Default::default(),
    }
}

/// Everything that follows a link which an answer gave.
#[derive(Clone, Copy, Debug)]
enum Follower {
    Secrets,
    Versions,
    DeletedSecrets,
    Resources,
    AsyncOperation,
    Location,
    NextLocation,
    ResultOfAction,
    Principals,
    PrincipalsByIds,
}

impl Follower {
    const ALL: [Follower; 10] = [
        Follower::Secrets,
        Follower::Versions,
        Follower::DeletedSecrets,
        Follower::Resources,
        Follower::AsyncOperation,
        Follower::Location,
        Follower::NextLocation,
        Follower::ResultOfAction,
        Follower::Principals,
        Follower::PrincipalsByIds,
    ];

    fn host(self) -> &'static str {
        match self {
            Follower::Secrets | Follower::Versions | Follower::DeletedSecrets => VAULT,
            Follower::Principals | Follower::PrincipalsByIds => GRAPH,
            _ => RESOURCE_MANAGER,
        }
    }

    /// Whether links may be relative here.
    fn joins(self) -> bool {
        self.host() != RESOURCE_MANAGER
    }

    fn answer(self, link: &str) -> First {
        let page = |member: &str| First {
            status: 200,
            body: json!({"value": [], member: link}),
            ..First::default()
        };
        let accepted = |headers: &[(&'static str, &str)]| First {
            status: 202,
            headers: headers
                .iter()
                .map(|(name, value)| (*name, (*value).to_owned()))
                .collect(),
            body: Value::Null,
        };
        let own = "https://management.azure.com/operations/1";
        match self {
            Follower::Principals | Follower::PrincipalsByIds => page("@odata.nextLink"),
            Follower::AsyncOperation => accepted(&[("azure-asyncoperation", link)]),
            Follower::Location | Follower::NextLocation => accepted(&[("location", link)]),
            Follower::ResultOfAction => {
                accepted(&[("azure-asyncoperation", own), ("location", link)])
            }
            _ => page("nextLink"),
        }
    }

    async fn run(self, wire: &Arc<Wire>) -> Result<(), Failure> {
        let connection = connection(wire);
        let vault = Vault {
            url: format!("https://{VAULT}/").parse().expect("an address"),
        };
        let secrets =
            || keyvault::client(&connection, &vault, Repeatable::All).map_err(VaultError::from);
        let arm = Arm::new(
            &connection,
            arm::ClientOptions {
                dry_run: None,
                watch: None,
            },
        );
        let graph = graph::Client::new(&connection);
        match self {
            Follower::Secrets => {
                let list = keyvault::list_secrets(&secrets()?).expect("a list");
                let found: Result<Vec<_>, _> = list.try_collect().await;
                Ok(found.map(|_| ()).map_err(VaultError::from)?)
            }
            Follower::Versions => {
                let list = keyvault::list_versions(&secrets()?, "s");
                let found: Result<Vec<_>, _> = list.expect("a list").try_collect().await;
                Ok(found.map(|_| ()).map_err(VaultError::from)?)
            }
            Follower::DeletedSecrets => {
                let list = keyvault::list_deleted_secrets(&secrets()?);
                let found: Result<Vec<_>, _> = list.expect("a list").try_collect().await;
                Ok(found.map(|_| ()).map_err(VaultError::from)?)
            }
            Follower::Resources => {
                arm.list("/subscriptions", "2022-12-01", &[]).await?;
                Ok(())
            }
            Follower::AsyncOperation | Follower::Location => {
                let answer = arm.delete("/subscriptions/s", "2022-12-01", &[]).await?;
                arm.wait(answer).await?;
                Ok(())
            }
            Follower::NextLocation => {
                // The link is in the answer to the first poll, which the service's own link leads to.
                let first = self.answer("https://management.azure.com/operations/1");
                let poll = wire.first.lock().expect("lock").replace(first);
                let answer = arm.delete("/subscriptions/s", "2022-12-01", &[]).await?;
                *wire.first.lock().expect("lock") = poll;
                arm.wait(answer).await?;
                Ok(())
            }
            Follower::ResultOfAction => {
                let answer = arm.post("/subscriptions/s/act", "2022-12-01", &[]).await?;
                arm.wait(answer).await?;
                Ok(())
            }
            Follower::Principals => {
                graph.list("/v1.0/users", &[]).await?;
                Ok(())
            }
            Follower::PrincipalsByIds => {
                graph
                    .post_list("/v1.0/directoryObjects/getByIds", &json!({"ids": []}))
                    .await?;
                Ok(())
            }
        }
    }
}

fn wire(first: First) -> Arc<Wire> {
    Arc::new(Wire {
        first: Mutex::new(Some(first)),
        goes_round: false,
        asked: Mutex::default(),
    })
}

/// Links away from a host, each with what the refusal must name.
fn foreign(host: &str) -> Vec<(String, String)> {
    let evil = "evil.example".to_owned();
    vec![
        (format!("http://{host}/x"), format!("http://{host}")),
        (format!("http://{host}:443/x"), format!("http://{host}:443")),
        (format!("https://{host}:8443/x"), format!("{host}:8443")),
        ("https://evil.example/x".to_owned(), evil.clone()),
        ("https:\\\\evil.example\\x".to_owned(), evil.clone()),
        (format!("https://evil.example/{host}/x"), evil.clone()),
        (format!("https://evil.example?{host}"), evil.clone()),
        (format!("https://evil.example#@{host}/"), evil.clone()),
        (format!("https://{host}@evil.example/x"), evil.clone()),
        (format!("https://{host}:443@evil.example/x"), evil.clone()),
        (
            format!("https://{host}.evil.example/x"),
            format!("{host}.evil.example"),
        ),
        (format!("https://evil.{host}/x"), format!("evil.{host}")),
        (format!("https://{host}./x"), format!("{host}.")),
        (format!("https://user@{host}/x"), format!("…@{host}")),
        (
            format!("https://user:hunter2@{host}/x"),
            format!("…@{host}"),
        ),
        (format!("https://:hunter2@{host}/x"), format!("…@{host}")),
        ("https://127.0.0.1/x".to_owned(), "127.0.0.1".to_owned()),
        ("https://[::1]/x".to_owned(), "[::1]".to_owned()),
        (format!("wss://{host}/x"), format!("wss://{host}")),
        (format!("data:{host}"), "data:".to_owned()),
    ]
}

#[tokio::test(start_paused = true)]
async fn a_link_to_another_host_is_refused_before_anything_is_sent() {
    for follower in Follower::ALL {
        let own: Url = format!("https://{}/", follower.host())
            .parse()
            .expect("an address");
        let mut links = foreign(follower.host());
        if follower.joins() {
            links.push(("//evil.example/x".to_owned(), "evil.example".to_owned()));
            links.push(("\\\\evil.example/x".to_owned(), "evil.example".to_owned()));
        }
        for (link, named) in links {
            let wire = wire(follower.answer(&link));
            let result = follower.run(&wire).await;
            for request in wire.asked.lock().expect("lock").iter() {
                let (url, origin) = (request.url(), request.url().origin());
                assert!(
                    origin == own.origin() && url.username().is_empty() && url.password().is_none(),
                    "{follower:?}, {link}: {url} was asked"
                );
            }
            let failure = result.expect_err(&link);
            let text = failure.to_string();
            assert_eq!(
                failure.status,
                Status::Failed,
                "{follower:?}, {link}: {text}"
            );
            assert!(text.contains(&named), "{follower:?}, {link}: {text}");
            assert!(!text.contains('\n') && !text.contains("hunter2"), "{text}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_link_to_the_service_itself_is_followed() {
    for follower in Follower::ALL {
        let host = follower.host();
        for link in [
            format!("https://{host}/next?page=2"),
            format!("https://{host}:443/next?page=2"),
            format!("https://{}/next?page=2", host.to_uppercase()),
        ] {
            let wire = wire(follower.answer(&link));
            follower.run(&wire).await.expect(&link);
            let asked = wire.asked.lock().expect("lock");
            assert!(
                asked.iter().any(|request| request.url().path() == "/next"),
                "{follower:?}, {link}"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn every_request_says_which_tool_sends_it() {
    let tool = format!("az-role-{} ", env!("CARGO_PKG_VERSION"));
    for follower in [Follower::Secrets, Follower::Resources, Follower::Principals] {
        let wire = wire(follower.answer(&format!("https://{}/next", follower.host())));
        follower.run(&wire).await.expect("lists");
        let asked = wire.asked.lock().expect("lock");
        assert!(asked.len() > 1, "{follower:?}");
        for request in asked.iter() {
            let agent = header(request, "user-agent").unwrap_or_default();
            assert!(agent.starts_with(&tool), "{follower:?}: {agent}");
        }
    }
}

#[tokio::test]
async fn a_list_that_goes_round_has_an_end() {
    for follower in [
        Follower::Secrets,
        Follower::Versions,
        Follower::DeletedSecrets,
        Follower::Resources,
        Follower::Principals,
        Follower::PrincipalsByIds,
    ] {
        let link = format!("https://{}/again?page=1", follower.host());
        let wire = Arc::new(Wire {
            first: Mutex::new(Some(follower.answer(&link))),
            goes_round: true,
            asked: Mutex::default(),
        });
        let failure = follower.run(&wire).await.expect_err("without an end");
        assert!(
            failure.message.contains("circle"),
            "{follower:?}: {failure}"
        );
        let asked = wire.asked.lock().expect("lock").len();
        assert!(asked <= 4, "{follower:?}: {asked}");
    }
}
