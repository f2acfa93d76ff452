//! The platform from the outside: processes, folders, the proxy, TLS. What the services answer has its
//! tests elsewhere.

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use std::collections::HashMap;
use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use tempfile::TempDir;

/// `az-local` with arguments, on a folder, in an environment that names no other instance.
fn az_local(folder: Option<&Path>, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_az-local"));
    command
        .args(arguments)
        .env_remove("AZ_LOCAL_DIR")
        .stdin(Stdio::null());
    if let Some(folder) = folder {
        command.env("AZ_LOCAL_DIR", folder);
        // What runs is noted there, not where the user's own instances are.
        command.env("XDG_RUNTIME_DIR", folder.with_extension("runtime"));
    }
    command
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A running instance in a folder of its own; stopped when dropped.
struct Local {
    _folder: TempDir,
    path: PathBuf,
}

impl Local {
    fn start(options: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("instance");
        let local = Local {
            _folder: folder,
            path,
        };
        local.start_again(options);
        local
    }

    fn start_again(&self, options: &[&str]) {
        let arguments: Vec<&str> = ["start"].iter().chain(options).copied().collect();
        let output = self.run(&arguments);
        assert!(output.status.success(), "{}", text(&output.stderr));
    }

    fn run(&self, arguments: &[&str]) -> Output {
        az_local(Some(&self.path), arguments)
            .output()
            .expect("az-local")
    }

    fn json(&self, arguments: &[&str]) -> serde_json::Value {
        serde_json::from_slice(&self.run(arguments).stdout).expect("JSON")
    }

    fn environment(&self) -> HashMap<String, String> {
        let output = text(&self.run(&["env"]).stdout);
        let exports = output
            .lines()
            .filter_map(|line| line.strip_prefix("export "));
        exports
            .filter_map(|export| export.split_once('='))
            .map(|(name, value)| {
                let value = value.trim_end_matches(';').trim_matches('\'');
                (name.to_owned(), value.to_owned())
            })
            .collect()
    }

    /// The proxy's address, and the desk's credentials in base64.
    fn proxy(&self) -> (String, String) {
        use base64::Engine as _;
        let url = self.environment()["HTTPS_PROXY"].clone();
        let (credentials, address) = url
            .strip_prefix("http://")
            .and_then(|rest| rest.split_once('@'))
            .expect("credentials");
        let encoded = base64::engine::general_purpose::STANDARD.encode(credentials);
        (address.to_owned(), encoded)
    }

    fn connect(&self) -> (TcpStream, String) {
        let (address, credentials) = self.proxy();
        let authorization = format!("Proxy-Authorization: Basic {credentials}\r\n");
        (
            TcpStream::connect(address).expect("the proxy"),
            authorization,
        )
    }

    /// Sends a request line and headers to the proxy; gives all that comes back.
    fn ask(&self, line: &str) -> String {
        let (mut stream, authorization) = self.connect();
        write!(
            stream,
            "{line} HTTP/1.1\r\nHost: x\r\n{authorization}Connection: close\r\n\r\n"
        )
        .expect("a request");
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        text(&answer)
    }

    /// A tunnel to a host, with TLS in it that trusts the instance's authority alone.
    fn tls(&self, host: &str) -> StreamOwned<ClientConnection, TcpStream> {
        let (mut stream, authorization) = self.connect();
        write!(
            stream,
            "CONNECT {host}:443 HTTP/1.1\r\nHost: {host}:443\r\n{authorization}\r\n"
        )
        .expect("a request");
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") {
            stream.read_exact(&mut byte).expect("an answer");
            head.push(byte[0]);
        }
        assert!(head.starts_with(b"HTTP/1.1 200"), "{}", text(&head));
        let mut roots = RootCertStore::empty();
        let ca = CertificateDer::from_pem_file(self.path.join("ca.pem")).expect("a certificate");
        roots.add(ca).expect("a root");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("protocol versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from(host.to_owned()).expect("a host name");
        let connection = ClientConnection::new(Arc::new(config), name).expect("a connection");
        StreamOwned::new(connection, stream)
    }

    fn kill(&self) {
        let pid = self.json(&["status", "-o", "json"])["pid"].to_string();
        let killed = Command::new("kill")
            .args(["-9", &pid])
            .status()
            .expect("kill");
        assert!(killed.success());
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        let _ = self.run(&["stop"]);
    }
}

/// Reads one answer with a `Content-Length`: its head and its body.
fn read_answer(stream: &mut impl Read) -> (String, String) {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).expect("an answer");
        head.push(byte[0]);
    }
    let head = text(&head).to_lowercase();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .and_then(|length| length.trim().parse().ok())
        .unwrap_or(0);
    let mut body = vec![0; length];
    stream.read_exact(&mut body).expect("a body");
    (head, text(&body))
}

#[test]
fn the_proxy_takes_nobody_without_its_password() {
    let local = Local::start(&[]);
    let (address, _) = local.proxy();
    for header in ["", "Proxy-Authorization: Basic ZGVzazp3cm9uZw==\r\n"] {
        let mut stream = TcpStream::connect(&address).expect("the proxy");
        write!(
            stream,
            "CONNECT management.azure.com:443 HTTP/1.1\r\n{header}\r\n"
        )
        .expect("sent");
        let (head, _) = read_answer(&mut stream);
        assert!(head.starts_with("http/1.1 407"), "{head}");
        assert!(head.contains("proxy-authenticate: basic"), "{head}");
    }
}

#[test]
fn what_is_not_emulated_is_refused_and_says_why() {
    let local = Local::start(&["--offline"]);
    let cases = [
        (
            "CONNECT management.usgovcloudapi.net:443",
            501,
            "HostNotEmulated",
        ),
        (
            "GET http://x.blob.core.windows.net/",
            501,
            "HostNotEmulated",
        ),
        (
            "CONNECT no-such-vault.vault.azure.net:443",
            502,
            "no such host",
        ),
        ("CONNECT management.azure.com:80", 502, "443"),
        ("GET http://management.azure.com/", 403, "https"),
        ("CONNECT 169.254.169.254:80", 403, "HostUnreachable"),
        ("GET http://169.254.1.1/", 403, "HostUnreachable"),
        ("CONNECT 198.18.0.4:22", 502, "no public IP address"),
        ("GET http://198.18.0.4/", 403, "HostUnreachable"),
        ("CONNECT example.org:443", 403, "--offline"),
        ("GET http://example.org/", 403, "--offline"),
        ("GET /", 400, "az-local env"),
    ];
    for (line, status, word) in cases {
        let answer = local.ask(line);
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{line}: {answer}"
        );
        assert!(answer.contains(word), "{line}: {answer}");
    }
}

#[test]
fn the_desk_has_no_metadata_service() {
    let local = Local::start(&[]);
    assert_eq!(
        local.ask("GET http://169.254.169.254/metadata/instance"),
        ""
    );
}

#[test]
fn an_emulated_host_has_a_certificate_and_keeps_its_connection() {
    let local = Local::start(&[]);
    let mut stream = local.tls("login.microsoftonline.com");
    for _ in 0..2 {
        write!(
            stream,
            "GET /common/discovery/v2.0/keys HTTP/1.1\r\nHost: login.microsoftonline.com\r\n\r\n"
        )
        .expect("sent");
        let (head, body) = read_answer(&mut stream);
        assert!(head.starts_with("http/1.1 200"), "{head}");
        assert!(body.contains("\"keys\""), "{body}");
    }
    let mut stream = local.tls("x.blob.core.windows.net");
    write!(
        stream,
        "GET / HTTP/1.1\r\nHost: x.blob.core.windows.net\r\n\r\n"
    )
    .expect("sent");
    let (head, body) = read_answer(&mut stream);
    assert!(
        head.starts_with("http/1.1 501") && body.contains("HostNotEmulated"),
        "{head}{body}"
    );
}

#[test]
fn a_body_that_is_too_long_is_refused() {
    let local = Local::start(&[]);
    let mut stream = local.tls("management.azure.com");
    let length = 33 * 1024 * 1024;
    write!(
        stream,
        "PUT /x HTTP/1.1\r\nHost: management.azure.com\r\nContent-Length: {length}\r\n\r\n"
    )
    .expect("sent");
    let (head, _) = read_answer(&mut stream);
    assert!(head.starts_with("http/1.1 413"), "{head}");
}

#[test]
fn hosts_on_this_computer_are_reached_even_offline() {
    let local = Local::start(&["--offline"]);
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let server = std::thread::spawn(move || {
        let mut seen = Vec::new();
        for _ in 0..2 {
            let (mut stream, _) = listener.accept().expect("a connection");
            let mut head = Vec::new();
            let mut byte = [0];
            while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).expect("a byte") > 0 {
                head.push(byte[0]);
            }
            stream
                .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
                .expect("sent");
            let _ = stream.shutdown(Shutdown::Write);
            seen.push(text(&head));
        }
        seen
    });
    let plain = local.ask(&format!("GET http://127.0.0.1:{port}/path?a=b"));
    assert!(plain.ends_with("hi"), "{plain}");
    let (mut stream, authorization) = local.connect();
    write!(
        stream,
        "CONNECT localhost:{port} HTTP/1.1\r\n{authorization}\r\n"
    )
    .expect("sent");
    let (head, _) = read_answer(&mut stream);
    assert!(head.starts_with("http/1.1 200"), "{head}");
    write!(stream, "GET /tunnel HTTP/1.1\r\n\r\n").expect("sent");
    assert_eq!(read_answer(&mut stream).1, "hi");
    let seen = server.join().expect("the server");
    assert!(
        seen[0].starts_with("GET /path?a=b HTTP/1.1\r\n"),
        "{}",
        seen[0]
    );
    assert!(
        !seen[0].to_lowercase().contains("proxy-authorization"),
        "{}",
        seen[0]
    );
    assert!(
        seen[1].starts_with("GET /tunnel HTTP/1.1\r\n"),
        "{}",
        seen[1]
    );
}

#[test]
fn a_killed_instance_comes_back_as_it_was() {
    let local = Local::start(&["--subscriptions", "2"]);
    local.run(&["clock", "advance", "1h"]);
    local.run(&["set", "role-delay", "7s"]);
    let before = (
        local.environment(),
        fs::read(local.path.join("ca.pem")).expect("a certificate"),
    );
    let keys = |local: &Local| {
        let mut stream = local.tls("login.microsoftonline.com");
        write!(
            stream,
            "GET /common/discovery/keys HTTP/1.1\r\nHost: x\r\n\r\n"
        )
        .expect("sent");
        read_answer(&mut stream).1
    };
    let keys_before = keys(&local);
    local.kill();
    local.start_again(&[]);
    let after = (
        local.environment(),
        fs::read(local.path.join("ca.pem")).expect("a certificate"),
    );
    assert!(
        before == after,
        "the environment or the certificate authority changed"
    );
    assert_eq!(keys(&local), keys_before);
    let status = local.json(&["status", "-o", "json"]);
    assert!(
        status["clock"]["aheadSeconds"]
            .as_f64()
            .is_some_and(|ahead| ahead >= 3600.0)
    );
    assert_eq!(status["knobs"]["role_delay_ms"], 7000);
    assert_eq!(
        status["tenants"][0]["subscriptions"]
            .as_array()
            .map(Vec::len),
        Some(2)
    );
    assert_eq!(
        status["tenants"][1]["subscriptions"]
            .as_array()
            .map(Vec::len),
        Some(1)
    );
}

#[test]
fn a_folder_serves_one_instance_and_is_its_users_alone() {
    let local = Local::start(&[]);
    let second = local.run(&["start"]);
    assert_eq!(second.status.code(), Some(6), "{}", text(&second.stderr));
    let open_to_others =
        |path: &Path| fs::metadata(path).expect("metadata").permissions().mode() & 0o077 != 0;
    assert!(!open_to_others(&local.path));
    for entry in fs::read_dir(&local.path).expect("the folder") {
        let path = entry.expect("an entry").path();
        assert!(!open_to_others(&path), "{}", path.display());
    }
}

#[test]
fn the_control_socket_wants_its_token() {
    let local = Local::start(&[]);
    let mut stream = UnixStream::connect(local.path.join("control.sock")).expect("the socket");
    stream
        .write_all(b"{\"token\":\"wrong\",\"request\":{\"command\":\"status\"}}\nnonsense\n")
        .expect("sent");
    stream.shutdown(Shutdown::Write).expect("shut down");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    assert_eq!(answer.lines().count(), 2, "{answer}");
    assert!(
        answer.lines().all(|line| line.contains("refused")),
        "{answer}"
    );
}

#[test]
fn a_path_that_is_too_long_for_a_socket_is_no_hindrance() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("x".repeat(120));
    let started = az_local(Some(&path), &["start"])
        .output()
        .expect("az-local");
    assert!(started.status.success(), "{}", text(&started.stderr));
    assert!(
        az_local(Some(&path), &["status"])
            .output()
            .expect("az-local")
            .status
            .success()
    );
    assert!(
        az_local(Some(&path), &["stop"])
            .output()
            .expect("az-local")
            .status
            .success()
    );
}

#[test]
fn a_port_that_is_taken_is_named() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener
        .local_addr()
        .expect("an address")
        .port()
        .to_string();
    let folder = tempfile::tempdir().expect("a folder");
    let output = az_local(Some(folder.path()), &["start", "--port", &port])
        .output()
        .expect("az-local");
    assert_eq!(output.status.code(), Some(6));
    assert!(
        text(&output.stderr).contains(&port),
        "{}",
        text(&output.stderr)
    );
}

#[test]
fn run_passes_the_commands_status_on_and_leaves_nothing() {
    let script =
        "echo \"$AZ_LOCAL_DIR\"; test -n \"$HTTPS_PROXY\" && test -z \"$MSI_ENDPOINT\" && exit 7";
    let output = az_local(None, &["run", "--", "sh", "-c", script])
        .env("MSI_ENDPOINT", "http://127.0.0.1:1/")
        .output()
        .expect("az-local");
    assert_eq!(output.status.code(), Some(7));
    let folder = text(&output.stdout);
    assert!(
        !folder.trim().is_empty() && !Path::new(folder.trim()).exists(),
        "{folder}"
    );
    let by_signal = az_local(None, &["run", "--", "sh", "-c", "kill -TERM $$"])
        .status()
        .expect("az-local");
    assert_eq!(by_signal.code(), Some(143));
    let unknown = az_local(None, &["run", "--", "no-such-command"])
        .output()
        .expect("az-local");
    assert_eq!(unknown.status.code(), Some(127));
}

#[test]
fn run_passes_signals_on_and_waits_for_the_command() {
    let script = "trap 'kill $!; exit 9' TERM; sleep 60 & echo up; wait";
    let mut child = az_local(None, &["run", "--", "sh", "-c", script])
        .stdout(Stdio::piped())
        .spawn()
        .expect("az-local");
    let mut up = [0; 3];
    child
        .stdout
        .as_mut()
        .expect("a pipe")
        .read_exact(&mut up)
        .expect("a line");
    let pid = child.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-TERM", &pid])
            .status()
            .expect("kill")
            .success()
    );
    let status = child.wait().expect("a status");
    assert_eq!((status.code(), status.signal()), (Some(9), None));
}

#[test]
fn a_machine_that_does_not_exist_runs_nothing() {
    let local = Local::start(&[]);
    let output = local.run(&["vm", "exec", "-g", "g", "-n", "vm", "--", "true"]);
    assert_eq!(output.status.code(), Some(3));
    assert!(
        text(&output.stderr).contains("vm list"),
        "{}",
        text(&output.stderr)
    );
}

#[test]
fn without_an_instance_commands_say_how_to_start_one() {
    let folder = tempfile::tempdir().expect("a folder");
    for arguments in [
        ["env"].as_slice(),
        &["stop"],
        &["status"],
        &["clock", "show"],
    ] {
        let output = az_local(Some(folder.path()), arguments)
            .output()
            .expect("az-local");
        assert_eq!(output.status.code(), Some(3), "{arguments:?}");
        assert!(
            text(&output.stderr).contains("az-local start"),
            "{arguments:?}"
        );
    }
}
