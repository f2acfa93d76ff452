//! `CONNECT` by hand: how clients that tunnel plain HTTP, too, reach the metadata service, and what is refused.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use end_to_end::http::Client;
use end_to_end::{Azure, GROUP, VAULT, VM};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

const IMDS: &str = "169.254.169.254:80";

/// A connection to the proxy.
struct Connection(BufReader<TcpStream>);

/// The head and the body of an answer; none where the connection is closed unanswered.
type Answer = Option<(String, String)>;

impl Connection {
    fn open(proxy: &str) -> Self {
        let (_, place) = proxy.rsplit_once('@').expect("credentials");
        let stream = TcpStream::connect(place).expect("the proxy");
        let limit = Some(Duration::from_secs(20));
        stream.set_read_timeout(limit).expect("a limit");
        Connection(BufReader::new(stream))
    }

    fn send(&mut self, first_line: &str, headers: &str) -> Answer {
        let request = format!("{first_line} HTTP/1.1\r\nHost: x\r\n{headers}\r\n");
        let stream = self.0.get_mut();
        stream.write_all(request.as_bytes()).expect("written");
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if self.0.read_line(&mut head).expect("an answer in time") == 0 {
                return None;
            }
        }
        let head = head.to_ascii_lowercase();
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "));
        let length = length.map_or(0, |length| length.parse().expect("a length"));
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).expect("a body");
        Some((head, String::from_utf8(body).expect("UTF-8")))
    }

    /// Whether the proxy has closed it.
    fn is_closed(&mut self) -> bool {
        self.0.read(&mut [0]).expect("an end in time") == 0
    }
}

/// The header that shows who calls.
fn credentials(proxy: &str) -> String {
    let (_, rest) = proxy.split_once("://").expect("a URL");
    let (credentials, _) = rest.rsplit_once('@').expect("credentials");
    format!(
        "Proxy-Authorization: Basic {}\r\n",
        STANDARD.encode(credentials)
    )
}

fn connect(proxy: &str, authority: &str) -> (Connection, Answer) {
    let mut connection = Connection::open(proxy);
    let answer = connection.send(&format!("CONNECT {authority}"), &credentials(proxy));
    (connection, answer)
}

fn machines_proxy(azure: &Azure) -> String {
    let said = azure.on_machine(VM, "printenv HTTPS_PROXY").output();
    let said = said.expect("it runs").stdout;
    String::from_utf8(said).expect("UTF-8").trim().to_owned()
}

fn status(answer: &Answer) -> u16 {
    let (head, _) = answer.as_ref().expect("an answer");
    let word = head.split(' ').nth(1).expect("a status line");
    word.parse().expect("a number")
}

/// What the log has of every `CONNECT` to a host.
fn logged(azure: &Azure, authority: &str) -> Vec<Value> {
    let log = azure.log().into_iter();
    log.filter(|line| line["method"] == "CONNECT" && line["url"] == authority)
        .map(|line| {
            json!([
                line["status"],
                line["responseBody"]["error"]["code"],
                line["caller"]["machine"].is_string(),
            ])
        })
        .collect()
}

#[test]
fn a_machine_reaches_its_metadata_service_through_a_tunnel() {
    if end_to_end::machines_are_apart() {
        return;
    }
    let azure = Azure::start().with_group().with_vm();
    let identity = format!("az-identity vm assign -g {GROUP} -n {VM}");
    azure.run(&identity).assert().success();
    let proxy = machines_proxy(&azure);

    let (mut tunnel, opened) = connect(&proxy, IMDS);
    assert_eq!(status(&opened), 200);
    let token = "GET /metadata/identity/oauth2/token?api-version=2018-02-01&resource=https://vault.azure.net";
    // The same rules as for a plain request, and one connection for several.
    assert_eq!(status(&tunnel.send(token, "")), 400);
    let answer = tunnel.send(token, "Metadata: true\r\n");
    assert_eq!(status(&answer), 200);
    let body: Value = serde_json::from_str(&answer.expect("an answer").1).expect("JSON");
    assert_eq!(body["token_type"], "Bearer");
    let served = azure.log();
    let served = served.last().expect("a line");
    let wanted = "http://169.254.169.254/metadata/identity/oauth2/token";
    assert!(
        served["url"]
            .as_str()
            .is_some_and(|url| url.starts_with(wanted))
    );
    assert!(served["caller"]["machine"].is_string());

    // Over TLS nobody is there.
    let (_, refused) = connect(&proxy, "169.254.169.254:443");
    assert_eq!(status(&refused), 502);
    assert_eq!(
        logged(&azure, "169.254.169.254:443"),
        [json!([502, "ConnectionRefused", true])]
    );

    // Nor is it for the desk, which is told so: undici would ask for ever.
    let (mut closed, refused) = connect(azure.var("HTTPS_PROXY"), IMDS);
    assert_eq!(status(&refused), 403);
    assert!(closed.is_closed());
    assert_eq!(
        logged(&azure, IMDS),
        [json!([403, "HostUnreachable", false])]
    );
}

#[test]
fn a_stopped_machine_has_no_metadata_service_in_a_tunnel_either() {
    if end_to_end::machines_are_apart() {
        return;
    }
    let azure = Azure::start().with_group().with_vm();
    let proxy = machines_proxy(&azure);
    let (mut tunnel, opened) = connect(&proxy, IMDS);
    assert_eq!(status(&opened), 200);
    let stop = format!("az-provision vm stop -g {GROUP} -n {VM}");
    azure.run(&stop).assert().success();
    let instance = "GET /metadata/instance?api-version=2021-02-01";
    assert!(tunnel.send(instance, "Metadata: true\r\n").is_none());
}

#[test]
fn a_tunnel_without_credentials_ends_with_the_question_for_them() {
    let azure = Azure::apart();
    let mut connection = Connection::open(azure.var("HTTPS_PROXY"));
    let asked = connection.send(&format!("CONNECT {IMDS}"), "");
    assert_eq!(status(&asked), 407);
    let (head, _) = asked.expect("an answer");
    assert!(
        head.contains("\r\nproxy-authenticate: basic realm="),
        "{head}"
    );
    // What follows on it would be taken for what goes through the tunnel, and the answer for the host's.
    assert!(connection.is_closed());
}

#[test]
fn tunnels_that_are_refused_are_logged() {
    let azure = Azure::with(&["--offline"]);
    let proxy = azure.var("HTTPS_PROXY");
    for (authority, code, error) in [
        ("example.org:443", 403, "Offline"),
        ("kv-nobody.vault.azure.net:443", 502, "NoSuchHost"),
        ("management.azure.com:80", 502, "ConnectionRefused"),
        ("registry.azurecr.io:443", 501, "HostNotEmulated"),
        ("168.63.129.16:80", 403, "HostUnreachable"),
        ("198.18.9.9:22", 502, "HostUnreachable"),
        ("127.0.0.1:1", 502, "BadGateway"),
    ] {
        let (mut connection, answer) = connect(proxy, authority);
        assert_eq!(status(&answer), code, "{authority}");
        // What follows on it would be taken for what goes through the tunnel, and the answer for the host's.
        assert!(connection.is_closed(), "{authority}");
        let wanted = json!([code, error, false]);
        assert_eq!(logged(&azure, authority), [wanted], "{authority}");
    }
}

#[test]
fn a_host_whose_name_ends_in_a_dot_is_the_same_host() {
    let azure = Azure::start().with_secrets();
    let client = Client::new(&azure);
    let url = |host: &str, rest: &str| format!("https://{host}{rest}");
    let vault = format!("{VAULT}.vault.azure.net");
    for (host, rest) in [
        (
            "management.azure.com",
            "/subscriptions?api-version=2022-12-01",
        ),
        (
            "login.microsoftonline.com",
            "/common/discovery/instance?api-version=1.1",
        ),
        ("graph.microsoft.com", "/v1.0/users"),
        ("example.blob.core.windows.net", "/"),
        (vault.as_str(), "/secrets?api-version=7.4"),
    ] {
        let plain = client.send("GET", &url(host, rest), &[], None);
        let dotted = client.send("GET", &url(&format!("{host}."), rest), &[], None);
        assert_eq!(dotted.status, plain.status, "{host}: {}", dotted.text);
        // And curl's own idea of it.
        let script = format!(
            "curl -sS -o /dev/null -w '%{{http_code}}' '{}'",
            url(&format!("{host}."), rest)
        );
        let output = azure.shell(&script).assert().success();
        let status = String::from_utf8_lossy(&output.get_output().stdout).into_owned();
        assert_eq!(status, plain.status.to_string(), "{host}");
    }
    // A vault that is not there is not there with a dot either.
    let nowhere = client.try_send(
        "GET",
        "https://kv-nowhere-1.vault.azure.net./secrets",
        &[],
        None,
    );
    assert!(nowhere.is_err());
}
