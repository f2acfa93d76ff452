//! The proxy of a Kubernetes cluster that gives tokens in Entra ID's place: `AZURE_KUBERNETES_TOKEN_PROXY`.
//!
//! As `internal/customtokenproxy/transport.go` of azidentity 1.15 in Azure's SDK for Go has it. What differs: no other proxy
//! (`HTTPS_PROXY`) is asked on the way to this one, which is within the cluster.

use crate::{
    env::Env,
    http::{HttpError, builder, finish, platform_tls},
};
use azure_core::{
    error::ErrorKind,
    http::{AsyncRawResponse, Context, HttpClient, Request, Transport, Url},
};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};
use std::{
    fmt,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

/// Why the proxy cannot be asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokenProxyError {
    /// The address is none, or has what it must not have.
    #[error(
        "AZURE_KUBERNETES_TOKEN_PROXY is no address that begins with https://, without a user, a query and a fragment"
    )]
    Address,
    /// Only the others are set.
    #[error(
        "AZURE_KUBERNETES_SNI_NAME, AZURE_KUBERNETES_CA_FILE or AZURE_KUBERNETES_CA_DATA is set, but not AZURE_KUBERNETES_TOKEN_PROXY"
    )]
    NoProxy,
    /// Two say whom to trust.
    #[error("AZURE_KUBERNETES_CA_FILE and AZURE_KUBERNETES_CA_DATA are both set: only one may be")]
    TwoAuthorities,
    /// The name for TLS cannot be a host's.
    #[error("AZURE_KUBERNETES_SNI_NAME is no name of a host")]
    Name,
    /// The certificates cannot be read.
    #[error("{origin}: {reason}")]
    Authorities {
        /// The variable or file.
        origin: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The HTTP client could not be made.
    #[error(transparent)]
    Http(#[from] HttpError),
}

impl From<TokenProxyError> for azure_core::Error {
    fn from(error: TokenProxyError) -> Self {
        azure_core::Error::new(ErrorKind::Credential, error)
    }
}

/// Whom to trust.
enum Authorities {
    /// Whom the system trusts, with the certificates of `SSL_CERT_FILE`.
    System(Option<PathBuf>),
    /// These, in PEM.
    Data(String),
    /// Those of a file, which may change.
    File(PathBuf),
}

/// A transport that sends each request to the proxy.
pub(crate) struct TokenProxy {
    address: Url,
    authorities: Authorities,
    sni: bool,
    /// What the proxy's name is resolved to, where the one for TLS is another.
    host: Arc<ProxyHost>,
    /// The transport, with the certificates that it was made with.
    made: Mutex<Option<(Vec<u8>, Transport)>>,
}

impl TokenProxy {
    /// The proxy that the variables name; `None` where they name none.
    pub(crate) fn of(env: &Env) -> Result<Option<Self>, TokenProxyError> {
        let name = env.get("AZURE_KUBERNETES_SNI_NAME");
        let file = env.get("AZURE_KUBERNETES_CA_FILE");
        let data = env.get("AZURE_KUBERNETES_CA_DATA");
        let Some(address) = env.get("AZURE_KUBERNETES_TOKEN_PROXY") else {
            return match (name, file, data) {
                (None, None, None) => Ok(None),
                _ => Err(TokenProxyError::NoProxy),
            };
        };
        let authorities = match (file, data) {
            (Some(_), Some(_)) => return Err(TokenProxyError::TwoAuthorities),
            (Some(file), None) => Authorities::File(PathBuf::from(file)),
            (None, Some(data)) => Authorities::Data(data.to_owned()),
            (None, None) => Authorities::System(env.get("SSL_CERT_FILE").map(PathBuf::from)),
        };
        let mut address = parse(address).ok_or(TokenProxyError::Address)?;
        let host = Arc::new(ProxyHost {
            name: address
                .host_str()
                .unwrap_or_default()
                .trim_matches(['[', ']'])
                .to_owned(),
        });
        if let Some(name) = name {
            // TLS takes its name from the address, and the connection is made to the host all the same.
            address
                .set_host(Some(name))
                .map_err(|_| TokenProxyError::Name)?;
        }
        let proxy = TokenProxy {
            address,
            authorities,
            sni: name.is_some(),
            host,
            made: Mutex::default(),
        };
        proxy.transport()?;
        Ok(Some(proxy))
    }

    /// The transport; a new one when the file with the authorities has changed.
    fn transport(&self) -> Result<Transport, TokenProxyError> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let pem = match &self.authorities {
            Authorities::System(_) => Vec::new(),
            Authorities::Data(data) => data.clone().into_bytes(),
            Authorities::File(path) => {
                let failed = |reason: String| TokenProxyError::Authorities {
                    origin: path.display().to_string(),
                    reason,
                };
                let text = std::fs::read(path).map_err(|error| failed(error.to_string()))?;
                // It is empty for a moment while somebody renews it.
                match made.as_ref() {
                    Some((_, transport)) if text.is_empty() => return Ok(transport.clone()),
                    None if text.is_empty() => return Err(failed("the file is empty".to_owned())),
                    _ => text,
                }
            }
        };
        if let Some((former, transport)) = made.as_ref()
            && *former == pem
        {
            return Ok(transport.clone());
        }
        let tls = match &self.authorities {
            Authorities::System(file) => platform_tls(file.as_deref())?,
            Authorities::Data(_) => trusting(&pem, "AZURE_KUBERNETES_CA_DATA")?,
            Authorities::File(path) => trusting(&pem, &path.display().to_string())?,
        };
        let mut client = builder(tls).no_proxy();
        if self.sni {
            client = client.dns_resolver(self.host.clone());
        }
        let transport = finish(client)?;
        *made = Some((pem, transport.clone()));
        Ok(transport)
    }

    /// The proxy's path, with the request's own below it.
    fn rewrite(&self, url: &Url) -> Url {
        let mut rewritten = self.address.clone();
        let path = format!(
            "{}{}",
            self.address.path().trim_end_matches('/'),
            url.path()
        );
        rewritten.set_path(&path);
        rewritten.set_query(url.query());
        rewritten
    }
}

fn parse(address: &str) -> Option<Url> {
    let url = Url::parse(address).ok()?;
    let plain = url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none();
    (url.scheme() == "https" && url.has_host() && plain).then_some(url)
}

/// TLS that trusts these authorities and no others.
fn trusting(pem: &[u8], origin: &str) -> Result<ClientConfig, TokenProxyError> {
    let failed = |reason: String| TokenProxyError::Authorities {
        origin: origin.to_owned(),
        reason,
    };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(|error| failed(error.to_string()))?;
        roots
            .add(certificate)
            .map_err(|error| failed(error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(failed("no certificate is in it".to_owned()));
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| HttpError::Setup(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(tls)
}

#[async_trait::async_trait]
impl HttpClient for TokenProxy {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        let transport = self
            .transport()
            .map_err(|error| azure_core::Error::new(ErrorKind::Io, error))?;
        let mut sent = Request::new(self.rewrite(request.url()), request.method());
        for (name, value) in request.headers().iter() {
            sent.insert_header(name.clone(), value.clone());
        }
        // The name that is in the request stays in it, as `rewriteProxyRequestURL` of Go leaves it.
        if let Some(host) = request.url().host_str() {
            sent.insert_header("host", host.to_owned());
        }
        sent.set_body(request.body().clone());
        transport.send(&Context::new(), &mut sent).await
    }
}

/// Leads every name to one host.
struct ProxyHost {
    name: String,
}

impl Resolve for ProxyHost {
    fn resolve(&self, _: Name) -> Resolving {
        let name = self.name.clone();
        Box::pin(async move {
            // The port comes from the address of the request.
            let found: Vec<_> = tokio::net::lookup_host((name, 0)).await?.collect();
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

impl fmt::Debug for TokenProxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenProxy")
            .field("address", &self.address.as_str())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Authority, TlsServer};
    use azure_core::http::Method;

    fn proxy(pairs: &[(&str, &str)]) -> Result<Option<TokenProxy>, TokenProxyError> {
        TokenProxy::of(&Env::from_pairs(pairs.iter().copied()))
    }

    async fn send(proxy: &TokenProxy) -> azure_core::Result<String> {
        let url = Url::parse("https://login.microsoftonline.com/t/oauth2/v2.0/token?a=b");
        let mut request = Request::new(url.expect("an address"), Method::Post);
        request.insert_header("x-mark", "m");
        request.set_body("grant_type=client_credentials");
        let answer = proxy.execute_request(&request).await?;
        answer.into_body().collect_string().await
    }

    #[tokio::test]
    async fn requests_go_to_the_proxy_by_the_name_for_tls_and_keep_their_own() {
        let authority = Authority::new();
        let server = TlsServer::start(&authority, "sni.example", "token");
        let address = format!("https://127.0.0.1:{}/base/", server.port);
        let proxy = proxy(&[
            ("AZURE_KUBERNETES_TOKEN_PROXY", &address),
            ("AZURE_KUBERNETES_SNI_NAME", "sni.example"),
            ("AZURE_KUBERNETES_CA_DATA", &authority.pem),
        ]);
        let proxy = proxy.expect("valid").expect("a proxy");
        assert_eq!(send(&proxy).await.expect("an answer"), "token");
        let asked = server.asked.lock().expect("lock")[0].clone();
        assert_eq!(asked.0.as_deref(), Some("sni.example"));
        let lines: Vec<String> = asked.1.lines().map(str::to_lowercase).collect();
        assert_eq!(lines[0], "post /base/t/oauth2/v2.0/token?a=b http/1.1");
        assert!(lines.contains(&"x-mark: m".to_owned()), "{lines:?}");
        assert!(
            lines.contains(&"host: login.microsoftonline.com".to_owned()),
            "{lines:?}"
        );
    }

    #[tokio::test]
    async fn authorities_that_are_rotated_are_read_again() {
        let (old, new) = (Authority::new(), Authority::new());
        let server = TlsServer::start(&new, "127.0.0.1", "token");
        let file = tempfile::NamedTempFile::new().expect("a file");
        let path = file.path().to_str().expect("a path");
        let address = format!("https://127.0.0.1:{}", server.port);
        let pairs = [
            ("AZURE_KUBERNETES_TOKEN_PROXY", address.as_str()),
            ("AZURE_KUBERNETES_CA_FILE", path),
        ];
        assert!(matches!(
            proxy(&pairs),
            Err(TokenProxyError::Authorities { .. })
        ));
        std::fs::write(path, &old.pem).expect("written");
        let proxy = proxy(&pairs).expect("valid").expect("a proxy");
        send(&proxy).await.expect_err("not trusted");
        std::fs::write(path, &new.pem).expect("written");
        assert_eq!(send(&proxy).await.expect("an answer"), "token");
        std::fs::write(path, "").expect("written");
        assert_eq!(send(&proxy).await.expect("an answer"), "token");
        std::fs::remove_file(path).expect("removed");
        send(&proxy).await.expect_err("no file");
    }

    #[test]
    fn variables_that_do_not_fit_are_said() {
        const PROXY: &str = "AZURE_KUBERNETES_TOKEN_PROXY";
        assert!(proxy(&[]).expect("valid").is_none());
        for name in [
            "AZURE_KUBERNETES_SNI_NAME",
            "AZURE_KUBERNETES_CA_FILE",
            "AZURE_KUBERNETES_CA_DATA",
        ] {
            let found = proxy(&[(name, "x")]);
            assert!(matches!(found, Err(TokenProxyError::NoProxy)), "{name}");
        }
        for address in [
            "http://proxy",
            "https://user:hunter2@proxy",
            "https://proxy?x=y",
            "https://proxy#x",
            "proxy",
        ] {
            match proxy(&[(PROXY, address)]) {
                Err(error @ TokenProxyError::Address) => {
                    assert!(!error.to_string().contains("hunter2"));
                }
                other => panic!("{address}: {:?}", other.err()),
            }
        }
        let both = [
            (PROXY, "https://proxy"),
            ("AZURE_KUBERNETES_CA_FILE", "x"),
            ("AZURE_KUBERNETES_CA_DATA", "x"),
        ];
        assert!(matches!(proxy(&both), Err(TokenProxyError::TwoAuthorities)));
        for data in [
            "nonsense",
            "-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n",
        ] {
            let found = proxy(&[(PROXY, "https://proxy"), ("AZURE_KUBERNETES_CA_DATA", data)]);
            assert!(matches!(found, Err(TokenProxyError::Authorities { .. })));
        }
        let odd = [
            (PROXY, "https://proxy"),
            ("AZURE_KUBERNETES_SNI_NAME", "a b"),
        ];
        assert!(matches!(proxy(&odd), Err(TokenProxyError::Name)));
    }
}
