//! One fault: which requests meet it, and what becomes of them.

use crate::ground::hosts::Service;
use crate::ground::wildcard::matches;
use crate::state::knobs::Knob;
use serde_json::Value;
use std::time::{Duration, Instant};

/// A request, as far as faults tell requests apart.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) service: Service,
    pub(crate) host: String,
    pub(crate) method: String,
    /// As it came, percent-encoded.
    pub(crate) path: String,
    /// Names of who asks: `desk`, or the machine's name and id; the application's and the object's id of the token.
    pub(crate) callers: Vec<String>,
}

/// One fault.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    /// As the request log and `az-local faults list` name it.
    pub(crate) name: String,
    pub(crate) requests: Requests,
    pub(crate) when: When,
    pub(crate) action: Action,
}

/// Which requests. What is empty or not said fits all; texts are patterns, in which `*` stands for anything.
#[derive(Clone, Debug, Default)]
pub(crate) struct Requests {
    pub(crate) service: Option<Service>,
    pub(crate) host: Option<String>,
    pub(crate) methods: Vec<String>,
    pub(crate) path: Option<String>,
    /// As `Microsoft.Compute/virtualMachines`.
    pub(crate) resource_type: Option<String>,
    pub(crate) caller: Option<String>,
}

/// Which of them, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct When {
    pub(crate) first: u64,
    pub(crate) last: Option<u64>,
    /// Each so many-th of those.
    pub(crate) every: u64,
    /// So long from the first of them on.
    pub(crate) lasts: Option<Duration>,
    /// That share of those.
    pub(crate) probability: Option<f64>,
}

impl Default for When {
    fn default() -> Self {
        When {
            first: 1,
            last: None,
            every: 1,
            lasts: None,
            probability: None,
        }
    }
}

impl When {
    /// Whether the so many-th request meets the fault; `draw` is between 0 and 1.
    pub(super) fn is_now(&self, nth: u64, since: Instant, draw: impl FnOnce() -> f64) -> bool {
        nth >= self.first
            && self.last.is_none_or(|last| nth <= last)
            && (nth - self.first).is_multiple_of(self.every.max(1))
            && self.lasts.is_none_or(|lasts| since.elapsed() <= lasts)
            && self.probability.is_none_or(|share| draw() < share)
    }
}

/// What becomes of a request.
#[derive(Clone, Debug)]
pub(crate) enum Action {
    /// Another answer than the service's.
    Answer(Box<OtherAnswer>),
    Connection(Breach),
    /// The service does its work, and sees something else than it should.
    Twist(Box<Twist>),
    /// The TLS certificate of the host is valid for so long from now; one that has expired for none.
    Certificate(Duration),
}

/// How an answer gets lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Breach {
    /// The connection is closed, and nothing was done.
    Before,
    /// It is done, and the connection is closed.
    After,
    /// It is done, and half of the answer comes.
    Cut,
    /// It is done, and nothing comes for so long; then the connection is closed.
    Stalled(Duration),
    /// It is done, and the answer comes a byte at a time for so long; then the connection is closed.
    Dripped(Duration),
}

/// An answer that is not the service's own.
#[derive(Clone, Debug, Default)]
pub(crate) struct OtherAnswer {
    /// That of the service's own answer where there is none.
    pub(crate) status: Option<u16>,
    pub(crate) headers: Vec<(String, String)>,
    /// In place of the service's form of an error.
    pub(crate) body: Option<String>,
    pub(crate) error: SaidError,
    /// How long it asks to wait.
    pub(crate) retry_after: Option<RetryAfter>,
    /// The service does its work first.
    pub(crate) after: bool,
}

/// What an error says; what it does not say is what the service says with such a status.
#[derive(Clone, Debug, Default)]
pub(crate) struct SaidError {
    pub(crate) code: Option<String>,
    pub(crate) message: Option<String>,
    /// The code of the error within it.
    pub(crate) inner: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RetryAfter {
    Seconds(u64),
    /// So long from now, as a date.
    Date(Duration),
    Milliseconds(u64),
}

/// What a service sees otherwise while it does its work.
#[derive(Clone, Debug, Default)]
pub(crate) struct Twist {
    pub(crate) knobs: Vec<(Knob, time::Duration)>,
    /// How far its clock is ahead; behind, where it is negative.
    pub(crate) clock: time::Duration,
    /// How an operation that it begins is to end.
    pub(crate) operation: Option<OperationEnd>,
}

/// How an operation ends that does not succeed.
#[derive(Clone, Debug)]
pub(crate) struct OperationEnd {
    /// `Failed` or `Canceled`.
    pub(crate) state: String,
    /// Its error, as the status of the operation has it.
    pub(crate) error: Value,
}

impl Requests {
    pub(super) fn fit(&self, asked: &Asked) -> bool {
        let fits = |pattern: &Option<String>, text: &str| {
            pattern
                .as_ref()
                .is_none_or(|pattern| matches(pattern, text))
        };
        self.service.is_none_or(|service| service == asked.service)
            && fits(&self.host, &asked.host)
            && (self.methods.is_empty() || self.methods.contains(&asked.method))
            && fits(&self.path, &asked.path)
            && self.resource_type.as_ref().is_none_or(|pattern| {
                type_of(&asked.path).is_some_and(|kind| matches(pattern, &kind))
            })
            && self
                .caller
                .as_ref()
                .is_none_or(|pattern| asked.callers.iter().any(|caller| matches(pattern, caller)))
    }
}

/// The resource type that a path of Resource Manager's is about, as `Microsoft.Compute/virtualMachines`; what is done with the
/// resource (`…/start`) is not part of it.
fn type_of(path: &str) -> Option<String> {
    let words: Vec<&str> = path.split('/').filter(|word| !word.is_empty()).collect();
    let Some(at) = words
        .iter()
        .rposition(|word| word.eq_ignore_ascii_case("providers"))
    else {
        return match words.as_slice() {
            [a, _, b, ..]
                if a.eq_ignore_ascii_case("subscriptions")
                    && b.eq_ignore_ascii_case("resourcegroups") =>
            {
                Some("Microsoft.Resources/resourceGroups".to_owned())
            }
            [a, ..] if a.eq_ignore_ascii_case("subscriptions") => {
                Some("Microsoft.Resources/subscriptions".to_owned())
            }
            _ => None,
        };
    };
    let (namespace, rest) = words.get(at + 1..)?.split_first()?;
    let mut kind = (*namespace).to_owned();
    for pair in rest.chunks(2) {
        // A word without a name after it is an action, or the collection itself.
        if pair.len() == 2 || rest.len() == 1 {
            kind.push('/');
            kind.push_str(pair[0]);
        }
    }
    Some(kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_about_a_type() {
        let group = "/subscriptions/s/resourceGroups/g";
        for (path, kind) in [
            (
                "/subscriptions/s",
                Some("Microsoft.Resources/subscriptions"),
            ),
            (group, Some("Microsoft.Resources/resourceGroups")),
            (
                &format!("{group}/providers/Microsoft.Compute/virtualMachines"),
                Some("Microsoft.Compute/virtualMachines"),
            ),
            (
                &format!("{group}/providers/Microsoft.Compute/virtualMachines/v"),
                Some("Microsoft.Compute/virtualMachines"),
            ),
            (
                &format!("{group}/providers/Microsoft.Compute/virtualMachines/v/start"),
                Some("Microsoft.Compute/virtualMachines"),
            ),
            (
                &format!("{group}/providers/Microsoft.Compute/virtualMachines/v/extensions/e"),
                Some("Microsoft.Compute/virtualMachines/extensions"),
            ),
            (
                &format!(
                    "{group}/providers/Microsoft.KeyVault/vaults/v/providers/Microsoft.Authorization/roleAssignments/r"
                ),
                Some("Microsoft.Authorization/roleAssignments"),
            ),
            ("/secrets/s", None),
        ] {
            assert_eq!(type_of(path).as_deref(), kind, "{path}");
        }
    }

    #[test]
    fn a_fault_counts() {
        let since = Instant::now();
        let met = |when: When| -> Vec<u64> {
            (1..=8)
                .filter(|nth| when.is_now(*nth, since, || 0.5))
                .collect()
        };
        let all = When::default();
        assert_eq!(met(all).len(), 8);
        assert_eq!(
            met(When {
                first: 2,
                last: Some(3),
                ..all
            }),
            [2, 3]
        );
        assert_eq!(
            met(When {
                first: 2,
                every: 3,
                ..all
            }),
            [2, 5, 8]
        );
        assert_eq!(
            met(When {
                probability: Some(0.5),
                ..all
            }),
            [0; 0]
        );
        assert_eq!(
            met(When {
                probability: Some(0.6),
                ..all
            })
            .len(),
            8
        );
    }
}
