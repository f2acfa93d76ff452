//! The process's one HTTP client: Resource Manager, the credentials and Key Vault all use it.

pub use crate::answer::{LONGEST_ANSWER, is_page, jittered, retry_after, whole};

#[cfg(all(unix, not(target_vendor = "apple"), not(target_os = "android")))]
use crate::system_roots::{Places, SystemRoots};

use azure_core::{
    error::ErrorKind,
    http::{AsyncRawResponse, HttpClient, Request, Transport, Url},
};
use rustls::{CipherSuite, ClientConfig, NamedGroup, crypto::CryptoProvider};
use std::{
    net::IpAddr,
    path::Path,
    sync::{Arc, OnceLock},
    time::Duration,
};

/// The HTTP client could not be made.
#[derive(Clone, Debug, thiserror::Error)]
pub enum HttpError {
    /// A certificate file that the environment names cannot be read.
    #[error("SSL_CERT_FILE names '{path}': {reason}")]
    Certificates {
        /// The file.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// TLS or the client itself could not be set up.
    #[error("the HTTP client cannot be set up: {0}")]
    Setup(String),
}

/// The transport for every client of the process: rustls with ring, the system's trusted roots, the proxy
/// variables of the environment (`HTTPS_PROXY`, `HTTP_PROXY`, `NO_PROXY`) but for what is on this computer.
///
/// `ssl_cert_file` is the value of `SSL_CERT_FILE`: on Linux nothing else is trusted (but for `SSL_CERT_DIR`), and it is read
/// when the first server shows its certificate; on macOS and Windows its certificates are added to the system's.
pub fn transport(ssl_cert_file: Option<&Path>) -> Result<Transport, HttpError> {
    over_tls(platform_tls(ssl_cert_file)?)
}

/// TLS that trusts whom the system trusts.
pub(crate) fn platform_tls(ssl_cert_file: Option<&Path>) -> Result<ClientConfig, HttpError> {
    let provider = Arc::new(provider());
    let verifier = verifier(ssl_cert_file, provider.clone())?;
    let tls = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| HttpError::Setup(error.to_string()))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    Ok(tls)
}

/// ring's cryptography, all of it, in the order of Go's client for what comes first: AES-128 (whose SHA-256 every processor
/// computes), and a key share on P-256, which ring and all of Azure's front ends have. A handshake costs half of what it does with
/// X25519 and SHA-384; a server that wants these still gets them.
fn provider() -> CryptoProvider {
    let mut provider = rustls::crypto::ring::default_provider();
    provider
        .kx_groups
        .sort_by_key(|group| group.name() != NamedGroup::secp256r1);
    provider.cipher_suites.sort_by_key(|suite| {
        !matches!(
            suite.suite(),
            CipherSuite::TLS13_AES_128_GCM_SHA256
                | CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256
                | CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256
        )
    });
    provider
}

/// A transport that speaks TLS so, and is otherwise as [`transport`]'s.
pub(crate) fn over_tls(tls: ClientConfig) -> Result<Transport, HttpError> {
    let client = builder(tls.clone())
        .build()
        .map_err(|error| HttpError::Setup(error.to_string()))?;
    Ok(Transport::new(Arc::new(BesideProxy {
        client,
        tls,
        local: OnceLock::new(),
    })))
}

/// A client that asks the proxy of the environment, but for what is on this computer: the secrets of App Service's and
/// Azure Arc's endpoints are no proxy's business. Go's HTTP client makes the same exception (`ProxyFromEnvironment`).
#[derive(Debug)]
struct BesideProxy {
    client: reqwest::Client,
    tls: ClientConfig,
    /// Made when it is first needed.
    local: OnceLock<reqwest::Client>,
}

impl BesideProxy {
    fn local(&self) -> azure_core::Result<&reqwest::Client> {
        if let Some(local) = self.local.get() {
            return Ok(local);
        }
        let made = builder(self.tls.clone())
            .no_proxy()
            .build()
            .map_err(|error| azure_core::Error::new(ErrorKind::Io, error))?;
        Ok(self.local.get_or_init(|| made))
    }
}

#[async_trait::async_trait]
impl HttpClient for BesideProxy {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        let client = if is_this_computer(request.url()) {
            self.local()?
        } else {
            &self.client
        };
        client.execute_request(request).await
    }
}

fn is_this_computer(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_matches(['[', ']']).parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

/// The client that [`transport`] makes, before it is made.
pub(crate) fn builder(tls: ClientConfig) -> reqwest::ClientBuilder {
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .connect_timeout(Duration::from_secs(20))
        // Whoever sends a request has a bound of their own for the whole answer; this is for who has none.
        .read_timeout(Duration::from_secs(90))
        // Azure's services do not redirect; a redirect must not carry a token elsewhere.
        .redirect(reqwest::redirect::Policy::none())
}

pub(crate) fn finish(client: reqwest::ClientBuilder) -> Result<Transport, HttpError> {
    let client = client
        .build()
        .map_err(|error| HttpError::Setup(error.to_string()))?;
    Ok(Transport::new(Arc::new(client)))
}

#[cfg(not(all(unix, not(target_vendor = "apple"), not(target_os = "android"))))]
fn verifier(
    ssl_cert_file: Option<&Path>,
    provider: Arc<CryptoProvider>,
) -> Result<rustls_platform_verifier::Verifier, HttpError> {
    use rustls::pki_types::{CertificateDer, pem::PemObject};
    let mut extra = Vec::new();
    if let Some(path) = ssl_cert_file {
        let broken = |reason: String| HttpError::Certificates {
            path: path.display().to_string(),
            reason,
        };
        for certificate in
            CertificateDer::pem_file_iter(path).map_err(|error| broken(error.to_string()))?
        {
            extra.push(certificate.map_err(|error| broken(error.to_string()))?);
        }
    }
    rustls_platform_verifier::Verifier::new_with_extra_roots(extra, provider)
        .map_err(|error| HttpError::Setup(error.to_string()))
}

#[cfg(all(unix, not(target_vendor = "apple"), not(target_os = "android")))]
fn verifier(
    ssl_cert_file: Option<&Path>,
    provider: Arc<CryptoProvider>,
) -> Result<SystemRoots, HttpError> {
    if let Some(path) = ssl_cert_file
        && let Err(error) = std::fs::metadata(path)
    {
        return Err(HttpError::Certificates {
            path: path.display().to_string(),
            reason: error.to_string(),
        });
    }
    let folders = std::env::var_os("SSL_CERT_DIR");
    let places = Places::new(ssl_cert_file, folders.as_deref());
    Ok(SystemRoots::new(places, provider))
}

/// The innermost cause of an error: for a request that did not get through, what the system said.
pub fn root_cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    let text = cause.to_string();
    // The TLS library refers to its manual there.
    if text.starts_with("peer closed connection without sending TLS close_notify") {
        return "the connection broke off in the middle of the answer".to_owned();
    }
    // As hyper-util words what a proxy answers to CONNECT.
    match text.strip_prefix("tunnel error: ") {
        Some("unsuccessful") => {
            "the proxy (HTTPS_PROXY) refused the connection: it does not let this host through"
                .to_owned()
        }
        Some("proxy authorization required") => {
            "the proxy (HTTPS_PROXY) wants a user name and a password".to_owned()
        }
        Some(other) => format!("the proxy (HTTPS_PROXY) gave no connection: {other}"),
        None => text,
    }
}

/// Whether a request did not get through because the other side's certificate is not trusted.
pub fn is_certificate_refused(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        // An I/O error hides the error that it was made of: its source is that one's source.
        let inner = error
            .downcast_ref::<std::io::Error>()
            .and_then(std::io::Error::get_ref);
        let tls = match inner {
            Some(inner) => inner.downcast_ref::<rustls::Error>(),
            None => error.downcast_ref::<rustls::Error>(),
        };
        if matches!(tls, Some(rustls::Error::InvalidCertificate(_))) {
            return true;
        }
        cause = match inner {
            Some(inner) => Some(inner as &(dyn std::error::Error + 'static)),
            None => error.source(),
        };
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Authority, TlsServer};
    use azure_core::http::Method;

    #[tokio::test]
    async fn what_is_on_this_computer_is_asked_without_the_proxy() {
        let authority = Authority::new();
        let server = TlsServer::start(&authority, "127.0.0.1", "here");
        let tls = || trusting_all_of(&authority);
        // Nobody listens there.
        let proxy = reqwest::Proxy::all("http://127.0.0.1:1").expect("a proxy");
        let client = BesideProxy {
            client: builder(tls()).proxy(proxy).build().expect("a client"),
            tls: tls(),
            local: OnceLock::new(),
        };
        for (host, reached) in [("127.0.0.1", true), ("192.0.2.1", false)] {
            let url = Url::parse(&format!("https://{host}:{}/", server.port));
            let request = Request::new(url.expect("an address"), Method::Get);
            let answer = client.execute_request(&request).await;
            assert_eq!(answer.is_ok(), reached, "{host}");
        }
        for (host, local) in [
            ("localhost", true),
            ("127.8.9.10", true),
            ("[::1]", true),
            ("169.254.169.254", false),
            ("localhost.example.org", false),
        ] {
            let url = Url::parse(&format!("http://{host}/")).expect("an address");
            assert_eq!(is_this_computer(&url), local, "{host}");
        }
    }

    fn trusting_all_of(authority: &Authority) -> ClientConfig {
        use rustls::pki_types::{CertificateDer, pem::PemObject};
        let mut roots = rustls::RootCertStore::empty();
        let root = CertificateDer::from_pem_slice(authority.pem.as_bytes()).expect("PEM");
        roots.add(root).expect("a root");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(roots)
            .with_no_client_auth()
    }

    #[test]
    fn a_refused_certificate_is_found_however_deep() {
        let refused = || rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer);
        let inner = std::io::Error::other(refused());
        assert!(is_certificate_refused(&refused()));
        assert!(is_certificate_refused(&std::io::Error::other(inner)));
        assert!(!is_certificate_refused(&std::io::Error::other(
            rustls::Error::DecryptError
        )));
    }
}
