//! When a request is sent again: within the command's time, after a pause, and a write only where it certainly was not done.

use crate::{
    budget::{Budget, in_words},
    pacer::{Held, Pacer, Refused, Service},
};
use az_credential::http::{is_certificate_refused, is_page, jittered, retry_after, whole};
use azure_core::{
    Error,
    error::ErrorKind,
    http::{
        Context, Method, Request, StatusCode, Url,
        policies::{Policy, PolicyResult},
    },
};
use std::{sync::Arc, time::Duration};
use tokio::time::{Instant, timeout};

/// The longest wait for one answer with all of its body. Resource Manager itself gives up after 60 s:
/// <https://learn.microsoft.com/azure/azure-resource-manager/troubleshooting/error-gateway-timeout>
const LONGEST_TRY: Duration = Duration::from_secs(65);
/// The longest that is tried where nothing answers at all.
const LONGEST_SILENCE: Duration = Duration::from_secs(30);
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(8);
/// A pause of which the user is told.
const LONG_PAUSE: Duration = Duration::from_secs(5);

/// Which of a client's requests may be done twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeatable {
    /// All: a second time changes nothing more.
    All,
    /// Only those that read. A write is sent again only where it was not done: throttled, or never sent.
    Reads,
}

/// Said in a request's context: although its method is that of a write, it only asks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OnlyAsks;

/// Nothing came of a request before the command's time was over.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no answer within {}", in_words(*.waited))]
pub struct OutOfTime {
    /// How long was waited for this answer.
    pub waited: Duration,
}

/// What one try came to, if it may be tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trouble {
    /// The service was busy and did nothing.
    Throttled,
    /// The connection was not made.
    NotSent,
    /// The service failed, or its answer did not get through: it may have been done.
    Unknown,
    /// Nothing came for so long that it is given up.
    Silent,
}

/// Sends a request again as long as there is hope and time, each time when it is its turn.
#[derive(Debug)]
pub(crate) struct Resend {
    pub(crate) budget: Budget,
    pub(crate) repeatable: Repeatable,
    pub(crate) pacer: Pacer,
    pub(crate) service: Service,
}

impl Resend {
    pub(crate) fn policy(self) -> Arc<dyn Policy> {
        Arc::new(self)
    }

    fn may_repeat(&self, ctx: &Context<'_>, request: &Request) -> bool {
        self.repeatable == Repeatable::All
            || matches!(request.method(), Method::Get | Method::Head)
            || ctx.value::<OnlyAsks>().is_some()
    }

    async fn once(
        &self,
        ctx: &Context<'_>,
        request: &mut Request,
        next: &[Arc<dyn Policy>],
    ) -> (PolicyResult, Option<Trouble>) {
        let limit = LONGEST_TRY.min(self.budget.left());
        let ask = async { whole(next[0].send(ctx, request, &next[1..]).await?).await };
        let Ok(answer) = timeout(limit, ask).await else {
            let error = Error::new(ErrorKind::Io, OutOfTime { waited: limit });
            return (Err(error), Some(Trouble::Silent));
        };
        let trouble = match &answer {
            Ok(answer) => match answer.status() {
                StatusCode::TooManyRequests => Some(Trouble::Throttled),
                StatusCode::RequestTimeout
                | StatusCode::InternalServerError
                | StatusCode::BadGateway
                | StatusCode::ServiceUnavailable
                | StatusCode::GatewayTimeout => Some(Trouble::Unknown),
                // Something on the way answered in the service's place.
                status if status.is_success() && is_page(answer.headers()) => {
                    Some(Trouble::Unknown)
                }
                _ => None,
            },
            // It is another one's certificate the next time, too.
            Err(error) if is_certificate_refused(error) => None,
            Err(error) => match error.kind() {
                ErrorKind::Connection => Some(Trouble::NotSent),
                ErrorKind::Io => Some(Trouble::Unknown),
                _ => None,
            },
        };
        (answer, trouble)
    }
}

/// Whether it is worth another try, after so many of the same kind and so much time.
fn has_hope(trouble: Trouble, retries: u32, since: Duration) -> bool {
    match trouble {
        // The pacer knows when.
        Trouble::Throttled => true,
        Trouble::NotSent => retries < 5 && since < LONGEST_SILENCE,
        Trouble::Unknown => retries < 8,
        Trouble::Silent => since < LONGEST_SILENCE,
    }
}

#[async_trait::async_trait]
impl Policy for Resend {
    async fn send(
        &self,
        ctx: &Context,
        request: &mut Request,
        next: &[Arc<dyn Policy>],
    ) -> PolicyResult {
        let started = Instant::now();
        let mut retries = 0;
        // A policy below may have taken it out and been interrupted: Key Vault's sends its first request without.
        let mut body = request.body().clone();
        loop {
            body.reset().await?;
            request.set_body(body.clone());
            let (method, url) = (request.method(), request.url().clone());
            // The wait for it is none for an answer.
            let turn = self.pacer.turn(self.service, method, &url, &self.budget);
            let turn = match turn.await {
                Ok(turn) => turn,
                Err(Held(answer)) => return Ok(answer),
            };
            let (answer, trouble) = match self.once(ctx, request, next).await {
                (Ok(answer), Some(Trouble::Throttled)) => {
                    let asked = retry_after(answer.headers());
                    let Refused { pause, answer } = turn.refused(answer, asked);
                    // What there is no time to wait for stands as it is.
                    if pause.time >= self.budget.left() {
                        return Ok(answer);
                    }
                    if pause.is_news {
                        announce(&url, pause.time);
                    }
                    continue;
                }
                outcome => outcome,
            };
            if let Ok(answer) = &answer {
                turn.answered(answer.headers());
            }
            drop(turn);
            let Some(trouble) = trouble else {
                return answer;
            };
            let is_done_by_chance = matches!(trouble, Trouble::Unknown | Trouble::Silent);
            if is_done_by_chance && !self.may_repeat(ctx, request)
                || !has_hope(trouble, retries, started.elapsed())
            {
                return answer;
            }
            let asked = answer.as_ref().ok();
            let asked = asked.and_then(|answer| retry_after(answer.headers()));
            let pause = jittered((FIRST_PAUSE * (1 << retries.min(10))).min(LONGEST_PAUSE));
            let pause = pause.max(asked.unwrap_or_default());
            // What there is no time to wait for stands as it is.
            if pause >= self.budget.left() {
                return answer;
            }
            tracing::debug!(?trouble, "sent again after a while");
            announce(&url, pause);
            tokio::time::sleep(pause).await;
            retries += 1;
        }
    }
}

/// Says that a service is waited for, if it is for long.
fn announce(url: &Url, pause: Duration) {
    tracing::debug!(?pause, "a pause");
    if pause >= LONG_PAUSE {
        let host = url.host_str().unwrap_or_default();
        let seconds = pause.as_secs_f64().ceil();
        tracing::warn!("{host} is busy: waiting for {seconds} s");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        connection::SendError,
        testing::{Script, Step},
    };
    use azure_core::http::Url;

    const MINUTE: Duration = Duration::from_secs(60);

    /// What came of one request, how often it was sent, and how long it took.
    struct Outcome {
        status: Result<u16, SendError>,
        sent: usize,
        took: Duration,
    }

    async fn send(method: Method, total: Duration, steps: Vec<Step>) -> Outcome {
        let script = Script::new(steps);
        let endpoint: Url = "https://management.azure.com/".parse().expect("URL");
        let url = endpoint.join("x").expect("URL");
        let service = script.connection(total).service(endpoint, "scope");
        let started = Instant::now();
        let answer = service.send(method, url, None).await;
        Outcome {
            status: answer.map(|answer| u16::from(answer.status())),
            sent: script.asked().len(),
            took: started.elapsed(),
        }
    }

    fn later(status: u16, retry_after: &str) -> Step {
        Step::AnswersWith(status, vec![("retry-after", retry_after.to_owned())], "{}")
    }

    const GOOD: Step = Step::Answers(200, "{}");

    #[tokio::test(start_paused = true)]
    async fn what_passes_is_not_seen_by_who_reads() {
        let page = Step::AnswersWith(200, vec![("content-type", "text/html".to_owned())], "<p>");
        for step in [
            Step::Answers(408, ""),
            Step::Answers(429, ""),
            Step::Answers(500, ""),
            Step::Answers(502, "<html>"),
            Step::Answers(503, ""),
            Step::Answers(504, ""),
            later(503, "1"),
            page,
            Step::Breaks,
            Step::BreaksOff,
            Step::IsNotThere,
        ] {
            let steps = vec![step.clone(), step.clone(), step.clone(), GOOD];
            let outcome = send(Method::Get, MINUTE, steps).await;
            assert!(matches!(outcome.status, Ok(200)), "{step:?}");
            assert_eq!(outcome.sent, 4, "{step:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_write_is_sent_again_only_where_it_was_not_done() {
        for (step, sent) in [
            (Step::Answers(429, ""), 2),
            (Step::IsNotThere, 2),
            (Step::Answers(408, ""), 1),
            (Step::Answers(500, ""), 1),
            (Step::Answers(503, ""), 1),
            (Step::Breaks, 1),
            (Step::BreaksOff, 1),
        ] {
            for method in [Method::Put, Method::Post, Method::Patch, Method::Delete] {
                let outcome = send(method, MINUTE, vec![step.clone(), GOOD]).await;
                assert_eq!(outcome.sent, sent, "{method:?} {step:?}");
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_lasts_has_an_end() {
        for (step, longest) in [
            (Step::Answers(500, ""), 60),
            (Step::Breaks, 60),
            (Step::IsNotThere, 10),
            (Step::Hangs, 66),
            (Step::Drips, 66),
            (Step::Answers(429, ""), 3600),
            (later(429, "7"), 3600),
            (later(429, "0"), 3600),
        ] {
            let outcome = send(Method::Get, Duration::from_secs(3600), vec![step.clone()]).await;
            assert!(!matches!(outcome.status, Ok(200)));
            let longest = Duration::from_secs(longest);
            assert!(outcome.took <= longest, "{step:?}: {:?}", outcome.took);
            let outcome = send(Method::Get, Duration::from_secs(3), vec![step.clone()]).await;
            let took = outcome.took;
            assert!(took <= Duration::from_secs(3), "{step:?}: {took:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_to_be_waited_for_longer_than_there_is_time_is_told_at_once() {
        for far in [
            "86400",
            "18446744073709551615",
            "Wed, 01 Jan 2098 00:00:00 GMT",
        ] {
            let outcome = send(Method::Get, MINUTE, vec![later(429, far)]).await;
            assert!(matches!(outcome.status, Ok(429)), "{far}");
            assert_eq!((outcome.sent, outcome.took), (1, Duration::ZERO), "{far}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_asked_for_is_waited_for() {
        let script = Script::new([later(429, "7"), later(503, "3"), GOOD]);
        let endpoint: Url = "https://management.azure.com/".parse().expect("URL");
        let service = script.connection(MINUTE).service(endpoint.clone(), "scope");
        let answer = service.send(Method::Get, endpoint, None).await;
        assert!(answer.is_ok_and(|answer| answer.status().is_success()));
        let waits: Vec<u64> = script.waits().iter().map(Duration::as_secs).collect();
        assert_eq!(waits, [7, 3]);
    }
}
