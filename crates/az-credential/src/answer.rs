//! What is read of an answer before anything else: all of its body, and how long it asks to wait.

use azure_core::{
    Bytes, Error,
    error::ErrorKind,
    http::{
        AsyncRawResponse,
        headers::{CONTENT_TYPE, HeaderName, Headers, RETRY_AFTER},
    },
    time::{OffsetDateTime, parse_rfc7231},
};
use futures::StreamExt;
use std::time::Duration;

/// The longest answer that is read (bytes). Azure's longest, the list of all sizes of machines, has less than half of it.
pub const LONGEST_ANSWER: usize = 64 * 1024 * 1024;

/// Reads the body of an answer to its end, so that one that breaks off in the middle is found out where a request can still
/// be sent again.
///
/// # Errors
/// It breaks off, or it is longer than [`LONGEST_ANSWER`].
pub async fn whole(answer: AsyncRawResponse) -> azure_core::Result<AsyncRawResponse> {
    let (status, headers, mut body) = answer.deconstruct();
    let mut parts: Vec<Bytes> = Vec::new();
    let mut length = 0;
    while let Some(part) = body.next().await {
        let part = part?;
        length += part.len();
        if length > LONGEST_ANSWER {
            return Err(Error::with_message(
                ErrorKind::DataConversion,
                format!("the answer is longer than {LONGEST_ANSWER} bytes"),
            ));
        }
        parts.push(part);
    }
    let body = match <[Bytes; 1]>::try_from(parts) {
        Ok([part]) => part,
        Err(parts) => parts.concat().into(),
    };
    Ok(AsyncRawResponse::from_bytes(status, headers, body))
}

/// How long an answer asks to wait before the next request: milliseconds in a header of Azure's own, else seconds or a date
/// in `Retry-After`. A date counts from the answer's own, where it has one: this computer's clock may be off.
///
/// <https://www.rfc-editor.org/rfc/rfc9110#name-retry-after>
pub fn retry_after(headers: &Headers) -> Option<Duration> {
    for name in ["x-ms-retry-after-ms", "retry-after-ms"] {
        let value = headers.get_optional_str(&HeaderName::from_static(name));
        if let Some(milliseconds) = value.and_then(|value| value.trim().parse().ok()) {
            return Some(Duration::from_millis(milliseconds));
        }
    }
    let value = headers.get_optional_str(&RETRY_AFTER)?.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let until = parse_rfc7231(value).ok()?;
    let now = headers
        .get_optional_str(&HeaderName::from_static("date"))
        .and_then(|date| parse_rfc7231(date).ok())
        .unwrap_or_else(OffsetDateTime::now_utc);
    // A date that has passed asks for no wait.
    Some((until - now).try_into().unwrap_or_default())
}

/// Whether an answer is a page for people: something on the way gave it in the service's place.
pub fn is_page(headers: &Headers) -> bool {
    headers.get_optional_str(&CONTENT_TYPE).is_some_and(|kind| {
        kind.trim_start()
            .to_ascii_lowercase()
            .starts_with("text/html")
    })
}

/// A pause, made longer by up to half at random: many who were refused at once do not come back at once.
pub fn jittered(pause: Duration) -> Duration {
    pause.mul_f64(rand::random_range(1.0..=1.5))
}

#[cfg(test)]
mod tests {
    use super::*;
    use azure_core::http::StatusCode;
    use proptest::prelude::*;

    fn headers(given: &[(&'static str, &str)]) -> Headers {
        let mut headers = Headers::new();
        for (name, value) in given {
            headers.insert(HeaderName::from_static(name), (*value).to_owned());
        }
        headers
    }

    #[test]
    fn a_wait_is_said_in_milliseconds_in_seconds_or_by_a_date() {
        let date = ("date", "Fri, 01 Jan 2021 00:00:00 GMT");
        for (given, wait) in [
            (vec![("retry-after", "5")], Some(5_000)),
            (vec![("retry-after", " 0 ")], Some(0)),
            (
                vec![("retry-after", "5"), ("x-ms-retry-after-ms", "100")],
                Some(100),
            ),
            (vec![("retry-after-ms", "7")], Some(7)),
            (
                vec![("retry-after", "Fri, 01 Jan 2021 00:00:10 GMT"), date],
                Some(10_000),
            ),
            (
                vec![("retry-after", "Thu, 31 Dec 2020 23:59:50 GMT"), date],
                Some(0),
            ),
            (vec![("retry-after", "soon")], None),
            (vec![("retry-after", "-1")], None),
            (vec![], None),
        ] {
            let found = retry_after(&headers(&given));
            assert_eq!(found, wait.map(Duration::from_millis), "{given:?}");
        }
    }

    proptest! {
        #[test]
        fn any_value_is_survived(value in "\\PC{0,40}", date in "\\PC{0,40}") {
            let _ = retry_after(&headers(&[("retry-after", &value), ("date", &date)]));
        }

        #[test]
        fn a_jittered_pause_is_longer_by_half_at_most(milliseconds in 0u64..100_000) {
            let pause = Duration::from_millis(milliseconds);
            let longer = jittered(pause);
            prop_assert!(longer >= pause && longer <= pause * 3 / 2);
        }
    }

    #[tokio::test]
    async fn an_answer_without_an_end_is_not_kept() {
        let endless = futures::stream::repeat_with(|| Ok(Bytes::from(vec![0; 1 << 20])));
        let answer = AsyncRawResponse::new(StatusCode::Ok, Headers::new(), Box::pin(endless));
        let error = whole(answer).await.expect_err("too long");
        assert!(error.to_string().contains("longer than"), "{error}");
    }

    #[tokio::test]
    async fn a_body_in_pieces_is_put_together() {
        for pieces in [vec![], vec!["ab"], vec!["a", "", "bc"]] {
            let all = pieces.concat();
            let stream =
                futures::stream::iter(pieces.into_iter().map(|piece| Ok(Bytes::from(piece))));
            let answer = AsyncRawResponse::new(StatusCode::Ok, Headers::new(), Box::pin(stream));
            let read = whole(answer).await.expect("whole");
            let body = read
                .try_into_raw_response()
                .await
                .expect("read")
                .into_body();
            assert_eq!(body.as_ref(), all.as_bytes());
        }
    }
}
