//! The HTTP messages that services see, after the proxy has taken transport and TLS off them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::header::DATE;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use percent_encoding::percent_decode_str;
use serde_json::Value;
use std::time::Duration;
use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

/// Where on the (emulated) network a request comes from. The proxy credentials say it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The user's own desk: IMDS does not exist there.
    Desk,
    /// A virtual machine, by its resource id in lower case.
    Machine(String),
    /// Another host that gives managed identities: IMDS does not exist there either.
    Host,
}

/// One request to an emulated host, whole.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: Method,
    /// Lower case, without a port.
    pub(crate) host: String,
    /// The path as it came, percent-encoded, with its leading slash and without the query.
    pub(crate) path: String,
    /// The query's pairs, decoded, in order.
    pub(crate) query: Vec<(String, String)>,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) origin: Origin,
}

impl Request {
    /// The path's segments, decoded; empty ones (a doubled or trailing slash) are left out.
    pub(crate) fn segments(&self) -> Vec<String> {
        self.path
            .split('/')
            .filter(|segment| !segment.is_empty())
            .map(|segment| percent_decode_str(segment).decode_utf8_lossy().into_owned())
            .collect()
    }

    /// The first value of a query parameter; names compare without case, as Azure's do.
    pub(crate) fn query(&self, name: &str) -> Option<&str> {
        self.query
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// Where a list goes on: what `$skiptoken` holds, none where it is not one of [`Request::next_page`]'s.
    pub(crate) fn skip_token(&self) -> Option<Option<String>> {
        let token = self.query("$skiptoken")?;
        let decoded = URL_SAFE_NO_PAD.decode(token).ok();
        Some(decoded.and_then(|bytes| String::from_utf8(bytes).ok()))
    }

    /// The same request's URL for the part of a list that follows.
    pub(crate) fn next_page(&self, cursor: &str) -> String {
        let query = self
            .query
            .iter()
            .filter(|(name, _)| !name.eq_ignore_ascii_case("$skiptoken"));
        let query = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(query)
            .append_pair("$skiptoken", &URL_SAFE_NO_PAD.encode(cursor))
            .finish();
        format!("https://{}{}?{query}", self.host, self.path)
    }

    /// A header's value, if it is there and is text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

/// Who made a request, for the request log. Services fill it in as soon as they know it.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Caller {
    /// The virtual machine's resource id when the request came from one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) machine: Option<String>,
    /// The kind of the host when the request came from another one that gives managed identities: `app-service`, …
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) host: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) oid: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) appid: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tid: Option<String>,
    /// Where the token came from: `imds`, another host's kind, `client_secret`, `client_certificate`, `federated`.
    #[serde(rename = "tokenSource", skip_serializing_if = "Option::is_none")]
    pub(crate) token_source: Option<String>,
    /// For a managed identity's token, the resource id of the machine or host that it was issued to (`xms_az_rid`).
    #[serde(rename = "tokenMachine", skip_serializing_if = "Option::is_none")]
    pub(crate) token_machine: Option<String>,
}

/// A date in a header (RFC 9110, 5.6.7).
pub(crate) const HTTP_DATE: &[BorrowedFormatItem<'_>] = format_description!(
    "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
);

/// One answer of an emulated host, whole.
#[derive(Clone, Debug)]
pub(crate) struct Response {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// Close the connection without an answer, as where nothing listens.
    pub(crate) hang_up: bool,
    /// How it is to be lost on its way.
    pub(crate) loss: Option<Loss>,
    /// The name of the fault that the request has met, for the request log.
    pub(crate) fault: Option<String>,
}

/// How an answer gets lost on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Loss {
    /// Nothing of it comes, and the connection is closed.
    Whole,
    /// Half of it comes.
    Half,
    /// Nothing comes for so long; then the connection is closed.
    Stalled(Duration),
    /// It comes a byte at a time for so long; then the connection is closed.
    Dripped(Duration),
}

impl Response {
    /// An answer without a body.
    pub(crate) fn empty(status: StatusCode) -> Self {
        Response {
            status,
            headers: HeaderMap::new(),
            body: Bytes::new(),
            hang_up: false,
            loss: None,
            fault: None,
        }
    }

    /// An answer with a JSON body.
    pub(crate) fn json(status: StatusCode, body: &Value) -> Self {
        let mut response = Response::empty(status);
        response.body = Bytes::from(body.to_string());
        response.with_header("content-type", "application/json; charset=utf-8")
    }

    /// No answer at all: the connection is closed.
    pub(crate) fn hang_up() -> Self {
        Response {
            hang_up: true,
            ..Response::empty(StatusCode::BAD_GATEWAY)
        }
    }

    /// The same answer with the time that its service takes it to be, where it has none.
    pub(crate) fn dated(self, now: OffsetDateTime) -> Self {
        if self.headers.contains_key(DATE) {
            return self;
        }
        let date = now.to_utc().format(HTTP_DATE).unwrap_or_default();
        self.with_header("date", date)
    }

    /// The same answer with one header more. A value that is no legal header value is left out.
    pub(crate) fn with_header(mut self, name: &'static str, value: impl AsRef<str>) -> Self {
        if let Ok(value) = HeaderValue::from_str(value.as_ref()) {
            self.headers.insert(HeaderName::from_static(name), value);
        }
        self
    }
}
