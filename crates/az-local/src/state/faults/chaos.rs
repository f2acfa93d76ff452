//! Faults at random that are the same each time: what becomes of a request hangs on the seed, on what it is, and on how many
//! times the same was asked before, and not on what others ask meanwhile.

use super::rule::{Action, Asked, Breach, OtherAnswer, RetryAfter};
use crate::ground::hosts::Service;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// How much goes wrong, and in which way.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Chaos {
    /// The share of requests that something goes wrong with, from 0 to 1.
    pub rate: f64,
    /// With the same seed the same goes wrong.
    pub seed: u64,
}

/// The most different requests that are counted; then it begins anew.
const MOST: usize = 100_000;

/// How often each was asked.
#[derive(Debug, Default)]
pub(super) struct Counts(HashMap<u64, u64>);

impl Counts {
    fn next(&mut self, key: u64) -> u64 {
        if self.0.len() >= MOST && !self.0.contains_key(&key) {
            self.0.clear();
        }
        let count = self.0.entry(key).or_default();
        *count += 1;
        *count
    }
}

impl Chaos {
    /// What becomes of a request; `None` where nothing goes wrong.
    pub(super) fn meet(&self, asked: &Asked, counts: &mut Counts) -> Option<(String, Action)> {
        let key = key_of(asked);
        let nth = counts.next(key);
        let draw = mix(mix(self.seed ^ key).wrapping_add(nth));
        if share(draw) >= self.rate {
            return None;
        }
        let (name, action) = some_fault(asked.service, mix(draw));
        Some((format!("chaos: {name}"), action))
    }
}

fn some_fault(service: Service, draw: u64) -> (&'static str, Action) {
    let status = |status: u16, retry_after: Option<RetryAfter>| {
        Action::Answer(Box::new(OtherAnswer {
            status: Some(status),
            retry_after,
            ..OtherAnswer::default()
        }))
    };
    // Short, so that who waits as told is through soon.
    let a_second = Some(RetryAfter::Seconds(1));
    match draw % 6 {
        0 => ("429", status(429, a_second)),
        1 => ("500", status(500, None)),
        // https://learn.microsoft.com/azure/virtual-machines/instance-metadata-service#errors-and-debugging
        2 if service == Service::Imds => ("404", status(404, None)),
        2 => ("503", status(503, a_second)),
        3 => ("reset before", Action::Connection(Breach::Before)),
        4 => ("reset after", Action::Connection(Breach::After)),
        _ => ("cut", Action::Connection(Breach::Cut)),
    }
}

/// What is the same in two runs of the same commands: no ids that were made up meanwhile.
fn key_of(asked: &Asked) -> u64 {
    let caller = asked.callers.first().map_or("", String::as_str);
    let mut key = 0xcbf2_9ce4_8422_2325;
    let mut add = |text: &str| {
        // FNV-1a, which is the same in every build.
        for byte in text.bytes().chain([0xff]) {
            key = (key ^ u64::from(byte.to_ascii_lowercase())).wrapping_mul(0x100_0000_01b3);
        }
    };
    add(caller);
    add(&asked.host);
    add(&asked.method);
    for word in asked.path.split('/') {
        add(if is_made_up(word) { "*" } else { word });
    }
    key
}

/// GUIDs, and the versions of secrets.
fn is_made_up(word: &str) -> bool {
    let digits = word.bytes().filter(u8::is_ascii_hexdigit).count();
    digits == 32
        && word
            .bytes()
            .all(|letter| letter.is_ascii_hexdigit() || letter == b'-')
}

/// SplitMix64's last step.
pub(super) fn mix(value: u64) -> u64 {
    let mut mixed = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// A number from 0 to below 1.
pub(super) fn share(draw: u64) -> f64 {
    (draw >> 11) as f64 / (1u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(path: &str) -> Asked {
        Asked {
            service: Service::ResourceManager,
            host: "management.azure.com".to_owned(),
            method: "GET".to_owned(),
            path: path.to_owned(),
            callers: vec!["desk".to_owned()],
        }
    }

    fn met(chaos: Chaos, paths: &[String]) -> Vec<Option<String>> {
        let mut counts = Counts::default();
        let meet = |path: &String| chaos.meet(&asked(path), &mut counts).map(|(name, _)| name);
        paths.iter().map(meet).collect()
    }

    fn paths() -> Vec<String> {
        (0..2000)
            .map(|number| format!("/{}", number % 50))
            .collect()
    }

    #[test]
    fn the_same_seed_does_the_same_and_another_one_something_else() {
        let with = |seed| met(Chaos { rate: 0.2, seed }, &paths());
        assert_eq!(with(1), with(1));
        assert_ne!(with(1), with(2));
    }

    #[test]
    fn what_others_ask_meanwhile_changes_nothing() {
        let chaos = Chaos { rate: 0.3, seed: 7 };
        let alone = met(chaos, &vec!["/a".to_owned(); 100]);
        let mixed: Vec<String> = (0..100)
            .flat_map(|number| ["/a".to_owned(), format!("/b{number}")])
            .collect();
        let beside: Vec<_> = met(chaos, &mixed).into_iter().step_by(2).collect();
        assert_eq!(alone, beside);
    }

    #[test]
    fn ids_that_were_made_up_do_not_count() {
        let chaos = Chaos { rate: 0.5, seed: 3 };
        let polls = |id: &str| met(chaos, &vec![format!("/operations/{id}"); 50]);
        assert_eq!(
            polls("a3c9b5e0-1111-2222-3333-444455556666"),
            polls("00000000-0000-0000-0000-000000000000")
        );
        assert_ne!(polls("one"), polls("two"));
    }

    #[test]
    fn about_the_share_is_met_and_each_kind_of_fault() {
        for rate in [0.0, 0.05, 0.2, 1.0] {
            let all = met(Chaos { rate, seed: 5 }, &paths());
            let share = all.iter().flatten().count() as f64 / all.len() as f64;
            assert!((share - rate).abs() < 0.03, "{rate}: {share}");
        }
        let all = met(Chaos { rate: 1.0, seed: 5 }, &paths());
        let kinds: std::collections::BTreeSet<_> = all.into_iter().flatten().collect();
        assert_eq!(kinds.len(), 6, "{kinds:?}");
    }

    #[test]
    fn what_is_counted_has_a_bound() {
        let mut counts = Counts::default();
        for key in 0..3 * MOST as u64 {
            counts.next(key);
        }
        assert!(counts.0.len() <= MOST);
    }
}
