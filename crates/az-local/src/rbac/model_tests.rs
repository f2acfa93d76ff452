//! Who may do what, computed twice: by the rules that the instance goes by, and by a small model that shares nothing with them
//! and is as slow as it is plain. Worlds and questions are made at random, with seeds.

use super::allows;
use super::want::Want;
use crate::request::testing::with_context;
use crate::request::{Context, Principal};
use crate::state::people::{self, DirectoryObject, Group, Membership};
use crate::state::role_assignments::RoleAssignment;
use crate::state::roles::{CustomRole, Permission, RoleDefinition};
use crate::state::{Document, Range, StateError};
use serde_json::Map;
use std::collections::BTreeSet;
use time::Duration;

/// Worlds, and questions to each.
const WORLDS: u64 = 250;
const QUESTIONS: usize = 400;

const TENANT: &str = "11111111-0000-0000-0000-000000000001";

/// SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    fn one_of<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }

    fn happens(&mut self, in_ten: usize) -> bool {
        self.below(10) < in_ten
    }

    /// The same text in another case, sometimes.
    fn in_some_case(&mut self, text: &str) -> String {
        match self.below(4) {
            0 => text.to_ascii_uppercase(),
            1 => text.to_ascii_lowercase(),
            _ => text.to_owned(),
        }
    }

    /// Patterns, of those that roles have or made out of an action: some of its letters replaced by `*`, or cut off at an end.
    fn patterns(&mut self, most: usize) -> Vec<String> {
        let count = self.below(most + 1);
        (0..count)
            .map(|_| {
                let pattern = if self.happens(5) {
                    (*self.one_of(&PATTERNS)).to_owned()
                } else {
                    self.pattern_of_an_action()
                };
                self.in_some_case(&pattern)
            })
            .collect()
    }

    fn pattern_of_an_action(&mut self) -> String {
        let mut pattern = (*self.one_of(&ACTIONS)).to_owned();
        for _ in 0..self.below(3) {
            let from = self.below(pattern.len());
            let to = from + self.below(pattern.len() - from + 1);
            pattern.replace_range(from..to, "*");
        }
        match self.below(4) {
            0 => pattern.truncate(self.below(pattern.len()) + 1),
            1 => drop(pattern.drain(..self.below(pattern.len()))),
            _ => {}
        }
        pattern
    }
}

const ACTIONS: [&str; 10] = [
    "Microsoft.Compute/virtualMachines/read",
    "Microsoft.Compute/virtualMachines/write",
    "Microsoft.Compute/virtualMachines/start/action",
    "Microsoft.KeyVault/vaults/read",
    "Microsoft.KeyVault/vaults/write",
    "Microsoft.KeyVault/vaults/secrets/read",
    "Microsoft.KeyVault/vaults/secrets/getSecret/action",
    "Microsoft.KeyVault/vaults/secrets/setSecret/action",
    "Microsoft.Authorization/roleAssignments/write",
    "Microsoft.Resources/subscriptions/resourceGroups/read",
];

const PATTERNS: [&str; 16] = [
    "*",
    "*/read",
    "*/action",
    "Microsoft.Compute/*",
    "Microsoft.Compute/virtualMachines/*",
    "Microsoft.Compute/*/read",
    "Microsoft.Compute/virtualMachines/read",
    "Microsoft.KeyVault/vaults/*",
    "Microsoft.KeyVault/vaults/secrets/*",
    "Microsoft.KeyVault/*/getSecret/action",
    "Microsoft.KeyVault/vaults/secrets/*/action",
    "Microsoft.Authorization/*/Write",
    "Microsoft.Authorization/roleAssignments/write",
    "Microsoft.*/vaults/*",
    "*/secrets/*",
    "Microsoft.KeyVault",
];

/// Scopes as segments, from the root down. `g` is the beginning of `g2`, and `s` of `s2`.
const SCOPES: [&[&str]; 12] = [
    &[],
    &["subscriptions", "s"],
    &["subscriptions", "s2"],
    &["subscriptions", "s", "resourceGroups", "g"],
    &["subscriptions", "s", "resourceGroups", "g2"],
    &["subscriptions", "s2", "resourceGroups", "g"],
    &[
        "subscriptions",
        "s",
        "resourceGroups",
        "g",
        "providers",
        "Microsoft.KeyVault",
        "vaults",
        "v",
    ],
    &[
        "subscriptions",
        "s",
        "resourceGroups",
        "g",
        "providers",
        "Microsoft.KeyVault",
        "vaults",
        "v2",
    ],
    &[
        "subscriptions",
        "s",
        "resourceGroups",
        "g2",
        "providers",
        "Microsoft.KeyVault",
        "vaults",
        "v",
    ],
    &[
        "subscriptions",
        "s",
        "resourceGroups",
        "g",
        "providers",
        "Microsoft.KeyVault",
        "vaults",
        "v",
        "secrets",
        "a",
    ],
    &[
        "subscriptions",
        "s",
        "resourceGroups",
        "g",
        "providers",
        "Microsoft.KeyVault",
        "vaults",
        "v",
        "secrets",
        "b",
    ],
    &[
        "subscriptions",
        "s",
        "resourceGroups",
        "g",
        "providers",
        "Microsoft.Compute",
        "virtualMachines",
        "v",
    ],
];

/// The model's world: what was made, and what is gone again.
#[derive(Default)]
struct World {
    roles: Vec<ModelRole>,
    /// Member, group.
    members: BTreeSet<(String, String)>,
    assignments: Vec<ModelAssignment>,
}

struct ModelRole {
    id: String,
    exists: bool,
    permissions: Vec<[Vec<String>; 4]>,
}

struct ModelAssignment {
    who: String,
    role: usize,
    scope: usize,
    /// Seconds ago.
    age: i64,
}

/// Letter by letter, by the definition of `*`.
fn fits(pattern: &[u8], action: &[u8]) -> bool {
    match pattern.split_first() {
        None => action.is_empty(),
        Some((b'*', rest)) => (0..=action.len()).any(|at| fits(rest, &action[at..])),
        Some((letter, rest)) => action.split_first().is_some_and(|(first, others)| {
            first.eq_ignore_ascii_case(letter) && fits(rest, others)
        }),
    }
}

impl World {
    fn is_or_belongs_to(&self, who: &str, holder: &str, depth: usize) -> bool {
        who == holder
            || depth > 0
                && self
                    .members
                    .iter()
                    .filter(|(member, _)| member == who)
                    .any(|(_, group)| self.is_or_belongs_to(group, holder, depth - 1))
    }

    fn allows(&self, who: &str, scope: usize, is_data: bool, action: &str, delay: i64) -> bool {
        self.assignments.iter().any(|assignment| {
            let role = &self.roles[assignment.role];
            let reaches = SCOPES[scope].starts_with(SCOPES[assignment.scope]);
            let given = role.permissions.iter().any(|lists| {
                let any = |list: &[String]| {
                    list.iter()
                        .any(|pattern| fits(pattern.as_bytes(), action.as_bytes()))
                };
                let (list, taken) = if is_data { (2, 3) } else { (0, 1) };
                any(&lists[list]) && !any(&lists[taken])
            });
            reaches
                && given
                && role.exists
                && assignment.age >= delay
                && self.is_or_belongs_to(who, &assignment.who, 8)
        })
    }
}

fn text_of(scope: usize) -> String {
    format!("/{}", SCOPES[scope].join("/"))
}

fn person(number: usize) -> String {
    format!("aaaaaaaa-0000-0000-0000-{number:012}")
}

fn group(number: usize) -> String {
    format!("bbbbbbbb-0000-0000-0000-{number:012}")
}

/// Makes a world twice: in the instance, and in the model.
fn make(cx: &Context<'_>, random: &mut Random) -> World {
    let mut world = World::default();
    for number in 0..4 {
        let made = Group {
            object_id: group(number),
            tenant_id: TENANT.to_owned(),
            display_name: format!("group {number}"),
            more: Map::new(),
            created: cx.now,
        };
        cx.tx.put(&made).expect("a group");
    }
    for _ in 0..random.below(9) {
        // Groups in groups, in circles too.
        let member = match random.happens(4) {
            true => group(random.below(4)),
            false => person(random.below(5)),
        };
        let of = group(random.below(4));
        let made = Membership {
            group_id: of.clone(),
            member_id: member.clone(),
        };
        cx.tx.put(&made).expect("a membership");
        world.members.insert((member, of));
    }
    for number in 0..6 {
        let id = format!("cccccccc-0000-0000-0000-{number:012}");
        let permissions: Vec<[Vec<String>; 4]> = (0..1 + random.below(2))
            .map(|_| [4, 1, 4, 1].map(|most| random.patterns(most)))
            .collect();
        let definition = RoleDefinition {
            id: id.clone(),
            name: format!("role {number}"),
            description: String::new(),
            permissions: permissions
                .iter()
                .map(
                    |[actions, not_actions, data_actions, not_data_actions]| Permission {
                        actions: actions.clone(),
                        not_actions: not_actions.clone(),
                        data_actions: data_actions.clone(),
                        not_data_actions: not_data_actions.clone(),
                        ..Permission::default()
                    },
                )
                .collect(),
        };
        let made = CustomRole {
            tenant_id: TENANT.to_owned(),
            definition,
            assignable_scopes: vec!["/".to_owned()],
            created_by: String::new(),
            updated_by: String::new(),
            created: cx.now,
            updated: cx.now,
        };
        cx.tx.put(&made).expect("a role");
        world.roles.push(ModelRole {
            id,
            exists: true,
            permissions,
        });
    }
    for number in 0..2 + random.below(18) {
        let who = match random.happens(5) {
            true => group(random.below(4)),
            false => person(random.below(5)),
        };
        let assignment = ModelAssignment {
            who,
            role: random.below(world.roles.len()),
            // More of them above than below, and more that are effective.
            scope: random.below(SCOPES.len()).min(random.below(SCOPES.len())),
            age: 4 + random.below(20) as i64,
        };
        let scope = text_of(assignment.scope);
        let made = RoleAssignment {
            id: format!(
                "{}/providers/Microsoft.Authorization/roleAssignments/dddddddd-0000-0000-0000-{number:012}",
                scope.trim_end_matches('/')
            ),
            scope: random.in_some_case(&scope),
            principal_id: random.in_some_case(&assignment.who),
            principal_type: "ServicePrincipal".to_owned(),
            role: random.in_some_case(&world.roles[assignment.role].id),
            description: None,
            condition: None,
            condition_version: None,
            created_by: None,
            created: cx.now - Duration::seconds(assignment.age),
        };
        cx.tx.put(&made).expect("an assignment");
        world.assignments.push(assignment);
    }
    take_away(cx, random, &mut world);
    world
}

/// Takes a role, a group, an assignment away again, sometimes.
fn take_away(cx: &Context<'_>, random: &mut Random, world: &mut World) {
    if random.happens(3) {
        let number = random.below(world.roles.len());
        let role = &mut world.roles[number];
        let found = CustomRole::find(cx.tx, TENANT, &role.id).expect("read");
        let key = Document::key(&found.expect("a role"));
        cx.tx.delete::<CustomRole>(&key).expect("deleted");
        role.exists = false;
    }
    if random.happens(3) {
        let gone = group(random.below(4));
        let found = DirectoryObject::find(cx.tx, &gone).expect("read");
        people::forget(cx.tx, &found.expect("a group")).expect("forgotten");
        world
            .members
            .retain(|(member, of)| *member != gone && *of != gone);
    }
    if random.happens(3) && !world.assignments.is_empty() {
        let mut all = Vec::new();
        let every = Range::Below("");
        cx.tx
            .each(&every, |one: RoleAssignment| {
                all.push(one);
                Ok::<_, StateError>(())
            })
            .expect("read");
        let number = random.below(all.len());
        let gone = &all[number];
        let serial: usize = gone.name()[24..].parse().expect("a number");
        cx.tx
            .delete::<RoleAssignment>(&Document::key(gone))
            .expect("deleted");
        world.assignments.remove(serial);
    }
}

#[test]
fn an_independent_model_says_the_same_of_everybody_and_everything() {
    let (mut asked, mut allowed) = (0, 0);
    for seed in 0..WORLDS {
        let mut random = Random(seed);
        with_context(|cx| {
            let mut knobs = cx.knobs.clone();
            let delay = random.below(20) as i64;
            knobs.role_delay_ms = delay * 1000;
            cx.knobs = Box::leak(Box::new(knobs));
            let world = make(cx, &mut random);
            for _ in 0..QUESTIONS {
                let who = person(random.below(5));
                let scope = random.below(SCOPES.len());
                let action = *random.one_of(&ACTIONS);
                let is_data = random.happens(5);
                let said = random.in_some_case(action);
                let want = match is_data {
                    true => Want::Data(&said),
                    false => Want::Action(&said),
                };
                let principal = Principal {
                    object_id: random.in_some_case(&who),
                    app_id: String::new(),
                    tenant_id: TENANT.to_owned(),
                    user: None,
                    managed: None,
                };
                let at = random.in_some_case(&text_of(scope));
                let theirs = allows(cx, &principal, &at, want).expect("an answer");
                let ours = world.allows(&who, scope, is_data, action, delay);
                assert_eq!(theirs, ours, "seed {seed}: {who} {want:?} {at}");
                asked += 1;
                allowed += usize::from(ours);
            }
        });
    }
    assert!(asked >= 100_000, "{asked}");
    // Neither answer is the answer to everything.
    assert!(
        (asked / 20..asked * 19 / 20).contains(&allowed),
        "{allowed} of {asked}"
    );
}
