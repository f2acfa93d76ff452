//! How fast a process asks: all of its requests to a service, of whatever job, go through one pacer. It keeps to the limits
//! that the service documents, goes by what the answers say is left of them, and where one request is refused as one too many
//! (429), no other is sent until the service takes them again.
//!
//! A request that nothing stands in the way of is not held up at all: a single call pays a look at a table for it.

mod lane;
mod limits;

use crate::budget::Budget;
use azure_core::{
    Bytes,
    http::{AsyncRawResponse, Method, StatusCode, Url, headers::Headers},
};
use lane::{Lane, Next, Pause, Sent};
pub(crate) use limits::Service;
use limits::{Key, remaining};
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::Notify,
    time::{Instant, sleep_until},
};

/// The pacer of a process. Copies are the same one.
#[derive(Clone, Debug, Default)]
pub struct Pacer(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    lanes: Mutex<HashMap<Key, Arc<Shared>>>,
    is_unpaced: AtomicBool,
}

/// What the requests of one limit share.
#[derive(Debug)]
struct Shared {
    /// Who waits for a turn, in the order in which they came: only the first of them looks at the lane.
    queue: tokio::sync::Mutex<()>,
    lane: Mutex<Lane>,
    /// Something has changed that the first one waits for.
    changed: Notify,
    /// What the service said when it refused the last time.
    refusal: Mutex<Option<Refusal>>,
}

#[derive(Clone, Debug)]
struct Refusal {
    status: StatusCode,
    headers: Headers,
    body: Bytes,
}

impl From<Refusal> for AsyncRawResponse {
    fn from(said: Refusal) -> Self {
        AsyncRawResponse::from_bytes(said.status, said.headers, said.body)
    }
}

/// A request that is under way, until it is said what became of it or this is dropped.
#[derive(Debug)]
pub(crate) struct Turn {
    shared: Arc<Shared>,
    sent: Sent,
    /// It finds out whether the service takes requests again.
    is_probe: bool,
}

/// A request that is not sent: the service takes none for longer than there is time. This is what it said.
pub(crate) struct Held(pub(crate) AsyncRawResponse);

impl Pacer {
    /// From now on no documented limit is kept to; what the services refuse is still waited for by all.
    pub fn without_limits(&self) {
        self.0.is_unpaced.store(true, Ordering::Relaxed);
    }

    /// Waits until a request may be sent.
    ///
    /// # Errors
    /// It may not while there is time.
    pub(crate) async fn turn(
        &self,
        service: Service,
        method: Method,
        url: &Url,
        budget: &Budget,
    ) -> Result<Turn, Held> {
        let shared = self.shared(Key::of(service, method, url));
        let _first = shared.queue.lock().await;
        loop {
            let is_paced = !self.0.is_unpaced.load(Ordering::Relaxed);
            let now = Instant::now();
            let next = lock(&shared.lane).next(now, is_paced);
            match next {
                Next::Now { is_probe } => {
                    let number = lock(&shared.lane).take(now);
                    return Ok(Turn {
                        shared: shared.clone(),
                        sent: Sent { at: now, number },
                        is_probe,
                    });
                }
                Next::At(time) => {
                    tokio::select! {
                        () = sleep_until(time) => {}
                        () = shared.changed.notified() => {}
                    }
                }
                Next::Held(until) => {
                    let wait = until.saturating_duration_since(now);
                    if wait >= budget.left()
                        && let Some(said) = lock(&shared.refusal).clone()
                    {
                        return Err(Held(said.into()));
                    }
                    sleep_until(until).await;
                }
                Next::AfterAnother => shared.changed.notified().await,
            }
        }
    }

    fn shared(&self, key: Key) -> Arc<Shared> {
        let mut lanes = lock(&self.0.lanes);
        let (limit, first_alone) = (key.limit(), key.learns_to_sign_in());
        let new = || {
            Arc::new(Shared {
                queue: tokio::sync::Mutex::new(()),
                lane: Mutex::new(Lane::new(limit, first_alone, Instant::now())),
                changed: Notify::new(),
                refusal: Mutex::new(None),
            })
        };
        lanes.entry(key).or_insert_with(new).clone()
    }
}

impl Turn {
    /// The service has answered, and did not refuse the request as one too many.
    pub(crate) fn answered(&self, headers: &Headers) {
        let mut lane = lock(&self.shared.lane);
        lane.answered(self.sent, Instant::now(), remaining(headers));
    }

    /// The service has refused it as one too many, with this answer; it asks for such a pause, if it says.
    pub(crate) fn refused(&self, answer: AsyncRawResponse, asked: Option<Duration>) -> Refused {
        let (status, headers, body) = answer.deconstruct();
        // It was read whole: what there is of it is there.
        let body = futures::FutureExt::now_or_never(body.collect());
        let refusal = Refusal {
            status,
            headers,
            body: body.and_then(Result::ok).unwrap_or_default(),
        };
        *lock(&self.shared.refusal) = Some(refusal.clone());
        let pause = lock(&self.shared.lane).refused(self.sent, Instant::now(), asked);
        Refused {
            pause,
            answer: refusal.into(),
        }
    }
}

/// A refusal that the lane has taken note of.
pub(crate) struct Refused {
    pub(crate) pause: Pause,
    /// The answer as it was.
    pub(crate) answer: AsyncRawResponse,
}

impl Drop for Turn {
    fn drop(&mut self) {
        lock(&self.shared.lane).left(self.is_probe);
        self.shared.changed.notify_one();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
