//! Waiting until a role assignment is effective.

use super::error::service_error;
use std::{cell::Cell, future::Future, time::Duration};
use tokio::time::Instant;

/// The first pause. A local vault's assignments are effective within seconds, Azure's within ten minutes:
/// <https://learn.microsoft.com/azure/role-based-access-control/troubleshooting#symptom---role-assignment-changes-are-not-being-detected>
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// The code of a refusal whose body is none of Key Vault's.
const WITHOUT_A_WORD: &str = "HTTP403";
/// How many of them are taken for a bad moment.
const MOST_WITHOUT_A_WORD: usize = 3;

/// How long a command goes on asking while its role assignment is not effective. The time counts for the
/// whole command, however many requests it makes.
pub struct Access<'a> {
    wait: Duration,
    deadline: Instant,
    said: Cell<bool>,
    say: Box<dyn Fn(&str) + 'a>,
}

impl<'a> Access<'a> {
    /// Waits up to `wait` (`--wait-for-access`), and says so once.
    pub fn new(wait: Duration, say: impl Fn(&str) + 'a) -> Self {
        Access {
            wait,
            deadline: Instant::now() + wait,
            said: Cell::new(false),
            say: Box::new(say),
        }
    }

    /// Asks until the answer is another than `ForbiddenByRbac`, or the time is up. A refusal without a word is asked about some
    /// times more: what would have said why may have been lost on its way.
    ///
    /// # Errors
    /// Whatever `ask` failed with at last.
    pub async fn wait_for<T, F, Fut>(&self, mut ask: F) -> azure_core::Result<T>
    where
        F: FnMut() -> Fut,
        Fut: Future<Output = azure_core::Result<T>>,
    {
        let mut pause = FIRST_PAUSE;
        let mut wordless = 0;
        loop {
            let error = match ask().await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            let left = self.deadline.saturating_duration_since(Instant::now());
            let code = service_error(&error).map(|error| error.code);
            let denied = match code.as_deref() {
                Some("ForbiddenByRbac") => true,
                Some(WITHOUT_A_WORD) => {
                    wordless += 1;
                    wordless <= MOST_WITHOUT_A_WORD
                }
                _ => false,
            };
            if !denied || left.is_zero() {
                return Err(error);
            }
            if wordless == 0 && !self.said.replace(true) {
                (self.say)(&format!(
                    "no access yet (ForbiddenByRbac): waiting for up to {:?} until the role assignment is effective",
                    self.wait
                ));
            }
            tokio::time::sleep(pause.min(left)).await;
            pause = (pause * 3 / 2).min(LONGEST_PAUSE);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use azure_core::{
        Bytes,
        error::ErrorKind,
        http::{RawResponse, StatusCode, headers::Headers},
    };
    use std::sync::atomic::{AtomicUsize, Ordering};

    fn denied(code: &'static str) -> azure_core::Error {
        answered(format!(
            r#"{{"error": {{"code": "Forbidden", "innererror": {{"code": "{code}"}}}}}}"#
        ))
    }

    fn answered(body: String) -> azure_core::Error {
        let response =
            RawResponse::from_bytes(StatusCode::Forbidden, Headers::new(), Bytes::from(body));
        let kind = ErrorKind::HttpResponse {
            status: StatusCode::Forbidden,
            error_code: None,
            raw_response: Some(Box::new(response)),
        };
        azure_core::Error::with_message(kind, "denied")
    }

    async fn asked(wait: u64, good_after: usize, code: &'static str) -> (bool, usize, usize) {
        let asked = AtomicUsize::new(0);
        let said = AtomicUsize::new(0);
        let access = Access::new(Duration::from_secs(wait), |_| {
            said.fetch_add(1, Ordering::Relaxed);
        });
        let result = access
            .wait_for(|| async {
                if asked.fetch_add(1, Ordering::Relaxed) < good_after {
                    Err(denied(code))
                } else {
                    Ok(())
                }
            })
            .await;
        drop(access);
        (result.is_ok(), asked.into_inner(), said.into_inner())
    }

    #[tokio::test(start_paused = true)]
    async fn a_late_role_assignment_is_waited_for_and_said_once() {
        assert_eq!(asked(600, 20, "ForbiddenByRbac").await, (true, 21, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_without_a_word_is_asked_about_some_times() {
        for (good_after, good) in [(1, true), (3, true), (4, false)] {
            let asked = AtomicUsize::new(0);
            let access = Access::new(Duration::from_secs(600), |_| {
                panic!("nothing is known of it")
            });
            let answer = access.wait_for(|| async {
                match asked.fetch_add(1, Ordering::Relaxed) < good_after {
                    true => Err(answered("{}".to_owned())),
                    false => Ok(()),
                }
            });
            assert_eq!(answer.await.is_ok(), good, "{good_after}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_wait_the_first_answer_counts() {
        assert_eq!(asked(0, 1, "ForbiddenByRbac").await, (false, 1, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn the_whole_wait_is_bounded() {
        let (good, asked, said) = asked(60, usize::MAX, "ForbiddenByRbac").await;
        assert!(!good && said == 1 && (10..40).contains(&asked), "{asked}");
    }

    #[tokio::test(start_paused = true)]
    async fn other_refusals_are_final() {
        assert_eq!(asked(600, 1, "SecretDisabled").await, (false, 1, 0));
    }
}
