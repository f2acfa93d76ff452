//! Writes whose answer is lost: what became of one is found out before it is done again.

use super::{
    answer::{Answer, what},
    body::{Body, REDACTED},
    client::Client,
    error::ArmError,
    progress::is_leaving,
    repeat::Again,
};
use az_credential::http::jittered;
use azure_core::http::{Method, Url, headers::Headers};
use serde_json::Value;
use std::time::Duration;

/// The most answers that are lost of one write.
const MOST: u32 = 8;
const FIRST_PAUSE: Duration = Duration::from_millis(400);
const LONGEST_PAUSE: Duration = Duration::from_secs(8);

impl Client {
    /// Sends a write until it is known that it was done or refused.
    pub(super) async fn send_write(
        &self,
        method: Method,
        url: Url,
        body: Option<&Body>,
        again: Again,
    ) -> Result<Answer, ArmError> {
        let mut lost = 0;
        loop {
            let answer = self.send(method, url.clone(), body).await;
            let error = match answer.and_then(|answer| answer.is_of_a_write().map(|()| answer)) {
                Err(error) if error.may_be_done() => error,
                // What is gone was taken away by a request whose answer was lost.
                Err(error) if lost > 0 && error.is_not_found() && takes_away(method, &url) => {
                    return Ok(self.found(method, url, 204, Value::Null));
                }
                // Azure is at what was asked for before.
                Err(error) if lost > 0 && error.status() == Some(409) && method == Method::Put => {
                    return self.look_up(&url, body).await?.ok_or(error);
                }
                answer => return answer,
            };
            if again == Again::No {
                let (what, reason) = (what(method, &url), error.to_string());
                return Err(ArmError::Undecided { what, reason });
            }
            lost += 1;
            let pause = jittered((FIRST_PAUSE * (1 << lost.min(10))).min(LONGEST_PAUSE));
            let pause = pause.max(error.retry_after().unwrap_or_default());
            if lost > MOST || pause >= self.budget.left() {
                return Err(error);
            }
            tracing::debug!(%error, ?pause, "what became of it is looked up after a while");
            tokio::time::sleep(pause).await;
            if method == Method::Put
                && let Some(found) = self.look_up(&url, body).await?
            {
                return Ok(found);
            }
        }
    }

    /// The resource at `url` as the answer to the write that made it so; `None` where the write is still to be done.
    async fn look_up(&self, url: &Url, body: Option<&Body>) -> Result<Option<Answer>, ArmError> {
        let found = match self.send(Method::Get, url.clone(), None).await {
            Ok(answer) => answer.body,
            // Who may write need not be allowed to read.
            Err(error) if error.status().is_some() => return Ok(None),
            Err(error) => return Err(error),
        };
        let state = found
            .pointer("/properties/provisioningState")
            .and_then(Value::as_str)
            .unwrap_or("Succeeded");
        let is = |word: &str| state.eq_ignore_ascii_case(word);
        let is_done = if is_leaving(&found) || is("Failed") || is("Canceled") {
            false
        } else if is("Succeeded") {
            body.is_some_and(|body| holds(&found, &body.redacted()))
        } else {
            // An operation runs: that of the request whose answer was lost.
            true
        };
        Ok(is_done.then(|| self.found(Method::Put, url.clone(), 200, found)))
    }

    fn found(&self, method: Method, url: Url, status: u16, body: Value) -> Answer {
        Answer {
            status,
            headers: Headers::new(),
            body,
            what: what(method, &url),
            method,
            url,
            watched: None,
        }
    }
}

/// Whether a request leaves nothing where it was sent.
fn takes_away(method: Method, url: &Url) -> bool {
    method == Method::Delete || (method == Method::Post && url.path().ends_with("/purge"))
}

/// Whether a resource has everything that was written: what the service adds does not count, what it never shows neither.
fn holds(found: &Value, written: &Value) -> bool {
    match (found, written) {
        (_, Value::Null) => true,
        (_, Value::String(secret)) if secret == REDACTED => true,
        (Value::Object(found), Value::Object(written)) => written.iter().all(|(name, written)| {
            found
                .get(name)
                .map_or_else(|| is_nothing(written), |found| holds(found, written))
        }),
        (Value::Array(found), Value::Array(written)) => {
            found.len() == written.len()
                && found
                    .iter()
                    .zip(written)
                    .all(|(found, written)| holds(found, written))
        }
        // Ids and the names of places are the same in any case, and with spaces.
        (Value::String(found), Value::String(written)) => {
            let plain = |text: &str| text.replace(' ', "").to_ascii_lowercase();
            plain(found) == plain(written)
        }
        _ => found == written,
    }
}

/// Whether nothing but what no service shows is in it.
fn is_nothing(written: &Value) -> bool {
    match written {
        Value::Null => true,
        Value::String(text) => text == REDACTED,
        Value::Object(members) => members.values().all(is_nothing),
        Value::Array(items) => items.iter().all(is_nothing),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        arm::ClientOptions,
        testing::{
            Script,
            Step::{self, Answers, Breaks, BreaksOff},
        },
    };
    use serde_json::json;
    use std::sync::Arc;

    const PATH: &str = "/subscriptions/s/resourceGroups/g";
    const PUT: &str = "PUT /subscriptions/s/resourceGroups/g";
    const GET: &str = "GET /subscriptions/s/resourceGroups/g";
    const DELETE: &str = "DELETE /subscriptions/s/resourceGroups/g";
    const THERE: Step = Answers(
        200,
        r#"{"id": "/g", "location": "eastus", "properties": {"provisioningState": "Succeeded"}}"#,
    );
    const RUNS: Step = Answers(
        200,
        r#"{"id": "/g", "properties": {"provisioningState": "Creating"}}"#,
    );
    const OTHER: Step = Answers(200, r#"{"id": "/g", "location": "westus"}"#);
    const NOT_THERE: Step = Answers(
        404,
        r#"{"error": {"code": "ResourceGroupNotFound", "message": "no"}}"#,
    );
    const BUSY: Step = Answers(503, "{}");

    fn client(steps: &[Step]) -> (Client, Arc<Script>) {
        let script = Script::new(steps.to_vec());
        let options = ClientOptions {
            dry_run: None,
            watch: None,
        };
        let connection = script.connection(Duration::from_secs(600));
        (Client::new(&connection, options), script)
    }

    #[tokio::test(start_paused = true)]
    async fn what_became_of_a_creation_is_looked_up_before_it_is_repeated() {
        for (steps, asked) in [
            (vec![THERE], vec![PUT]),
            (vec![Breaks, THERE], vec![PUT, GET]),
            (vec![BreaksOff, THERE], vec![PUT, GET]),
            (vec![BUSY, RUNS], vec![PUT, GET]),
            (vec![Answers(200, "{}"), THERE], vec![PUT, GET]),
            (vec![Answers(200, "<p>"), THERE], vec![PUT, GET]),
            (vec![Breaks, NOT_THERE, THERE], vec![PUT, GET, PUT]),
            (vec![Breaks, OTHER, THERE], vec![PUT, GET, PUT]),
            (vec![Breaks, Answers(403, "{}"), THERE], vec![PUT, GET, PUT]),
            (
                vec![Breaks, NOT_THERE, Breaks, THERE],
                vec![PUT, GET, PUT, GET],
            ),
            (
                vec![Breaks, NOT_THERE, Answers(409, "{}"), RUNS],
                vec![PUT, GET, PUT, GET],
            ),
        ] {
            let (client, script) = client(&steps);
            let made = client.put(PATH, "1", json!({"location": "East US"})).await;
            assert!(made.is_ok(), "{steps:?}");
            assert_eq!(script.asked(), asked, "{steps:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_a_lost_deletion_took_away_is_not_missing() {
        for (steps, asked, good) in [
            (vec![Answers(204, "")], 1, true),
            (vec![Breaks, NOT_THERE], 2, true),
            (vec![BUSY, Breaks, NOT_THERE], 3, true),
            (vec![Breaks, Answers(200, "")], 2, true),
            (vec![NOT_THERE], 1, false),
            (vec![Answers(429, ""), NOT_THERE], 2, false),
        ] {
            let (client, script) = client(&steps);
            let gone = client.delete(PATH, "1", &[]).await;
            assert_eq!(gone.is_ok(), good, "{steps:?}");
            assert_eq!(script.asked(), vec![DELETE; asked], "{steps:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_must_not_be_done_twice_is_said_to_be_undecided() {
        for (step, sent) in [(Breaks, 1), (BUSY, 1), (Answers(200, "<p>"), 1)] {
            let (client, script) = client(&[step]);
            let outcome = client.post_once("/x/runCommand", "1", None).await;
            let error = outcome.err().expect("undecided");
            assert!(matches!(error, ArmError::Undecided { .. }), "{error}");
            assert_eq!(script.asked().len(), sent);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_service_that_never_says_what_became_of_it_is_given_up() {
        for step in [Breaks, BUSY, Answers(200, "{}")] {
            let (client, script) = client(std::slice::from_ref(&step));
            let outcome = client.delete(PATH, "1", &[]).await;
            // `{}` is as good as any for a deletion.
            assert_eq!(outcome.is_ok(), matches!(step, Answers(200, _)), "{step:?}");
            assert!(script.asked().len() <= 1 + MOST as usize);
        }
    }

    #[test]
    fn a_resource_holds_what_was_written_whatever_the_service_adds() {
        let written = json!({"location": "West Europe", "tags": null, "properties": {
            "osProfile": {"adminUsername": "u", "adminPassword": REDACTED}, "nics": [{"id": "/A"}]}});
        let found = json!({"id": "/x", "location": "westeurope", "properties": {
            "osProfile": {"adminUsername": "u", "secrets": []}, "nics": [{"id": "/a", "primary": true}]}});
        assert!(holds(&found, &written));
        for (pointer, other) in [
            ("/location", json!("northeurope")),
            ("/properties/osProfile/adminUsername", json!("v")),
            ("/properties/nics", json!([])),
            ("/properties/nics/0/id", json!("/b")),
            ("/properties/osProfile", json!({})),
        ] {
            let mut found = found.clone();
            *found.pointer_mut(pointer).expect("a member") = other;
            assert!(!holds(&found, &written), "{pointer}");
        }
    }
}
