//! Template deployments: `Microsoft.Resources/deployments` at a resource group or a subscription
//! (<https://learn.microsoft.com/rest/api/resources/deployments>).
//!
//! The resources of a template are put within the deployment's own request, one after another, with the caller's
//! rights; the deployment then runs by the clock as its resources do. What a provider refuses as a bad request,
//! Azure finds before it begins (preflight), and nothing is made; any other refusal fails the deployment.

mod asked;
mod complete;
mod content;
mod contextual;
mod copy;
mod error;
mod evaluate;
mod expression;
mod history;
mod ids;
mod kept;
mod limits;
mod list;
mod loops;
mod meter;
mod parameters;
mod plan;
mod put;
mod record;
mod resources;
mod run;
mod template;
#[cfg(test)]
mod tests;
mod what_if;
mod within;

use super::call::Call;
use super::error::Error;
use super::operations;
use super::path::ProviderPath;
use super::resource_type::Provider;
use crate::ground::wire::Response;
use crate::state::Document;
use crate::state::deployments::Deployment;
use http::StatusCode;
use kept::{find, required};
use record::{KIND, active, runs, state, view};
use serde_json::json;

pub(crate) const PROVIDER: Provider = Provider {
    namespace: "Microsoft.Resources",
    types: &[],
    route,
};

/// Answers a call to `deployments` and what is below it.
fn route(
    call: &Call<'_>,
    provider: &ProviderPath,
    words: &[&str],
) -> Result<Option<Response>, Error> {
    let ["deployments", rest @ ..] = words else {
        return Ok(None);
    };
    let name = provider.name(0);
    let id = format!("{}/providers/{KIND}/{name}", call.path.scope);
    match rest {
        [] | [_] => one(call, name, &id, rest),
        [_, below @ ..] => within(call, name, &id, below),
    }
    .map(Some)
}

/// Answers a call to the deployments or to one.
fn one(call: &Call<'_>, name: &str, id: &str, rest: &[&str]) -> Result<Response, Error> {
    let may = |action: &str| call.authorize(id, &format!("{KIND}/{action}"));
    let method = call.method().as_str();
    match (method, rest) {
        ("GET", []) => {
            call.authorize(&call.path.scope, &format!("{KIND}/read"))?;
            list::list(call)
        }
        ("GET", [_]) => {
            may("read")?;
            let view = view(&required(call, id)?, call.cx);
            Ok(Response::json(StatusCode::OK, &view))
        }
        ("HEAD", [_]) => {
            may("read")?;
            Ok(Response::empty(match find(call, id)? {
                Some(_) => StatusCode::NO_CONTENT,
                None => StatusCode::NOT_FOUND,
            }))
        }
        ("PUT", [_]) => {
            may("write")?;
            put::put(call, name, id)
        }
        ("DELETE", [_]) => {
            may("delete")?;
            let there = required(call, id)?;
            if runs(&there, call.cx) {
                return Err(active(name, &there));
            }
            call.cx.tx.delete::<Deployment>(&there.key())?;
            Ok(Response::empty(StatusCode::NO_CONTENT))
        }
        _ => Err(Error::method_not_allowed(method)),
    }
}

/// Answers a call to what is below one deployment.
fn within(call: &Call<'_>, name: &str, id: &str, below: &[&str]) -> Result<Response, Error> {
    let may = |action: &str| call.authorize(id, &format!("{KIND}/{action}"));
    let method = call.method().as_str();
    match (method, below) {
        ("POST", ["validate"]) => {
            may("validate/action")?;
            put::validate(call, name, id)
        }
        ("POST", ["whatif"]) => {
            may("whatIf/action")?;
            what_if::answer(call, name)
        }
        ("POST", ["exporttemplate"]) => {
            may("exportTemplate/action")?;
            let template = required(call, id)?.template;
            Ok(Response::json(
                StatusCode::OK,
                &json!({"template": template}),
            ))
        }
        ("POST", ["cancel"]) => {
            may("cancel/action")?;
            let there = required(call, id)?;
            Err(Error::conflict(
                "DeploymentCannotBeCancelled",
                format!(
                    "The deployment '{name}' cannot be cancelled because its resources are already accepted or it has completed ({}).",
                    state(&there, call.cx)
                ),
            ))
        }
        ("GET", ["operations"]) => {
            may("operations/read")?;
            let steps = required(call, id)?.steps;
            Ok(Response::json(StatusCode::OK, &json!({"value": steps})))
        }
        ("GET", ["operations", wanted]) => {
            may("operations/read")?;
            step(call, id, wanted)
        }
        ("GET", ["operationstatuses", operation]) => {
            may("operationstatuses/read")?;
            status(call, id, operation)
        }
        _ => Err(Error::method_not_allowed(method)),
    }
}

fn step(call: &Call<'_>, id: &str, wanted: &str) -> Result<Response, Error> {
    let step = required(call, id)?.steps.into_iter().find(|step| {
        step["operationId"]
            .as_str()
            .is_some_and(|id| id.eq_ignore_ascii_case(wanted))
    });
    let step = step.ok_or_else(|| {
        Error::new(
            404,
            "DeploymentOperationNotFound",
            format!("The deployment operation '{wanted}' could not be found."),
        )
    })?;
    Ok(Response::json(StatusCode::OK, &step))
}

fn status(call: &Call<'_>, id: &str, operation: &str) -> Result<Response, Error> {
    let deployment = required(call, id)?;
    if !deployment.operation.eq_ignore_ascii_case(operation) {
        return Err(Error::new(
            404,
            "OperationNotFound",
            format!("The operation '{operation}' could not be found."),
        ));
    }
    let mut body = json!({"status": state(&deployment, call.cx)});
    if runs(&deployment, call.cx) {
        return Ok(operations::with_retry_after(
            call,
            Response::json(StatusCode::OK, &body),
        ));
    }
    if let Some(error) = &deployment.error {
        body["error"] = error.clone();
    }
    Ok(Response::json(StatusCode::OK, &body))
}
