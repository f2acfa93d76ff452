//! Deploying for good, and trying whether it would do.

use super::asked::{Asked, Outcome, asked, place, run};
use super::history;
use super::kept::find;
use super::record::{KIND, active, properties, runs, steps, view};
use crate::arm::call::Call;
use crate::arm::error::Error;
use crate::arm::operations;
use crate::arm::times;
use crate::ground::wire::Response;
use crate::state::deployments::Deployment;
use crate::state::durations::Work;
use crate::state::operations::Operation;
use http::StatusCode;
use serde_json::{Value, json};
use time::Duration;

/// `PUT`: the deployment is done, and answered as one that begins.
pub(super) fn put(call: &Call<'_>, name: &str, id: &str) -> Result<Response, Error> {
    check_name(name)?;
    let asked = asked(call)?;
    let place = place(call, &asked)?;
    let there = find(call, id)?;
    if let Some(there) = there.as_ref().filter(|there| runs(there, call.cx)) {
        return Err(active(name, there));
    }
    history::check(call, name, asked.location.as_deref(), there.as_ref())?;
    let scope = place.scope.clone();
    let id = format!("{scope}/providers/{KIND}/{name}");
    let outcome = call.cx.attempt(|| run(call, name, place, &asked))??;
    let takes = time_of(call, &outcome)?;
    let operation = operations::begin(call.cx, "Running", takes)?;
    let deployment = deployment(call, &id, asked, outcome, &operation);
    // A deployment that is nested in this one may have the last place.
    history::check(call, name, deployment.location.as_deref(), there.as_ref())?;
    call.cx.tx.put(&deployment)?;
    history::shorten(call)?;
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
    Ok(operations::with_retry_after(call, response))
}

/// How long a deployment takes: as long as what takes longest of what it makes, all of which begins at once here; of a
/// loop in batches, one batch after the other.
fn time_of(call: &Call<'_>, outcome: &Outcome) -> Result<Duration, Error> {
    let cx = call.cx;
    let mut longest = cx.knobs.takes(KIND, Work::Create);
    for made in &outcome.deployed {
        let takes = match made.kind.eq_ignore_ascii_case(KIND) {
            true => find(call, &made.id)?.map(|nested| nested.ends - cx.now),
            false => Some(cx.knobs.takes(&made.kind, Work::Create)),
        };
        let batches = i32::try_from(made.batch + 1).unwrap_or(i32::MAX);
        longest = longest.max(takes.unwrap_or_default().saturating_mul(batches));
    }
    for gone in &outcome.deleted {
        longest = longest.max(cx.knobs.takes(&gone.kind, Work::Delete));
    }
    Ok(longest)
}

fn check_name(name: &str) -> Result<(), Error> {
    let fits = |c: char| c.is_alphanumeric() || "-._()".contains(c);
    if !name.is_empty() && name.len() <= 64 && name.chars().all(fits) {
        return Ok(());
    }
    Err(Error::bad_request(
        "InvalidDeploymentName",
        format!(
            "The deployment name '{name}' is not valid: at most 64 letters, digits, '-', '.', '_', '(' and ')'."
        ),
    ))
}

fn deployment(
    call: &Call<'_>,
    id: &str,
    asked: Asked,
    outcome: Outcome,
    operation: &Operation,
) -> Deployment {
    let mut shown = properties(&asked, &outcome);
    shown.insert("outputs".to_owned(), outcome.outputs);
    let results = outcome.deployed.iter();
    let made = results.clone().filter(|one| one.result.is_ok());
    let made: Vec<Value> = made.map(|one| json!({"id": one.id})).collect();
    shown.insert("outputResources".to_owned(), Value::Array(made));
    let refused: Vec<Error> = results
        .map(|one| &one.result)
        .chain(outcome.deleted.iter().map(|one| &one.result))
        .filter_map(|result| result.as_ref().err().cloned())
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
    Deployment {
        id: id.to_owned(),
        location: asked.location,
        tags: asked.tags,
        properties: shown,
        template: asked.template,
        operation: operation.id.clone(),
        steps: steps(call.cx, id, &outcome.deployed, &outcome.deleted),
        began: call.cx.now,
        ends: operation.ends,
        error,
    }
}

/// `POST …/validate`: the deployment is tried and undone.
pub(super) fn validate(call: &Call<'_>, name: &str, id: &str) -> Result<Response, Error> {
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
    shown.insert("timestamp".to_owned(), json!(times::text(call.cx.now)));
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
