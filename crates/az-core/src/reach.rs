//! Whether a service can be reached at all, and what its clock says: one request, without a token, whose answer may be a
//! refusal.

use az_credential::http::{is_certificate_refused, root_cause};
use azure_core::{
    http::{Context, Method, Request, Transport, Url, headers::HeaderName},
    time::{Duration, OffsetDateTime, parse_rfc7231},
};

/// A service that answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reached {
    /// How far its clock is ahead of this computer's, by its `Date` header (whole seconds); `None` where it has none.
    pub ahead: Option<Duration>,
}

/// Why a service does not answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreached {
    /// Its certificate, or that of a proxy that stands in for it, is not trusted here.
    #[error("its certificate is not trusted: {0}")]
    Certificate(String),
    /// The request or its answer did not get through; the innermost cause.
    #[error("no answer: {0}")]
    Network(String),
}

/// Asks the service at `url`.
pub async fn reach(transport: &Transport, url: Url) -> Result<Reached, Unreached> {
    const DATE: HeaderName = HeaderName::from_static("date");
    let mut request = Request::new(url, Method::Get);
    let sent = OffsetDateTime::now_utc();
    let answer = transport.send(&Context::new(), &mut request).await;
    let received = OffsetDateTime::now_utc();
    match answer {
        Ok(answer) => {
            let date = answer.headers().get_optional_str(&DATE);
            Ok(Reached {
                ahead: date
                    .and_then(|date| parse_rfc7231(date).ok())
                    .map(|date| ahead(date, sent, received)),
            })
        }
        Err(error) if is_certificate_refused(&error) => {
            Err(Unreached::Certificate(root_cause(&error)))
        }
        Err(error) => Err(Unreached::Network(root_cause(&error))),
    }
}

/// How far a date is ahead of the time in which it was written: nothing, if it lies within. It has no fractions.
fn ahead(date: OffsetDateTime, sent: OffsetDateTime, received: OffsetDateTime) -> Duration {
    let sent = sent.replace_nanosecond(0).unwrap_or(sent);
    if date < sent {
        date - sent
    } else if date > received {
        Duration::seconds((date - received).whole_seconds())
    } else {
        Duration::ZERO
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_way_cannot_explain_is_a_difference() {
        let at = |seconds: i64, milliseconds: i64| {
            OffsetDateTime::UNIX_EPOCH
                + Duration::seconds(seconds)
                + Duration::milliseconds(milliseconds)
        };
        let (sent, received) = (at(100, 900), at(103, 100));
        for (date, seconds) in [
            (100, 0),
            (102, 0),
            (103, 0),
            (99, -1),
            (403, 299),
            (404, 300),
        ] {
            let found = ahead(at(date, 0), sent, received);
            assert_eq!(found.whole_seconds(), seconds, "{date}");
        }
    }
}
