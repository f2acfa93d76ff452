//! `Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials`: whose assertions an identity accepts
//! (<https://learn.microsoft.com/entra/workload-id/workload-identity-federation-considerations>, with the errors' texts).

use super::user_assigned_identities;
use crate::arm::call::Call;
use crate::arm::error::Error;
use crate::arm::group_scope;
use crate::arm::path::ProviderPath;
use crate::ground::wire::Response;
use crate::state::federation::IdentityFederation;
use crate::state::{Document, Range, Resource};
use http::{Method, StatusCode};
use serde_json::{Value, json};

const TYPE: &str = "Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials";

/// How many an identity can have.
const MOST: usize = 20;

/// Answers a call about one credential, or about all of an identity.
pub(super) fn route(call: &Call<'_>, provider: &ProviderPath) -> Result<Response, Error> {
    let identity = format!(
        "{}/providers/{}/{}",
        call.path.scope,
        user_assigned_identities::KIND.name,
        provider.name(0)
    );
    let name = provider.name(1);
    let action = match *call.method() {
        Method::GET => "read",
        Method::PUT => "write",
        Method::DELETE => "delete",
        _ => return Err(Error::method_not_allowed(call.method().as_str())),
    };
    call.authorize(&identity, &format!("{TYPE}/{action}"))?;
    let group = group_scope::require(call)?;
    if call.method() == Method::PUT {
        group_scope::refuse_while_deleting(call, &group)?;
    }
    let identity = call.resource(&identity)?.ok_or_else(|| {
        Error::resource_not_found(
            user_assigned_identities::KIND.name,
            provider.name(0),
            call.path.group.as_deref(),
        )
    })?;
    let key = IdentityFederation::below(&identity.id) + &name.to_ascii_lowercase();
    let there: Option<IdentityFederation> = call.cx.tx.get(&key)?;
    match (call.method(), name.is_empty()) {
        (&Method::GET, true) => list(call, &identity),
        (_, true) => Err(Error::method_not_allowed(call.method().as_str())),
        (&Method::GET, false) => {
            let there = there.ok_or_else(|| {
                let name = format!("{}/{name}", identity.name());
                Error::resource_not_found(TYPE, &name, call.path.group.as_deref())
            })?;
            Ok(Response::json(StatusCode::OK, &view(&there)))
        }
        (&Method::PUT, false) => put(call, &identity, name, there),
        (_, false) => Ok(Response::empty(match there {
            Some(there) => {
                call.cx.tx.delete::<IdentityFederation>(&there.key())?;
                StatusCode::OK
            }
            None => StatusCode::NO_CONTENT,
        })),
    }
}

fn list(call: &Call<'_>, identity: &Resource) -> Result<Response, Error> {
    let below = IdentityFederation::below(&identity.id);
    let page = call.cx.tx.page(
        &Range::<IdentityFederation>::Below(&below),
        call.after()?.as_deref(),
        call.page_size(),
    )?;
    call.page(&page, |one| Ok(view(one)))
}

fn put(
    call: &Call<'_>,
    identity: &Resource,
    name: &str,
    there: Option<IdentityFederation>,
) -> Result<Response, Error> {
    check_name(name)?;
    let is_new = there.is_none();
    let made = read(call, identity, name, there)?;
    let below = IdentityFederation::below(&identity.id);
    let others = call
        .cx
        .tx
        .all(&Range::<IdentityFederation>::Below(&below))?;
    let is_twin = |other: &IdentityFederation| {
        other.key() != made.key() && other.issuer == made.issuer && other.subject == made.subject
    };
    if others.iter().any(is_twin) {
        // The status is the page's; Bicep deployments were answered this code (Azure/bicep-types-az issue 2054).
        return Err(Error::bad_request(
            "Conflict",
            "Issuer and subject combination already exists for this Managed Identity.",
        ));
    }
    if is_new && others.len() >= MOST {
        return Err(Error::bad_request(
            "BadRequest",
            format!(
                "The managed identity has {MOST} federated identity credentials, which is the maximum number."
            ),
        ));
    }
    call.cx.tx.put(&made)?;
    let status = if is_new {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    Ok(Response::json(status, &view(&made)))
}

fn check_name(name: &str) -> Result<(), Error> {
    let good = (3..=120).contains(&name.len())
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "-_".contains(c))
        && name.starts_with(|c: char| c.is_ascii_alphanumeric());
    if good {
        return Ok(());
    }
    Err(Error::bad_request(
        "BadRequest",
        format!("Federated Identity Credential name '{name}' is invalid."),
    ))
}

/// The credential that a request makes: every member is mandatory, and there is one audience.
fn read(
    call: &Call<'_>,
    identity: &Resource,
    name: &str,
    there: Option<IdentityFederation>,
) -> Result<IdentityFederation, Error> {
    let body = call.body()?;
    let asked = body.get("properties").cloned().unwrap_or_default();
    let text = |member: &str| {
        let text = asked[member].as_str().filter(|text| !text.is_empty());
        text.map(str::to_owned).ok_or_else(|| {
            Error::bad_request(
                "BadRequest",
                "Federated Identity Credential from HTTP body has empty properties",
            )
        })
    };
    let (issuer, subject) = (text("issuer")?, text("subject")?);
    if asked
        .get("claimsMatchingExpression")
        .is_some_and(|one| !one.is_null())
    {
        return Err(Error::bad_request(
            "BadRequest",
            "This local Azure has no flexible federated identity credentials ('claimsMatchingExpression').",
        ));
    }
    let audiences: Vec<String> = asked["audiences"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect();
    if audiences.len() != 1 {
        return Err(Error::bad_request(
            "BadRequest",
            "Federated identity credentials must have exactly one audience.",
        ));
    }
    let is_url = url::Url::parse(&issuer).is_ok_and(|url| url.scheme() == "https");
    if !is_url {
        return Err(Error::bad_request(
            "BadRequest",
            format!(
                "The issuer '{issuer}' of a federated identity credential must be an HTTPS URL."
            ),
        ));
    }
    Ok(IdentityFederation {
        id: there.map_or_else(
            || format!("{}/federatedIdentityCredentials/{name}", identity.id),
            |there| there.id,
        ),
        issuer,
        subject,
        audiences,
    })
}

fn view(one: &IdentityFederation) -> Value {
    json!({
        // As Azure spells the ids of identities and what is below them.
        "id": one.id.replace("/resourceGroups/", "/resourcegroups/"),
        "name": one.name(),
        "type": TYPE,
        "properties": {
            "issuer": one.issuer,
            "subject": one.subject,
            "audiences": one.audiences,
        },
    })
}
