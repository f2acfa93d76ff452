//! Template deployments: `Microsoft.Resources/deployments` at a resource group or a subscription
//! (<https://learn.microsoft.com/rest/api/resources/deployments>).
//!
//! The resources of a template are put within the deployment's own request, one after another, with the caller's
//! rights; the deployment then runs by the clock as its resources do. What a provider refuses as a bad request,
//! Azure finds before it begins (preflight), and nothing is made; any other refusal fails the deployment.

mod expression;
mod run;
mod template;
mod what_if;

use super::call::Call;
use super::error::Error;
use super::path::Provider;
use super::{groups, locations, operations};
use crate::ground::wire::Response;
use crate::request::Context;
use crate::state::{Document, StateError};
use http::StatusCode;
use jsonc_parser::ParseOptions;
use run::{Deployed, Run, shown_type};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use template::{Place, Template};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use uuid::Uuid;

const KIND: &str = "Microsoft.Resources/deployments";

/// A deployment that was accepted.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Deployment {
    id: String,
    /// Where the deployment itself is kept, for one at a subscription.
    location: Option<String>,
    tags: Option<Value>,
    /// What a GET answers once it has ended.
    properties: Map<String, Value>,
    template: Value,
    operation: String,
    /// What was done for each resource.
    steps: Vec<Value>,
    #[serde(with = "time::serde::rfc3339")]
    began: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    ends: OffsetDateTime,
    error: Option<Value>,
}

impl Document for Deployment {
    const KIND: &'static str = "deployment";
    fn key(&self) -> String {
        self.id.to_ascii_lowercase()
    }
}

/// Forgets the deployments at a scope that goes.
pub(super) fn forget(cx: &Context<'_>, scope: &str) -> Result<(), StateError> {
    let prefix = format!("{}/providers/", scope.to_ascii_lowercase());
    for deployment in cx.tx.list::<Deployment>(&prefix)? {
        cx.tx.delete::<Deployment>(&deployment.key())?;
    }
    Ok(())
}

/// Answers a call to `deployments` and what is below it.
pub(super) fn route(
    call: &Call<'_>,
    provider: &Provider,
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
            Response::json(StatusCode::OK, &required(call, &id)?.view(call.cx))
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
            if there.runs(call.cx) {
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
                    there.state(call.cx)
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
        groups::require(call)?;
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

impl Deployment {
    fn runs(&self, cx: &Context<'_>) -> bool {
        self.ends > cx.now
    }

    fn state(&self, cx: &Context<'_>) -> &'static str {
        match (&self.error, self.runs(cx)) {
            (_, true) => "Running",
            (Some(_), false) => "Failed",
            (None, false) => "Succeeded",
        }
    }

    fn view(&self, cx: &Context<'_>) -> Value {
        let state = self.state(cx);
        let mut properties = self.properties.clone();
        properties.insert("provisioningState".to_owned(), json!(state));
        let until = if self.runs(cx) { cx.now } else { self.ends };
        properties.insert(
            "timestamp".to_owned(),
            json!(until.format(&Rfc3339).unwrap_or_default()),
        );
        properties.insert("duration".to_owned(), json!(duration(until - self.began)));
        if self.runs(cx) {
            properties.remove("outputs");
            properties.remove("outputResources");
        } else if let Some(error) = &self.error {
            properties.insert("error".to_owned(), error.clone());
        }
        let name = self.id.rsplit('/').next().unwrap_or_default();
        let mut view = json!({"id": self.id, "name": name, "type": KIND});
        if let Some(location) = &self.location {
            view["location"] = json!(location);
        }
        if let Some(tags) = &self.tags {
            view["tags"] = tags.clone();
        }
        view["properties"] = Value::Object(properties);
        view
    }
}

/// ISO 8601
fn duration(time: time::Duration) -> String {
    format!("PT{}S", time.as_seconds_f64().max(0.0))
}

/// What a request asks to deploy.
struct Asked {
    template: Value,
    parameters: Option<Value>,
    location: Option<String>,
    tags: Option<Value>,
    settings: Value,
}

/// The body, in the loose JSON that Azure takes templates in: with comments, and names without quotes, as `az` sends
/// them.
fn template_body(call: &Call<'_>) -> Result<Map<String, Value>, Error> {
    if serde_json::from_slice::<Value>(&call.request.body).is_ok() {
        return call.body();
    }
    let text = String::from_utf8_lossy(&call.request.body);
    match jsonc_parser::parse_to_serde_value::<Value>(&text, &ParseOptions::default()) {
        Ok(Value::Object(members)) => Ok(members),
        Ok(_) => call.body(),
        Err(error) => Err(Error::bad_request(
            "InvalidRequestContent",
            format!("The request content was invalid and could not be deserialized: '{error}'."),
        )),
    }
}

fn asked(call: &Call<'_>) -> Result<Asked, Error> {
    let mut body = template_body(call)?;
    let location = body
        .get("location")
        .and_then(Value::as_str)
        .map(locations::canonical);
    if call.path.group.is_none()
        && location
            .as_deref()
            .is_none_or(|location| !locations::is_known(location))
    {
        return Err(Error::bad_request(
            "LocationRequired",
            "The 'location' property must be specified, and be an Azure location, for a deployment at a subscription.",
        ));
    }
    let Some(Value::Object(mut properties)) = body.remove("properties") else {
        return Err(Error::bad_request(
            "InvalidRequestContent",
            "The request content was invalid and could not be deserialized: 'Required property 'properties' not found in JSON. Path '''.",
        ));
    };
    let mode = properties
        .get("mode")
        .and_then(Value::as_str)
        .unwrap_or_default();
    if mode.eq_ignore_ascii_case("complete") {
        return Err(Error::bad_request(
            "NotSupported",
            "The local Azure deploys in the mode 'Incremental' only.",
        ));
    }
    if !mode.eq_ignore_ascii_case("incremental") {
        return Err(Error::bad_request(
            "InvalidDeploymentMode",
            format!(
                "The deployment mode '{mode}' is not valid: it is 'Incremental' or 'Complete'."
            ),
        ));
    }
    for link in ["templateLink", "parametersLink"] {
        if properties.get(link).is_some_and(|link| !link.is_null()) {
            return Err(Error::bad_request(
                "InvalidContentLink",
                format!(
                    "Unable to download deployment content: the local Azure follows no '{link}'. Send the content itself."
                ),
            ));
        }
    }
    let template = properties.remove("template").filter(|template| !template.is_null()).ok_or_else(|| {
        Error::bad_request(
            "InvalidRequestContent",
            "The request content was invalid: either 'template' or 'templateLink' must be given.",
        )
    })?;
    Ok(Asked {
        template,
        parameters: properties.remove("parameters"),
        location,
        tags: body.remove("tags").filter(|tags| !tags.is_null()),
        settings: properties.remove("whatIfSettings").unwrap_or_default(),
    })
}

/// Where the call's deployment takes place.
fn place(call: &Call<'_>, asked: &Asked) -> Result<Place, Error> {
    if call.path.group.is_none() {
        return Ok(Place {
            scope: format!("/subscriptions/{}", call.subscription()),
            group: None,
            location: asked.location.clone().unwrap_or_default(),
        });
    }
    let group = groups::require(call)?;
    groups::refuse_while_deleting(call, &group)?;
    let location = group
        .body
        .get("location")
        .and_then(Value::as_str)
        .unwrap_or_default();
    Ok(Place {
        scope: group.id.clone(),
        location: location.to_owned(),
        group: Some(group),
    })
}

/// A template that was deployed.
struct Outcome {
    deployed: Vec<Deployed>,
    outputs: Value,
    parameters: Value,
}

/// Deploys the template. What Azure finds in its preflight is an error.
fn run(call: &Call<'_>, name: &str, place: Place, asked: &Asked) -> Result<Outcome, Error> {
    let template = Template::new(
        call,
        name,
        place,
        &asked.template,
        asked.parameters.as_ref(),
    )?;
    let parameters = shown_parameters(&template);
    let (deployed, outputs) = Run::new(&template)?.deploy()?;
    let refused: Vec<Error> = deployed
        .iter()
        .filter_map(|one| one.result.as_ref().err())
        .filter(|error| matches!(error.status().as_u16(), 400 | 403))
        .cloned()
        .collect();
    if refused.is_empty() {
        return Ok(Outcome {
            deployed,
            outputs,
            parameters,
        });
    }
    // <https://learn.microsoft.com/azure/azure-resource-manager/troubleshooting/error-invalid-template>
    let status = refused[0].status().as_u16();
    Err(Error::new(
        status,
        "InvalidTemplateDeployment",
        if status == 403 {
            format!("Deployment failed with multiple errors: '{}'", refused.iter().map(Error::message).collect::<Vec<_>>().join(":"))
        } else {
            format!(
                "The template deployment '{name}' is not valid according to the validation procedure. The tracking id is \
                 '{}'. See inner errors for details.",
                Uuid::new_v4()
            )
        },
    )
    .details(refused))
}

fn shown_parameters(template: &Template<'_>) -> Value {
    let declared = template.body.get("parameters").and_then(Value::as_object);
    let mut shown = Map::new();
    for (name, declaration) in declared.into_iter().flatten() {
        let kind = declaration
            .get("type")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let mut one = json!({"type": shown_type(kind)});
        if !kind.to_ascii_lowercase().starts_with("secure")
            && let Some(value) = template.parameters.get(name)
        {
            one["value"] = value.clone();
        }
        shown.insert(name.clone(), one);
    }
    Value::Object(shown)
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
    if let Some(there) = there.as_ref().filter(|there| there.runs(call.cx)) {
        return Err(active(name, there));
    }
    let scope = place.scope.clone();
    let outcome = call.cx.tx.attempt(|| run(call, name, place, &asked))??;
    let operation = operations::begin(call.cx, "Running", None)?;
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
    let mut view = deployment.view(call.cx);
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
        groups::require(call)?;
    }
    let wanted = match call.request.query("$filter") {
        Some(filter) if !filter.trim().is_empty() => super::resources::equalities(filter)?,
        _ => vec![],
    };
    let prefix = format!("{}/providers/{KIND}/", call.path.scope).to_ascii_lowercase();
    let mut values = Vec::new();
    for deployment in call.cx.tx.list::<Deployment>(&prefix)? {
        let state = deployment.state(call.cx);
        let fits = wanted.iter().try_fold(true, |fits, (field, text)| {
            if !field.eq_ignore_ascii_case("provisioningState") {
                return Err(Error::bad_request(
                    "InvalidFilterInQueryString",
                    format!("Invalid $filter: '{field}' cannot be filtered by."),
                ));
            }
            Ok(fits && text.eq_ignore_ascii_case(state))
        })?;
        if fits {
            values.push(deployment.view(call.cx));
        }
    }
    Ok(Response::json(StatusCode::OK, &call.page(values)))
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
    let mut body = json!({"status": deployment.state(call.cx)});
    if deployment.runs(call.cx) {
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
    let outcome = call.cx.tx.trial(|| run(call, name, place, &asked))??;
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
