//! Services whose answers carry links to strangers: the token goes nowhere but to the service itself.
//!
//! No service of Azure's and no local Azure gives such links, so each test has a service of its own, behind a proxy that
//! takes every host and writes down who was asked for.

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
};
use tempfile::TempDir;

const VAULT: &str = "kv-go.vault.azure.net";
const RESOURCE_MANAGER: &str = "management.azure.com";
const GRAPH: &str = "graph.microsoft.com";
const LOGIN: &str = "login.microsoftonline.com";

/// A request as a service sees it.
struct Request {
    host: String,
    method: String,
    signed: bool,
}

/// Status, headers, body.
type Answer = (u16, Vec<String>, String);

/// Azure as a stranger would play it.
struct Azure {
    folder: TempDir,
    authority: PathBuf,
    proxy: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Azure {
    /// One that answers every signed request so; tokens and challenges it gives as Azure does.
    fn answering(answer: impl Fn(&Request) -> Answer + Send + Sync + 'static) -> Self {
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

    fn run(&self, line: &str) -> Command {
        let mut words = line.split_whitespace();
        let mut command = Command::new(binary(words.next().expect("a tool")));
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
    answer: &dyn Fn(&Request) -> Answer,
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
    let (status, headers, body) = match (request.host.as_str(), request.signed) {
        (LOGIN, _) => {
            let token = json!({"access_token": "T", "expires_in": 3600, "token_type": "Bearer"});
            (200, vec![], token.to_string())
        }
        (_, false) => {
            let challenge = format!(
                "www-authenticate: Bearer authorization=\"https://{LOGIN}/t\", resource=\"https://vault.azure.net\""
            );
            (401, vec![challenge], String::new())
        }
        (_, true) => answer(&request),
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

/// Makes the answer that holds a foreign link.
type Make = fn(&str) -> Answer;

/// A command, the service that it asks, and that service's answer with a link in it.
const COMMANDS: [(&str, &str, Make); 5] = [
    ("kv-get --list --vault-name kv-go", VAULT, |link| {
        page("nextLink", link)
    }),
    ("az-role definition list", RESOURCE_MANAGER, |link| {
        page("nextLink", link)
    }),
    (
        "az-role assignment list --assignee ada@example.org",
        GRAPH,
        |link| page("@odata.nextLink", link),
    ),
    (
        "az-cleanup group delete -n g --yes",
        RESOURCE_MANAGER,
        |link| (202, vec![format!("location: {link}")], String::new()),
    ),
    (
        "az-cleanup group delete -n g --yes",
        RESOURCE_MANAGER,
        |link| {
            (
                202,
                vec![format!("azure-asyncoperation: {link}")],
                String::new(),
            )
        },
    ),
];

fn page(member: &str, link: &str) -> Answer {
    (200, vec![], json!({"value": [], member: link}).to_string())
}

#[test]
fn a_link_to_a_stranger_is_refused_before_anything_is_sent() {
    for (line, host, answer) in COMMANDS {
        for (link, named) in [
            (
                "https://evil.example/x".to_owned(),
                "evil.example".to_owned(),
            ),
            (
                format!("https://{host}.evil.example/x"),
                format!("{host}.evil.example"),
            ),
            (
                format!("https://{host}@evil.example/x"),
                "evil.example".to_owned(),
            ),
            (format!("https://{host}:8443/x"), format!("{host}:8443")),
            (format!("http://{host}/x"), format!("http://{host}")),
        ] {
            let given = link.clone();
            let azure = Azure::answering(move |_| answer(&given));
            let failed = azure.run(line).assert().code(1);
            let said = String::from_utf8_lossy(&failed.get_output().stderr).into_owned();
            assert!(said.contains(&named), "{line}, {link}: {said}");
            assert_eq!(said.lines().count(), 1, "{line}, {link}: {said}");
            let asked = azure.asked.lock().expect("lock");
            let own = [format!("{host}:443"), format!("{LOGIN}:443")];
            assert!(
                asked.iter().all(|asked| own.contains(asked)),
                "{line}, {link}: {asked:?}"
            );
            assert!(asked.contains(&own[0]), "{line}, {link}: {asked:?}");
        }
    }
}

#[test]
fn a_redirection_is_not_followed() {
    for (line, host, _) in COMMANDS {
        let azure = Azure::answering(|request| {
            // Of any kind, those that keep the method among them.
            let status = if request.method == "GET" { 302 } else { 307 };
            (
                status,
                vec!["location: https://evil.example/x".to_owned()],
                String::new(),
            )
        });
        azure.run(line).assert().code(1);
        let asked = azure.asked.lock().expect("lock");
        let own = [format!("{host}:443"), format!("{LOGIN}:443")];
        assert!(
            asked.iter().all(|asked| own.contains(asked)),
            "{line}: {asked:?}"
        );
    }
}
