//! The knobs of an instance: how it is deliberately awkward.

use super::durations::{Work, typical, typical_retry_after};
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
    /// Operations take what they take in the public cloud, each type its own time, and not `operation_ms`.
    #[serde(default)]
    pub(crate) typical_operations: bool,
    /// Clients are told to wait as the public cloud's services tell them, in whole seconds, and not `retry_after_ms`.
    #[serde(default)]
    pub(crate) typical_retry_after: bool,
}

impl Default for Knobs {
    fn default() -> Self {
        Knobs::of(Profile::Quick)
    }
}

/// What all knobs begin with.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    clap::ValueEnum,
    serde::Serialize,
    serde::Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Profile {
    /// Everything takes just so long that a client has to wait for it
    #[default]
    Quick,
    /// Everything takes as long as in the public cloud, and too many requests are refused
    Azure,
}

impl Knobs {
    /// The knobs as a profile has them.
    pub(crate) fn of(profile: Profile) -> Self {
        let quick = Knobs {
            operation_ms: 150,
            retry_after_ms: 100,
            role_delay_ms: 300,
            principal_delay_ms: 150,
            token_lifetime_s: 86_399,
            secret_deletion_ms: 0,
            typical_operations: false,
            typical_retry_after: false,
        };
        match profile {
            Profile::Quick => quick,
            Profile::Azure => Knobs {
                // What a type has no time of its own for.
                operation_ms: 10_000,
                retry_after_ms: 15_000,
                role_delay_ms: 120_000,
                principal_delay_ms: 15_000,
                secret_deletion_ms: 20_000,
                typical_operations: true,
                typical_retry_after: true,
                ..quick
            },
        }
    }

    /// How long an operation on a resource of this type takes.
    pub(crate) fn takes(&self, kind: &str, work: Work) -> Duration {
        let other = Duration::milliseconds(self.operation_ms);
        match self.typical_operations {
            true => typical(kind, work).unwrap_or(other),
            false => other,
        }
    }

    /// After how long a service asks a client to come back.
    pub(crate) fn retry_after(&self, namespace: &str, deletes: bool) -> Duration {
        let other = Duration::milliseconds(self.retry_after_ms);
        match self.typical_retry_after {
            true => typical_retry_after(namespace, deletes).unwrap_or(other),
            false => other,
        }
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
            Knob::OperationTime => {
                knobs.operation_ms = milliseconds;
                knobs.typical_operations = false;
            }
            Knob::RetryAfter => {
                knobs.retry_after_ms = milliseconds;
                knobs.typical_retry_after = false;
            }
            Knob::SecretDeletionTime => knobs.secret_deletion_ms = milliseconds,
            Knob::TokenLifetime => knobs.token_lifetime_s = to.whole_seconds().max(1),
        }
    }
}
