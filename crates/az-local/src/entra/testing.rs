//! For unit tests of every service: a fixed signing key and tokens from it.

use super::keys::{SigningKeys, generate_rsa};
use super::token::{self, Proof};
use crate::context::Context;
use crate::state::{ServicePrincipal, Tenant};
use std::sync::OnceLock;

/// One signing key for all tests of the process: making one takes long.
pub(crate) fn keys() -> &'static SigningKeys {
    static KEYS: OnceLock<SigningKeys> = OnceLock::new();
    KEYS.get_or_init(|| SigningKeys::with(&generate_rsa().expect("an RSA key")))
}

/// An `Authorization` header for a service principal with this object id in this tenant (which is
/// made known if it is not), good for `audience`.
pub(crate) fn bearer(cx: &Context<'_>, tenant_id: &str, object_id: &str, audience: &str) -> String {
    let tenant = Tenant {
        id: tenant_id.to_owned(),
        display_name: tenant_id.to_owned(),
    };
    cx.tx.put(&tenant).expect("a tenant");
    let principal = ServicePrincipal {
        object_id: object_id.to_owned(),
        app_id: format!("app-of-{object_id}"),
        tenant_id: tenant_id.to_owned(),
        display_name: object_id.to_owned(),
        managed_identity: None,
        created: cx.now,
    };
    let token = token::issue(cx, &principal, audience, &Proof::ClientSecret).expect("a token");
    format!("Bearer {}", token.jwt)
}
