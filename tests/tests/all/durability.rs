//! What was acknowledged is there after `kill -9`, once.

use end_to_end::{Azure, OFFICER, VAULT, http::Client};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

/// How often the server is killed: `AZ_TEST_KILLS`, else a hundred times.
fn kills() -> usize {
    let wanted = std::env::var("AZ_TEST_KILLS").ok();
    wanted.and_then(|text| text.parse().ok()).unwrap_or(100)
}

const WRITERS: usize = 4;
const NAMES: usize = 3;

/// A generator of numbers that look random and are the same in each run (xorshift).
struct Random(u64);

impl Random {
    fn below(&mut self, most: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % most
    }
}

/// What the writers know: the values that were acknowledged, and those whose answer was lost, by name.
#[derive(Default)]
struct Sent {
    acknowledged: BTreeMap<String, Vec<String>>,
    unanswered: BTreeMap<String, Vec<String>>,
}

fn write(
    azure: &Azure,
    token: &str,
    writer: usize,
    ended: &AtomicBool,
    next: &AtomicUsize,
    sent: &Mutex<Sent>,
) {
    let client = Client::new(azure);
    let bearer = format!("Bearer {token}");
    while !ended.load(Ordering::Relaxed) {
        let number = next.fetch_add(1, Ordering::Relaxed);
        // Names that all writers share, and ones that are new.
        let name = match number % 2 {
            0 => format!("shared-{}", number % NAMES),
            _ => format!("own-{writer}-{number}"),
        };
        let url = format!("https://{VAULT}.vault.azure.net/secrets/{name}?api-version=7.4");
        let value = format!("value-{number}");
        let body = format!("{{\"value\": \"{value}\"}}");
        let answer = client.try_send("PUT", &url, &[("authorization", &bearer)], Some(body));
        let mut sent = sent.lock().expect("nobody panicked");
        match answer {
            Ok(answer) => {
                assert_eq!(answer.status, 200, "{}", answer.text);
                sent.acknowledged.entry(name).or_default().push(value);
            }
            Err(_) => sent.unanswered.entry(name).or_default().push(value),
        }
    }
}

/// The values of all versions of a secret.
fn values(client: &Client<'_>, token: &str, name: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut url =
        format!("https://{VAULT}.vault.azure.net/secrets/{name}/versions?api-version=7.4");
    loop {
        let page = client.get(&url, token).json();
        for version in page["value"].as_array().expect("versions") {
            let id = version["id"].as_str().expect("an id");
            let secret = client.get(&format!("{id}?api-version=7.4"), token).json();
            found.push(secret["value"].as_str().expect("a value").to_owned());
        }
        match page["nextLink"].as_str() {
            Some(next) => url = next.to_owned(),
            None => return found,
        }
    }
}

#[test]
fn kills_under_concurrent_writers_lose_and_double_nothing() {
    let mut azure = Azure::with(&["--role-delay", "0s", "--operation-time", "0s"])
        .with_group()
        .with_vault();
    azure.grant(&azure.own_object_id(), OFFICER);
    let token = Client::new(&azure).token("https://vault.azure.net/.default");
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    let (next, sent) = (AtomicUsize::new(0), Mutex::new(Sent::default()));
    for _ in 0..kills() {
        let ended = AtomicBool::new(false);
        let moment = Duration::from_micros(5_000 + random.below(120_000));
        std::thread::scope(|scope| {
            for writer in 0..WRITERS {
                let (azure, token, ended, next, sent) = (&azure, &token, &ended, &next, &sent);
                scope.spawn(move || write(azure, token, writer, ended, next, sent));
            }
            // The moment is what is random here; nothing is waited for.
            std::thread::park_timeout(moment);
            azure.kill();
            ended.store(true, Ordering::Relaxed);
        });
        azure.launch(&[]);
    }
    let client = Client::new(&azure);
    let sent = sent.into_inner().expect("nobody panicked");
    let acknowledged: usize = sent.acknowledged.values().map(Vec::len).sum();
    assert!(
        acknowledged >= kills(),
        "only {acknowledged} writes were acknowledged"
    );
    for (name, wanted) in &sent.acknowledged {
        let found = values(&client, &token, name);
        let nothing = Vec::new();
        let unanswered = sent.unanswered.get(name).unwrap_or(&nothing);
        for value in wanted {
            let count = found.iter().filter(|one| *one == value).count();
            assert_eq!(count, 1, "{name} has {value} {count} times");
        }
        for value in &found {
            let known = wanted.contains(value) || unanswered.contains(value);
            let count = found.iter().filter(|one| *one == value).count();
            assert!(known && count == 1, "{name} has {value} {count} times");
        }
    }
    // The list names each secret once.
    let mut names = Vec::new();
    let mut url = format!("https://{VAULT}.vault.azure.net/secrets?api-version=7.4");
    loop {
        let page: Value = client.get(&url, &token).json();
        for secret in page["value"].as_array().expect("secrets") {
            names.push(secret["id"].as_str().expect("an id").to_owned());
        }
        match page["nextLink"].as_str() {
            Some(next) => url = next.to_owned(),
            None => break,
        }
    }
    let listed = names.len();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), listed, "a secret is listed twice");
    assert!(listed >= sent.acknowledged.len());
}
