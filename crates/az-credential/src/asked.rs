//! What a token is asked for: scopes, and what a request may say beside them.
//!
//! [`TokenRequestOptions`] of `azure_core` 1.1 has no members for a tenant and for claims, but it carries a
//! [`Context`](azure_core::http::Context), which holds a value of any type; so these are types.

use azure_core::{
    base64,
    credentials::TokenRequestOptions,
    http::{ClientMethodOptions, Context},
};
use std::fmt;

/// The claims that a resource's challenge asks for, decoded (JSON): a token that was revoked before its time is to be
/// replaced by one that has them.
///
/// <https://learn.microsoft.com/entra/identity-platform/claims-challenge>
///
/// ```
/// use az_credential::Claims;
/// use azure_core::{credentials::TokenRequestOptions, http::{ClientMethodOptions, Context}};
///
/// let claims = Claims::new(r#"{"access_token":{"nbf":{"essential":true,"value":"1700000000"}}}"#);
/// let options = TokenRequestOptions {
///     method_options: ClientMethodOptions { context: Context::new().with_value(claims) },
/// };
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Claims(String);

impl Claims {
    /// Claims as the challenge has them, after base64 is taken off.
    pub fn new(json: impl Into<String>) -> Self {
        Claims(json.into())
    }

    /// The claims of an answer 401, out of its header `WWW-Authenticate`; `None` where it asks for none.
    ///
    /// <https://learn.microsoft.com/entra/identity-platform/claims-challenge#claims-challenge-header-format>
    pub fn from_challenge(header: &str) -> Option<Self> {
        let mut claims = None;
        let mut asked_for = false;
        // Parameters have quotation marks around them, and none within.
        let mut pieces = header.split('"');
        while let (Some(name), Some(value)) = (pieces.next(), pieces.next()) {
            let name = name.trim_end().strip_suffix('=')?;
            let name = name.rsplit([' ', ',']).next().unwrap_or_default();
            if name.eq_ignore_ascii_case("claims") {
                claims = Some(value);
            }
            asked_for |= name.eq_ignore_ascii_case("error") && value == "insufficient_claims";
        }
        let text = claims.filter(|_| asked_for)?;
        // Both alphabets and either end are met.
        let text = text.replace('-', "+").replace('_', "/");
        let text = text.trim_end_matches('=');
        let padding = "=".repeat((4 - text.len() % 4) % 4);
        let json = base64::decode(format!("{text}{padding}")).ok()?;
        String::from_utf8(json).ok().map(Claims)
    }
}

/// They may name people.
impl fmt::Debug for Claims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Claims")
    }
}

/// The tenant that one token is to be for, where it is not the credential's own: put into the options as
/// [`Claims`] are. The credential must be allowed to ask there (`AZURE_ADDITIONALLY_ALLOWED_TENANTS`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TenantId(String);

impl TenantId {
    /// The tenant's id or one of its domains.
    pub fn new(id: impl Into<String>) -> Self {
        TenantId(id.into())
    }
}

/// Says in a request's context that a chain of several credentials asks: one that is not here is found out fast.
#[derive(Clone, Copy, Debug)]
pub(crate) struct InChain;

impl InChain {
    /// Whether the request says so.
    pub(crate) fn is_said(options: Option<&TokenRequestOptions<'_>>) -> bool {
        options.is_some_and(|options| options.method_options.context.value::<InChain>().is_some())
    }

    /// The same request, saying so.
    pub(crate) fn say(options: Option<TokenRequestOptions<'_>>) -> TokenRequestOptions<'static> {
        TokenRequestOptions {
            method_options: ClientMethodOptions {
                context: context(options).into_owned().with_value(InChain),
            },
        }
    }
}

/// One question for a token. Two that are equal have one answer.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct Asked {
    pub(crate) scopes: Vec<String>,
    pub(crate) tenant: Option<String>,
    pub(crate) claims: Option<String>,
}

impl Asked {
    pub(crate) fn of(scopes: &[&str], options: Option<&TokenRequestOptions<'_>>) -> Self {
        let context = options.map(|options| &options.method_options.context);
        Asked {
            scopes: scopes.iter().map(ToString::to_string).collect(),
            tenant: context
                .and_then(|context| context.value::<TenantId>())
                .map(|tenant| tenant.0.clone()),
            claims: context
                .and_then(|context| context.value::<Claims>())
                .map(|claims| claims.0.clone()),
        }
    }

    /// The same question without claims; `None` where it has none.
    pub(crate) fn without_claims(&self) -> Option<Self> {
        self.claims.as_ref()?;
        Some(Asked {
            claims: None,
            ..self.clone()
        })
    }

    pub(crate) fn scopes(&self) -> Vec<&str> {
        self.scopes.iter().map(String::as_str).collect()
    }
}

impl fmt::Debug for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Asked")
            .field("scopes", &self.scopes)
            .field("tenant", &self.tenant)
            .field("claims", &self.claims.is_some())
            .finish()
    }
}

/// The context of a request, which carries what a pipeline's policies need.
pub(crate) fn context(options: Option<TokenRequestOptions<'_>>) -> Context<'_> {
    options.unwrap_or_default().method_options.context
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn claims_are_read_out_of_a_challenge() {
        let json = r#"{"access_token":{"nbf":{"essential":true,"value":"1604106651"}}}"#;
        let encoded = base64::encode(json);
        for claims in [
            encoded.clone(),
            encoded.trim_end_matches('=').to_owned(),
            base64::encode_url_safe(json),
        ] {
            let header = format!(
                r#"Bearer realm="", authorization_uri="https://login.microsoftonline.com/common/oauth2/authorize", error="insufficient_claims", claims="{claims}""#
            );
            assert_eq!(Claims::from_challenge(&header), Some(Claims::new(json)));
        }
        let header = |error: &str, claims: &str| {
            format!(r#"Bearer error="{error}", claims="{claims}", resource="r""#)
        };
        let found = Claims::from_challenge(&header("insufficient_claims", &encoded));
        assert_eq!(found, Some(Claims::new(json)));
        for other in [
            header("invalid_token", &encoded),
            header("insufficient_claims", "%"),
            r#"Bearer error="insufficient_claims""#.to_owned(),
            "Bearer".to_owned(),
            String::new(),
        ] {
            assert_eq!(Claims::from_challenge(&other), None, "{other}");
        }
    }

    proptest! {
        #[test]
        fn any_header_is_survived(header in "\\PC{0,64}", claims in "[A-Za-z0-9+/_=-]{0,16}") {
            let _ = Claims::from_challenge(&header);
            let header = format!(r#"Bearer error="insufficient_claims", claims="{claims}""#);
            let _ = Claims::from_challenge(&header);
        }
    }
}
