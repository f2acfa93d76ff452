//! For unit tests: an empty instance in memory, and requests to it.

use crate::ground::wire::{Caller, Origin, Request, Response};
use crate::request::Context;
use crate::state::knobs::Knobs;
use crate::state::testing::{authority, keys};
use crate::state::throttles::Throttles;
use crate::state::{StateError, Store};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde_json::Value;
use std::cell::RefCell;
use time::{Duration, OffsetDateTime};

/// Runs `work` on an empty instance.
pub(crate) fn with_context<R>(work: impl FnOnce(&mut Context<'_>) -> R) -> R {
    let store = Store::open(None).expect("a store in memory");
    let knobs = Knobs::default();
    let throttles = Throttles::default();
    let result: Result<R, StateError> = store.write(|tx| {
        let now = OffsetDateTime::now_utc();
        let mut context = Context {
            tx,
            now,
            wall_now: now,
            client_now: now,
            speed: 1,
            throttles: &throttles,
            operation_end: None,
            knobs: &knobs,
            authority: authority(),
            keys: keys(),
            caller: RefCell::new(Caller::default()),
            effects: RefCell::default(),
        };
        Ok(work(&mut context))
    });
    result.expect("a transaction")
}

/// Moves a context's time, as if the request had come later.
pub(crate) fn later(cx: &mut Context<'_>, by: Duration) {
    cx.now += by;
    cx.wall_now += by;
}

/// A request from the desk.
pub(crate) fn request(method: Method, url: &str, headers: &[(&str, &str)], body: &str) -> Request {
    let url = url::Url::parse(url).expect("a URL");
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.insert(
            HeaderName::try_from(*name).expect("a header's name"),
            HeaderValue::try_from(*value).expect("a header's value"),
        );
    }
    Request {
        method,
        host: url.host_str().expect("a host").to_owned(),
        path: url.path().to_owned(),
        query: url.query_pairs().into_owned().collect(),
        headers: map,
        body: body.to_owned().into(),
        origin: Origin::Desk,
    }
}

/// An answer's status and its body.
pub(crate) fn read(response: &Response) -> (u16, Value) {
    (
        response.status.as_u16(),
        serde_json::from_slice(&response.body).unwrap_or(Value::Null),
    )
}
