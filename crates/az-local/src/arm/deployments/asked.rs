//! What a request asks to deploy, and deploying it.

use super::complete::{self, Deleted};
use super::content::template_body;
use super::error::invalid;
use super::limits::DEEPEST_NESTING;
use super::meter::MOST_WORK;
use super::run::{Deployed, Run, shown_type};
use super::template::{Place, Template};
use super::within::Within;
use crate::arm::call::Call;
use crate::arm::error::Error;
use crate::arm::{group_scope, locations};
use serde_json::{Map, Value, json};
use std::cell::Cell;
use uuid::Uuid;

/// What a request asks to deploy.
pub(super) struct Asked {
    pub(super) template: Value,
    pub(super) parameters: Option<Value>,
    pub(super) location: Option<String>,
    pub(super) tags: Option<Value>,
    pub(super) settings: Value,
    /// What is in the group and not in the template goes.
    pub(super) complete: bool,
}

pub(super) fn asked(call: &Call<'_>) -> Result<Asked, Error> {
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
    let complete = is_complete(call, &properties)?;
    check_links(&properties)?;
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
        complete,
    })
}

/// Whether the mode is `Complete`.
fn is_complete(call: &Call<'_>, properties: &Map<String, Value>) -> Result<bool, Error> {
    let mode = properties
        .get("mode")
        .and_then(Value::as_str)
        .unwrap_or_default();
    if mode.eq_ignore_ascii_case("incremental") {
        return Ok(false);
    }
    if !mode.eq_ignore_ascii_case("complete") {
        return Err(Error::bad_request(
            "InvalidDeploymentMode",
            format!(
                "The deployment mode '{mode}' is not valid: it is 'Incremental' or 'Complete'."
            ),
        ));
    }
    if call.router.allowance().is_some() {
        // The words: <https://github.com/MicrosoftDocs/azure-docs/issues/13214>. The code is not known.
        return Err(Error::bad_request(
            "InvalidDeployment",
            "Specified deployment mode 'Complete' is not supported for nested deployment. Please see \
             https://aka.ms/deployment-modes for usage details.",
        ));
    }
    if call.path.group.is_none() {
        // <https://github.com/Azure/azure-rest-api-specs/issues/43400>
        return Err(Error::bad_request(
            "InvalidDeployment",
            "Specified deployment mode 'Complete' is not supported for deployment at the current scope. Please see \
             https://aka.ms/deployment-modes for usage details.",
        ));
    }
    Ok(true)
}

/// Refuses what the local Azure does not do.
fn check_links(properties: &Map<String, Value>) -> Result<(), Error> {
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
    Ok(())
}

/// Where the call's deployment takes place.
pub(super) fn place(call: &Call<'_>, asked: &Asked) -> Result<Place, Error> {
    if call.path.group.is_none() {
        return Ok(Place {
            scope: format!("/subscriptions/{}", call.subscription()),
            group: None,
            location: asked.location.clone().unwrap_or_default(),
        });
    }
    let group = group_scope::require(call)?;
    group_scope::refuse_while_deleting(call, &group)?;
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
pub(super) struct Outcome {
    pub(super) deployed: Vec<Deployed>,
    /// What went, or was to go.
    pub(super) deleted: Vec<Deleted>,
    pub(super) outputs: Value,
    pub(super) parameters: Value,
}

/// Deploys the template. What Azure finds in its preflight is an error.
pub(super) fn run(
    call: &Call<'_>,
    name: &str,
    place: Place,
    asked: &Asked,
) -> Result<Outcome, Error> {
    let whole = Cell::new(MOST_WORK);
    let (depth, left) = match call.router.allowance() {
        Some(allowance) => (allowance.depth, allowance.left),
        None => (0, &whole),
    };
    if depth > DEEPEST_NESTING {
        return Err(invalid(format!(
            "The nested deployment '{name}' is too deep. Limit: '{DEEPEST_NESTING}' levels of nested deployments. Please \
             see https://aka.ms/arm-template-limits for usage details"
        )));
    }
    let router = Within {
        router: call.router,
        depth: depth + 1,
        left,
    };
    let call = &Call {
        cx: call.cx,
        request: call.request,
        principal: call.principal.clone(),
        path: call.path.clone(),
        api_version: call.api_version.clone(),
        router: &router,
    };
    let given = asked.parameters.as_ref();
    let template = Template::new(call, name, place, &asked.template, given, left)?;
    let parameters = shown_parameters(&template);
    let run = Run::new(&template)?;
    let skipped = run.skipped();
    let (deployed, outputs) = run.deploy()?;
    let refused: Vec<Error> = deployed
        .iter()
        .filter_map(|one| one.result.as_ref().err())
        .filter(|error| matches!(error.status().as_u16(), 400 | 403))
        .cloned()
        .collect();
    if refused.is_empty() {
        // Where something was not made nothing goes; what Azure does is not known.
        let is_whole = deployed.iter().all(|one| one.result.is_ok());
        let deleted = match asked.complete && is_whole {
            true => {
                let mut kept = complete::kept(call, &deployed)?;
                // <https://learn.microsoft.com/azure/azure-resource-manager/templates/deployment-modes#complete-mode>
                if call.api_version.as_str() < "2019-05-10" {
                    kept.extend(skipped);
                }
                complete::delete(call, &kept)?
            }
            false => vec![],
        };
        return Ok(Outcome {
            deployed,
            deleted,
            outputs,
            parameters,
        });
    }
    Err(preflight(name, refused))
}

/// <https://learn.microsoft.com/azure/azure-resource-manager/troubleshooting/error-invalid-template>
fn preflight(name: &str, refused: Vec<Error>) -> Error {
    let status = refused[0].status().as_u16();
    let reason = if status == 403 {
        let reasons: Vec<&str> = refused.iter().map(Error::message).collect();
        format!(
            "Deployment failed with multiple errors: '{}'",
            reasons.join(":")
        )
    } else {
        format!(
            "The template deployment '{name}' is not valid according to the validation procedure. The tracking id is \
             '{}'. See inner errors for details.",
            Uuid::new_v4()
        )
    };
    Error::new(status, "InvalidTemplateDeployment", reason).details(refused)
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
