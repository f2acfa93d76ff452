//! Who a token says that the caller is.

use azure_core::{base64::decode_url_safe, credentials::TokenCredential};
use serde_json::Value;

/// Who is signed in, as the claims of an access token for Resource Manager tell
/// (<https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference>). They are for showing only: the
/// service decides by its own reading of the token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The object id of the user or service principal in its tenant.
    pub object_id: String,
    /// The tenant that issued the token.
    pub tenant_id: String,
    /// A person, or else an application or a managed identity.
    pub is_user: bool,
    /// The application that asked for the token: a person's tool, or the caller itself.
    pub application_id: Option<String>,
    /// A person's sign-in name, or a managed identity's resource id.
    pub name: Option<String>,
}

impl Caller {
    /// The caller of a token for `scope`; `None` where the token is not one that can be read.
    pub async fn of(
        credential: &dyn TokenCredential,
        scope: &str,
    ) -> azure_core::Result<Option<Self>> {
        let token = credential.get_token(&[scope], None).await?;
        Ok(Caller::from_token(token.token.secret()))
    }

    /// Reads the claims of a token, a JWT.
    fn from_token(token: &str) -> Option<Self> {
        let claims = token.split('.').nth(1)?;
        let claims: Value =
            serde_json::from_slice(&decode_url_safe(claims.trim_end_matches('=')).ok()?).ok()?;
        let text = |names: &[&str]| {
            let found = names.iter().find_map(|name| claims.get(name)?.as_str());
            found.map(str::to_owned)
        };
        let person = text(&["upn", "unique_name", "preferred_username", "email"]);
        // Not every token has `idtyp`; an application's never names a person.
        let is_user = match text(&["idtyp"]) {
            Some(kind) => kind == "user",
            None => person.is_some(),
        };
        Some(Caller {
            object_id: text(&["oid"])?,
            tenant_id: text(&["tid"])?,
            is_user,
            application_id: text(&["appid", "azp"]),
            name: person.or_else(|| text(&["xms_mirid"])),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use azure_core::base64::encode_url_safe;
    use serde_json::json;

    fn token(claims: &Value) -> String {
        format!("e30.{}.c2ln", encode_url_safe(claims.to_string()))
    }

    #[test]
    fn people_and_applications_are_told_apart() {
        let app = json!({"oid": "o", "tid": "t", "idtyp": "app", "appid": "a"});
        let app = Caller::from_token(&token(&app)).expect("a caller");
        assert!(!app.is_user);
        assert_eq!(app.application_id.as_deref(), Some("a"));
        for claims in [
            json!({"oid": "o", "tid": "t", "upn": "ada@example.com"}),
            json!({"oid": "o", "tid": "t", "idtyp": "user", "unique_name": "ada@example.com"}),
        ] {
            let user = Caller::from_token(&token(&claims)).expect("a caller");
            assert!(user.is_user, "{claims}");
            assert_eq!(user.name.as_deref(), Some("ada@example.com"));
        }
    }

    #[test]
    fn what_is_no_such_token_has_no_caller() {
        for text in ["", "opaque", "a.b.c", &token(&json!({"oid": "o"}))] {
            assert_eq!(Caller::from_token(text), None, "{text}");
        }
    }
}
