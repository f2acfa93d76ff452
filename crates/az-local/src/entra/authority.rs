//! Whom a URL of Entra ID speaks of.

use super::error::EntraError;
use crate::request::Context;
use crate::state::{Range, StateError, Tenant};

/// The host that documents name, whichever of its aliases was asked.
pub(super) const LOGIN: &str = "https://login.microsoftonline.com";

/// The audience of a federated assertion, unless its credential says otherwise.
pub(crate) const TOKEN_EXCHANGE: &str = "api://AzureADTokenExchange";

/// Whom a URL's first segment speaks of.
pub(super) enum Authority {
    /// One tenant.
    Tenant(Tenant),
    /// `common`, `organizations`, `consumers`: whichever the user turns out to be of.
    Any(String),
}

impl Authority {
    pub(super) fn find(cx: &Context<'_>, segment: &str) -> Result<Self, EntraError> {
        let name = segment.to_ascii_lowercase();
        if ["common", "organizations", "consumers"].contains(&name.as_str()) {
            return Ok(Authority::Any(name));
        }
        Ok(Authority::Tenant(tenant(cx, segment)?))
    }

    /// As it stands in URLs.
    pub(super) fn segment(&self) -> &str {
        match self {
            Authority::Tenant(tenant) => &tenant.id,
            Authority::Any(name) => name,
        }
    }

    /// As it stands in issuers.
    pub(super) fn issuer(&self) -> &str {
        match self {
            Authority::Tenant(tenant) => &tenant.id,
            Authority::Any(_) => "{tenantid}",
        }
    }
}

/// The tenant with this id or domain.
pub(super) fn tenant(cx: &Context<'_>, id: &str) -> Result<Tenant, EntraError> {
    let found: Result<Option<Tenant>, StateError> = cx.tx.get(&id.to_ascii_lowercase());
    let found = match found? {
        None if id.contains('.') => by_domain(cx, id)?,
        found => found,
    };
    found.ok_or_else(|| EntraError::TenantNotFound {
        tenant: id.to_owned(),
    })
}

/// The tenant that has this domain.
pub(super) fn by_domain(cx: &Context<'_>, domain: &str) -> Result<Option<Tenant>, StateError> {
    // There are two.
    let tenants: Vec<Tenant> = cx.tx.all(&Range::Below(""))?;
    Ok(tenants.into_iter().find(|tenant| tenant.has_domain(domain)))
}
