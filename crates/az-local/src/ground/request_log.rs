//! The request log: one JSON object a line for each exchange with an emulated host, secrets replaced.

use crate::ground::folder_error::FolderError;
use crate::ground::private_files::open_named;
use crate::ground::wire::{Caller, Loss, Request, Response};
use http::StatusCode;
use serde_json::{Map, Value, json};
use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// What stands in a secret's place.
const REDACTED: &str = "(redacted)";

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
    let holds_secrets = request.host.ends_with(".vault.azure.net")
        || request
            .path
            .to_ascii_lowercase()
            .contains("/microsoft.keyvault/vaults/")
            && request.path.to_ascii_lowercase().contains("/secrets")
        // What a script is given.
        || request.path.to_ascii_lowercase().ends_with("/runcommand");
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

fn body(bytes: &[u8], holds_secrets: bool, content_type: Option<&str>) -> Value {
    if bytes.is_empty() {
        return Value::Null;
    }
    if content_type.is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded")) {
        let pairs = url::form_urlencoded::parse(bytes)
            .map(|(name, value)| (name.into_owned(), Value::String(value.into_owned())));
        return redact(Value::Object(Map::from_iter(pairs)), false);
    }
    match serde_json::from_slice(bytes) {
        Ok(value) => redact(value, holds_secrets),
        // What cannot be read cannot be checked for secrets either.
        Err(_) => json!(format!("({} bytes)", bytes.len())),
    }
}

/// The same value with every secret replaced. `holds_secrets`: members named `value` are secrets too,
/// as in Key Vault's bodies.
fn redact(value: Value, holds_secrets: bool) -> Value {
    match value {
        Value::Object(mut members) => {
            conceal_secure_parameters(&mut members);
            members
                .into_iter()
                .map(|(name, value)| {
                    let value = if is_secret(&name) {
                        conceal(value)
                    } else if holds_secrets && name == "value" && value.is_string() {
                        json!(REDACTED)
                    } else {
                        redact(value, holds_secrets)
                    };
                    (name, value)
                })
                .collect::<Map<_, _>>()
                .into()
        }
        Value::Array(items) => items
            .into_iter()
            .map(|item| redact(item, holds_secrets))
            .collect::<Vec<_>>()
            .into(),
        other => other,
    }
}

/// Replaces the values that a deployment gives to parameters of the types `secureString` and `secureObject`, and the
/// defaults of these.
fn conceal_secure_parameters(deployment: &mut Map<String, Value>) {
    let declared = deployment
        .get("template")
        .and_then(|template| template.get("parameters"));
    let secure: Vec<String> = declared
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .filter(|(_, parameter)| {
            parameter["type"]
                .as_str()
                .is_some_and(|kind| kind.to_ascii_lowercase().starts_with("secure"))
        })
        .map(|(name, _)| name.clone())
        .collect();
    for name in secure {
        for (place, member) in [
            ("/parameters", "value"),
            ("/template/parameters", "defaultValue"),
        ] {
            let mut segments = place.split('/').skip(1);
            let mut at = segments.next().and_then(|first| deployment.get_mut(first));
            for segment in segments {
                at = at.and_then(|value| value.get_mut(segment));
            }
            let given = at.and_then(Value::as_object_mut).into_iter().flatten();
            for (_, parameter) in given.filter(|(given, _)| given.eq_ignore_ascii_case(&name)) {
                if let Some(value) = parameter.get_mut(member) {
                    *value = conceal(value.take());
                }
            }
        }
    }
}

/// Replaces every text and number below a secret's name, and keeps the shape.
fn conceal(value: Value) -> Value {
    match value {
        Value::String(_) | Value::Number(_) => json!(REDACTED),
        Value::Array(items) => items.into_iter().map(conceal).collect::<Vec<_>>().into(),
        Value::Object(members) => members
            .into_iter()
            .map(|(name, value)| (name, conceal(value)))
            .collect::<Map<_, _>>()
            .into(),
        other => other,
    }
}

fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    [
        "password",
        "secret",
        "assertion",
        "_token",
        "accesstoken",
        "refreshtoken",
    ]
    .iter()
    .any(|ending| name.ends_with(ending))
        || matches!(
            name.as_str(),
            "token" | "customdata" | "userdata" | "protectedsettings" | "sig"
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_replaced_and_all_else_stays() {
        let machine = json!({"properties": {"osProfile": {
            "adminUsername": "azureuser", "adminPassword": "Hunter2Hunter2", "secrets": [],
            "customData": "IyEvYmluL3No"}}});
        assert_eq!(
            redact(machine, false),
            json!({"properties": {"osProfile": {
                "adminUsername": "azureuser", "adminPassword": REDACTED, "secrets": [],
                "customData": REDACTED}}})
        );
        let parameters = json!({"parameters": {"adminPassword": {"value": "Hunter2Hunter2"}}});
        assert_eq!(
            redact(parameters, false),
            json!({"parameters": {"adminPassword": {"value": REDACTED}}})
        );
        let deployment = json!({
            "template": {"parameters": {"pin": {"type": "SecureString", "defaultValue": "1"}, "name": {"type": "string"}}},
            "parameters": {"PIN": {"value": "12345"}, "name": {"value": "plain"}},
        });
        assert_eq!(
            redact(deployment, false),
            json!({
                "template": {"parameters": {"pin": {"type": "SecureString", "defaultValue": REDACTED}, "name": {"type": "string"}}},
                "parameters": {"PIN": {"value": REDACTED}, "name": {"value": "plain"}},
            })
        );
        let policy = json!({"permissions": {"secrets": ["get", "set"]}, "value": "kept"});
        assert_eq!(redact(policy.clone(), false), policy);
        let secret =
            json!({"value": "createdWithRust", "id": "https://v.vault.azure.net/secrets/s"});
        assert_eq!(
            redact(secret, true),
            json!({"value": REDACTED, "id": "https://v.vault.azure.net/secrets/s"})
        );
        let list = json!({"value": [{"id": "https://v.vault.azure.net/secrets/s"}]});
        assert_eq!(redact(list.clone(), true), list);
    }

    #[test]
    fn a_token_request_shows_who_asked_and_not_the_proof() {
        let form = b"grant_type=client_credentials&client_id=app&client_secret=s3cret&client_assertion=e.y.J";
        let logged = body(form, false, Some("application/x-www-form-urlencoded"));
        assert_eq!(logged["client_id"], "app");
        assert_eq!(logged["client_secret"], REDACTED);
        assert_eq!(logged["client_assertion"], REDACTED);
        let answer = body(
            br#"{"token_type":"Bearer","access_token":"e.y.J"}"#,
            false,
            None,
        );
        assert_eq!(
            answer,
            json!({"token_type": "Bearer", "access_token": REDACTED})
        );
    }
}
