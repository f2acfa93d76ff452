//! How a client proves that it is the one: a secret, a certificate, or a federated assertion.

use super::assertion::{Accepts, Assertion};
use super::error::EntraError;
use super::form::Form;
use super::token::Proof;
use crate::ground::secret::same;
use crate::request::Context;
use crate::state::federation::IdentityFederation;
use crate::state::{Application, FederatedCredential, Range, ServicePrincipal, StateError, Tenant};

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
    let Some((principal, known)) = find(cx, &app_id, tenant)? else {
        return Err(EntraError::ApplicationNotFound {
            app_id,
            directory: tenant.display_name.clone(),
        });
    };
    let proof = if let Some(jwt) = form.get("client_assertion") {
        if form.get("client_assertion_type") != Some(JWT_BEARER) {
            return Err(EntraError::MissingParameter("client_assertion_type"));
        }
        Assertion::parse(jwt)?.check(cx, &known.accepts)?
    } else if let Some(secret) = form.get("client_secret") {
        // All are compared, so that the time does not tell which one it was.
        let kept = known.secrets.iter();
        if kept.filter(|kept| same(kept, secret)).count() == 0 {
            return Err(EntraError::InvalidSecret { app_id });
        }
        Proof::ClientSecret
    } else {
        return Err(EntraError::NoProof);
    };
    Ok(Client { principal, proof })
}

/// How a client can prove who it is.
struct Known {
    secrets: Vec<String>,
    accepts: Accepts,
}

/// The client with this id in a tenant: an application, or a user-assigned identity, which only others can vouch for.
fn find(
    cx: &Context<'_>,
    app_id: &str,
    tenant: &Tenant,
) -> Result<Option<(ServicePrincipal, Known)>, StateError> {
    let all = cx
        .tx
        .all(&Range::Equal(ServicePrincipal::BY_APPLICATION, app_id))?;
    let own = |principal: &ServicePrincipal| principal.tenant_id == tenant.id;
    let Some(principal) = all.into_iter().find(own) else {
        return Ok(None);
    };
    let application: Option<Application> = cx.tx.get(app_id)?;
    let application = application.filter(|one| one.tenant_id == tenant.id);
    let mut known = Known {
        secrets: Vec::new(),
        accepts: Accepts {
            app_id: app_id.to_owned(),
            tenant_id: tenant.id.clone(),
            certificates: Vec::new(),
            federated: Vec::new(),
        },
    };
    match (application, &principal.managed_identity) {
        (Some(application), _) => {
            known.secrets = application.secrets;
            known.accepts.certificates = application.certificates;
            known.accepts.federated = application.federated;
        }
        (None, Some(identity)) => {
            let below = IdentityFederation::below(identity);
            let trusted = cx.tx.all(&Range::<IdentityFederation>::Below(&below))?;
            known.accepts.federated = trusted.into_iter().map(FederatedCredential::from).collect();
        }
        (None, None) => return Ok(None),
    }
    Ok(Some((principal, known)))
}
