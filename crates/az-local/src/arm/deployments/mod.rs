//! Template deployments: `Microsoft.Resources/deployments` at a resource group or a subscription
//! (<https://learn.microsoft.com/rest/api/resources/deployments>).
//!
//! The resources of a template are put within the deployment's own request, one after another, with the caller's
//! rights; the deployment then runs by the clock as its resources do. What a provider refuses as a bad request,
//! Azure finds before it begins (preflight), and nothing is made; any other refusal fails the deployment.

mod asked;
mod expression;
mod run;
mod template;
mod what_if;

use super::call::Call;
use super::error::Error;
use super::filter::equalities;
use super::path::ProviderPath;
use super::resource_type::Provider;
use super::{group_scope, operations};
use crate::ground::wire::Response;
use crate::request::Context;
use crate::state::deployments::Deployment;
use crate::state::{Document, Range};
use asked::{Asked, Outcome, asked, place, run};
use http::StatusCode;
use run::Deployed;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use time::format_description::well_known::Rfc3339;
use uuid::Uuid;

const KIND: &str = "Microsoft.Resources/deployments";

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
    let may = |action: &str| call.authorize(&id, &format!("{KIND}/{action}"));
    let method = call.method().as_str();
    let answer = match (method, rest) {
        ("GET", []) => {
            call.authorize(&call.path.scope, &format!("{KIND}/read"))?;
            list(call)?
        }
        ("GET", [_]) => {
            may("read")?;
            Response::json(StatusCode::OK, &view(&required(call, &id)?, call.cx))
        }
        ("HEAD", [_]) => {
            may("read")?;
            Response::empty(match find(call, &id)? {
                Some(_) => StatusCode::NO_CONTENT,
                None => StatusCode::NOT_FOUND,
            })
        }
        ("PUT", [_]) => {
            may("write")?;
            put(call, name, &id)?
        }
        ("DELETE", [_]) => {
            may("delete")?;
            let there = required(call, &id)?;
            if runs(&there, call.cx) {
                return Err(active(name, &there));
            }
            call.cx.tx.delete::<Deployment>(&there.key())?;
            Response::empty(StatusCode::NO_CONTENT)
        }
        ("POST", [_, "validate"]) => {
            may("validate/action")?;
            validate(call, name, &id)?
        }
        ("POST", [_, "whatif"]) => {
            may("whatIf/action")?;
            what_if::answer(call, name)?
        }
        ("POST", [_, "exporttemplate"]) => {
            may("exportTemplate/action")?;
            Response::json(
                StatusCode::OK,
                &json!({"template": required(call, &id)?.template}),
            )
        }
        ("POST", [_, "cancel"]) => {
            may("cancel/action")?;
            let there = required(call, &id)?;
            return Err(Error::conflict(
                "DeploymentCannotBeCancelled",
                format!(
                    "The deployment '{name}' cannot be cancelled because its resources are already accepted or it has completed ({}).",
                    state(&there, call.cx)
                ),
            ));
        }
        ("GET", [_, "operations"]) => {
            may("operations/read")?;
            Response::json(
                StatusCode::OK,
                &json!({"value": required(call, &id)?.steps}),
            )
        }
        ("GET", [_, "operations", wanted]) => {
            may("operations/read")?;
            let step = required(call, &id)?.steps.into_iter().find(|step| {
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
            Response::json(StatusCode::OK, &step)
        }
        ("GET", [_, "operationstatuses", operation]) => {
            may("operationstatuses/read")?;
            status(call, &id, operation)?
        }
        _ => return Err(Error::method_not_allowed(method)),
    };
    Ok(Some(answer))
}

fn find(call: &Call<'_>, id: &str) -> Result<Option<Deployment>, Error> {
    if call.path.group.is_some() {
        group_scope::require(call)?;
    }
    Ok(call.cx.tx.get(&id.to_ascii_lowercase())?)
}

fn required(call: &Call<'_>, id: &str) -> Result<Deployment, Error> {
    find(call, id)?.ok_or_else(|| {
        Error::new(
            404,
            "DeploymentNotFound",
            format!(
                "Deployment '{}' could not be found.",
                id.rsplit('/').next().unwrap_or_default()
            ),
        )
    })
}

fn active(name: &str, there: &Deployment) -> Error {
    Error::conflict(
        "DeploymentActive",
        format!(
            "Unable to edit or replace deployment '{name}': previous deployment from '{}' is still active. Please see \
             https://aka.ms/arm-deploy for usage details.",
            there.began.format(&Rfc3339).unwrap_or_default()
        ),
    )
}

fn runs(deployment: &Deployment, cx: &Context<'_>) -> bool {
    deployment.ends > cx.now
}

fn state(deployment: &Deployment, cx: &Context<'_>) -> &'static str {
    match (&deployment.error, runs(deployment, cx)) {
        (_, true) => "Running",
        (Some(_), false) => "Failed",
        (None, false) => "Succeeded",
    }
}

fn view(deployment: &Deployment, cx: &Context<'_>) -> Value {
    let state = state(deployment, cx);
    let mut properties = deployment.properties.clone();
    properties.insert("provisioningState".to_owned(), json!(state));
    let until = if runs(deployment, cx) {
        cx.now
    } else {
        deployment.ends
    };
    properties.insert(
        "timestamp".to_owned(),
        json!(until.format(&Rfc3339).unwrap_or_default()),
    );
    properties.insert(
        "duration".to_owned(),
        json!(duration(until - deployment.began)),
    );
    if runs(deployment, cx) {
        properties.remove("outputs");
        properties.remove("outputResources");
    } else if let Some(error) = &deployment.error {
        properties.insert("error".to_owned(), error.clone());
    }
    let name = deployment.id.rsplit('/').next().unwrap_or_default();
    let mut view = json!({"id": deployment.id, "name": name, "type": KIND});
    if let Some(location) = &deployment.location {
        view["location"] = json!(location);
    }
    if let Some(tags) = &deployment.tags {
        view["tags"] = tags.clone();
    }
    view["properties"] = Value::Object(properties);
    view
}

/// ISO 8601
fn duration(time: time::Duration) -> String {
    format!("PT{}S", time.as_seconds_f64().max(0.0))
}

/// What a deployment answers about what it deploys.
fn properties(asked: &Asked, outcome: &Outcome) -> Map<String, Value> {
    let mut providers: BTreeMap<String, BTreeMap<String, Option<String>>> = BTreeMap::new();
    for one in &outcome.deployed {
        let (namespace, kind) = one.kind.split_once('/').unwrap_or((one.kind.as_str(), ""));
        let kinds = providers.entry(namespace.to_owned()).or_default();
        kinds.insert(kind.to_owned(), one.location.clone());
    }
    let providers: Vec<Value> = providers
        .into_iter()
        .map(|(namespace, kinds)| {
            let kinds: Vec<Value> = kinds
                .into_iter()
                .map(|(kind, location)| json!({"resourceType": kind, "locations": [location]}))
                .collect();
            json!({"namespace": namespace, "resourceTypes": kinds})
        })
        .collect();
    let reference = |(id, kind, name): &(String, String, String)| json!({"id": id, "resourceType": kind, "resourceName": name});
    let dependencies: Vec<Value> = outcome
        .deployed
        .iter()
        .filter(|one| !one.needs.is_empty())
        .map(|one| {
            let mut entry = reference(&(one.id.clone(), one.kind.clone(), one.name.clone()));
            entry["dependsOn"] = one.needs.iter().map(reference).collect();
            entry
        })
        .collect();
    let hash = ring::digest::digest(&ring::digest::SHA256, asked.template.to_string().as_bytes());
    let hash = u64::from_be_bytes(std::array::from_fn(|at| hash.as_ref()[at]));
    let shown = json!({
        "templateHash": hash.to_string(),
        "parameters": outcome.parameters,
        "mode": "Incremental",
        "provisioningState": "Accepted",
        "correlationId": Uuid::new_v4().to_string(),
        "providers": providers,
        "dependencies": dependencies,
    });
    match shown {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

fn put(call: &Call<'_>, name: &str, id: &str) -> Result<Response, Error> {
    if name.is_empty()
        || name.len() > 64
        || !name
            .chars()
            .all(|c| c.is_alphanumeric() || "-._()".contains(c))
    {
        return Err(Error::bad_request(
            "InvalidDeploymentName",
            format!(
                "The deployment name '{name}' is not valid: at most 64 letters, digits, '-', '.', '_', '(' and ')'."
            ),
        ));
    }
    let asked = asked(call)?;
    let place = place(call, &asked)?;
    let there = find(call, id)?;
    if let Some(there) = there.as_ref().filter(|there| runs(there, call.cx)) {
        return Err(active(name, there));
    }
    let scope = place.scope.clone();
    let outcome = call.cx.attempt(|| run(call, name, place, &asked))??;
    let operation = operations::begin(call.cx, "Running")?;
    let mut shown = properties(&asked, &outcome);
    shown.insert("outputs".to_owned(), outcome.outputs);
    let made: Vec<Value> = outcome
        .deployed
        .iter()
        .filter(|one| one.result.is_ok())
        .map(|one| json!({"id": one.id}))
        .collect();
    shown.insert("outputResources".to_owned(), Value::Array(made));
    let refused: Vec<Error> = outcome
        .deployed
        .iter()
        .filter_map(|one| one.result.as_ref().err().cloned())
        .collect();
    let error = (!refused.is_empty()).then(|| {
        Error::new(
            409,
            "DeploymentFailed",
            "At least one resource deployment operation failed. Please list deployment operations for details. Please see \
             https://aka.ms/arm-deployment-operations for usage details.",
        )
        .details(refused)
        .body()
    });
    let deployment = Deployment {
        id: format!("{scope}/providers/{KIND}/{name}"),
        location: asked.location,
        tags: asked.tags,
        properties: shown,
        template: asked.template,
        operation: operation.id.clone(),
        steps: steps(
            call.cx,
            &format!("{scope}/providers/{KIND}/{name}"),
            &outcome.deployed,
        ),
        began: call.cx.now,
        ends: operation.ends,
        error,
    };
    call.cx.tx.put(&deployment)?;
    let mut view = view(&deployment, call.cx);
    view["properties"]["provisioningState"] = json!("Accepted");
    let status = if there.is_some() {
        StatusCode::OK
    } else {
        StatusCode::CREATED
    };
    let url = format!(
        "https://management.azure.com{}/operationStatuses/{}?api-version={}",
        deployment.id, operation.id, call.api_version
    );
    let response = Response::json(status, &view).with_header("azure-asyncoperation", url);
    Ok(operations::with_retry_after(call.cx, response))
}

fn steps(cx: &Context<'_>, id: &str, deployed: &[Deployed]) -> Vec<Value> {
    deployed
        .iter()
        .map(|one| {
            let operation = Uuid::new_v4().simple().to_string().to_uppercase();
            let mut properties = json!({
                "provisioningOperation": "Create",
                "provisioningState": if one.result.is_ok() { "Succeeded" } else { "Failed" },
                "timestamp": cx.now.format(&Rfc3339).unwrap_or_default(),
                "duration": duration(cx.knobs.operation()),
                "trackingId": Uuid::new_v4().to_string(),
                "statusCode": "Created",
                "targetResource": {"id": one.id, "resourceType": one.kind, "resourceName": one.name},
            });
            if let Err(error) = &one.result {
                properties["statusCode"] = json!(error.status().canonical_reason().unwrap_or_default().replace(' ', ""));
                properties["statusMessage"] = json!({"error": error.body()});
            }
            json!({"id": format!("{id}/operations/{operation}"), "operationId": operation, "properties": properties})
        })
        .collect()
}

fn list(call: &Call<'_>) -> Result<Response, Error> {
    if call.path.group.is_some() {
        group_scope::require(call)?;
    }
    let wanted = match call.request.query("$filter") {
        Some(filter) if !filter.trim().is_empty() => equalities(filter)?,
        _ => vec![],
    };
    if let Some((field, _)) = wanted
        .iter()
        .find(|(field, _)| !field.eq_ignore_ascii_case("provisioningState"))
    {
        return Err(Error::bad_request(
            "InvalidFilterInQueryString",
            format!("Invalid $filter: '{field}' cannot be filtered by."),
        ));
    }
    let below = format!("{}/providers/{KIND}/", call.path.scope).to_ascii_lowercase();
    let page = call.cx.tx.filtered_page(
        &Range::Below(&below),
        call.after()?.as_deref(),
        call.page_size(),
        |deployment: &Deployment| {
            let state = state(deployment, call.cx);
            Ok::<_, Error>(
                wanted
                    .iter()
                    .all(|(_, text)| text.eq_ignore_ascii_case(state)),
            )
        },
    )?;
    let values = page
        .items
        .iter()
        .map(|deployment| view(deployment, call.cx))
        .collect();
    Ok(Response::json(
        StatusCode::OK,
        &call.list(values, page.next.as_deref()),
    ))
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
            call.cx,
            Response::json(StatusCode::OK, &body),
        ));
    }
    if let Some(error) = &deployment.error {
        body["error"] = error.clone();
    }
    Ok(Response::json(StatusCode::OK, &body))
}

/// `POST …/validate`: the deployment is tried and undone.
fn validate(call: &Call<'_>, name: &str, id: &str) -> Result<Response, Error> {
    let asked = asked(call)?;
    let place = place(call, &asked)?;
    let outcome = call.cx.trial(|| run(call, name, place, &asked))??;
    if let Some(error) = outcome
        .deployed
        .iter()
        .find_map(|one| one.result.as_ref().err())
    {
        return Err(Error::new(
            error.status().as_u16(),
            "InvalidTemplateDeployment",
            format!("The template deployment '{name}' is not valid according to the validation procedure. See inner errors for details."),
        )
        .details(vec![error.clone()]));
    }
    let mut shown = properties(&asked, &outcome);
    shown.insert("provisioningState".to_owned(), json!("Succeeded"));
    shown.insert(
        "timestamp".to_owned(),
        json!(call.cx.now.format(&Rfc3339).unwrap_or_default()),
    );
    shown.insert("duration".to_owned(), json!("PT0S"));
    let validated: Vec<Value> = outcome
        .deployed
        .iter()
        .map(|one| json!({"id": one.id}))
        .collect();
    shown.insert("validatedResources".to_owned(), Value::Array(validated));
    Ok(Response::json(
        StatusCode::OK,
        &json!({"id": id, "name": name, "type": KIND, "properties": shown}),
    ))
}
