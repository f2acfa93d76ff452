//! Requests to Resource Manager.

use super::{
    answer::{Answer, what},
    body::Body,
    error::ArmError,
    id::ResourceId,
    repeat::Again,
    versions,
    watch::{Watch, Watched, Write},
};
use crate::{
    budget::Budget,
    connection::{Connection, Service},
    pages::Pages,
};
use azure_core::http::{Method, Url, headers::Headers};
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
    pub(super) budget: Budget,
    watch: Option<Arc<dyn Watch>>,
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
            budget: connection.budget.clone(),
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
        let answer = self.send(Method::Get, url, None).await?;
        match path.as_ref().parse::<ResourceId>() {
            Ok(_) => answer.check_resource()?,
            Err(_) => answer.check_says_something()?,
        }
        Ok(answer.body)
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
        let pages = Pages::default();
        loop {
            match page.body.get_mut("value").map(Value::take) {
                Some(Value::Array(mut values)) => items.append(&mut values),
                _ => return Err(page.unexpected("a collection was expected")),
            }
            match page
                .body
                .get("nextLink")
                .and_then(Value::as_str)
                .filter(|link| !link.is_empty())
            {
                Some(link) => {
                    pages
                        .follow(link)
                        .map_err(|error| page.unexpected(&error.to_string()))?;
                    page = self.follow(link, &page.what).await?;
                }
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

    /// Runs the action at `path`, with more query parameters. It is one that may be run twice.
    pub async fn post(
        &self,
        path: impl AsRef<str>,
        api_version: &str,
        query: &[(&str, &str)],
    ) -> Result<Answer, ArmError> {
        self.write(Method::Post, path.as_ref(), api_version, query, None)
            .await
    }

    /// Runs the action at `path` with what it is given, once.
    ///
    /// # Errors
    /// [`ArmError::Undecided`] where its answer was lost.
    pub async fn post_once(
        &self,
        path: impl AsRef<str>,
        api_version: &str,
        body: Option<Body>,
    ) -> Result<Answer, ArmError> {
        let request = (Method::Post, path.as_ref(), Again::No);
        self.write_so(request, api_version, &[], body.as_ref())
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
        let what = what(Method::Post, &url);
        let asked = self.service.ask(url.clone(), question.to_string().into());
        let response = asked
            .await
            .map_err(|error| ArmError::unanswered(error, &what))?;
        let answer = Answer::read(what, Method::Post, url, response)?;
        answer.check_says_something()?;
        Ok(answer.body)
    }

    /// Asks a question that has a body and whose answer takes its time, as what a deployment would change. Nothing is
    /// written.
    pub async fn ask_and_wait(
        &self,
        path: impl AsRef<str>,
        api_version: &str,
        question: &Body,
    ) -> Result<Value, ArmError> {
        let url = self.url(path.as_ref(), api_version, &[])?;
        let what = what(Method::Post, &url);
        let asked = self.service.ask(url.clone(), question.to_bytes());
        let response = asked
            .await
            .map_err(|error| ArmError::unanswered(error, &what))?;
        let answer = Answer::read(what, Method::Post, url, response)?;
        let ended = self.wait_for_answer(answer.clone()).await?;
        match ended {
            Value::Null => Err(answer.unexpected("an answer was expected")),
            ended => Ok(ended),
        }
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
        self.write_so((method, path, Again::Yes), api_version, query, body)
            .await
    }

    async fn write_so(
        &self,
        (method, path, again): (Method, &str, Again),
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
        let mut answer = self.send_write(method, url, body, again).await?;
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
        Answer::read(what, method, url, response)
    }

    /// Reads the resource at this URL.
    pub(super) async fn resource(&self, url: Url) -> Result<Value, ArmError> {
        let answer = self.send(Method::Get, url, None).await?;
        answer.check_resource()?;
        Ok(answer.body)
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
            if pause >= self.budget.left() {
                return Err(ArmError::TimedOut {
                    what: format!("POST {provider}/register"),
                    waited: started.elapsed(),
                    asked: None,
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
