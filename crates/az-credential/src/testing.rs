//! What the tests of the chain and of its credentials share.

use crate::{clock::Clock, cloud::Cloud, env::Env, parts::Parts};
use azure_core::{
    Bytes,
    error::ErrorKind,
    http::{AsyncRawResponse, Body, HttpClient, Request, StatusCode, Transport, headers::Headers},
    time::{Duration, OffsetDateTime},
};
use std::sync::{Arc, Mutex};

/// Answers for a host, and writes down what it was asked.
#[derive(Debug, Default)]
pub(crate) struct Wire {
    answers: Vec<(&'static str, u16, &'static str)>,
    pub(crate) asked: Mutex<Vec<String>>,
}

#[async_trait::async_trait]
impl HttpClient for Wire {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        let body = match request.body() {
            Body::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            Body::SeekableStream(_) => "(stream)".to_owned(),
        };
        let asked = format!("{} {} {body}", request.method().as_str(), request.url());
        self.asked.lock().expect("lock").push(asked.clone());
        // the longest prefix that fits, so that a probe and a request for a token can be told apart
        let fits = self
            .answers
            .iter()
            .filter(|(start, ..)| asked.contains(start))
            .max_by_key(|(s, ..)| s.len());
        let Some((_, status, body)) = fits else {
            return Err(azure_core::Error::with_message(
                ErrorKind::Other,
                "connection refused",
            ));
        };
        let headers = Headers::default();
        Ok(AsyncRawResponse::from_bytes(
            StatusCode::from(*status),
            headers,
            Bytes::from(*body),
        ))
    }
}

pub(crate) fn wire(answers: &[(&'static str, u16, &'static str)]) -> Arc<Wire> {
    Arc::new(Wire {
        answers: answers.to_vec(),
        ..Wire::default()
    })
}

pub(crate) fn parts(
    variables: &[(&str, &str)],
    answers: &[(&'static str, u16, &'static str)],
) -> Parts {
    Parts {
        env: Env::from_pairs(variables.iter().copied()),
        cloud: Cloud::public(),
        transport: Transport::new(wire(answers)),
        subscription: None,
        application_id: None,
        in_chain: true,
    }
}

/// A clock that stands until a test moves it.
#[derive(Debug)]
pub(crate) struct TestClock(Mutex<OffsetDateTime>);

impl Default for TestClock {
    fn default() -> Self {
        TestClock(Mutex::new(OffsetDateTime::now_utc()))
    }
}

impl TestClock {
    pub(crate) fn pass(&self, time: Duration) {
        *self.0.lock().expect("lock") += time;
    }
}

impl Clock for TestClock {
    fn now(&self) -> OffsetDateTime {
        *self.0.lock().expect("lock")
    }
}
