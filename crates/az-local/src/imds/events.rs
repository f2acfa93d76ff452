//! Maintenance that is to come
//! (<https://learn.microsoft.com/azure/virtual-machines/linux/scheduled-events>). Here none ever is.

use super::instance::{refuse, wrong_version};
use crate::ground::wire::{Request, Response};
use http::{Method, StatusCode};
use serde_json::{Value, json};

/// The versions of this document, oldest first: they are its own.
const VERSIONS: &[&str] = &[
    "2017-03-01",
    "2017-08-01",
    "2017-11-01",
    "2019-01-01",
    "2019-04-01",
    "2019-08-01",
    "2020-07-01",
];

/// `GET` and `POST /metadata/scheduledevents`
pub(super) fn answer(request: &Request) -> Response {
    let version = request.query("api-version").unwrap_or_default();
    if !VERSIONS.contains(&version) {
        return wrong_version(VERSIONS);
    }
    match request.method {
        // It changes when the events do, so never.
        Method::GET => Response::json(
            StatusCode::OK,
            &json!({"DocumentIncarnation": 1, "Events": []}),
        ),
        Method::POST => start(&request.body),
        _ => Response::empty(StatusCode::METHOD_NOT_ALLOWED),
    }
}

/// Lets events begin before their time. None is there: an id of one is wrong.
fn start(body: &[u8]) -> Response {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let Some(requests) = body["StartRequests"].as_array() else {
        return refuse("The request body must have StartRequests");
    };
    match requests.first() {
        None => Response::empty(StatusCode::OK),
        Some(first) => match first["EventId"].as_str() {
            Some(id) => refuse(&format!("EventId {id} was not found")),
            None => refuse("A StartRequest must have an EventId"),
        },
    }
}
