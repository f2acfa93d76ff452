//! Long-running operations. They end by the clock, whether anybody polls or not
//! (<https://learn.microsoft.com/azure/azure-resource-manager/management/async-operations>).

use super::call::Call;
use super::error::Error;
use super::times;
use crate::ground::wire::Response;
use crate::request::Context;
use crate::state::due::stamp;
use crate::state::operations::Operation;
use crate::state::{Resource, StateError};
use http::{Method, StatusCode};
use serde_json::{Value, json};
use time::Duration;
use uuid::Uuid;

/// The state of what is being deleted.
pub(crate) const DELETING: &str = "Deleting";

/// How long an operation can be asked about after its end.
const KEPT: Duration = Duration::hours(24);

/// How many old operations are forgotten when one begins.
const FORGOTTEN: usize = 4;

/// Begins an operation that takes so long.
pub(crate) fn begin(
    cx: &Context<'_>,
    state: &str,
    takes: Duration,
) -> Result<Operation, StateError> {
    let old = stamp(cx.now - KEPT);
    cx.tx.delete_less(Operation::BY_END, &old, FORGOTTEN)?;
    let operation = Operation {
        id: Uuid::new_v4().to_string(),
        state: state.to_owned(),
        started: cx.now,
        ends: cx.now + takes,
        output: None,
        error: cx.operation_end.map(|end| end.error.clone()),
        fate: cx.operation_end.map(|end| end.state.clone()),
        awaited: false,
    };
    cx.tx.put(&operation)?;
    Ok(operation)
}

/// Begins an operation that ends by [`end`], and fails when that has not happened within `limit`.
pub(crate) fn begin_awaited(
    cx: &Context<'_>,
    state: &str,
    limit: Duration,
) -> Result<Operation, StateError> {
    let operation = begin(cx, state, limit)?;
    wait(cx, operation, limit)
}

/// Makes an operation one that ends by [`end`] or [`fail`], and fails when that has not happened within `limit`.
pub(crate) fn wait(
    cx: &Context<'_>,
    operation: Operation,
    limit: Duration,
) -> Result<Operation, StateError> {
    let operation = Operation {
        ends: cx.now + limit,
        awaited: true,
        ..operation
    };
    cx.tx.put(&operation)?;
    Ok(operation)
}

/// Ends an operation that was awaited, with what went wrong.
pub(crate) fn fail(
    cx: &Context<'_>,
    id: &str,
    code: &str,
    message: &str,
) -> Result<(), StateError> {
    let Some(mut operation) = cx.tx.get::<Operation>(id)? else {
        return Ok(());
    };
    operation.ends = cx.now;
    operation.awaited = false;
    operation.error = Some(json!({"code": code, "message": message}));
    cx.tx.put(&operation)
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

/// The state of the operation that a resource is under, while it runs.
pub(crate) fn running(cx: &Context<'_>, resource: &Resource) -> Result<Option<String>, StateError> {
    Ok(under_way(cx, resource)?.map(|operation| operation.state))
}

/// What a resource's `provisioningState` is while an operation runs, and after one that did not succeed.
pub(crate) fn shown(cx: &Context<'_>, resource: &Resource) -> Result<Option<String>, StateError> {
    let latest = latest(cx, resource)?;
    Ok(latest.and_then(|operation| match operation.ends > cx.now {
        true => Some(operation.state),
        false => operation.fate,
    }))
}

/// Whether a resource is on its way out.
pub(crate) fn is_deleting(cx: &Context<'_>, resource: &Resource) -> Result<bool, StateError> {
    Ok(deletion(cx, resource)?.is_some())
}

/// The operation that deletes a resource, while it runs.
pub(crate) fn deletion(
    cx: &Context<'_>,
    resource: &Resource,
) -> Result<Option<Operation>, StateError> {
    Ok(under_way(cx, resource)?.filter(|operation| operation.state == DELETING))
}

fn under_way(cx: &Context<'_>, resource: &Resource) -> Result<Option<Operation>, StateError> {
    let latest = latest(cx, resource)?;
    Ok(latest.filter(|operation| operation.ends > cx.now))
}

/// The last operation on a resource.
fn latest(cx: &Context<'_>, resource: &Resource) -> Result<Option<Operation>, StateError> {
    match resource.hidden.get("operation").and_then(Value::as_str) {
        Some(id) => cx.tx.get(id),
        None => Ok(None),
    }
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
    with_retry_after(call, response)
}

/// Whose clients read `x-ms-retry-after-ms` only where there is no `Retry-After`, which tells whole seconds: azure-core's
/// `get_retry_after`, az among them.
const PREFER_SECONDS: &str = "azsdk-python";

/// The answer with how long to wait before the next poll, for who reads milliseconds and for who reads seconds.
pub(crate) fn with_retry_after(call: &Call<'_>, response: Response) -> Response {
    let (cx, knobs) = (call.cx, call.cx.knobs);
    let namespace = call.path.provider.as_ref().map(|one| &*one.namespace);
    let deletes = *call.method() == Method::DELETE;
    let time = knobs.retry_after(namespace.unwrap_or_default(), deletes);
    let seconds = cx.retry_after(time).to_string();
    // The public cloud's services tell seconds only.
    if knobs.typical_retry_after {
        return response.with_header("retry-after", seconds);
    }
    let milliseconds = cx.milliseconds(time);
    let response = response.with_header("x-ms-retry-after-ms", milliseconds.to_string());
    let agent = call.request.header("user-agent").unwrap_or("");
    if milliseconds < 1000 && agent.contains(PREFER_SECONDS) {
        return response;
    }
    response.with_header("retry-after", seconds)
}

/// `GET …/operations/{id}`: the status.
pub(crate) fn status(call: &Call<'_>, id: &str) -> Result<Response, Error> {
    let operation = find(call, id)?;
    let mut body = json!({"name": operation.id, "startTime": times::text(operation.started)});
    if operation.ends <= call.cx.now {
        body["status"] = json!("Succeeded");
        if operation.awaited {
            body["status"] = json!("Failed");
            body["error"] = json!({"code": "OperationTimedOut", "message": "The operation did not end in time."});
        }
        if let Some(error) = &operation.error {
            body["status"] = json!(operation.fate.as_deref().unwrap_or("Failed"));
            body["error"] = error.clone();
        }
        if let Some(output) = &operation.output {
            body["properties"] = json!({"output": output});
        }
        body["endTime"] = json!(times::text(operation.ends));
        return Ok(Response::json(StatusCode::OK, &body));
    }
    body["status"] = json!("InProgress");
    Ok(with_retry_after(
        call,
        Response::json(StatusCode::OK, &body),
    ))
}

/// `GET …/operationresults/{id}`: 202 until the operation has ended.
pub(crate) fn result(call: &Call<'_>, id: &str) -> Result<Response, Error> {
    let operation = find(call, id)?;
    if operation.ends <= call.cx.now {
        return Ok(match (&operation.error, &operation.output) {
            (Some(error), _) if operation.fate.is_some() => {
                Response::json(StatusCode::CONFLICT, &json!({"error": error}))
            }
            (_, Some(output)) => Response::json(StatusCode::OK, output),
            (_, None) => Response::empty(StatusCode::OK),
        });
    }
    let response =
        Response::empty(StatusCode::ACCEPTED).with_header("location", result_url(call, &operation));
    Ok(with_retry_after(call, response))
}

/// The operation with this id.
pub(crate) fn find(call: &Call<'_>, id: &str) -> Result<Operation, Error> {
    call.cx.tx.get(&id.to_ascii_lowercase())?.ok_or_else(|| {
        Error::new(
            404,
            "OperationNotFound",
            format!("The operation '{id}' could not be found."),
        )
    })
}
