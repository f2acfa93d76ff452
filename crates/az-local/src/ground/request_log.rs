//! The request log: one JSON object a line for each exchange with an emulated host, secrets replaced.

use crate::ground::folder_error::FolderError;
use crate::ground::private_files::open_named;
use crate::ground::redaction::{REDACTED, body, is_secret};
use crate::ground::wire::{Caller, Loss, Request, Response};
use http::StatusCode;
use serde_json::{Value, json};
use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// An open request log.
pub(crate) struct RequestLog {
    file: Mutex<File>,
}

impl RequestLog {
    /// Opens a log to append to; a new one only its user can read.
    pub(crate) fn open(path: &Path) -> Result<Self, FolderError> {
        Ok(RequestLog {
            file: Mutex::new(open_named(path)?),
        })
    }

    /// Writes one exchange as one line.
    pub(crate) fn write(
        &self,
        scheme: &str,
        request: &Request,
        response: &Response,
        caller: &Caller,
        time: OffsetDateTime,
        duration: Duration,
    ) -> io::Result<()> {
        self.append(&entry(scheme, request, response, caller, time, duration))
    }

    /// Writes one `CONNECT` as one line: a connection to a machine, or one that was refused.
    pub(crate) fn write_connection(
        &self,
        authority: &str,
        status: StatusCode,
        answer: &Value,
        caller: &Caller,
        time: OffsetDateTime,
    ) -> io::Result<()> {
        self.append(&json!({
            "time": time.format(&Rfc3339).unwrap_or_default(),
            "method": "CONNECT",
            "url": authority,
            "status": status.as_u16(),
            "requestBody": null,
            "responseBody": answer,
            "caller": caller,
        }))
    }

    fn append(&self, entry: &Value) -> io::Result<()> {
        let line = format!("{entry}\n");
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let before = file.seek(SeekFrom::End(0));
        file.write_all(line.as_bytes()).inspect_err(|_| {
            // Half a line, as on a full disk, would spoil the next one. What is no plain file cannot be cut.
            if let Ok(before) = before {
                let _ = file.set_len(before);
            }
        })
    }
}

fn entry(
    scheme: &str,
    request: &Request,
    response: &Response,
    caller: &Caller,
    time: OffsetDateTime,
    duration: Duration,
) -> Value {
    let path = request.path.to_ascii_lowercase();
    let holds_secrets = request.host.ends_with(".vault.azure.net")
        || path.contains("/microsoft.keyvault/vaults/") && path.contains("/secrets");
    let mut entry = json!({
        "time": time.format(&Rfc3339).unwrap_or_default(),
        "method": request.method.as_str(),
        "url": url(scheme, request),
        "status": if response.hang_up { 0 } else { response.status.as_u16() },
        "requestBody": body(&request.body, holds_secrets, request.header("content-type")),
        "responseBody": body(&response.body, holds_secrets, None),
        "caller": caller,
        "userAgent": request.header("user-agent"),
        "durationMs": (duration.as_secs_f64() * 1e6).round() / 1e3,
    });
    if let Some(fault) = &response.fault {
        entry["fault"] = json!(fault);
    }
    if let Some(loss) = response.loss {
        entry["lost"] = json!(match loss {
            Loss::Whole => "whole",
            Loss::Half => "half",
            Loss::Stalled(_) => "stalled",
            Loss::Dripped(_) => "dripped",
        });
    }
    entry
}

/// An exchange's line. For the fuzzers.
#[cfg(feature = "fuzzing")]
pub(crate) fn line(request: &Request, response: &Response) -> String {
    let (caller, time) = (Caller::default(), OffsetDateTime::UNIX_EPOCH);
    let logged = entry("https", request, response, &caller, time, Duration::ZERO);
    logged.to_string()
}

fn url(scheme: &str, request: &Request) -> String {
    let mut url = format!("{scheme}://{}{}", request.host, request.path);
    if !request.query.is_empty() {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        for (name, value) in &request.query {
            query.append_pair(name, if is_secret(name) { REDACTED } else { value });
        }
        url.push('?');
        url.push_str(&query.finish());
    }
    url
}
