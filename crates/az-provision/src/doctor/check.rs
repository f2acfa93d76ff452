//! One check and what came of it.

use az_core::cli::{Failure, Status};
use serde_json::{Value, json};

/// What came of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Ok,
    /// It works, or will once something is done that the tools do not do.
    Warning,
    /// The work would not go through; with the exit status that it would end in.
    Failed(Status),
    /// Not looked at, or of no matter here.
    Skipped,
}

impl State {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            State::Ok => "ok",
            State::Warning => "warning",
            State::Failed(_) => "failed",
            State::Skipped => "skipped",
        }
    }
}

/// One check.
#[derive(Clone, Debug)]
pub(super) struct Check {
    pub(super) name: String,
    pub(super) state: State,
    /// What was found.
    pub(super) found: String,
    /// What to do.
    pub(super) advice: Option<String>,
    /// The same as data, where it has parts.
    details: Value,
}

impl Check {
    fn new(name: impl Into<String>, state: State, found: impl Into<String>) -> Self {
        Check {
            name: name.into(),
            state,
            found: found.into(),
            advice: None,
            details: Value::Null,
        }
    }

    pub(super) fn ok(name: impl Into<String>, found: impl Into<String>) -> Self {
        Check::new(name, State::Ok, found)
    }

    pub(super) fn warning(
        name: impl Into<String>,
        found: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        Check::new(name, State::Warning, found).advice(advice)
    }

    pub(super) fn failed(
        name: impl Into<String>,
        status: Status,
        found: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        Check::new(name, State::Failed(status), found).advice(advice)
    }

    pub(super) fn skipped(name: impl Into<String>, why: impl Into<String>) -> Self {
        Check::new(name, State::Skipped, why)
    }

    /// A check that failed as a request of the work would.
    pub(super) fn failure(name: impl Into<String>, failure: Failure) -> Self {
        let mut check = Check::new(name, State::Failed(failure.status), failure.message);
        check.advice = failure.hint;
        if failure.code.is_some() || failure.request_id.is_some() {
            check.details = json!({"code": failure.code, "requestId": failure.request_id});
        }
        check
    }

    /// A check that did not find out what it was to: the work may go through all the same.
    pub(super) fn not_known(name: impl Into<String>, failure: Failure) -> Self {
        let mut check = Check::failure(name, failure);
        check.state = State::Warning;
        check
    }

    pub(super) fn advice(mut self, advice: impl Into<String>) -> Self {
        self.advice = Some(advice.into());
        self
    }

    pub(super) fn details(mut self, details: Value) -> Self {
        self.details = details;
        self
    }

    pub(super) fn to_json(&self) -> Value {
        json!({
            "name": self.name,
            "state": self.state.as_str(),
            "found": self.found,
            "advice": self.advice,
            "details": self.details,
        })
    }
}
