//! Which tenants a credential may ask for tokens in.

use crate::env::Env;

/// A tenant that is not to be asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TenantError {
    /// It is neither an id nor a domain.
    #[error("'{0}' is no tenant: neither an id nor a domain")]
    Invalid(String),
    /// The credential is for another one.
    #[error(
        "the credential does not ask for tokens in the tenant '{0}': add it to AZURE_ADDITIONALLY_ALLOWED_TENANTS, or '*' for every tenant"
    )]
    NotAllowed(String),
}

impl From<TenantError> for azure_core::Error {
    fn from(error: TenantError) -> Self {
        azure_core::Error::new(azure_core::error::ErrorKind::Credential, error)
    }
}

/// The tenants beside a credential's own: `AZURE_ADDITIONALLY_ALLOWED_TENANTS`, with semicolons between them.
#[derive(Clone, Debug, Default)]
pub(crate) struct AllowedTenants(Vec<String>);

impl AllowedTenants {
    /// Those of the options, else those of the variable.
    pub(crate) fn of(options: Vec<String>, env: &Env) -> Self {
        if !options.is_empty() {
            return AllowedTenants(options);
        }
        let value = env.get("AZURE_ADDITIONALLY_ALLOWED_TENANTS");
        AllowedTenants(
            value
                .unwrap_or_default()
                .split(';')
                .map(|tenant| tenant.trim().to_owned())
                .filter(|tenant| !tenant.is_empty())
                .collect(),
        )
    }

    /// The tenant to ask: the wanted one, if it is allowed, else the credential's own. As Azure's SDK for Go decides
    /// (`resolveTenant` in `azidentity.go`).
    pub(crate) fn resolve<'a>(
        &self,
        own: Option<&'a str>,
        wanted: Option<&'a str>,
    ) -> Result<Option<&'a str>, TenantError> {
        let Some(wanted) = wanted.filter(|wanted| !wanted.is_empty() && own != Some(wanted)) else {
            return Ok(own);
        };
        check(wanted)?;
        let listed = self
            .0
            .iter()
            .any(|tenant| tenant == "*" || tenant == wanted);
        // Where neither a tenant nor a list is given, there is nothing to compare with.
        if listed || own.is_none() && self.0.is_empty() {
            Ok(Some(wanted))
        } else {
            Err(TenantError::NotAllowed(wanted.to_owned()))
        }
    }
}

/// Letters, digits, dots and hyphens: it goes into addresses and command lines.
pub(crate) fn check(tenant: &str) -> Result<(), TenantError> {
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || letter == '.' || letter == '-';
    if tenant.is_empty() || !tenant.chars().all(allowed) {
        return Err(TenantError::Invalid(tenant.to_owned()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenant_is_asked_only_where_it_is_allowed() {
        let none = AllowedTenants::default();
        let some = AllowedTenants::of(
            Vec::new(),
            &Env::from_pairs([("AZURE_ADDITIONALLY_ALLOWED_TENANTS", "b; c;")]),
        );
        let all = AllowedTenants(vec!["*".to_owned()]);
        let not = |tenant: &str| Err(TenantError::NotAllowed(tenant.to_owned()));
        for (allowed, own, wanted, expected) in [
            (&none, Some("a"), None, Ok(Some("a"))),
            (&none, Some("a"), Some("a"), Ok(Some("a"))),
            (&none, Some("a"), Some(""), Ok(Some("a"))),
            (&none, Some("a"), Some("b"), not("b")),
            (&none, None, Some("b"), Ok(Some("b"))),
            (&some, Some("a"), Some("b"), Ok(Some("b"))),
            (&some, Some("a"), Some("c"), Ok(Some("c"))),
            (&some, Some("a"), Some("d"), not("d")),
            (&some, None, Some("d"), not("d")),
            (&all, Some("a"), Some("d"), Ok(Some("d"))),
            (
                &all,
                Some("a"),
                Some("d; rm"),
                Err(TenantError::Invalid("d; rm".to_owned())),
            ),
        ] {
            assert_eq!(allowed.resolve(own, wanted), expected, "{own:?} {wanted:?}");
        }
    }
}
