//! What a client sets is answered, or refused: every member that the published schemas name, of every type.

use super::azure::Azure;
use super::schemas::{self, Member, Schemas};
use crate::arm::{fits_below, kind};
use http::Method;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// A type whose members are tried.
struct Tried {
    kind: &'static str,
    /// Of its schema.
    version: &'static str,
    /// The type whose resources have it as a part, and where.
    part_of: Option<(&'static str, &'static str)>,
    /// Whether a PATCH changes more than tags.
    patches: bool,
}

const fn tried(kind: &'static str, version: &'static str) -> Tried {
    Tried {
        kind,
        version,
        part_of: None,
        patches: false,
    }
}

const TYPES: [Tried; 9] = [
    tried("Microsoft.Network/networkSecurityGroups", "2024-05-01"),
    Tried {
        part_of: Some((
            "Microsoft.Network/networkSecurityGroups",
            "properties/securityRules/*/",
        )),
        ..tried(
            "Microsoft.Network/networkSecurityGroups/securityRules",
            "2024-05-01",
        )
    },
    tried("Microsoft.Network/virtualNetworks", "2024-05-01"),
    Tried {
        part_of: Some(("Microsoft.Network/virtualNetworks", "properties/subnets/*/")),
        ..tried("Microsoft.Network/virtualNetworks/subnets", "2024-05-01")
    },
    tried("Microsoft.Network/publicIPAddresses", "2024-05-01"),
    tried("Microsoft.Network/networkInterfaces", "2024-05-01"),
    Tried {
        patches: true,
        ..tried(
            "Microsoft.ManagedIdentity/userAssignedIdentities",
            "2024-11-30",
        )
    },
    Tried {
        patches: true,
        ..tried("Microsoft.Compute/virtualMachines", "2025-04-01")
    },
    Tried {
        patches: true,
        ..tried("Microsoft.KeyVault/vaults", "2026-02-01")
    },
];

impl Tried {
    /// Why a member is not answered as it was set, and what that is said of; none where it must be answered so.
    fn reason(&self, path: &str) -> Option<(&'static str, String)> {
        let (parent, prefix) = self.part_of.unwrap_or((self.kind, ""));
        let members = kind(parent).expect("a type").members;
        let full = format!("{prefix}{path}");
        let own = |pattern: &str| pattern.strip_prefix(prefix).unwrap_or(pattern).to_owned();
        let above = |patterns: &'static [&'static str]| {
            patterns
                .iter()
                .find(|one| fits_below(one, &full))
                .map(|one| own(one))
        };
        if let Some(above) = above(members.secret) {
            return Some(("taken, and never answered", above));
        }
        if let Some(above) = above(members.own) {
            return Some(("said by the service", above));
        }
        if let Some(above) = above(members.references).filter(|above| path != format!("{above}/id"))
        {
            return Some((
                "another resource: of a reference, only its `id` is kept",
                format!("{above}/…"),
            ));
        }
        let part = path
            .strip_suffix("/*/id")
            .or_else(|| path.strip_suffix("/*/type"));
        let parts = ["securityRules", "subnets", "ipConfigurations"];
        let is_part = part.is_some_and(|above| {
            parts
                .iter()
                .any(|name| above == format!("properties/{name}"))
        });
        let said = is_part || path.ends_with("/provisioningState");
        said.then(|| ("said by the service", path.to_owned()))
    }
}

/// What came of a member.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fate {
    Kept,
    /// The error's code.
    Refused(String),
    /// What is answered instead.
    Changed(String),
}

/// Puts what is needed around a member into a body, where the body says nothing itself.
fn under(body: &mut Value, around: &Value) {
    match (body, around) {
        (Value::Object(body), Value::Object(around)) => {
            for (name, inner) in around {
                match body.get_mut(name) {
                    Some(there) => under(there, inner),
                    None => {
                        body.insert(name.clone(), inner.clone());
                    }
                }
            }
        }
        (Value::Array(body), Value::Array(around)) => {
            for (at, inner) in around.iter().enumerate() {
                match body.get_mut(at) {
                    Some(there) => under(there, inner),
                    None => body.push(inner.clone()),
                }
            }
        }
        _ => {}
    }
}

fn pointer(path: &str) -> String {
    format!("/{}", path.replace('*', "0"))
}

/// What the service asks of an item and no schema says.
fn complete(body: &mut Value) {
    let disks = body.pointer_mut("/properties/storageProfile/dataDisks");
    for disk in disks.and_then(Value::as_array_mut).into_iter().flatten() {
        disk["createOption"] = json!("Empty");
        disk["diskSizeGB"] = json!(4);
    }
}

fn with(body: &Value, member: &Member) -> Value {
    let mut body = body.clone();
    under(&mut body, &member.around);
    complete(&mut body);
    if let Some(there) = body.pointer_mut(&pointer(&member.path)) {
        *there = member.sample.clone();
    }
    body
}

fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::String(one), Value::String(other)) => one.eq_ignore_ascii_case(other),
        (one, other) => one == other,
    }
}

fn fate(azure: &Azure, path: &str, member: &Member, answer: (u16, Value)) -> Fate {
    let (status, answer) = answer;
    if status >= 400 {
        let code = answer["error"]["code"].as_str().expect("an error's code");
        return Fate::Refused(code.to_owned());
    }
    let there = azure.done(Method::GET, path, &Value::Null);
    match there.pointer(&pointer(&member.path)) {
        Some(found) if same(found, &member.sample) => Fate::Kept,
        found => Fate::Changed(found.map_or("nothing".to_owned(), Value::to_string)),
    }
}

/// What came of a type's members, set by PUT in a new resource, and by PATCH in one that is there.
#[derive(Default)]
struct Fates {
    put: BTreeMap<String, Fate>,
    patch: BTreeMap<String, Fate>,
}

/// Makes what a type stands on, in a group of its own, and gives the path and the body of one of it.
fn ready(azure: &Azure, tried: &Tried, n: &str) -> (String, Value) {
    let group = format!("g{n}");
    azure.done(
        Method::PUT,
        &format!("/resourceGroups/{group}"),
        &json!({"location": "eastus"}),
    );
    let parent = tried.part_of.map_or(tried.kind, |(parent, _)| parent);
    for (path, body) in azure.bodies(&group, n) {
        let is_it = path.contains(parent);
        if is_it && tried.part_of.is_none() {
            return (path, body);
        }
        if is_it || needs(tried.kind).iter().any(|needed| path.contains(needed)) {
            azure.done(Method::PUT, &path, &body);
        }
        if is_it {
            return part(tried.kind, &path, &body);
        }
    }
    panic!("no body of {}", tried.kind)
}

/// Another part of the resource that was made.
fn part(kind: &str, parent: &str, body: &Value) -> (String, Value) {
    let properties = &body["properties"];
    if kind.ends_with("/subnets") {
        let body = json!({"properties": {"addressPrefix": "10.0.1.0/24"}});
        return (format!("{parent}/subnets/more"), body);
    }
    let mut body = properties["securityRules"][0].clone();
    body["properties"]["priority"] = json!(301);
    (format!("{parent}/securityRules/more"), body)
}

fn fates(azure: &Azure, schemas: &Schemas, tried: &Tried) -> Fates {
    let mut fates = Fates::default();
    for (number, member) in schemas
        .members(tried.version, tried.kind)
        .into_iter()
        .enumerate()
    {
        let (path, body) = ready(azure, tried, &format!("n{number}"));
        let answer = azure.arm(Method::PUT, &path, &with(&body, &member));
        let kept = fate(azure, &path, &member, answer);
        if tried.patches && kept == Fate::Kept {
            let (path, body) = ready(azure, tried, &format!("p{number}"));
            azure.done(Method::PUT, &path, &body);
            azure.later();
            // Only what is around the member: a PATCH says what changes.
            let mut change = member.around.clone();
            complete(&mut change);
            if let Some(there) = change.pointer_mut(&pointer(&member.path)) {
                *there = member.sample.clone();
            }
            let answer = azure.arm(Method::PATCH, &path, &change);
            let fate = fate(azure, &path, &member, answer);
            fates.patch.insert(member.path.clone(), fate);
        }
        fates.put.insert(member.path, kept);
    }
    fates
}

/// What a type's body refers to.
fn needs(kind: &str) -> &'static [&'static str] {
    match kind {
        "Microsoft.Network/networkInterfaces" => &[
            "networkSecurityGroups",
            "virtualNetworks",
            "publicIPAddresses",
        ],
        "Microsoft.Compute/virtualMachines" => &[
            "networkSecurityGroups",
            "virtualNetworks",
            "publicIPAddresses",
            "networkInterfaces",
            "userAssignedIdentities",
        ],
        _ => &[],
    }
}

/// The document: what is not answered as it was set, and why.
fn document(all: &[(&Tried, Fates)]) -> String {
    let mut text = "\
# Members that az-local does not keep as they are set

What a client sets is answered as it was set. A test (`AZ_SCHEMAS=FOLDER cargo test -p az-local round_trip`) sets every
member that the published schemas of Resource Manager name, one at a time, in a new resource and by PATCH in one that is
there, and compares. Members that no schema names are kept, too. These are the exceptions; this page is written by the test.

A value that the service refuses is an example: the test sets `value` where a schema asks for any text.
"
    .to_owned();
    for (tried, fates) in all {
        let _ = write!(
            text,
            "\n## {} ({})\n\n{} members by PUT",
            tried.kind,
            tried.version,
            fates.put.len()
        );
        match fates.patch.len() {
            0 => text.push_str("; a PATCH changes its tags only.\n"),
            count => {
                let _ = writeln!(text, ", {count} by PATCH.");
            }
        }
        let mut rows = BTreeSet::new();
        for (method, fates) in [("PUT", &fates.put), ("PATCH", &fates.patch)] {
            for (path, fate) in fates {
                let (why, of) = match fate {
                    Fate::Kept => continue,
                    Fate::Refused(code) => (format!("refused with `{code}`"), path.clone()),
                    Fate::Changed(_) => {
                        let reason = tried.reason(path);
                        let (why, of) = reason.unwrap_or(("DROPPED", path.clone()));
                        (why.to_owned(), of)
                    }
                };
                rows.insert(format!("| {method} | `{of}` | {why} |"));
            }
        }
        if !rows.is_empty() {
            text.push_str("\n| | member | what comes of it |\n|---|---|---|\n");
            for row in rows.iter().rev() {
                let _ = writeln!(text, "{row}");
            }
        }
    }
    text
}

#[test]
fn every_member_of_every_type_is_answered_as_it_was_set_or_refused() {
    let Some(folder) = schemas::folder() else {
        return;
    };
    let schemas = Schemas::read(&folder);
    let mut all = Vec::new();
    for tried in &TYPES {
        let azure = Azure::start();
        all.push((tried, fates(&azure, &schemas, tried)));
    }
    let dropped: Vec<String> = all
        .iter()
        .flat_map(|(tried, fates)| {
            let put = fates.put.iter().map(|fate| ("PUT", fate));
            let patch = fates.patch.iter().map(|fate| ("PATCH", fate));
            put.chain(patch)
                .filter_map(|(method, (path, fate))| match fate {
                    Fate::Changed(instead) if tried.reason(path).is_none() => {
                        Some(format!("{method} {} {path}: {instead}", tried.kind))
                    }
                    _ => None,
                })
        })
        .collect();
    let count: usize = all.iter().map(|(_, fates)| fates.put.len()).sum();
    println!("{count} members of {} types", all.len());
    assert!(dropped.is_empty(), "{}", dropped.join("\n"));
    let (path, text) = (
        concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/round-trip.md"),
        document(&all),
    );
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(path, &text).expect("the document");
    }
    assert_eq!(
        std::fs::read_to_string(path).unwrap_or_default(),
        text,
        "run the test with UPDATE_DOCS=1"
    );
}

#[test]
fn a_member_that_is_dropped_is_noticed() {
    let azure = Azure::start();
    let group = json!({"location": "eastus"});
    azure.done(Method::PUT, "/resourceGroups/g", &group);
    let member = Member {
        path: "properties/flushConnection".to_owned(),
        sample: json!(true),
        around: json!({"properties": {"flushConnection": true}}),
    };
    let (path, body) = ready(&azure, &TYPES[0], "1");
    let answer = azure.arm(Method::PUT, &path, &body);
    let without = fate(&azure, &path, &member, answer);
    assert_eq!(without, Fate::Changed("nothing".to_owned()));
    assert_eq!(TYPES[0].reason(&member.path), None);
    let answer = azure.arm(Method::PUT, &path, &with(&body, &member));
    assert_eq!(fate(&azure, &path, &member, answer), Fate::Kept);
}
