//! The token endpoints: an application proves who it is and gets an access token.

use super::client::{self, Client};
use super::error::EntraError;
use super::form::Form;
use super::resources::require_resource;
use super::sign_in::{Wanted, sign_in};
use super::token::{self, AccessToken};
use crate::ground::wire::{Request, Response};
use crate::request::Context;
use crate::state::Tenant;
use http::StatusCode;
use serde_json::{Value, json};

/// `POST /{tenant}/oauth2/v2.0/token`: asks by `scope`.
pub(crate) fn v2(
    cx: &Context<'_>,
    request: &Request,
    tenant: &str,
) -> Result<Response, EntraError> {
    let form = Form::read(request);
    if is_users(&form) {
        let wanted = Wanted::of_scope(form.require("scope")?)?;
        let signed_in = sign_in(cx, &form, tenant, &wanted)?;
        return Ok(answer(&signed_in.answer(cx, &form)?));
    }
    let (tenant, client) = prove(cx, &form, tenant)?;
    let scope = form.require("scope")?;
    let audience = audience_of_scope(scope)?;
    require_resource(audience, &tenant)?;
    let issued = token::issue(cx, &client.principal, audience, &client.proof)?;
    Ok(answer(&json!({
        "token_type": "Bearer",
        "expires_in": issued.lifetime.whole_seconds(),
        "ext_expires_in": issued.lifetime.whole_seconds(),
        "access_token": issued.jwt,
    })))
}

/// `POST /{tenant}/oauth2/token`: asks by `resource`; every number is a string.
pub(crate) fn v1(
    cx: &Context<'_>,
    request: &Request,
    tenant: &str,
) -> Result<Response, EntraError> {
    let form = Form::read(request);
    if is_users(&form) {
        let resource = form.require("resource")?;
        let signed_in = sign_in(cx, &form, tenant, &Wanted::of_resource(resource))?;
        let mut body = signed_in.answer(cx, &form)?;
        if let (Some(body), Value::Object(v1)) = (
            body.as_object_mut(),
            v1_members(&signed_in.issued, resource),
        ) {
            body.extend(v1);
        }
        return Ok(answer(&body));
    }
    let (tenant, client) = prove(cx, &form, tenant)?;
    let resource = form.require("resource")?;
    require_resource(resource, &tenant)?;
    let issued = token::issue(cx, &client.principal, resource, &client.proof)?;
    Ok(answer(&v1_members(&issued, resource)))
}

fn v1_members(issued: &AccessToken, resource: &str) -> Value {
    json!({
        "token_type": "Bearer",
        "expires_in": issued.lifetime.whole_seconds().to_string(),
        "ext_expires_in": issued.lifetime.whole_seconds().to_string(),
        "expires_on": issued.expires.unix_timestamp().to_string(),
        "not_before": issued.not_before.unix_timestamp().to_string(),
        "resource": resource,
        "access_token": issued.jwt,
    })
}

/// Whether a user asks, and not an application for itself.
fn is_users(form: &Form) -> bool {
    matches!(form.get("grant_type"), Some("password" | "refresh_token"))
}

fn prove(cx: &Context<'_>, form: &Form, tenant: &str) -> Result<(Tenant, Client), EntraError> {
    if ["common", "organizations", "consumers"].contains(&tenant) {
        return Err(EntraError::NoTenant);
    }
    let tenant = super::authority::tenant(cx, tenant)?;
    let grant = form.require("grant_type")?;
    if grant != "client_credentials" {
        return Err(EntraError::UnsupportedGrantType(grant.to_owned()));
    }
    let client = client::prove(cx, form, &tenant)?;
    let mut caller = cx.caller.borrow_mut();
    caller.oid = Some(client.principal.object_id.clone());
    caller.appid = Some(client.principal.app_id.clone());
    caller.tid = Some(tenant.id.clone());
    drop(caller);
    Ok((tenant, client))
}

/// The resource that a scope names. `https://management.core.windows.net//.default` is the one with
/// a trailing slash, and its tokens' audience keeps it.
fn audience_of_scope(scope: &str) -> Result<&str, EntraError> {
    let mut wanted = scope
        .split_ascii_whitespace()
        .filter(|scope| !["openid", "profile", "offline_access", "email"].contains(scope));
    let (Some(first), None) = (wanted.next(), wanted.next()) else {
        return Err(EntraError::InvalidScope(scope.to_owned()));
    };
    match first.strip_suffix("/.default") {
        Some(resource) if !resource.is_empty() => Ok(resource),
        _ => Err(EntraError::ScopeWithoutDefault(first.to_owned())),
    }
}

fn answer(body: &Value) -> Response {
    Response::json(StatusCode::OK, body)
        .with_header("cache-control", "no-store, no-cache")
        .with_header("pragma", "no-cache")
        .with_header("x-ms-request-id", uuid::Uuid::new_v4().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scopes_audience_keeps_its_trailing_slash() {
        let audience = |scope| audience_of_scope(scope).expect("a valid scope");
        assert_eq!(
            audience("https://vault.azure.net/.default"),
            "https://vault.azure.net"
        );
        assert_eq!(
            audience("https://management.core.windows.net//.default openid profile"),
            "https://management.core.windows.net/"
        );
        assert!(audience_of_scope("https://vault.azure.net").is_err());
        assert!(audience_of_scope("/.default").is_err());
        assert!(audience_of_scope("openid").is_err());
    }
}
