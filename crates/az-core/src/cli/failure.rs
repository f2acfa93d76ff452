//! Why a tool stops, and its exit status.

use serde_json::json;
use std::{fmt, time::Duration};

/// The exit statuses, as every tool's help ends with them.
pub const EXIT_STATUS: &str = "Exit status: 0 done, 1 failed, 2 usage or invalid input, 3 not found, 4 not signed in, \
     5 access denied, 6 conflict with what exists, 7 gave up waiting, 130 interrupted, 143 terminated.";

/// What an exit status means. The numbers are part of the tools' contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// The service refused or failed.
    Failed = 1,
    /// Usage or invalid input; nothing was sent.
    Usage = 2,
    /// Something that is named does not exist.
    NotFound = 3,
    /// No credential, or the service does not accept it.
    Unauthenticated = 4,
    /// The signed-in identity may not do this.
    Denied = 5,
    /// It conflicts with what exists.
    Conflict = 6,
    /// Gave up waiting: throttled, timed out.
    GaveUp = 7,
    /// Interrupted by the user.
    Interrupted = 130,
    /// Ended by SIGTERM.
    Terminated = 143,
}

/// Why a tool stops: what failed, on what, and what to do next.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The exit status.
    pub status: Status,
    /// What failed, on what.
    pub message: String,
    /// What to do next.
    pub hint: Option<String>,
    /// Azure's code.
    pub code: Option<String>,
    /// Azure's request id.
    pub request_id: Option<String>,
    /// The vault that was asked, where one was; it may not be there.
    pub(super) vault: Option<Box<str>>,
}

impl Failure {
    /// A failure with a status and a message.
    pub fn new(status: Status, message: impl Into<String>) -> Self {
        Failure {
            status,
            message: message.into(),
            hint: None,
            code: None,
            request_id: None,
            vault: None,
        }
    }

    /// Invalid input.
    pub fn usage(message: impl Into<String>) -> Self {
        Failure::new(Status::Usage, message)
    }

    /// Ended by the user.
    pub(super) fn interrupted() -> Self {
        Failure::ended(Status::Interrupted)
    }

    fn ended(by: Status) -> Self {
        Failure::new(by, word(by)).hint("Run the same command again; it goes on where it stopped.")
    }

    /// Ended by the user while Azure was at work.
    pub(super) fn interrupted_while(by: Status, under_way: &[String], command: &str) -> Self {
        if under_way.is_empty() {
            return Failure::ended(by);
        }
        let message = format!("{} while {}", word(by), under_way.join(", "));
        Failure::new(by, message).hint(going_on(command))
    }

    /// Nothing is left of the time that the command had.
    pub(super) fn out_of_time(total: Duration, under_way: &[String], command: &str) -> Self {
        let message = format!("not done within {}", humantime(total));
        if under_way.is_empty() {
            return Failure::new(Status::GaveUp, message)
                .hint("Run the same command again, or give a longer --timeout.");
        }
        let message = format!("{message}, while {}", under_way.join(", "));
        Failure::new(Status::GaveUp, message).hint(going_on(command))
    }

    /// The same failure with what to do next.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same failure with one thing more to do next.
    pub fn hint_also(mut self, hint: &str) -> Self {
        self.hint = Some(
            self.hint
                .map_or_else(|| hint.to_owned(), |first| format!("{first} {hint}")),
        );
        self
    }

    /// The same failure, led by what was being done, as `creating vault 'v'`.
    pub fn doing(mut self, what: impl fmt::Display) -> Self {
        self.message = format!("{what}: {}", self.message);
        self
    }

    /// The failure as one JSON object.
    pub fn to_json(&self, tool: &str) -> String {
        json!({
            "tool": tool,
            "exitStatus": self.status as u8,
            "message": self.message,
            "hint": self.hint,
            "code": self.code,
            "requestId": self.request_id,
        })
        .to_string()
    }
}

fn word(by: Status) -> &'static str {
    match by {
        Status::Terminated => "terminated",
        _ => "interrupted",
    }
}

fn going_on(command: &str) -> String {
    format!("Azure may go on with it; to go on from there: {command}")
}

/// A time as it would be given to `--timeout`.
fn humantime(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0 => format!("{} ms", time.as_millis()),
        _ if seconds.is_multiple_of(3600) => format!("{} h", seconds / 3600),
        _ if seconds.is_multiple_of(60) => format!("{} min", seconds / 60),
        _ => format!("{seconds} s"),
    }
}

/// One line: what failed, what to do next, Azure's code and request id.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if let Some(hint) = &self.hint {
            let stop = if self.message.ends_with(['.', '!', '?']) {
                ""
            } else {
                "."
            };
            write!(f, "{stop} {hint}")?;
        }
        match (&self.code, &self.request_id) {
            (Some(code), Some(id)) => write!(f, " (code {code}, request id {id})"),
            (Some(code), None) => write!(f, " (code {code})"),
            (None, Some(id)) => write!(f, " (request id {id})"),
            (None, None) => Ok(()),
        }
    }
}

/// Adds what was being done to any error that becomes a [`Failure`].
pub trait Doing<T> {
    /// Leads the message with what was being done, as `creating vault 'v'`.
    fn doing(self, what: impl fmt::Display) -> Result<T, Failure>;
}

impl<T, E: Into<Failure>> Doing<T> for Result<T, E> {
    fn doing(self, what: impl fmt::Display) -> Result<T, Failure> {
        self.map_err(|error| error.into().doing(what))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_with_hint_code_and_request_id() {
        let mut failure = Failure::new(Status::Denied, "You may not")
            .hint("Ask.")
            .doing("creating vault 'v'");
        failure.code = Some("AuthorizationFailed".into());
        failure.request_id = Some("r".into());
        assert_eq!(
            failure.to_string(),
            "creating vault 'v': You may not. Ask. (code AuthorizationFailed, request id r)"
        );
    }
}
