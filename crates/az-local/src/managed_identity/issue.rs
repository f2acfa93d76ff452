//! A token for an identity of a host, from the instance's own Entra ID.

use super::endpoint::{Endpoint, Holder, Identity};
use crate::entra::is_known_resource;
use crate::entra::token::{self, AccessToken, IssueError, Proof};
use crate::request::Context;
use crate::state::people::User;
use crate::state::{ServicePrincipal, StateError};

/// Cloud Shell's application, as public lists of Microsoft's own applications have it; no client looks at it.
const CLOUD_SHELL: &str = "2233b157-f44d-4812-b777-036cdaf9a96e";

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoToken {
    /// The identity has been deleted since.
    #[error("the identity is gone")]
    Gone,
    #[error("{0}")]
    UnknownResource(String),
    #[error(transparent)]
    State(#[from] StateError),
    #[error(transparent)]
    Issue(#[from] IssueError),
}

/// The token of one of the host's identities.
pub(super) fn token(
    cx: &Context<'_>,
    endpoint: &Endpoint,
    identity: &Identity,
    resource: &str,
) -> Result<AccessToken, NoToken> {
    let principal: ServicePrincipal = cx.tx.get(&identity.object_id)?.ok_or(NoToken::Gone)?;
    {
        let mut caller = cx.caller.borrow_mut();
        caller.oid = Some(principal.object_id.clone());
        caller.appid = Some(principal.app_id.clone());
        caller.tid = Some(principal.tenant_id.clone());
    }
    require(resource, &principal.tenant_id)?;
    kept_or(cx, endpoint, &identity.object_id, resource, || {
        let proof = Proof::Host {
            kind: endpoint.kind().name(),
            identity: identity.resource_id.clone(),
            resource: endpoint.resource_id.clone(),
        };
        token::issue(cx, &principal, resource, &proof)
    })
}

/// The token of the user whose host it is.
pub(super) fn user_token(
    cx: &Context<'_>,
    endpoint: &Endpoint,
    resource: &str,
) -> Result<AccessToken, NoToken> {
    let Holder::User(id) = &endpoint.holder else {
        return Err(NoToken::Gone);
    };
    let user: User = cx.tx.get(id)?.ok_or(NoToken::Gone)?;
    if !user.enabled {
        return Err(NoToken::Gone);
    }
    {
        let mut caller = cx.caller.borrow_mut();
        caller.oid = Some(user.object_id.clone());
        caller.appid = Some(CLOUD_SHELL.to_owned());
        caller.tid = Some(user.tenant_id.clone());
    }
    require(resource, &user.tenant_id)?;
    kept_or(cx, endpoint, id, resource, || {
        token::issue_to_user(cx, &user, CLOUD_SHELL, resource, "user_impersonation")
    })
}

fn require(resource: &str, tenant_id: &str) -> Result<(), NoToken> {
    if is_known_resource(resource) {
        return Ok(());
    }
    Err(NoToken::UnknownResource(format!(
        "AADSTS500011: The resource principal named {resource} was not found in the tenant named {tenant_id}."
    )))
}

fn kept_or(
    cx: &Context<'_>,
    endpoint: &Endpoint,
    object_id: &str,
    resource: &str,
    issue: impl FnOnce() -> Result<AccessToken, IssueError>,
) -> Result<AccessToken, NoToken> {
    let key = (object_id.to_owned(), resource.to_owned());
    if let Some(token) = endpoint.kept.get(cx, &key) {
        return Ok(token);
    }
    let token = issue()?;
    endpoint.kept.keep(key, &token);
    Ok(token)
}
