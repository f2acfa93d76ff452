//! Requests over connections that stay open: `CONNECT` through the proxy or straight to a server, TLS, HTTP/1.1.
//!
//! The generator shares the computer with the server that it loads, so a request is bytes that were made beforehand,
//! and of an answer nothing is read but its status, its length and its body.

use crate::Result;
use crate::own_certificate::Any;
use std::io::{Error, ErrorKind};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, pem::PemObject};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto::ring};

/// Longest wait for an answer, and for a connection.
const PATIENCE: Duration = Duration::from_secs(60);
/// Most header lines of an answer.
const HEADERS: usize = 48;

/// A request, ready to be sent.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) host: Arc<str>,
    pub(crate) bytes: Vec<u8>,
}

/// Opens connections, through an instance's proxy or straight to a server.
pub(crate) struct Dialer {
    address: String,
    /// The proxy's credentials, where there is one.
    authorization: Option<String>,
    tls: TlsConnector,
}

impl Dialer {
    /// Straight to a server on this computer, whatever its certificate: it is one of its own.
    pub(crate) fn straight(port: u16) -> Result<Self> {
        let provider = Arc::new(ring::default_provider());
        let config = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Any(provider)))
            .with_no_client_auth();
        Ok(Dialer {
            address: format!("127.0.0.1:{port}"),
            authorization: None,
            tls: TlsConnector::from(Arc::new(config)),
        })
    }

    /// From the proxy's URL with its credentials, and the bundle of certificates to trust.
    pub(crate) fn new(proxy: &str, bundle: &Path) -> Result<Self> {
        let (credentials, address) = proxy
            .trim_start_matches("http://")
            .split_once('@')
            .ok_or("the proxy's URL has no credentials")?;
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_file_iter(bundle)? {
            // A root of the system that rustls does not take is not the one that is needed here.
            let _ = roots.add(certificate?);
        }
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        use base64::Engine as _;
        Ok(Dialer {
            address: address.trim_end_matches('/').to_owned(),
            authorization: Some(base64::engine::general_purpose::STANDARD.encode(credentials)),
            tls: TlsConnector::from(Arc::new(config)),
        })
    }

    /// Connects to a host, which may name a port.
    pub(crate) async fn dial(&self, host: &str) -> std::io::Result<Link> {
        tokio::time::timeout(PATIENCE, self.try_dial(host)).await?
    }

    async fn try_dial(&self, host: &str) -> std::io::Result<Link> {
        let mut stream = TcpStream::connect(&self.address).await?;
        stream.set_nodelay(true)?;
        if let Some(authorization) = &self.authorization {
            tunnel(&mut stream, host, authorization).await?;
        }
        let name = host.split_once(':').map_or(host, |(name, _)| name);
        let name = ServerName::try_from(name.to_owned()).map_err(Error::other)?;
        Ok(Link {
            stream: self.tls.connect(name, stream).await?,
            buffer: Vec::with_capacity(16 * 1024),
        })
    }
}

/// Has the proxy connect a stream with a host.
async fn tunnel(stream: &mut TcpStream, host: &str, authorization: &str) -> std::io::Result<()> {
    let connect = format!(
        "CONNECT {host}:443 HTTP/1.1\r\nhost: {host}:443\r\nproxy-authorization: Basic {authorization}\r\n\r\n"
    );
    stream.write_all(connect.as_bytes()).await?;
    let mut answer = Vec::with_capacity(512);
    while !answer.ends_with(b"\r\n\r\n") {
        // Behind the empty line TLS begins, and the server waits for us to begin it.
        if answer.len() > 16 * 1024 || stream.read_buf(&mut answer).await? == 0 {
            return Err(broken("the proxy's answer has no end"));
        }
        if answer.len() > 12 && &answer[8..13] != b" 200 " {
            return Err(broken("the proxy refuses to connect"));
        }
    }
    Ok(())
}

/// A connection to one host.
pub(crate) struct Link {
    stream: TlsStream<TcpStream>,
    buffer: Vec<u8>,
}

/// The head of an answer.
struct Head {
    status: u16,
    begins: usize,
    length: Option<usize>,
    chunked: bool,
    closes: bool,
}

impl Link {
    /// Sends a request and reads its answer: status, body, and whether the connection ends with it.
    async fn exchange(&mut self, request: &[u8]) -> std::io::Result<(u16, bool, Vec<u8>)> {
        self.buffer.clear();
        self.stream.write_all(request).await?;
        self.stream.flush().await?;
        let head = loop {
            self.fill().await?;
            if let Some(head) = head(&self.buffer)? {
                break head;
            }
        };
        let body = if head.chunked {
            self.chunks(head.begins).await?
        } else {
            let ends = head.begins + head.length.unwrap_or(0);
            while self.buffer.len() < ends {
                self.fill().await?;
            }
            self.buffer[head.begins..ends].to_vec()
        };
        Ok((head.status, head.closes, body))
    }

    async fn fill(&mut self) -> std::io::Result<()> {
        if self.stream.read_buf(&mut self.buffer).await? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        Ok(())
    }

    /// A body in chunks, which begins here.
    async fn chunks(&mut self, mut at: usize) -> std::io::Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let size = loop {
                match httparse::parse_chunk_size(&self.buffer[at..]) {
                    Ok(httparse::Status::Complete((line, size))) => {
                        at += line;
                        break usize::try_from(size).map_err(Error::other)?;
                    }
                    Ok(httparse::Status::Partial) => self.fill().await?,
                    Err(_) => return Err(broken("a chunk has no size")),
                }
            };
            while self.buffer.len() < at + size + 2 {
                self.fill().await?;
            }
            if size == 0 {
                return Ok(body);
            }
            body.extend_from_slice(&self.buffer[at..at + size]);
            at += size + 2;
        }
    }
}

/// The head of an answer, if it is whole.
fn head(buffer: &[u8]) -> std::io::Result<Option<Head>> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS];
    let mut answer = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(begins) = answer.parse(buffer).map_err(Error::other)? else {
        return Ok(None);
    };
    let mut head = Head {
        status: answer.code.unwrap_or(0),
        begins,
        length: None,
        chunked: false,
        closes: false,
    };
    for header in answer.headers.iter() {
        let value = header.value;
        if header.name.eq_ignore_ascii_case("content-length") {
            let text = std::str::from_utf8(value).map_err(Error::other)?;
            head.length = Some(text.trim().parse().map_err(Error::other)?);
        } else if header.name.eq_ignore_ascii_case("transfer-encoding") {
            head.chunked = value.eq_ignore_ascii_case(b"chunked");
        } else if header.name.eq_ignore_ascii_case("connection") {
            head.closes = value.eq_ignore_ascii_case(b"close");
        }
    }
    Ok(Some(head))
}

fn broken(what: &str) -> Error {
    Error::new(ErrorKind::InvalidData, what)
}

/// A client with a connection to each host that it has sent a request to.
pub(crate) struct Client {
    dialer: Arc<Dialer>,
    links: Vec<(Arc<str>, Link)>,
}

impl Client {
    pub(crate) fn new(dialer: Arc<Dialer>) -> Self {
        Client {
            dialer,
            links: Vec::new(),
        }
    }

    /// Opens the connection to a host, if there is none.
    pub(crate) async fn reach(&mut self, host: &Arc<str>) -> std::io::Result<usize> {
        match self.links.iter().position(|(known, _)| known == host) {
            Some(at) => Ok(at),
            None => {
                let link = self.dialer.dial(host).await?;
                self.links.push((Arc::clone(host), link));
                Ok(self.links.len() - 1)
            }
        }
    }

    /// Sends a request: its answer's status and body. A connection that broke is opened again by the next one.
    pub(crate) async fn send(&mut self, call: &Call) -> std::io::Result<(u16, Vec<u8>)> {
        let at = self.reach(&call.host).await?;
        let exchange = self.links[at].1.exchange(&call.bytes);
        let answered = match tokio::time::timeout(PATIENCE, exchange).await {
            Ok(answered) => answered,
            Err(late) => Err(late.into()),
        };
        match answered {
            Ok((status, closes, body)) => {
                if closes {
                    self.links.swap_remove(at);
                }
                Ok((status, body))
            }
            Err(error) => {
                self.links.swap_remove(at);
                Err(error)
            }
        }
    }

    /// Forgets the connections.
    pub(crate) fn hang_up(&mut self) {
        self.links.clear();
    }
}
