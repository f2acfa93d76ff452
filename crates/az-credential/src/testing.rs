//! What the tests of the chain and of its credentials share.

use crate::{
    arc_agent::ArcAgent,
    clock::{Clock, SystemClock},
    cloud::Cloud,
    env::Env,
    parts::Parts,
    tenants::AllowedTenants,
    workload_options::WorkloadIdentityOptions,
};
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
        tenant_id: None,
        allowed_tenants: AllowedTenants::default(),
        managed_identity: None,
        workload_identity: WorkloadIdentityOptions::default(),
        continuous_access_evaluation: false,
        arc_agent: ArcAgent::default(),
        clock: Arc::new(SystemClock),
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

/// What a [`Script`] answers once.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    Answer(u16, Vec<(&'static str, String)>, String),
    /// After so long.
    Late(std::time::Duration, Box<Reply>),
    /// The network reaches nobody.
    Unreachable,
}

impl Reply {
    pub(crate) fn of(status: u16, body: &str) -> Self {
        Reply::Answer(status, Vec::new(), body.to_owned())
    }

    pub(crate) fn with_header(self, name: &'static str, value: impl Into<String>) -> Self {
        match self {
            Reply::Answer(status, mut headers, body) => {
                headers.push((name, value.into()));
                Reply::Answer(status, headers, body)
            }
            other => other,
        }
    }

    pub(crate) fn after(self, seconds: u64) -> Self {
        Reply::Late(std::time::Duration::from_secs(seconds), Box::new(self))
    }
}

/// Answers one after the other, the last one for ever, and keeps the requests.
#[derive(Debug)]
pub(crate) struct Script {
    replies: Vec<Reply>,
    pub(crate) requests: Mutex<Vec<Asking>>,
}

/// One request.
#[derive(Clone, Debug)]
pub(crate) struct Asking {
    pub(crate) method: String,
    pub(crate) url: azure_core::http::Url,
    headers: Headers,
    pub(crate) body: String,
    /// When, by the runtime's clock.
    pub(crate) at: tokio::time::Instant,
}

impl Asking {
    pub(crate) fn header(&self, name: &'static str) -> Option<String> {
        self.headers.get_optional_string(&name.into())
    }

    /// A parameter of the address.
    pub(crate) fn query(&self, name: &str) -> Option<String> {
        let mut pairs = self.url.query_pairs();
        pairs
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.into_owned())
    }

    /// A field of the form in the body.
    pub(crate) fn form(&self, name: &str) -> Option<String> {
        let mut url = self.url.clone();
        url.set_query(Some(&self.body));
        let mut pairs = url.query_pairs();
        pairs
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.into_owned())
    }
}

impl Script {
    pub(crate) fn new(replies: impl IntoIterator<Item = Reply>) -> Arc<Self> {
        Arc::new(Script {
            replies: replies.into_iter().collect(),
            requests: Mutex::default(),
        })
    }

    pub(crate) fn transport(self: &Arc<Self>) -> Transport {
        Transport::new(self.clone())
    }

    pub(crate) fn requests(&self) -> Vec<Asking> {
        self.requests.lock().expect("lock").clone()
    }

    /// Whether these seconds passed between the requests, or up to half more.
    pub(crate) fn waited(&self, seconds: &[u64]) -> bool {
        let requests = self.requests();
        let waits: Vec<f32> = requests
            .windows(2)
            .map(|pair| (pair[1].at - pair[0].at).as_secs_f32())
            .collect();
        let is_near = |(wait, seconds): (&f32, &u64)| {
            let seconds = *seconds as f32;
            (seconds..seconds * 1.5 + 0.01).contains(wait)
        };
        waits.len() == seconds.len() && waits.iter().zip(seconds).all(is_near)
    }
}

#[async_trait::async_trait]
impl HttpClient for Script {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        let body = match request.body() {
            Body::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            Body::SeekableStream(_) => "(stream)".to_owned(),
        };
        let number = {
            let mut requests = self.requests.lock().expect("lock");
            requests.push(Asking {
                method: request.method().as_str().to_owned(),
                url: request.url().clone(),
                headers: request.headers().clone(),
                body,
                at: tokio::time::Instant::now(),
            });
            requests.len() - 1
        };
        let mut reply = self.replies.get(number).or(self.replies.last()).cloned();
        loop {
            match reply {
                Some(Reply::Late(time, inner)) => {
                    tokio::time::sleep(time).await;
                    reply = Some(*inner);
                }
                Some(Reply::Answer(status, pairs, body)) => {
                    let mut headers = Headers::default();
                    for (name, value) in pairs {
                        headers.insert(name, value);
                    }
                    return Ok(AsyncRawResponse::from_bytes(
                        StatusCode::from(status),
                        headers,
                        Bytes::from(body),
                    ));
                }
                Some(Reply::Unreachable) | None => {
                    return Err(azure_core::Error::with_message(
                        ErrorKind::Connection,
                        "connection refused",
                    ));
                }
            }
        }
    }
}

/// An authority that signs certificates, for a test that speaks TLS.
pub(crate) struct Authority {
    issuer: rcgen::Issuer<'static, rcgen::KeyPair>,
    pub(crate) pem: String,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = rcgen::CertificateParams::default();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let key = rcgen::KeyPair::generate().expect("a key");
        let pem = params.self_signed(&key).expect("a certificate").pem();
        Authority {
            issuer: rcgen::Issuer::new(params, key),
            pem,
        }
    }
}

/// The names in TLS, and the requests.
type Heard = Arc<Mutex<Vec<(Option<String>, String)>>>;

/// A server on this computer that gives every caller the same answer, and keeps what it was asked.
pub(crate) struct TlsServer {
    pub(crate) port: u16,
    pub(crate) certificate: rustls::pki_types::CertificateDer<'static>,
    pub(crate) asked: Heard,
}

impl TlsServer {
    /// A server with a certificate for this name.
    pub(crate) fn start(authority: &Authority, name: &str, body: &'static str) -> Self {
        use std::io::{Read, Write};
        let key = rcgen::KeyPair::generate().expect("a key");
        let certificate = rcgen::CertificateParams::new([name.to_owned()])
            .and_then(|params| params.signed_by(&key, &authority.issuer))
            .expect("a certificate")
            .der()
            .clone();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let der = rustls::pki_types::PrivatePkcs8KeyDer::from(key.serialize_der());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![certificate.clone()], der.into());
        let config = Arc::new(config.expect("a config"));
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let asked = Heard::default();
        let seen = asked.clone();
        std::thread::spawn(move || {
            for socket in listener.incoming() {
                let Ok(mut socket) = socket else { return };
                let mut tls = rustls::ServerConnection::new(config.clone()).expect("a server");
                let mut stream = rustls::Stream::new(&mut tls, &mut socket);
                let mut request = vec![0; 16 * 1024];
                // Who does not trust the certificate says nothing.
                let Ok(length) = stream.read(&mut request) else {
                    continue;
                };
                let text = String::from_utf8_lossy(&request[..length]).into_owned();
                let _ = write!(
                    stream,
                    "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                    body.len()
                );
                let _ = stream.flush();
                let name = tls.server_name().map(str::to_owned);
                seen.lock().expect("lock").push((name, text));
            }
        });
        TlsServer {
            port,
            certificate,
            asked,
        }
    }
}
