//! Long-running operations. They end by the clock, whether anybody polls or not
//! (<https://learn.microsoft.com/azure/azure-resource-manager/management/async-operations>).

use super::call::Call;
use super::error::Error;
use super::{groups, key_vault};
use crate::ground::wire::Response;
use crate::request::Context;
use crate::state::operations::{Effect, Operation, Pending};
use crate::state::{Document, Resource, StateError};
use http::StatusCode;
use serde_json::{Value, json};
use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

/// Begins an operation; its end has this effect.
pub(crate) fn begin(
    cx: &Context<'_>,
    state: &str,
    effect: Option<Effect>,
) -> Result<Operation, StateError> {
    let operation = Operation {
        id: Uuid::new_v4().to_string(),
        state: state.to_owned(),
        started: cx.now,
        ends: cx.now + cx.knobs.operation(),
        output: None,
        awaited: false,
    };
    cx.tx.put(&operation)?;
    if let Some(effect) = effect {
        cx.tx.put(&Pending {
            operation: operation.id.clone(),
            due: operation.ends,
            effect,
        })?;
    }
    Ok(operation)
}

/// Begins an operation that ends by [`end`], and fails when that has not happened within `limit`.
pub(crate) fn begin_awaited(
    cx: &Context<'_>,
    state: &str,
    limit: Duration,
) -> Result<Operation, StateError> {
    let operation = Operation {
        ends: cx.now + limit,
        awaited: true,
        ..begin(cx, state, None)?
    };
    cx.tx.put(&operation)?;
    Ok(operation)
}

/// Ends an operation that was awaited, with what it gives.
pub(crate) fn end(cx: &Context<'_>, id: &str, output: Value) -> Result<(), StateError> {
    let Some(mut operation) = cx.tx.get::<Operation>(id)? else {
        return Ok(());
    };
    operation.ends = cx.now;
    operation.awaited = false;
    operation.output = Some(output);
    cx.tx.put(&operation)
}

/// Does what is due.
pub(crate) fn settle(cx: &Context<'_>) -> Result<(), StateError> {
    let mut due: Vec<Pending> = cx.tx.list("")?;
    due.retain(|pending| pending.due <= cx.now);
    due.sort_by_key(|pending| pending.due);
    for pending in due {
        match &pending.effect {
            Effect::DeleteGroup(id) => groups::remove(cx, id)?,
            Effect::DeleteResource(id) => super::tracked::remove(cx, id)?,
            Effect::PurgeVault(name) => key_vault::deleted_vaults::remove(cx, name)?,
        }
        cx.tx.delete::<Pending>(&pending.key())?;
    }
    Ok(())
}

/// The state of the operation that a resource is under, while it runs.
pub(crate) fn running(cx: &Context<'_>, resource: &Resource) -> Result<Option<String>, StateError> {
    let Some(id) = resource.hidden.get("operation").and_then(Value::as_str) else {
        return Ok(None);
    };
    let operation: Option<Operation> = cx.tx.get(id)?;
    Ok(operation
        .filter(|operation| operation.ends > cx.now)
        .map(|operation| operation.state))
}

/// The URL of an operation's status, for `Azure-AsyncOperation`.
pub(crate) fn status_url(
    call: &Call<'_>,
    namespace: &str,
    location: &str,
    operation: &Operation,
) -> String {
    format!(
        "https://management.azure.com/subscriptions/{}/providers/{namespace}/locations/{location}/operations/{}?api-version={}",
        call.subscription(),
        operation.id,
        call.api_version,
    )
}

/// The URL of an operation's result, for `Location`.
pub(crate) fn result_url(call: &Call<'_>, operation: &Operation) -> String {
    format!(
        "https://management.azure.com/subscriptions/{}/operationresults/{}?api-version={}",
        call.subscription(),
        operation.id,
        call.api_version,
    )
}

/// 202: an operation on a resource was accepted, and is polled where this says.
pub(crate) fn accepted(
    call: &Call<'_>,
    namespace: &str,
    resource: &Resource,
    operation: &Operation,
) -> Response {
    let location = resource.body.get("location").and_then(Value::as_str);
    let status = status_url(call, namespace, location.unwrap_or_default(), operation);
    let response = Response::empty(StatusCode::ACCEPTED)
        .with_header("azure-asyncoperation", status)
        .with_header("location", result_url(call, operation));
    with_retry_after(call.cx, response)
}

/// The answer with how long to wait before the next poll.
pub(crate) fn with_retry_after(cx: &Context<'_>, response: Response) -> Response {
    let milliseconds = cx.knobs.retry_after_ms;
    let response = response.with_header("x-ms-retry-after-ms", milliseconds.to_string());
    match milliseconds / 1000 {
        0 => response,
        seconds => response.with_header("retry-after", seconds.to_string()),
    }
}

/// `GET …/operations/{id}`: the status.
pub(crate) fn status(call: &Call<'_>, id: &str) -> Result<Response, Error> {
    let operation = find(call, id)?;
    let text = |time: OffsetDateTime| time.format(&Rfc3339).unwrap_or_default();
    let mut body = json!({"name": operation.id, "startTime": text(operation.started)});
    if operation.ends <= call.cx.now {
        body["status"] = json!("Succeeded");
        if operation.awaited {
            body["status"] = json!("Failed");
            body["error"] = json!({"code": "OperationTimedOut", "message": "The operation did not end in time."});
        }
        if let Some(output) = &operation.output {
            body["properties"] = json!({"output": output});
        }
        body["endTime"] = json!(text(operation.ends));
        return Ok(Response::json(StatusCode::OK, &body));
    }
    body["status"] = json!("InProgress");
    Ok(with_retry_after(
        call.cx,
        Response::json(StatusCode::OK, &body),
    ))
}

/// `GET …/operationresults/{id}`: 202 until the operation has ended.
pub(crate) fn result(call: &Call<'_>, id: &str) -> Result<Response, Error> {
    let operation = find(call, id)?;
    if operation.ends <= call.cx.now {
        return Ok(match &operation.output {
            Some(output) => Response::json(StatusCode::OK, output),
            None => Response::empty(StatusCode::OK),
        });
    }
    let response =
        Response::empty(StatusCode::ACCEPTED).with_header("location", result_url(call, &operation));
    Ok(with_retry_after(call.cx, response))
}

fn find(call: &Call<'_>, id: &str) -> Result<Operation, Error> {
    call.cx.tx.get(&id.to_ascii_lowercase())?.ok_or_else(|| {
        Error::new(
            404,
            "OperationNotFound",
            format!("The operation '{id}' could not be found."),
        )
    })
}
