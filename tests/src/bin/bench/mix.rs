//! Mixed work: what a client does next.

use crate::base::{EACH, GROUP, PAGE, VAULT, group, located, value};
use crate::client::Call;
use crate::desk::Desk;
use std::sync::Arc;

/// The operations' number and names.
pub(crate) const OPERATIONS: usize = 7;
pub(crate) const NAMES: [&str; OPERATIONS] = [
    "secret GET",
    "secret SET, one of 16 names",
    "secret SET, fresh name",
    "secrets, a page of 25",
    "group GET",
    "resource GET",
    "resource PUT, a tag",
];
/// Of a hundred requests, how many are the operation, in their order.
const SHARES: [usize; OPERATIONS] = [40, 10, 10, 10, 10, 10, 10];
/// Names that get new versions all the time.
const HOT: usize = 16;

/// What the clients share: requests that are always the same.
pub(crate) struct Mix {
    secrets: Vec<Call>,
    page: Call,
    group: Call,
    resources: Vec<Call>,
    hosts: Vec<Arc<str>>,
}

/// One client's luck.
pub(crate) struct Hand {
    mix: Arc<Mix>,
    client: usize,
    count: usize,
    luck: u64,
}

impl Mix {
    pub(crate) fn new(desk: &Desk) -> Self {
        let secret = |number| desk.secret("GET", VAULT, &format!("/{}", group(number)), None);
        let page = desk.secret("GET", VAULT, &format!("?maxresults={PAGE}"), None);
        let group_get = desk.group("GET", GROUP, None);
        let resource = |number| desk.identity("GET", GROUP, &group(number), None);
        Mix {
            secrets: (0..EACH).map(secret).collect(),
            hosts: vec![Arc::clone(&page.host), Arc::clone(&group_get.host)],
            page,
            group: group_get,
            resources: (0..EACH).map(resource).collect(),
        }
    }

    /// The hosts that the requests go to.
    pub(crate) fn hosts(&self) -> &[Arc<str>] {
        &self.hosts
    }
}

impl Hand {
    /// What this client does; the same in every run.
    pub(crate) fn new(mix: Arc<Mix>, client: usize) -> Self {
        let luck = (client as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        Hand {
            mix,
            client,
            count: 0,
            luck,
        }
    }

    /// The next operation and its request.
    pub(crate) fn next(&mut self, desk: &Desk) -> (usize, Call) {
        let operation = self.operation();
        let luck = self.draw();
        self.count += 1;
        let number = self.count;
        let set =
            |name: String| desk.secret("PUT", VAULT, &format!("/{name}"), Some(&value(number)));
        let call = match operation {
            0 => self.mix.secrets[luck % EACH].clone(),
            1 => set(group(luck % HOT)),
            2 => set(format!("fresh-{}-{number}", self.client)),
            3 => self.mix.page.clone(),
            4 => self.mix.group.clone(),
            5 => self.mix.resources[luck % EACH].clone(),
            _ => desk.identity("PUT", GROUP, &group(luck % EACH), Some(&located(number))),
        };
        (operation, call)
    }

    fn operation(&mut self) -> usize {
        let mut left = self.draw() % SHARES.iter().sum::<usize>();
        for (operation, share) in SHARES.iter().enumerate() {
            match left.checked_sub(*share) {
                Some(rest) => left = rest,
                None => return operation,
            }
        }
        0
    }

    /// Xorshift: good enough to choose by.
    fn draw(&mut self) -> usize {
        self.luck ^= self.luck << 13;
        self.luck ^= self.luck >> 7;
        self.luck ^= self.luck << 17;
        (self.luck >> 33) as usize
    }
}
