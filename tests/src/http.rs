//! Requests made by hand, for what no well-behaved client sends.

use crate::Azure;
use serde_json::Value;

/// An HTTP client that goes through an instance's proxy and trusts its authority.
pub struct Client<'a> {
    azure: &'a Azure,
    inner: reqwest::Client,
    runtime: tokio::runtime::Runtime,
}

/// What came back.
pub struct Answer {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub text: String,
}

impl Answer {
    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    /// The code of an error in Resource Manager's, Key Vault's and Graph's shape.
    pub fn code(&self) -> String {
        self.json()["error"]["code"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }

    /// A header, empty where there is none.
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }
}

impl<'a> Client<'a> {
    /// A client at the desk.
    pub fn new(azure: &'a Azure) -> Self {
        Self::through(azure, azure.var("HTTPS_PROXY"))
    }

    /// A client behind another proxy URL, as that of a machine.
    pub fn through(azure: &'a Azure, proxy: &str) -> Self {
        let builder = reqwest::Client::builder();
        let proxy = reqwest::Proxy::all(proxy).expect("a proxy URL");
        Self::build(azure, trusting(azure, builder).proxy(proxy))
    }

    /// A client without a proxy that takes any certificate: for what this computer's own ports answer.
    pub fn direct(azure: &'a Azure) -> Self {
        let builder = reqwest::Client::builder()
            .no_proxy()
            .tls_danger_accept_invalid_certs(true);
        Self::build(azure, builder)
    }

    fn build(azure: &'a Azure, builder: reqwest::ClientBuilder) -> Self {
        let builder = builder.redirect(reqwest::redirect::Policy::none());
        // Only the first test of the process can install it; all want the same.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        Client {
            azure,
            inner: builder.build().expect("a client"),
            runtime,
        }
    }

    /// Sends one request.
    pub fn send(
        &self,
        method: &str,
        url: &str,
        headers: &[(&str, &str)],
        body: Option<String>,
    ) -> Answer {
        self.try_send(method, url, headers, body)
            .unwrap_or_else(|error| panic!("{method} {url}: {error}"))
    }

    /// Sends one request that may get no answer.
    pub fn try_send(
        &self,
        method: &str,
        url: &str,
        headers: &[(&str, &str)],
        body: Option<String>,
    ) -> Result<Answer, reqwest::Error> {
        let mut request = self.inner.request(method.parse().expect("a method"), url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            if !headers
                .iter()
                .any(|(name, _)| name.eq_ignore_ascii_case("content-type"))
            {
                request = request.header("content-type", "application/json");
            }
            request = request.body(body);
        }
        self.runtime.block_on(async {
            let answer = request.send().await?;
            let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
            Ok(Answer {
                status,
                headers,
                text: answer.text().await?,
            })
        })
    }

    /// Reads with a bearer token.
    pub fn get(&self, url: &str, token: &str) -> Answer {
        self.send(
            "GET",
            url,
            &[("authorization", &format!("Bearer {token}"))],
            None,
        )
    }

    /// A token of the desk's own principal for a scope.
    pub fn token(&self, scope: &str) -> String {
        let answer = self.token_answer(&[
            ("client_id", self.azure.var("AZURE_CLIENT_ID")),
            ("client_secret", self.azure.var("AZURE_CLIENT_SECRET")),
            ("grant_type", "client_credentials"),
            ("scope", scope),
        ]);
        answer.json()["access_token"]
            .as_str()
            .unwrap_or_else(|| panic!("{}", answer.text))
            .to_owned()
    }

    /// What the token endpoint of the desk's tenant answers to a form.
    pub fn token_answer(&self, form: &[(&str, &str)]) -> Answer {
        let tenant = self.azure.var("AZURE_TENANT_ID");
        let url = format!("https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token");
        let body: Vec<String> = form
            .iter()
            .map(|(name, value)| format!("{name}={}", escape(value)))
            .collect();
        self.send(
            "POST",
            &url,
            &[("content-type", "application/x-www-form-urlencoded")],
            Some(body.join("&")),
        )
    }
}

fn trusting(azure: &Azure, builder: reqwest::ClientBuilder) -> reqwest::ClientBuilder {
    let bundle = std::fs::read(azure.var("SSL_CERT_FILE")).expect("a bundle");
    let bundle = reqwest::Certificate::from_pem_bundle(&bundle).expect("certificates");
    builder.tls_certs_only(bundle)
}

fn escape(value: &str) -> String {
    value
        .bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                char::from(byte).to_string()
            }
            other => format!("%{other:02X}"),
        })
        .collect()
}
