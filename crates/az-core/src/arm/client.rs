//! Requests to Resource Manager.

use super::{
    body::Body,
    error::{ArmError, request_id},
    id::ResourceId,
    versions,
    watch::{Watch, Watched, Write},
};
use crate::connection::{Connection, Service};
use azure_core::http::{
    Method, Url,
    headers::{HeaderName, Headers},
};
use serde_json::Value;
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// A write that a dry run did not send.
#[derive(Clone, Debug)]
pub struct Planned {
    /// `PUT`, `PATCH`, `POST` or `DELETE`.
    pub method: &'static str,
    /// The whole URL.
    pub url: String,
    /// The body, secrets replaced.
    pub body: Option<Value>,
}

/// Where a dry run keeps the writes that it did not send, in order.
#[derive(Clone, Debug, Default)]
pub struct DryRun(Arc<Mutex<Vec<Planned>>>);

impl DryRun {
    fn add(&self, planned: Planned) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(planned);
    }

    /// Takes what has been planned so far.
    pub fn take(&self) -> Vec<Planned> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// How a [`Client`] behaves.
pub struct ClientOptions {
    /// With it, no write is sent.
    pub dry_run: Option<DryRun>,
    /// The longest wait for a long-running operation.
    pub timeout: Duration,
    /// Is told of each write.
    pub watch: Option<Arc<dyn Watch>>,
}

/// A client for one cloud's Resource Manager. Clones share their connections and tokens.
#[derive(Clone)]
pub struct Client {
    service: Service,
    dry_run: Option<DryRun>,
    /// The resource providers that this process has registered. Requests run side by side: the first that is
    /// refused registers, the others wait for it.
    registered: Arc<tokio::sync::Mutex<Vec<String>>>,
    pub(super) timeout: Duration,
    watch: Option<Arc<dyn Watch>>,
}

/// An answer with a good status.
#[derive(Clone)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The headers; `Azure-AsyncOperation` and `Location` among them.
    pub headers: Headers,
    /// The body; null where there is none.
    pub body: Value,
    pub(super) what: String,
    pub(super) method: Method,
    pub(super) url: Url,
    /// The write that it answers.
    pub(super) watched: Option<Arc<dyn Watched>>,
}

impl Client {
    /// A client for the Resource Manager of the connection's cloud.
    pub fn new(connection: &Connection, options: ClientOptions) -> Self {
        let cloud = &connection.cloud;
        Client {
            service: connection.service(
                cloud.resource_manager_endpoint(),
                cloud.resource_manager_scope(),
            ),
            dry_run: options.dry_run,
            registered: Arc::default(),
            timeout: options.timeout,
            watch: options.watch,
        }
    }

    /// Whether writes are only planned.
    pub fn is_dry_run(&self) -> bool {
        self.dry_run.is_some()
    }

    /// Reads what is at `path`.
    pub async fn get(&self, path: impl AsRef<str>, api_version: &str) -> Result<Value, ArmError> {
        self.get_with(path, api_version, &[]).await
    }

    /// Reads what is at `path`, with more query parameters.
    pub async fn get_with(
        &self,
        path: impl AsRef<str>,
        api_version: &str,
        query: &[(&str, &str)],
    ) -> Result<Value, ArmError> {
        let url = self.url(path.as_ref(), api_version, query)?;
        Ok(self.send(Method::Get, url, None).await?.body)
    }

    /// Reads what is at `path`; `None` where nothing is.
    pub async fn find(
        &self,
        path: impl AsRef<str>,
        api_version: &str,
    ) -> Result<Option<Value>, ArmError> {
        self.find_with(path, api_version, &[]).await
    }

    /// Reads what is at `path`, with more query parameters; `None` where nothing is.
    pub async fn find_with(
        &self,
        path: impl AsRef<str>,
        api_version: &str,
        query: &[(&str, &str)],
    ) -> Result<Option<Value>, ArmError> {
        match self.get_with(path, api_version, query).await {
            Ok(value) => Ok(Some(value)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Reads a collection, following `nextLink` to its end.
    pub async fn list(
        &self,
        path: impl AsRef<str>,
        api_version: &str,
        query: &[(&str, &str)],
    ) -> Result<Vec<Value>, ArmError> {
        let url = self.url(path.as_ref(), api_version, query)?;
        let mut page = self.send(Method::Get, url, None).await?;
        let mut items = Vec::new();
        loop {
            match page.body.get_mut("value").map(Value::take) {
                Some(Value::Array(mut values)) => items.append(&mut values),
                _ => {
                    return Err(ArmError::Unexpected {
                        what: page.what,
                        reason: "a collection was expected".to_owned(),
                    });
                }
            }
            match page
                .body
                .get("nextLink")
                .and_then(Value::as_str)
                .filter(|link| !link.is_empty())
            {
                Some(link) => page = self.follow(link, &page.what).await?,
                None => return Ok(items),
            }
        }
    }

    /// Creates or replaces what is at `path`. An unregistered resource provider is registered, as `az` does.
    pub async fn put(
        &self,
        path: impl AsRef<str>,
        api_version: &str,
        body: impl Into<Body>,
    ) -> Result<Answer, ArmError> {
        let path = path.as_ref();
        let body = body.into();
        match self
            .write(Method::Put, path, api_version, &[], Some(&body))
            .await
        {
            Err(error) if error.code() == Some("MissingSubscriptionRegistration") => {
                self.register_provider_of(path).await?;
                self.write(Method::Put, path, api_version, &[], Some(&body))
                    .await
            }
            answer => answer,
        }
    }

    /// Changes what is at `path`.
    pub async fn patch(
        &self,
        path: impl AsRef<str>,
        api_version: &str,
        body: impl Into<Body>,
    ) -> Result<Answer, ArmError> {
        self.write(
            Method::Patch,
            path.as_ref(),
            api_version,
            &[],
            Some(&body.into()),
        )
        .await
    }

    /// Runs the action at `path`, with more query parameters.
    pub async fn post(
        &self,
        path: impl AsRef<str>,
        api_version: &str,
        query: &[(&str, &str)],
    ) -> Result<Answer, ArmError> {
        self.write(Method::Post, path.as_ref(), api_version, query, None)
            .await
    }

    /// Runs the action at `path` with what it is given.
    pub async fn post_body(
        &self,
        path: impl AsRef<str>,
        api_version: &str,
        body: impl Into<Body>,
    ) -> Result<Answer, ArmError> {
        self.write(
            Method::Post,
            path.as_ref(),
            api_version,
            &[],
            Some(&body.into()),
        )
        .await
    }

    /// Asks a question that has a body. Nothing is written, so it is sent in a dry run, too.
    pub async fn ask(
        &self,
        path: impl AsRef<str>,
        api_version: &str,
        question: &Value,
    ) -> Result<Value, ArmError> {
        let url = self.url(path.as_ref(), api_version, &[])?;
        let body = Body::from(question.clone());
        Ok(self.send(Method::Post, url, Some(&body)).await?.body)
    }

    /// Deletes what is at `path`, with more query parameters.
    pub async fn delete(
        &self,
        path: impl AsRef<str>,
        api_version: &str,
        query: &[(&str, &str)],
    ) -> Result<Answer, ArmError> {
        self.write(Method::Delete, path.as_ref(), api_version, query, None)
            .await
    }

    async fn write(
        &self,
        method: Method,
        path: &str,
        api_version: &str,
        query: &[(&str, &str)],
        body: Option<&Body>,
    ) -> Result<Answer, ArmError> {
        let url = self.url(path, api_version, query)?;
        if let Some(dry_run) = &self.dry_run {
            dry_run.add(Planned {
                method: method.as_str(),
                url: url.to_string(),
                body: body.map(Body::redacted),
            });
            return Ok(Answer {
                status: 200,
                headers: Headers::new(),
                body: Value::Null,
                what: what(method, &url),
                method,
                url,
                watched: None,
            });
        }
        let watched = self.begin(method, path);
        let mut answer = self.send(method, url, body).await?;
        answer.watched = watched;
        Ok(answer)
    }

    /// Tells whoever watches that a write begins.
    pub(super) fn begin(&self, method: Method, path: &str) -> Option<Arc<dyn Watched>> {
        let watch = self.watch.as_ref()?;
        Some(Arc::from(watch.begins(&Write::of(method, path))))
    }

    pub(super) async fn send(
        &self,
        method: Method,
        url: Url,
        body: Option<&Body>,
    ) -> Result<Answer, ArmError> {
        let what = what(method, &url);
        let response = self
            .service
            .send(method, url.clone(), body.map(Body::to_bytes))
            .await
            .map_err(|error| ArmError::unanswered(error, &what))?;
        let (status, headers, answer) = response.deconstruct();
        tracing::debug!(%what, status = u16::from(status), request_id = request_id(&headers), "answered");
        if !status.is_success() {
            return Err(ArmError::from_answer(&what, status, &headers, &answer));
        }
        let body = if answer.is_empty() {
            Value::Null
        } else {
            serde_json::from_slice(&answer).map_err(|error| ArmError::Unexpected {
                what: what.clone(),
                reason: format!("the answer is not JSON: {error}"),
            })?
        };
        Ok(Answer {
            status: u16::from(status),
            headers,
            body,
            what,
            method,
            url,
            watched: None,
        })
    }

    async fn register_provider_of(&self, path: &str) -> Result<(), ArmError> {
        let unexpected = |reason: &str| ArmError::Unexpected {
            what: format!("PUT {path}"),
            reason: reason.to_owned(),
        };
        let id: ResourceId = path.parse().map_err(|_| unexpected("not a resource id"))?;
        let (Some(subscription), Some(kind)) = (id.subscription_id(), id.resource_type()) else {
            return Err(unexpected("it names no resource provider to register"));
        };
        let namespace = kind.split('/').next().unwrap_or_default();
        let provider = format!("/subscriptions/{subscription}/providers/{namespace}");
        let mut registered = self.registered.lock().await;
        if registered
            .iter()
            .any(|known| known.eq_ignore_ascii_case(namespace))
        {
            return Ok(());
        }
        tracing::warn!(
            "resource provider {namespace} is not registered in the subscription; registering it"
        );
        self.post(format!("{provider}/register"), versions::RESOURCES, &[])
            .await?;
        // Registering takes up to some minutes and has no operation to poll.
        let started = tokio::time::Instant::now();
        let mut pause = Duration::from_millis(100);
        loop {
            let state = self.get(&provider, versions::RESOURCES).await?;
            if state["registrationState"] == "Registered" {
                registered.push(namespace.to_owned());
                return Ok(());
            }
            if started.elapsed() > self.timeout {
                return Err(ArmError::TimedOut {
                    what: format!("POST {provider}/register"),
                    waited: started.elapsed(),
                });
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(10));
        }
    }

    pub(super) fn url(
        &self,
        path: &str,
        api_version: &str,
        query: &[(&str, &str)],
    ) -> Result<Url, ArmError> {
        let mut url = self
            .service
            .endpoint
            .join(path)
            .map_err(|error| ArmError::Unexpected {
                what: path.to_owned(),
                reason: error.to_string(),
            })?;
        url.query_pairs_mut()
            .extend_pairs(query)
            .append_pair("api-version", api_version);
        Ok(url)
    }

    /// Reads what a link leads to that an answer to `what` carried.
    pub(super) async fn follow(&self, link: &str, what: &str) -> Result<Answer, ArmError> {
        let url = Url::parse(link).map_err(|error| ArmError::Unexpected {
            what: what.to_owned(),
            reason: format!("the link '{link}': {error}"),
        })?;
        match self.send(Method::Get, url, None).await {
            Err(ArmError::Foreign { link, .. }) => Err(ArmError::Foreign {
                what: what.to_owned(),
                link,
            }),
            answer => answer,
        }
    }
}

impl Answer {
    pub(super) fn header(&self, name: &'static str) -> Option<String> {
        self.headers
            .get_optional_string(&HeaderName::from_static(name))
    }
}

/// Method and path, as errors name a request: query strings are noise there.
pub(super) fn what(method: Method, url: &Url) -> String {
    format!("{} {}", method.as_str(), url.path())
}
