//! What Entra ID says when it gives no token.

use azure_core::{Error, error::ErrorKind, http::RawResponse};
use serde::Deserialize;

/// <https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow#error-response>
#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    error_codes: Vec<i64>,
    #[serde(default)]
    error: String,
    #[serde(default)]
    error_description: String,
}

/// What stands in for a secret that an answer repeats.
const HIDDEN: &str = "<redacted>";

/// A refusal of a token endpoint as an error with its codes and its words; one that is not Entra ID's, as its status. What
/// was sent in secret is not in the words, whoever wrote them.
pub(crate) fn refusal(response: RawResponse, sent: &[&str]) -> Error {
    let status = response.status();
    let answer = serde_json::from_slice::<Answer>(response.body()).ok();
    let codes = answer.as_ref().map(|answer| &answer.error_codes[..]);
    let codes: Vec<String> = codes
        .unwrap_or_default()
        .iter()
        .map(i64::to_string)
        .collect();
    let codes = (!codes.is_empty()).then(|| codes.join(","));
    let mut words = match answer {
        Some(answer) if !answer.error_description.trim().is_empty() => answer.error_description,
        Some(answer) if !answer.error.trim().is_empty() => {
            format!("Entra ID answered {}: {}", u16::from(status), answer.error)
        }
        _ => format!("Entra ID answered {}", u16::from(status)),
    };
    for secret in sent.iter().filter(|secret| !secret.is_empty()) {
        words = words.replace(secret, HIDDEN);
    }
    let kind = ErrorKind::HttpResponse {
        status,
        error_code: codes,
        raw_response: None,
    };
    Error::with_message(kind, words)
}

#[cfg(test)]
mod tests {
    use super::*;
    use azure_core::{
        Bytes,
        http::{StatusCode, headers::Headers},
    };
    use proptest::prelude::*;

    fn words(status: u16, body: &str) -> String {
        let body = Bytes::from(body.to_owned());
        let response = RawResponse::from_bytes(StatusCode::from(status), Headers::new(), body);
        refusal(response, &["hunter2", ""]).to_string()
    }

    #[test]
    fn an_answer_without_words_has_its_status() {
        for (status, body, said) in [
            (500, "", "Entra ID answered 500"),
            (429, "<html>", "Entra ID answered 429"),
            (500, "{}", "Entra ID answered 500"),
            (
                500,
                r#"{"error_description": " "}"#,
                "Entra ID answered 500",
            ),
            (
                503,
                r#"{"error": "temporarily_unavailable"}"#,
                "Entra ID answered 503: temporarily_unavailable",
            ),
            (
                401,
                r#"{"error": "invalid_client", "error_description": "AADSTS7000215: no."}"#,
                "AADSTS7000215: no.",
            ),
            (
                400,
                r#"{"error_description": "'hunter2' is not it"}"#,
                "'<redacted>' is not it",
            ),
        ] {
            assert_eq!(words(status, body), said, "{body}");
        }
    }

    proptest! {
        #[test]
        fn any_answer_is_survived_and_has_words(status in 400u16..600, body in "\\PC{0,80}") {
            prop_assert!(!words(status, &body).trim().is_empty());
        }
    }
}
