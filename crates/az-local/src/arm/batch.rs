//! `POST /batch`: many requests in one. No page of Azure's describes it; Ansible's inventory of machines is made with it
//! (ansible-collections/azure, plugins/inventory/azure_rm.py), and the portal.

use super::call::Call;
use super::error::Error;
use super::path::Path;
use super::version;
use crate::ground::wire::{Request, Response};
use http::{Method, StatusCode};
use serde_json::{Map, Value, json};
use url::Url;

/// How many requests one may hold: as many as Ansible's inventory puts into it.
const MOST: usize = 500;

/// Answers each request as if it had come alone, with the caller's rights. One that is refused leaves nothing behind and
/// does not touch the others.
pub(super) fn answer(call: &Call<'_>) -> Result<Response, Error> {
    let body = Value::Object(call.body()?);
    let requests = body["requests"]
        .as_array()
        .ok_or_else(|| bad("The batch has no 'requests'."))?;
    if requests.len() > MOST {
        return Err(bad(&format!(
            "The batch has {} requests; {MOST} are allowed.",
            requests.len()
        )));
    }
    let mut responses = Vec::new();
    for request in requests {
        responses.push(one(call, request)?);
    }
    Ok(Response::json(
        StatusCode::OK,
        &json!({"responses": responses}),
    ))
}

fn bad(message: &str) -> Error {
    Error::bad_request("InvalidBatchRequest", message)
}

fn one(call: &Call<'_>, asked: &Value) -> Result<Value, Error> {
    let request = request(call, asked)?;
    let version = request.query("api-version").unwrap_or_default().to_owned();
    let inner = Call {
        cx: call.cx,
        request: &request,
        principal: call.principal.clone(),
        path: Path::of(&request)?,
        api_version: version,
        router: call.router,
    };
    let run = || version::check(&inner).and_then(|()| inner.router.route(&inner));
    let answer = call.cx.attempt(run)?;
    let answer = answer.unwrap_or_else(|error| error.answer());
    let mut headers = Map::new();
    for (name, value) in &answer.headers {
        headers.insert(name.to_string(), json!(value.to_str().unwrap_or_default()));
    }
    let content: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    Ok(json!({
        "name": asked["name"],
        "httpStatusCode": answer.status.as_u16(),
        "headers": headers,
        "content": content,
        "contentLength": answer.body.len(),
    }))
}

/// The request that is asked for: `url` is whole or only a path; a batch holds no batch.
fn request(call: &Call<'_>, asked: &Value) -> Result<Request, Error> {
    let text = asked["url"].as_str().or(asked["relativeUrl"].as_str());
    let text = text.ok_or_else(|| bad("A request of the batch has no 'url'."))?;
    let base = Url::parse("https://management.azure.com").ok();
    let url = base.and_then(|base| base.join(text).ok());
    let url = url
        .filter(|url| url.host_str() == Some("management.azure.com"))
        .ok_or_else(|| bad(&format!("The batch cannot send to '{text}'.")))?;
    if url.path().trim_matches('/').eq_ignore_ascii_case("batch") {
        return Err(bad("A batch cannot hold another one."));
    }
    let method = asked["httpMethod"].as_str().unwrap_or("GET");
    let method = Method::from_bytes(method.to_ascii_uppercase().as_bytes())
        .map_err(|_| bad(&format!("'{method}' is no method.")))?;
    let body = match &asked["content"] {
        Value::Null => String::new(),
        content => content.to_string(),
    };
    Ok(Request {
        method,
        host: call.request.host.clone(),
        path: url.path().to_owned(),
        query: url.query_pairs().into_owned().collect(),
        headers: call.request.headers.clone(),
        body: body.into(),
        origin: call.request.origin.clone(),
    })
}
