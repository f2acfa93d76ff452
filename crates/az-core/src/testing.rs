//! A service that does what a script says, for the tests of what asks it.

use crate::{budget::Budget, connection::Connection, pacer::Pacer};
use az_credential::{Cloud, Env};
use azure_core::{
    Bytes, Error,
    credentials::{AccessToken, TokenCredential, TokenRequestOptions},
    error::ErrorKind,
    http::{
        AsyncRawResponse, HttpClient, Request, StatusCode, Transport,
        headers::{HeaderName, Headers},
    },
    time::{Duration as Span, OffsetDateTime},
};
use std::{
    collections::VecDeque,
    future::pending,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::time::Instant;

/// What the service does with one request.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Answers(u16, &'static str),
    AnswersWith(u16, Vec<(&'static str, String)>, &'static str),
    /// The connection breaks: the request may have arrived.
    Breaks,
    /// The answer's body breaks off.
    BreaksOff,
    /// Nobody takes the connection.
    IsNotThere,
    /// Nothing ever comes.
    Hangs,
    /// The answer comes a byte a second.
    Drips,
}

/// The service. Its last step is what it does from then on.
#[derive(Debug)]
pub(crate) struct Script {
    steps: Mutex<VecDeque<Step>>,
    asked: Mutex<Vec<(Instant, String)>>,
}

impl Script {
    pub(crate) fn new(steps: impl IntoIterator<Item = Step>) -> Arc<Self> {
        Arc::new(Script {
            steps: Mutex::new(steps.into_iter().collect()),
            asked: Mutex::default(),
        })
    }

    /// Method and path of each request.
    pub(crate) fn asked(&self) -> Vec<String> {
        let asked = self.asked.lock().expect("lock");
        asked.iter().map(|(_, what)| what.clone()).collect()
    }

    /// The time between the requests.
    pub(crate) fn waits(&self) -> Vec<Duration> {
        let asked = self.asked.lock().expect("lock");
        asked.windows(2).map(|pair| pair[1].0 - pair[0].0).collect()
    }

    /// A connection to it, for a command that has so much time.
    pub(crate) fn connection(self: &Arc<Self>, total: Duration) -> Connection {
        Connection {
            cloud: Cloud::resolve(None, &Env::default()).expect("the public cloud"),
            credential: Arc::new(Token),
            transport: Transport::new(self.clone()),
            tool: "a-tool",
            budget: Budget::new(total),
            pacer: Pacer::default(),
        }
    }
}

#[async_trait::async_trait]
impl HttpClient for Script {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        let what = format!("{} {}", request.method().as_str(), request.url().path());
        self.asked
            .lock()
            .expect("lock")
            .push((Instant::now(), what));
        let step = {
            let mut steps = self.steps.lock().expect("lock");
            match steps.len() {
                1 => steps[0].clone(),
                _ => steps.pop_front().expect("a step"),
            }
        };
        let broken = || Error::with_message(ErrorKind::Io, "connection reset by peer");
        let answer = |status: u16, headers: Vec<(&'static str, String)>, body: &'static str| {
            let mut all = Headers::new();
            for (name, value) in headers {
                all.insert(HeaderName::from_static(name), value);
            }
            AsyncRawResponse::from_bytes(StatusCode::from(status), all, Bytes::from(body))
        };
        match step {
            Step::Answers(status, body) => Ok(answer(status, vec![], body)),
            Step::AnswersWith(status, headers, body) => Ok(answer(status, headers, body)),
            Step::Breaks => Err(broken()),
            Step::BreaksOff => {
                let parts = [Ok(Bytes::from("{\"id\":")), Err(broken())];
                let body = Box::pin(futures::stream::iter(parts));
                Ok(AsyncRawResponse::new(StatusCode::Ok, Headers::new(), body))
            }
            Step::IsNotThere => Err(Error::with_message(
                ErrorKind::Connection,
                "connection refused",
            )),
            Step::Hangs => pending().await,
            Step::Drips => {
                let body = Box::pin(futures::stream::unfold((), |()| async {
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    Some((Ok(Bytes::from(" ")), ()))
                }));
                Ok(AsyncRawResponse::new(StatusCode::Ok, Headers::new(), body))
            }
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
