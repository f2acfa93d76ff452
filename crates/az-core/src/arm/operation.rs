//! Long-running operations.
//!
//! Azure tells of them in three ways: an `Azure-AsyncOperation` URL that answers a status, a `Location` URL
//! that answers 202 until it is done, and `provisioningState` in the resource itself.
//! <https://learn.microsoft.com/azure/azure-resource-manager/management/async-operations>

use super::{
    answer::Answer,
    client::Client,
    error::{ArmError, ServiceError, request_id},
    progress::{State, is_leaving, state},
};
use azure_core::http::{Method, headers::Headers};
use serde_json::Value;
use std::time::Duration;
use tokio::time::Instant;

/// What is done when an operation has ended.
#[derive(Clone, Copy)]
enum Then {
    Read,
    Nothing,
}

impl Client {
    /// Waits until the operation behind `answer` has ended; gives the resource as it then is (null where
    /// there is none, as after a deletion).
    ///
    /// # Errors
    /// The operation's own error when it failed; [`ArmError::TimedOut`] when it runs for too long.
    pub async fn wait(&self, answer: Answer) -> Result<Value, ArmError> {
        self.wait_for(answer, Then::Read).await
    }

    /// The same for whoever does not need the resource, which costs a request.
    ///
    /// # Errors
    /// Those of [`Client::wait`].
    pub async fn wait_until_done(&self, answer: Answer) -> Result<(), ArmError> {
        self.wait_for(answer, Then::Nothing).await.map(drop)
    }

    async fn wait_for(&self, answer: Answer, then: Then) -> Result<Value, ArmError> {
        if self.is_dry_run() {
            return Ok(Value::Null);
        }
        let watched = answer.watched.clone();
        let ended = self.wait_for_end(answer, then).await?;
        if let Some(watched) = watched {
            watched.succeeded();
        }
        Ok(ended)
    }

    /// Waits for what a question's answer takes, also in a dry run; nothing is under way.
    pub(super) async fn wait_for_answer(&self, answer: Answer) -> Result<Value, ArmError> {
        self.wait_for_end(answer, Then::Read).await
    }

    async fn wait_for_end(&self, answer: Answer, then: Then) -> Result<Value, ArmError> {
        let started = Instant::now();
        if let Some(link) = answer.header("azure-asyncoperation") {
            return self.wait_for_status(&answer, &link, started, then).await;
        }
        if (answer.status == 202 || (answer.status == 201 && answer.body.is_null()))
            && let Some(link) = answer.header("location")
        {
            return self.wait_for_location(&answer, &link, started, then).await;
        }
        self.wait_for_provisioning(answer, started).await
    }

    /// Waits until the resource at `path`, read as `latest`, is provisioned: for one that an earlier run left
    /// in the making. One whose making failed is written again as it is, with which Azure tries once more
    /// (<https://learn.microsoft.com/azure/azure-resource-manager/troubleshooting/error-resource-provisioning-state>).
    pub async fn wait_for_resource(
        &self,
        path: impl AsRef<str>,
        api_version: &str,
        latest: Value,
    ) -> Result<Value, ArmError> {
        let path = path.as_ref();
        let url = self.url(path, api_version, &[])?;
        let provisioning = latest.pointer("/properties/provisioningState");
        if matches!(state(provisioning), State::Failed(_)) {
            let answer = self.put(path, api_version, latest).await?;
            return if self.is_dry_run() {
                Ok(answer.body)
            } else {
                self.wait(answer).await
            };
        }
        let watched = match state(provisioning) {
            State::Running => self.begin(Method::Put, path),
            State::Succeeded | State::Failed(_) => None,
        };
        let first = Answer {
            status: 200,
            headers: Headers::new(),
            body: latest,
            what: format!("PUT {path}"),
            method: Method::Put,
            url,
            watched: watched.clone(),
        };
        let ended = self.wait_for_provisioning(first, Instant::now()).await?;
        if let Some(watched) = watched {
            watched.succeeded();
        }
        Ok(ended)
    }

    /// Reads what is at `path` to stay: what is being deleted is waited for, and then counts as not there. It must not be
    /// taken for what is wanted.
    ///
    /// # Errors
    /// [`ArmError::TimedOut`] when the deletion runs for too long.
    pub async fn find_lasting(
        &self,
        path: impl AsRef<str>,
        api_version: &str,
        query: &[(&str, &str)],
    ) -> Result<Option<Value>, ArmError> {
        let path = path.as_ref();
        let url = self.url(path, api_version, query)?;
        let read = async || match self.send(Method::Get, url.clone(), None).await {
            Ok(answer) => answer.check_resource().map(|()| Some(answer)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        };
        let Some(first) = read().await? else {
            return Ok(None);
        };
        if !is_leaving(&first.body) {
            return Ok(Some(first.body));
        }
        if self.is_dry_run() {
            return Ok(None);
        }
        let watched = self.begin(Method::Delete, path);
        let started = Instant::now();
        let mut pause = Pause::after(&first);
        let there = loop {
            self.pause(&first, &mut pause, started).await?;
            match read().await? {
                None => break None,
                Some(latest) if !is_leaving(&latest.body) => break Some(latest.body),
                Some(latest) => pause.note(&latest),
            }
        };
        if let Some(watched) = watched {
            watched.succeeded();
        }
        Ok(there)
    }

    async fn wait_for_status(
        &self,
        first: &Answer,
        link: &str,
        started: Instant,
        then: Then,
    ) -> Result<Value, ArmError> {
        let mut pause = Pause::after(first);
        loop {
            self.pause(first, &mut pause, started).await?;
            let poll = self.follow(link, &first.what).await?;
            let Some(status) = poll.body.get("status").filter(|status| status.is_string()) else {
                return Err(poll.unexpected("an operation's status was expected"));
            };
            match state(Some(status)) {
                State::Succeeded => break,
                State::Failed(word) => return Err(failed(first, &poll, &word)),
                State::Running => pause.note(&poll),
            }
        }
        match first.method {
            _ if matches!(then, Then::Nothing) => Ok(Value::Null),
            Method::Put | Method::Patch => self.resource(first.url.clone()).await,
            Method::Post => match first.header("location") {
                Some(link) => Ok(self.follow(&link, &first.what).await?.body),
                None => Ok(Value::Null),
            },
            _ => Ok(Value::Null),
        }
    }

    async fn wait_for_location(
        &self,
        first: &Answer,
        link: &str,
        started: Instant,
        then: Then,
    ) -> Result<Value, ArmError> {
        let mut link = link.to_owned();
        let mut pause = Pause::after(first);
        loop {
            self.pause(first, &mut pause, started).await?;
            let poll = self.follow(&link, &first.what).await?;
            if poll.status != 202 {
                return match first.method {
                    _ if matches!(then, Then::Nothing) => Ok(Value::Null),
                    Method::Put | Method::Patch => self.resource(first.url.clone()).await,
                    _ => Ok(poll.body),
                };
            }
            if let Some(next) = poll.header("location") {
                link = next;
            }
            pause.note(&poll);
        }
    }

    async fn wait_for_provisioning(
        &self,
        first: Answer,
        started: Instant,
    ) -> Result<Value, ArmError> {
        let mut pause = Pause::after(&first);
        let mut latest = first.clone();
        loop {
            if matches!(first.method, Method::Put | Method::Patch) {
                latest.check_resource()?;
            }
            match state(latest.body.pointer("/properties/provisioningState")) {
                State::Succeeded => return Ok(latest.body),
                State::Failed(word) => return Err(failed(&first, &latest, &word)),
                State::Running if !matches!(first.method, Method::Put | Method::Patch) => {
                    return Ok(latest.body);
                }
                State::Running => {}
            }
            self.pause(&first, &mut pause, started).await?;
            latest = self.send(Method::Get, first.url.clone(), None).await?;
            pause.note(&latest);
        }
    }

    async fn pause(
        &self,
        first: &Answer,
        pause: &mut Pause,
        started: Instant,
    ) -> Result<(), ArmError> {
        let next = pause.next();
        if next >= self.budget.left() {
            return Err(ArmError::TimedOut {
                what: first.what.clone(),
                waited: started.elapsed(),
                asked: pause.asked.filter(|asked| *asked > Pause::LONGEST),
            });
        }
        tokio::time::sleep(next).await;
        Ok(())
    }
}

fn failed(first: &Answer, poll: &Answer, word: &str) -> ArmError {
    let error = poll
        .body
        .get("error")
        .or_else(|| poll.body.pointer("/properties/error"))
        .cloned();
    let body = error.unwrap_or_else(|| {
        serde_json::json!({"code": format!("Operation{word}"), "message": format!("The operation ended as {word}.")})
    });
    ArmError::Service(Box::new(ServiceError::new(
        &first.what,
        200,
        request_id(&poll.headers),
        &body,
    )))
}

/// How long to wait before the next poll: what the service asks for, else a growing time.
struct Pause {
    asked: Option<Duration>,
    own: Duration,
}

impl Pause {
    /// A service that asks for no pause at all is still not to be flooded.
    const SHORTEST: Duration = Duration::from_millis(50);
    const FIRST: Duration = Duration::from_millis(500);
    const LONGEST: Duration = Duration::from_secs(10);

    fn after(answer: &Answer) -> Self {
        Pause {
            asked: retry_after(answer),
            own: Pause::FIRST,
        }
    }

    fn note(&mut self, poll: &Answer) {
        self.asked = retry_after(poll);
    }

    fn next(&mut self) -> Duration {
        if let Some(asked) = self.asked {
            return asked.max(Pause::SHORTEST);
        }
        let next = self.own;
        self.own = (self.own * 2).min(Pause::LONGEST);
        next
    }
}

fn retry_after(answer: &Answer) -> Option<Duration> {
    az_credential::http::retry_after(&answer.headers)
}

#[cfg(test)]
mod tests {
    use super::*;
    use azure_core::http::headers::{HeaderName, Headers};

    fn answer(headers: &[(&'static str, &'static str)]) -> Answer {
        let mut map = Headers::new();
        for (name, value) in headers {
            map.insert(HeaderName::from_static(name), *value);
        }
        Answer {
            status: 202,
            headers: map,
            body: Value::Null,
            what: "DELETE /x".into(),
            method: Method::Delete,
            url: "https://management.azure.com/x".parse().expect("URL"),
            watched: None,
        }
    }

    #[test]
    fn milliseconds_win_over_seconds() {
        let answer = answer(&[("retry-after", "5"), ("x-ms-retry-after-ms", "100")]);
        assert_eq!(retry_after(&answer), Some(Duration::from_millis(100)));
    }

    #[test]
    fn without_advice_the_wait_grows_to_a_bound() {
        let mut pause = Pause::after(&answer(&[]));
        let waits: Vec<u64> = (0..8).map(|_| pause.next().as_millis() as u64).collect();
        assert_eq!(waits, [500, 1000, 2000, 4000, 8000, 10_000, 10_000, 10_000]);
    }

    #[test]
    fn no_pause_at_all_is_not_taken_at_its_word() {
        let mut pause = Pause::after(&answer(&[("retry-after", "0")]));
        assert_eq!(pause.next(), Pause::SHORTEST);
    }

    #[test]
    fn advice_counts_for_one_wait_only() {
        let mut pause = Pause::after(&answer(&[("retry-after", "7")]));
        assert_eq!(pause.next(), Duration::from_secs(7));
        pause.note(&answer(&[]));
        assert_eq!(pause.next(), Pause::FIRST);
    }
}
