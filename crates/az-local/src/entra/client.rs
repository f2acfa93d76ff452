//! How an application proves that it is the one: a secret, a certificate, or a federated assertion.

use super::assertion::Assertion;
use super::error::EntraError;
use super::form::Form;
use super::token::Proof;
use crate::ground::secret::same;
use crate::request::Context;
use crate::state::{Application, Range, ServicePrincipal, StateError, Tenant};

/// RFC 7523, 2.2.
const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// An application that has proved who it is.
pub(crate) struct Client {
    pub(crate) principal: ServicePrincipal,
    pub(crate) proof: Proof,
}

/// Checks the proof in a token request.
pub(crate) fn prove(cx: &Context<'_>, form: &Form, tenant: &Tenant) -> Result<Client, EntraError> {
    let app_id = form.require("client_id")?.to_ascii_lowercase();
    let unknown = || EntraError::ApplicationNotFound {
        app_id: app_id.clone(),
        directory: tenant.display_name.clone(),
    };
    let application: Application = cx
        .tx
        .get(&app_id)?
        .filter(|application: &Application| application.tenant_id == tenant.id)
        .ok_or_else(unknown)?;
    let principal = principal_of(cx, &application)?.ok_or_else(unknown)?;
    let proof = if let Some(jwt) = form.get("client_assertion") {
        if form.get("client_assertion_type") != Some(JWT_BEARER) {
            return Err(EntraError::MissingParameter("client_assertion_type"));
        }
        Assertion::parse(jwt)?.check(cx, &application)?
    } else if let Some(secret) = form.get("client_secret") {
        // All are compared, so that the time does not tell which one it was.
        let matches = application
            .secrets
            .iter()
            .filter(|kept| same(kept, secret))
            .count();
        if matches == 0 {
            return Err(EntraError::InvalidSecret { app_id });
        }
        Proof::ClientSecret
    } else {
        return Err(EntraError::NoProof);
    };
    Ok(Client { principal, proof })
}

fn principal_of(
    cx: &Context<'_>,
    application: &Application,
) -> Result<Option<ServicePrincipal>, StateError> {
    let id = application.app_id.to_ascii_lowercase();
    let all = cx
        .tx
        .all(&Range::Equal(ServicePrincipal::BY_APPLICATION, &id))?;
    Ok(all
        .into_iter()
        .find(|principal| principal.tenant_id == application.tenant_id))
}
