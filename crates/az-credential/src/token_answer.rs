//! The answer with a token, as Entra ID and the sources of managed identities give it.

use crate::{clock::Clock, issued::Issued};
use azure_core::{
    Bytes, Error,
    credentials::AccessToken,
    error::ErrorKind,
    time::{Duration, OffsetDateTime, parse_rfc3339},
};
use serde::Deserialize;
use zeroize::{Zeroize, Zeroizing};

/// What is in it. Entra ID writes numbers, the others write numbers in strings, and one or another a date
/// (<https://github.com/AzureAD/microsoft-authentication-library-for-dotnet/issues/4963>).
#[derive(Deserialize)]
pub(crate) struct TokenAnswer {
    access_token: Zeroizing<String>,
    expires_in: Option<Number>,
    expires_on: Option<Number>,
    refresh_in: Option<Number>,
    /// Whose token it is, where the source says so.
    #[serde(flatten)]
    pub(crate) identity: Identity,
}

/// The identity that a token is for; Azure Arc says it.
#[derive(Default, Deserialize)]
pub(crate) struct Identity {
    pub(crate) client_id: Option<String>,
    pub(crate) object_id: Option<String>,
    pub(crate) msi_res_id: Option<String>,
    pub(crate) mi_res_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Number {
    Whole(i64),
    Broken(f64),
    Text(String),
}

impl Number {
    fn whole(&self) -> Option<i64> {
        match self {
            Number::Whole(number) => Some(*number),
            Number::Broken(number) => Some(*number as i64),
            Number::Text(text) => text.parse().ok(),
        }
    }

    /// Seconds since 1970, or a date.
    fn moment(&self) -> Option<OffsetDateTime> {
        match (self.whole(), self) {
            (Some(seconds), _) => OffsetDateTime::from_unix_timestamp(seconds).ok(),
            (None, Number::Text(text)) => date(text),
            (None, _) => None,
        }
    }
}

/// The three ways of writing a date that MSAL knows: RFC 3339, `yyyy-MM-dd HH:mm:ss`, `MM/dd/yyyy HH:mm:ss`.
fn date(text: &str) -> Option<OffsetDateTime> {
    if let Ok(date) = parse_rfc3339(text) {
        return Some(date);
    }
    let (day, time) = text.split_once(' ')?;
    let day = match day.split('/').collect::<Vec<_>>()[..] {
        [month, day, year] => format!("{year}-{month}-{day}"),
        _ => day.to_owned(),
    };
    parse_rfc3339(&format!("{day}T{time}Z")).ok()
}

impl TokenAnswer {
    /// Reads an answer and wipes it.
    ///
    /// # Errors
    /// [`ErrorKind::DataConversion`], without anything of the answer: whoever gave it gave no token.
    pub(crate) fn read(body: Bytes) -> azure_core::Result<Self> {
        let answer: Result<Self, _> = serde_json::from_slice(&body);
        // Only who holds it alone can wipe it; an answer that was just received is.
        if let Ok(mut body) = body.try_into_mut() {
            body.as_mut().zeroize();
        }
        // Serde's words may hold a part of the answer.
        match answer {
            Ok(TokenAnswer { access_token, .. }) if access_token.is_empty() => Err(no_token()),
            Ok(answer) => Ok(answer),
            Err(_) => Err(no_token()),
        }
    }

    /// The token, with its times.
    ///
    /// # Errors
    /// [`ErrorKind::DataConversion`]: it does not say when it expires.
    pub(crate) fn issued(&self, clock: &dyn Clock) -> azure_core::Result<Issued> {
        let now = clock.now();
        let after = |number: &Option<Number>| {
            let seconds = number.as_ref()?.whole().filter(|seconds| *seconds > 0)?;
            now.checked_add(Duration::seconds(seconds))
        };
        let expires_on = self
            .expires_on
            .as_ref()
            .and_then(Number::moment)
            .or_else(|| after(&self.expires_in))
            .ok_or_else(no_token)?;
        Ok(Issued {
            token: AccessToken::new(self.access_token.as_str().to_owned(), expires_on),
            refresh_on: after(&self.refresh_in),
        })
    }
}

fn no_token() -> Error {
    Error::with_message(ErrorKind::DataConversion, "the answer is not a token")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TestClock;
    use proptest::prelude::*;

    fn issued(text: &'static str) -> azure_core::Result<Issued> {
        TokenAnswer::read(Bytes::from(text.as_bytes().to_vec()))?.issued(&TestClock::default())
    }

    #[test]
    fn every_way_of_telling_the_expiry_is_read() {
        for text in [
            r#"{"access_token": "t", "expires_on": 2147483647}"#,
            r#"{"access_token": "t", "expires_on": "2147483647"}"#,
            r#"{"access_token": "t", "expires_on": 2147483647.0, "expires_in": "1"}"#,
            r#"{"access_token": "t", "expires_on": "2038-01-19T03:14:07Z"}"#,
            r#"{"access_token": "t", "expires_on": "2038-01-19 03:14:07"}"#,
            r#"{"access_token": "t", "expires_on": "01/19/2038 03:14:07"}"#,
        ] {
            let issued = issued(text).expect(text);
            assert_eq!(
                issued.token.expires_on.unix_timestamp(),
                2_147_483_647,
                "{text}"
            );
            assert_eq!(issued.refresh_on, None);
        }
    }

    #[test]
    fn seconds_count_from_now() {
        let clock = TestClock::default();
        let text = r#"{"access_token": "t", "expires_in": 3600, "refresh_in": "1800"}"#;
        let answer = TokenAnswer::read(Bytes::from_static(text.as_bytes())).expect("a token");
        let issued = answer.issued(&clock).expect("times");
        assert_eq!(issued.token.expires_on, clock.now() + Duration::hours(1));
        assert_eq!(issued.refresh_on, Some(clock.now() + Duration::minutes(30)));
    }

    #[test]
    fn what_is_no_token_is_said_without_its_words() {
        for text in [
            "hunter2",
            r#"{"access_token": "hunter2"}"#,
            r#"{"access_token": "hunter2", "expires_on": "soon"}"#,
            r#"{"access_token": "", "expires_on": "2147483647"}"#,
            r#"{"access_token": "hunter2", "expires_on": "hunter2/hunter2/ "}"#,
        ] {
            let error = issued(text).expect_err(text);
            assert_eq!(error.kind(), &ErrorKind::DataConversion);
            assert!(!format!("{error} {error:?}").contains("hunter2"));
        }
    }

    proptest! {
        #[test]
        fn any_answer_is_survived(
            number in any::<i64>(),
            broken in any::<f64>(),
            text in "\\PC{0,24}",
            date in "[0-9]{1,4}[-/][0-9]{1,4}[-/][0-9]{1,4} [0-9:]{0,9}",
        ) {
            for value in [
                serde_json::json!(number),
                serde_json::json!(broken),
                serde_json::json!(text),
                serde_json::json!(date),
            ] {
                for member in ["expires_on", "expires_in", "refresh_in"] {
                    let answer = serde_json::json!({
                        "access_token": "t", "expires_in": 60, member: value,
                    });
                    let body = Bytes::from(answer.to_string());
                    let read = TokenAnswer::read(body);
                    let _ = read.and_then(|answer| answer.issued(&TestClock::default()));
                }
            }
            let _ = TokenAnswer::read(Bytes::from(text));
        }
    }
}
