//! What the tools read.

use crate::{first_line, text};
use az_core::{arm::ResourceId, date::python_date, dotenv, fuzzing, keyvault};
use azure_core::{
    Bytes, Error,
    error::ErrorKind,
    http::{
        RawResponse, StatusCode,
        headers::{HeaderName, Headers},
    },
};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use std::{fs, sync::LazyLock};
use tempfile::TempDir;

static FOLDER: LazyLock<TempDir> = LazyLock::new(|| tempfile::tempdir().expect("a folder"));

pub fn resource_id(data: &[u8]) {
    let Some(text) = text(data) else { return };
    let Ok(id) = text.parse::<ResourceId>() else {
        return;
    };
    let again: ResourceId = id.to_string().parse().expect("what is written is read");
    assert_eq!(again.as_str(), id.as_str());
    assert_eq!(
        text.trim_end_matches('/'),
        id.as_str().trim_end_matches('/')
    );
    let parts = [Some(id.name()), id.subscription_id(), id.resource_group()];
    assert!(parts.iter().flatten().all(|part| !part.contains('/')));
    assert!(
        [id.subscription_id(), id.resource_group()]
            .iter()
            .flatten()
            .all(|part| !part.is_empty())
    );
    // Each name has its kind before it, and the last provider's kinds are the type.
    let segments: Vec<&str> = id.as_str().split('/').skip(1).collect();
    let pairs: Vec<&[&str]> = segments.chunks(2).collect();
    let mut last = pairs.rsplit(|pair| pair[0].eq_ignore_ascii_case("providers"));
    let kinds = last.next().filter(|rest| rest.len() < pairs.len());
    let expected = kinds.map(|kinds| {
        let namespace = pairs[pairs.len() - kinds.len() - 1][1];
        kinds
            .iter()
            .fold(namespace.to_owned(), |kind, pair| kind + "/" + pair[0])
    });
    assert_eq!(id.resource_type(), expected, "{id}");
    if id.as_str() != "/" {
        let built = id.resource("Microsoft.X", "kind", "name");
        let read: ResourceId = built.as_str().parse().expect("what is built is read");
        assert!(read.is_type("microsoft.x/KIND"), "{read}");
        assert_eq!(read.parent(), Some(id.clone()), "{read}");
        assert_eq!(read.subscription_id(), id.subscription_id());
        assert_eq!(read.resource_group(), id.resource_group());
    }
    let mut at = id;
    while let Some(parent) = at.parent() {
        assert!(parent.as_str().len() < at.as_str().len());
        assert!(at.as_str().starts_with(parent.as_str()));
        let read: ResourceId = parent.as_str().parse().expect("a parent is an id");
        assert_eq!(read, parent);
        at = parent;
    }
    assert_eq!(at.as_str(), "/");
}

pub fn image(data: &[u8]) {
    let Some(text) = text(data) else { return };
    let Some(reference) = az_provision::fuzzing::image(text) else {
        return;
    };
    let part = |name: &str| reference[name].as_str();
    let written = match part("id") {
        Some(id) => id.to_owned(),
        None => ["publisher", "offer", "sku", "version"]
            .map(|name| part(name).expect("a part"))
            .join(":"),
    };
    assert_eq!(
        az_provision::fuzzing::image(&written),
        Some(reference),
        "{written}"
    );
}

pub fn lines(data: &[u8]) {
    let Some(text) = text(data) else { return };
    let Ok(items) = fuzzing::lines(text) else {
        return;
    };
    let most = text.matches('\n').count() + 1;
    assert!(items.is_sorted_by_key(|(line, _)| *line));
    assert!(items.iter().all(|(line, _)| (1..=most).contains(line)));
    // An array counts as its members, and not every fraction is read as it was written.
    if items
        .iter()
        .any(|(_, value)| value.is_array() || has_fraction(value))
    {
        return;
    }
    let written: String = items
        .iter()
        .map(|(_, value)| format!("{value}\n"))
        .collect();
    // Numbers and words alone are bare values.
    if written.is_empty() || !written.starts_with(['{', '"']) {
        return;
    }
    let again = fuzzing::lines(&written).expect("what is written is read");
    assert!(
        items
            .iter()
            .map(|(_, value)| value)
            .eq(again.iter().map(|(_, value)| value))
    );
    assert!(
        again
            .iter()
            .enumerate()
            .all(|(at, (line, _))| *line == at + 1)
    );
}

fn has_fraction(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.is_f64(),
        Value::Array(items) => items.iter().any(has_fraction),
        Value::Object(members) => members.values().any(has_fraction),
        _ => false,
    }
}

/// What a query is applied to where the input has no document.
fn document() -> Value {
    json!([
        {"id": "/subscriptions/s/resourceGroups/g", "name": "a", "size": 2, "tags": {"k": "v"}, "zones": ["1", "2"]},
        {"id": "/x", "name": "b", "size": -4.5, "tags": null, "zones": [], "on": true},
    ])
}

pub fn jmespath(data: &[u8]) {
    let Some(text) = text(data) else { return };
    let (query, rest) = first_line(text);
    let Ok(expression) = az_jmespath::Expression::parse(query) else {
        return;
    };
    let document = serde_json::from_str(rest).unwrap_or_else(|_| document());
    if let Ok(found) = expression.search(&(&document).into()) {
        let value = Value::from(&found);
        let read: Value = serde_json::from_str(&found.to_string()).expect("JSON");
        assert!(read == value || has_fraction(&value), "{found}");
    }
}

/// A document as each format prints it, with and without a query.
pub fn query(data: &[u8]) {
    let Some(text) = text(data) else { return };
    let (query, rest) = first_line(text);
    let value = serde_json::from_str(rest).unwrap_or_else(|_| document());
    for query in [None, Some(query)] {
        let Some(printed) = fuzzing::printed(&value, query) else {
            continue;
        };
        for text in &printed {
            assert!(text.is_empty() || text.ends_with('\n'), "{text:?}");
        }
        let json = &printed[0];
        let read: Value = match json.is_empty() {
            true => Value::Null,
            false => serde_json::from_str(json).expect("JSON"),
        };
        assert!(
            query.is_some() || read == value || has_fraction(&value),
            "{json}"
        );
    }
}

pub fn challenge(data: &[u8]) {
    static KEYS: LazyLock<(TempDir, std::path::PathBuf)> = LazyLock::new(|| {
        let folder = tempfile::tempdir().expect("a folder");
        let keys = folder.path().join("tokens");
        fs::create_dir_all(keys.join("below")).expect("a folder");
        fs::write(keys.join("a.key"), "within").expect("a key");
        for outside in ["tokens/below/a.key", "tokens/a.txt", "a.key"] {
            fs::write(folder.path().join(outside), "outside").expect("a file");
        }
        (folder, keys)
    });
    let Some(text) = text(data) else { return };
    let _ = az_credential::Claims::from_challenge(text);
    let keys = &KEYS.1;
    // The folder has another name each time.
    let text = text.replace("$KEYS", &keys.to_string_lossy());
    let key = az_credential::fuzzing::arc_key(keys, &text);
    assert!(key.is_none_or(|key| key == "within"), "{text}");
}

pub fn token_cache(data: &[u8]) {
    let (before, after) =
        az_credential::fuzzing::token_cache(FOLDER.path(), data).expect("a folder to write in");
    assert_eq!(before, after);
}

/// A header a line: `Retry-After`, `Date`, and the two of Azure's own.
pub fn retry_after(data: &[u8]) {
    let Some(text) = text(data) else { return };
    let mut headers = Headers::new();
    let names = [
        "retry-after",
        "date",
        "x-ms-retry-after-ms",
        "retry-after-ms",
    ];
    for (name, value) in names.into_iter().zip(text.split('\n')) {
        if !value.is_empty() {
            headers.insert(HeaderName::from_static(name), value.to_owned());
        }
    }
    if let Some(wait) = az_credential::http::retry_after(&headers) {
        // It is told, and a time is made of it.
        let _ = format!("{wait:?}");
        let _ = std::time::Instant::now().checked_add(wait);
        let _ = az_credential::http::jittered(wait.min(std::time::Duration::from_secs(3600)));
    }
    let date = python_date(text);
    assert!(text.ends_with('Z') || date == text);
}

pub fn dotenv(data: &[u8]) {
    let Some(text) = text(data) else { return };
    let entries = match dotenv::parse(text) {
        Ok(entries) => entries,
        Err(invalid) => {
            assert!((1..=text.matches('\n').count() + 1).contains(&invalid.line));
            return;
        }
    };
    assert!(entries.is_sorted_by_key(|entry| entry.line));
    let mut written = String::new();
    for entry in &entries {
        let Ok(line) = dotenv::line(&entry.key, entry.value.expose_secret()) else {
            return;
        };
        written.push_str(&line);
    }
    let again = dotenv::parse(&written).expect("what is written is read");
    assert_eq!(again.len(), entries.len());
    for (one, other) in entries.iter().zip(&again) {
        assert_eq!(one.key, other.key);
        assert_eq!(one.value.expose_secret(), other.value.expose_secret());
    }
    for entry in &entries {
        if let Ok(name) = dotenv::secret_name(&entry.key) {
            let _ = dotenv::variable_name(&name);
        }
    }
}

pub fn error_body(data: &[u8]) {
    if let Ok(body) = serde_json::from_slice::<Value>(data) {
        let said = fuzzing::said(&body);
        assert!(said.iter().flatten().all(|text| !text.trim().is_empty()));
        assert!(said[1].iter().all(|text| !text.contains(['\n', '\r'])));
        assert!(said[1].iter().all(|text| text.len() <= 4 * data.len() + 64));
    }
    let raw = RawResponse::from_bytes(
        StatusCode::Forbidden,
        Headers::new(),
        Bytes::copy_from_slice(data),
    );
    let error = Error::with_message(
        ErrorKind::HttpResponse {
            status: StatusCode::Forbidden,
            error_code: None,
            raw_response: Some(Box::new(raw)),
        },
        "refused",
    );
    let error = keyvault::service_error(&error).expect("an answer");
    assert!(error.status == 403 && !error.code.is_empty() && !error.message.is_empty());
}
