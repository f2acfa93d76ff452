//! Azure as a stranger would play it: a proxy that takes every host, answers whatever a test says, and writes down who was asked
//! for. No service of Azure's and no local Azure does such things.

use assert_cmd::Command;
use end_to_end::binary;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::{
    ServerConfig, ServerConnection, StreamOwned,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};
use serde_json::json;
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};
use tempfile::TempDir;

pub(crate) const VAULT: &str = "kv-go.vault.azure.net";
pub(crate) const RESOURCE_MANAGER: &str = "management.azure.com";
pub(crate) const GRAPH: &str = "graph.microsoft.com";
pub(crate) const LOGIN: &str = "login.microsoftonline.com";

/// A request as a service sees it.
pub(crate) struct Request {
    pub(crate) host: String,
    pub(crate) method: String,
    pub(crate) signed: bool,
}

/// Status, headers, body.
pub(crate) type Answer = (u16, Vec<String>, String);

/// What a stranger does with a request.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    Whole(Answer),
    /// An answer without an end, a byte a second.
    Drips,
    /// An answer without an end, as fast as it is read.
    Endless,
    /// Half of an answer, and the connection is closed.
    BreaksOff,
    /// Nothing.
    Silence,
}

/// Azure as a stranger would play it.
pub(crate) struct Azure {
    pub(crate) folder: TempDir,
    authority: PathBuf,
    proxy: String,
    pub(crate) asked: Arc<Mutex<Vec<String>>>,
}

impl Azure {
    /// One that answers every signed request so; tokens and challenges it gives as Azure does.
    pub(crate) fn answering(answer: impl Fn(&Request) -> Answer + Send + Sync + 'static) -> Self {
        Azure::replying(move |request| match request.host.as_str() {
            LOGIN => None,
            _ => request.signed.then(|| Reply::Whole(answer(request))),
        })
    }

    /// One that does this with every request; where it says nothing, what Azure does.
    pub(crate) fn replying(
        answer: impl Fn(&Request) -> Option<Reply> + Send + Sync + 'static,
    ) -> Self {
        let folder = TempDir::new().expect("a folder");
        let (authority, tls) = certificates();
        let file = folder.path().join("authority.pem");
        std::fs::write(&file, authority).expect("written");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let proxy = format!("http://{}", listener.local_addr().expect("an address"));
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (noted, answer) = (asked.clone(), Arc::new(answer));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (noted, answer, tls) = (noted.clone(), answer.clone(), tls.clone());
                std::thread::spawn(move || serve(stream, &noted, tls, &*answer));
            }
        });
        Azure {
            folder,
            authority: file,
            proxy,
            asked,
        }
    }

    pub(crate) fn run(&self, line: &str) -> Command {
        Command::from_std(self.command(line))
    }

    pub(crate) fn command(&self, line: &str) -> std::process::Command {
        let mut words = line.split_whitespace();
        let mut command = std::process::Command::new(binary(words.next().expect("a tool")));
        command
            .args(words)
            .env_clear()
            .current_dir(self.folder.path())
            .env("HOME", self.folder.path())
            .env("HTTPS_PROXY", &self.proxy)
            .env("HTTP_PROXY", &self.proxy)
            .env("SSL_CERT_FILE", &self.authority)
            .env("AZURE_TENANT_ID", "11111111-0000-0000-0000-000000000001")
            .env("AZURE_CLIENT_ID", "22222222-0000-0000-0000-000000000002")
            .env("AZURE_CLIENT_SECRET", "a-secret")
            .env(
                "AZURE_SUBSCRIPTION_ID",
                "33333333-0000-0000-0000-000000000003",
            );
        command
    }
}

/// An authority's certificate in PEM, and TLS with one of its certificates for every host that is asked for.
fn certificates() -> (String, Arc<ServerConfig>) {
    let key = KeyPair::generate().expect("a key");
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = params.self_signed(&key).expect("an authority").pem();
    let issuer = Issuer::new(params, key);
    let hosts = [
        LOGIN,
        RESOURCE_MANAGER,
        GRAPH,
        VAULT,
        "evil.example",
        "*.evil.example",
    ];
    let own = KeyPair::generate().expect("a key");
    let leaf = CertificateParams::new(hosts.map(str::to_owned))
        .expect("hosts")
        .signed_by(&own, &issuer)
        .expect("a certificate");
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(own.serialize_der()));
    let tls =
        ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![leaf.der().clone()], key)
            .expect("TLS");
    (authority, Arc::new(tls))
}

/// One connection to the proxy: a tunnel, or a request without TLS. A client that goes away ends it.
fn serve(
    mut stream: TcpStream,
    asked: &Mutex<Vec<String>>,
    tls: Arc<ServerConfig>,
    answer: &dyn Fn(&Request) -> Option<Reply>,
) -> Option<()> {
    let head = read_head(&mut stream)?;
    let target = head.first()?.split(' ').nth(1)?.to_owned();
    asked.lock().expect("lock").push(target.clone());
    if !head.first()?.starts_with("CONNECT ") {
        return stream
            .write_all(b"HTTP/1.1 500 Plain\r\ncontent-length: 0\r\n\r\n")
            .ok();
    }
    stream.write_all(b"HTTP/1.1 200 Connected\r\n\r\n").ok()?;
    let mut stream = StreamOwned::new(ServerConnection::new(tls).ok()?, stream);
    let head = read_head(&mut stream)?;
    let header = |name: &str| {
        let mut found = head.iter().filter_map(|line| line.split_once(": "));
        found
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    };
    let length = header("content-length").and_then(|length| length.parse().ok());
    stream.read_exact(&mut vec![0; length.unwrap_or(0)]).ok()?;
    let request = Request {
        host: target.trim_end_matches(":443").to_owned(),
        method: head.first()?.split(' ').next()?.to_owned(),
        signed: header("authorization").is_some(),
    };
    let reply = answer(&request).unwrap_or_else(|| Reply::Whole(as_azure(&request)));
    let Reply::Whole((status, headers, body)) = reply else {
        return without_an_end(&mut stream, &reply);
    };
    let mut text = format!(
        "HTTP/1.1 {status} x\r\nconnection: close\r\ncontent-length: {}\r\n",
        body.len()
    );
    for line in headers {
        text.push_str(&line);
        text.push_str("\r\n");
    }
    stream
        .write_all(format!("{text}\r\n{body}").as_bytes())
        .ok()?;
    stream.conn.send_close_notify();
    stream.flush().ok()
}

/// A token, or the way to one.
fn as_azure(request: &Request) -> Answer {
    if request.host == LOGIN {
        let token = json!({"access_token": "T", "expires_in": 3600, "token_type": "Bearer"});
        return (200, vec![], token.to_string());
    }
    let challenge = format!(
        "www-authenticate: Bearer authorization=\"https://{LOGIN}/t\", resource=\"https://vault.azure.net\""
    );
    (401, vec![challenge], String::new())
}

/// Replies that never are whole, until the client goes away.
fn without_an_end(
    stream: &mut StreamOwned<ServerConnection, TcpStream>,
    reply: &Reply,
) -> Option<()> {
    const LENGTH: usize = 600 << 20;
    if matches!(reply, Reply::Silence) {
        return stream.read(&mut [0]).ok().map(|_| ());
    }
    let head = format!(
        "HTTP/1.1 200 x\r\ncontent-type: application/json\r\ncontent-length: {LENGTH}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).ok()?;
    let (piece, pause) = match reply {
        Reply::Drips => (vec![b' '], Duration::from_millis(200)),
        Reply::Endless => (vec![b' '; 1 << 20], Duration::ZERO),
        _ => return stream.write_all(b"{\"id\":").ok(),
    };
    for _ in 0..LENGTH / piece.len() {
        stream.write_all(&piece).ok()?;
        stream.flush().ok()?;
        std::thread::park_timeout(pause);
    }
    Some(())
}

/// The lines up to the empty one. Byte by byte: what follows is not the head's.
fn read_head(stream: &mut impl Read) -> Option<Vec<String>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    BufReader::new(head.as_slice())
        .lines()
        .take_while(|line| line.as_ref().is_ok_and(|line| !line.is_empty()))
        .collect::<Result<_, _>>()
        .ok()
}
