//! The token of a workload's own issuer, in a file that somebody renews.

use crate::entra_client::Assertion;
use azure_core::{Error, base64, error::ErrorKind, http::Context};
use serde_json::Value;
use std::path::PathBuf;
use zeroize::Zeroizing;

/// A file with a token, read whenever one is asked for.
#[derive(Clone, Debug)]
pub(crate) struct FederatedToken {
    path: PathBuf,
}

impl FederatedToken {
    pub(crate) fn at(path: impl Into<PathBuf>) -> Self {
        FederatedToken { path: path.into() }
    }

    /// The token, without the line end that an editor or `echo` leaves behind it.
    pub(crate) fn read(&self) -> Result<String, String> {
        let text = std::fs::read_to_string(&self.path)
            .map_err(|error| format!("{}: {error}", self.path.display()))?;
        let token = text.trim();
        if token.is_empty() {
            return Err(format!("{}: the file is empty", self.path.display()));
        }
        Ok(token.to_owned())
    }

    /// Who issued the token that is in the file now, for whom: what a federated credential is compared with. Neither is
    /// a secret.
    pub(crate) fn shown(&self) -> Option<String> {
        let token = self.read().ok()?;
        let claims = base64::decode_url_safe(token.split('.').nth(1)?).ok()?;
        let claims: Value = serde_json::from_slice(&claims).ok()?;
        let audience = match &claims["aud"] {
            Value::Array(all) => all
                .iter()
                .filter_map(Value::as_str)
                .collect::<Vec<_>>()
                .join(", "),
            one => one.as_str()?.to_owned(),
        };
        Some(format!(
            "issuer '{}', subject '{}', audience '{audience}'",
            claims["iss"].as_str()?,
            claims["sub"].as_str()?
        ))
    }
}

#[async_trait::async_trait]
impl Assertion for FederatedToken {
    async fn assertion(&self, _: &str, _: &Context<'_>) -> azure_core::Result<Zeroizing<String>> {
        self.read()
            .map(Zeroizing::new)
            .map_err(|reason| Error::with_message(ErrorKind::Credential, reason))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_end_is_no_part_of_the_token_and_its_claims_are_shown() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("token");
        let claims = base64::encode_url_safe(r#"{"iss":"https://i","sub":"repo:a/b","aud":["x"]}"#);
        std::fs::write(&path, format!("e30.{claims}.c2ln\r\n")).expect("a file");
        let token = FederatedToken::at(&path);
        assert_eq!(token.read(), Ok(format!("e30.{claims}.c2ln")));
        assert_eq!(
            token.shown().as_deref(),
            Some("issuer 'https://i', subject 'repo:a/b', audience 'x'")
        );
        std::fs::write(&path, "no token").expect("a file");
        assert_eq!(token.shown(), None);
        std::fs::write(&path, "\n").expect("a file");
        assert!(token.read().expect_err("empty").contains("empty"));
    }
}
