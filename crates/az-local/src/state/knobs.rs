//! The knobs of an instance: how it is deliberately awkward.

use time::Duration;

/// The knobs of an instance: each deliberate awkwardness has one.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub(crate) struct Knobs {
    /// How long a long-running operation takes (milliseconds of the instance's clock).
    pub(crate) operation_ms: i64,
    /// `x-ms-retry-after-ms` on operations that still run (milliseconds).
    pub(crate) retry_after_ms: i64,
    /// From a role assignment's creation until it is effective (milliseconds).
    pub(crate) role_delay_ms: i64,
    /// From a principal's creation until role assignments can name it (milliseconds).
    pub(crate) principal_delay_ms: i64,
    /// Lifetime of access tokens (seconds).
    pub(crate) token_lifetime_s: i64,
    /// How long the deletion, the recovery and the purge of a secret take (milliseconds).
    #[serde(default)]
    pub(crate) secret_deletion_ms: i64,
}

impl Default for Knobs {
    fn default() -> Self {
        Knobs {
            operation_ms: 150,
            retry_after_ms: 100,
            role_delay_ms: 300,
            principal_delay_ms: 150,
            token_lifetime_s: 86_399,
            secret_deletion_ms: 0,
        }
    }
}

impl Knobs {
    /// How long a long-running operation takes.
    pub(crate) fn operation(&self) -> Duration {
        Duration::milliseconds(self.operation_ms)
    }
}

/// A knob that takes a duration.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Knob {
    /// From a role assignment's creation until it is effective.
    RoleDelay,
    /// From a principal's creation until role assignments can name it.
    PrincipalDelay,
    /// How long a long-running operation takes.
    OperationTime,
    /// How long clients are told to wait between two polls.
    RetryAfter,
    /// How long an access token is valid.
    TokenLifetime,
    /// How long the deletion, the recovery and the purge of a secret take.
    SecretDeletionTime,
}

impl Knob {
    /// The longest that a knob takes: a time that far ahead can still be told.
    pub(crate) const LONGEST: Duration = Duration::days(36_500);

    /// Turns the knob.
    pub(crate) fn turn(self, knobs: &mut Knobs, to: Duration) {
        let to = to.min(Knob::LONGEST);
        let milliseconds = to.whole_milliseconds() as i64;
        match self {
            Knob::RoleDelay => knobs.role_delay_ms = milliseconds,
            Knob::PrincipalDelay => knobs.principal_delay_ms = milliseconds,
            Knob::OperationTime => knobs.operation_ms = milliseconds,
            Knob::RetryAfter => knobs.retry_after_ms = milliseconds,
            Knob::SecretDeletionTime => knobs.secret_deletion_ms = milliseconds,
            Knob::TokenLifetime => knobs.token_lifetime_s = to.whole_seconds().max(1),
        }
    }
}
