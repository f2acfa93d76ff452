//! Fleets of any kind, cut into deployments: what Azure limits holds, and nothing is missing, twice, or too early.

use super::{
    deployment::{Deployment, LARGEST, MOST_PARAMETERS, MOST_RESOURCES, cut},
    lines::Reader,
    node::key,
    wanted::{Known, Machine, Wanted, resources, role_key},
};
use crate::{
    cli::{All, Cli, Command},
    vm::request::Request,
};
use az_core::{arm::ResourceId, cli::Failure};
use clap::Parser;
use proptest::prelude::*;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use std::collections::{HashMap, HashSet};

const PASSWORD: &str = "Correct-Horse-1";
const SUBSCRIPTIONS: [&str; 3] = ["s0", "s1", "s2"];
const ROLES: [&str; 2] = ["Reader", "Key Vault Secrets Officer"];

/// A line, as a user writes it.
#[derive(Clone, Debug)]
struct Written {
    subscription: usize,
    group: usize,
    machine: bool,
    vault: Option<u8>,
    identity: Identity,
    roles: usize,
    scope: Option<usize>,
    network: Option<u8>,
    address: bool,
    password: bool,
    /// Custom data of so many KB.
    data: usize,
}

#[derive(Clone, Debug)]
enum Identity {
    None,
    System,
    Own(u8),
    /// One of another group, which some other line may make.
    Other(usize, usize, u8),
}

fn identities() -> impl Strategy<Value = Identity> {
    prop_oneof![
        Just(Identity::None),
        Just(Identity::System),
        (0u8..4).prop_map(Identity::Own),
        (0usize..3, 0usize..4, 0u8..4).prop_map(|(s, g, i)| Identity::Other(s, g, i)),
    ]
}

fn lines() -> impl Strategy<Value = Written> {
    (
        (0usize..3, 0usize..4, prop::bool::weighted(0.8)),
        (prop::option::of(0u8..3), identities(), 0usize..3),
        (prop::option::of(0usize..3), prop::option::of(0u8..2)),
        (
            any::<bool>(),
            any::<bool>(),
            prop_oneof![9 => Just(0usize), 1 => 1usize..40],
        ),
    )
        .prop_map(
            |(
                (subscription, group, machine),
                (vault, identity, roles),
                (scope, network),
                (address, password, data),
            )| Written {
                subscription,
                group,
                machine,
                vault,
                identity,
                roles,
                scope,
                network,
                address,
                password,
                data,
            },
        )
}

fn group_id(subscription: usize, group: usize) -> ResourceId {
    ResourceId::group(SUBSCRIPTIONS[subscription], &format!("g{group}"))
}

impl Written {
    fn has_somebody(&self) -> bool {
        match self.identity {
            Identity::None => false,
            Identity::System => self.machine,
            Identity::Own(_) | Identity::Other(..) => true,
        }
    }

    fn to_json(&self, at: usize) -> Value {
        let mut line = json!({"resourceGroup": format!("g{}", self.group), "location": "eastus",
            "adminUsername": "ada", "sshKeyValues": ["unused"], "subnetAddressPrefix": "10.0.0.0/16"});
        if self.machine {
            line["name"] = format!("vm{at}").into();
        }
        // What makes nothing is no line.
        let vault = self.vault.or((!self.machine).then_some(0));
        if let Some(vault) = vault {
            line["vault"] = format!("kv-{}-{}-{vault}", self.subscription, self.group).into();
        }
        match self.identity {
            Identity::System if self.machine => line["identity"] = "[system]".into(),
            Identity::Own(identity) => line["identity"] = format!("id{identity}").into(),
            Identity::Other(subscription, group, identity) => {
                let group = group_id(subscription, group);
                let id = group.resource(
                    "Microsoft.ManagedIdentity",
                    "userAssignedIdentities",
                    &format!("id{identity}"),
                );
                line["identity"] = id.as_str().into();
            }
            Identity::None | Identity::System => {}
        }
        if self.has_somebody() && self.roles > 0 {
            line["role"] = ROLES[..self.roles].into();
            if let Some(scope) = self.scope {
                let scope = ["vault", "group", "subscription"][scope];
                if scope != "vault" || vault.is_some() {
                    line["scope"] = scope.into();
                }
            }
        }
        if let Some(network) = self.network {
            line["vnetName"] = format!("net{network}").into();
        }
        if !self.address {
            line["publicIpAddress"] = "".into();
        }
        line
    }
}

fn all_args() -> All {
    match Cli::parse_from(["az-provision", "all", "--as-template", "-"]).command {
        Command::All(all) => *all,
        _ => unreachable!("it is 'all'"),
    }
}

fn fleet(written: &[Written], there: &HashSet<String>) -> Result<(Vec<Wanted>, Known), Failure> {
    let mut known = Known {
        groups: there.clone(),
        ..Known::default()
    };
    for subscription in SUBSCRIPTIONS {
        let id = ResourceId::subscription(subscription);
        known
            .tenants
            .insert(subscription.to_owned(), "t".to_owned());
        for role in ROLES {
            let definition = az_core::role::by_guid(&format!("guid-{}", role.len()), &id);
            known.roles.insert(role_key(&id, role), definition);
        }
    }
    let mut reader = Reader::new();
    let common = super::lines::common(&all_args());
    let mut all = Vec::new();
    for (at, one) in written.iter().enumerate() {
        let line = reader.read(&common, one.to_json(at)).expect("a line");
        let mut machine = None;
        if let Some(name) = &line.name {
            let password = one.password.then_some(PASSWORD);
            let data = (one.data > 0).then(|| format!("{at}").repeat(one.data * 500));
            let request = Request::for_tests(name, &line.machine, password, data.as_deref());
            let keys = vec!["ssh-ed25519 AAAA".to_owned()];
            machine = Some(Machine { request, keys });
        }
        all.push(Wanted {
            number: at + 1,
            group: group_id(one.subscription, one.group),
            location: line.location.clone().expect("a location"),
            machine,
            line,
        });
    }
    Ok((all, known))
}

fn deployments(written: &[Written], there: &HashSet<String>) -> Vec<Deployment> {
    let (all, known) = fleet(written, there).expect("a fleet");
    let nodes = resources(&all, &known, None).expect("resources");
    let locations = SUBSCRIPTIONS.map(|one| (one.to_owned(), "eastus".to_owned()));
    cut(&nodes, &HashMap::from(locations))
}

/// The texts of a value.
fn texts<'v>(value: &'v Value, all: &mut Vec<&'v str>) {
    match value {
        Value::String(text) => all.push(text),
        Value::Array(values) => values.iter().for_each(|value| texts(value, all)),
        Value::Object(members) => {
            all.extend(members.keys().map(String::as_str));
            members.values().for_each(|value| texts(value, all));
        }
        _ => {}
    }
}

/// The ids in a text: itself, what it is a part of, or the one that an expression refers to.
fn ids(text: &str) -> impl Iterator<Item = String> {
    let id = match text.split_once("reference('") {
        Some((_, rest)) => rest.split('\'').next().unwrap_or_default(),
        None => text,
    };
    let id = id.to_lowercase();
    let vnet = id.split("/subnets/").next().map(str::to_owned);
    [Some(id.clone()), vnet.filter(|vnet| *vnet != id)]
        .into_iter()
        .flatten()
}

fn check(written: &[Written], there: &HashSet<String>) -> Result<(), TestCaseError> {
    let all = deployments(written, there);
    // By an account of its own: who makes what.
    let mut made_by: HashMap<String, usize> = HashMap::new();
    for (at, one) in all.iter().enumerate() {
        for id in &one.resources {
            prop_assert_eq!(made_by.insert(key(id), at), None, "{} is made twice", id);
        }
    }
    let mut before: Vec<HashSet<usize>> = Vec::new();
    for (at, one) in all.iter().enumerate() {
        let listed = one.template["resources"].as_array().expect("resources");
        prop_assert_eq!(listed.len(), one.resources.len());
        prop_assert!(listed.len() <= MOST_RESOURCES);
        prop_assert!(one.secrets.len() <= MOST_PARAMETERS);
        let text = one.template.to_string();
        let secrets: usize = one
            .secrets
            .iter()
            .map(|(_, s)| s.expose_secret().len())
            .sum();
        prop_assert!(
            text.len() + secrets <= LARGEST + 64 * 1024,
            "{}",
            text.len()
        );
        prop_assert!(!text.contains(PASSWORD));
        let declared = one.template["parameters"].as_object();
        prop_assert_eq!(declared.map_or(0, serde_json::Map::len), one.secrets.len());
        for kind in declared.into_iter().flat_map(serde_json::Map::values) {
            prop_assert_eq!(&kind["type"], "securestring");
        }
        let mut earlier = HashSet::new();
        for &needed in &one.after {
            prop_assert!(needed < at, "a circle");
            earlier.insert(needed);
            earlier.extend(&before[needed]);
        }
        for (id, resource) in one.resources.iter().zip(listed) {
            let needs = resource["dependsOn"].as_array();
            let needs: HashSet<String> = needs
                .into_iter()
                .flatten()
                .map(|id| id.as_str().expect("an id").to_lowercase())
                .collect();
            for needed in &needs {
                prop_assert_eq!(made_by.get(needed), Some(&at), "{} is not here", needed);
            }
            let mut found = Vec::new();
            texts(resource, &mut found);
            for wanted in found.into_iter().flat_map(ids) {
                match made_by.get(&wanted) {
                    Some(_) if wanted == key(id) => {}
                    Some(by) if *by == at => {
                        prop_assert!(needs.contains(&wanted), "{} needs {}", id, wanted);
                    }
                    Some(by) => {
                        prop_assert!(earlier.contains(by), "{} comes before {}", id, wanted);
                    }
                    None => {}
                }
            }
            if let Some(group) = made_by.get(&key(&one.place)).filter(|group| **group != at) {
                prop_assert!(earlier.contains(group), "{} comes before its group", id);
            }
        }
        before.push(earlier);
    }
    // Each line's resources, by the names that `az` gives them.
    for (at, line) in written.iter().enumerate() {
        let json = line.to_json(at);
        let group = group_id(line.subscription, line.group);
        let mut expected = Vec::new();
        if !there.contains(&key(&group)) {
            expected.push(group.clone());
        }
        if line.machine {
            let name = format!("vm{at}");
            let network = |kind, suffix: &str| {
                group.resource("Microsoft.Network", kind, &format!("{name}{suffix}"))
            };
            expected.push(group.resource("Microsoft.Compute", "virtualMachines", &name));
            expected.push(network("networkInterfaces", "VMNic"));
            expected.push(network("networkSecurityGroups", "NSG"));
            if line.address {
                expected.push(network("publicIPAddresses", "PublicIP"));
            }
        }
        if let Some(vault) = json["vault"].as_str() {
            expected.push(group.resource("Microsoft.KeyVault", "vaults", vault));
        }
        if let Identity::Own(identity) = line.identity {
            let name = format!("id{identity}");
            expected.push(group.resource(
                "Microsoft.ManagedIdentity",
                "userAssignedIdentities",
                &name,
            ));
        }
        for id in expected {
            prop_assert!(made_by.contains_key(&key(&id)), "{} is missing", id);
        }
    }
    let roles = made_by
        .keys()
        .filter(|id| id.contains("/roleassignments/"))
        .count();
    let wanted: HashSet<String> = written
        .iter()
        .enumerate()
        .filter(|(_, line)| line.has_somebody())
        .flat_map(|(at, line)| {
            let json = line.to_json(at);
            let scope = match json["scope"].as_str() {
                Some("subscription") => SUBSCRIPTIONS[line.subscription].to_owned(),
                // Without a vault the roles hold in the group.
                Some("vault") | None if json["vault"].is_string() => {
                    let group = group_id(line.subscription, line.group);
                    format!("{group} {}", json["vault"])
                }
                _ => group_id(line.subscription, line.group).to_string(),
            };
            let who = match line.identity {
                Identity::System => format!("{} vm{at}", group_id(line.subscription, line.group)),
                Identity::Own(identity) => {
                    format!("{} {identity}", group_id(line.subscription, line.group))
                }
                Identity::Other(subscription, group, identity) => {
                    format!("{} {identity}", group_id(subscription, group))
                }
                Identity::None => String::new(),
            };
            (0..line.roles).map(move |role| format!("{scope} {who} {role}"))
        })
        .collect();
    prop_assert_eq!(roles, wanted.len());
    // The same again has the same names.
    let names = |all: &[Deployment]| all.iter().map(|one| one.name.clone()).collect::<Vec<_>>();
    if written.len() < 100 {
        prop_assert_eq!(names(&all), names(&deployments(written, there)));
    }
    let distinct: HashSet<String> = names(&all).into_iter().collect();
    prop_assert_eq!(distinct.len(), all.len());
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, max_shrink_iters: 200, ..ProptestConfig::default() })]

    #[test]
    fn a_fleet_of_any_kind_is_cut_within_the_limits(
        written in prop_oneof![
            3 => prop::collection::vec(lines(), 1..60),
            1 => prop::collection::vec(lines(), 1..=2_000),
        ],
        there in prop::collection::hash_set((0usize..3, 0usize..4), 0..6),
    ) {
        let there = there.into_iter().map(|(s, g)| key(&group_id(s, g))).collect();
        check(&written, &there)?;
    }
}

fn plain(group: usize, machine: bool) -> Written {
    Written {
        subscription: 0,
        group,
        machine,
        vault: None,
        identity: Identity::None,
        roles: 0,
        scope: None,
        network: None,
        address: true,
        password: false,
        data: 0,
    }
}

#[test]
fn a_large_group_is_cut_and_the_rest_comes_after_what_it_needs() {
    // 400 machines are 1600 resources, and their network.
    let written: Vec<Written> = (0..400).map(|_| plain(0, true)).collect();
    check(&written, &HashSet::new()).expect("it holds");
    let all = deployments(&written, &HashSet::new());
    let counts: Vec<usize> = all.iter().map(|one| one.resources.len()).collect();
    assert_eq!(counts, [1, 800, 800, 1]);
}

#[test]
fn what_several_lines_share_must_be_the_same() {
    let (mut all, known) =
        fleet(&[plain(0, false), plain(0, false)], &HashSet::new()).expect("two");
    assert!(resources(&all, &known, None).is_ok());
    all[1].line.vault_settings.retention_days = 7;
    let failure = resources(&all, &known, None).err().expect("a difference");
    assert!(
        failure.message.contains("line 2: the key vault"),
        "{failure}"
    );
    let (mut all, known) = fleet(&[plain(0, true), plain(0, true)], &HashSet::new()).expect("two");
    let same = all[0].line.machine.clone();
    let name = "vm0".parse().expect("a name");
    all[1].machine.as_mut().expect("a machine").request =
        Request::for_tests(&name, &same, None, None);
    let failure = resources(&all, &known, None).err().expect("one machine");
    assert!(failure.message.contains("is line 1's"), "{failure}");
}

#[test]
fn a_subnet_has_only_so_many_addresses() {
    let written: Vec<Written> = (0..252).map(|_| plain(0, true)).collect();
    let (mut all, known) = fleet(&written, &HashSet::new()).expect("a fleet");
    for wanted in &mut all {
        let machine = wanted.machine.as_mut().expect("a machine");
        let mut args = wanted.line.machine.clone();
        args.subnet_address_prefix = Some("10.0.0.0/24".parse().expect("a range"));
        let name = wanted.line.name.clone().expect("a name");
        machine.request = Request::for_tests(&name, &args, None, None);
    }
    let failure = resources(&all, &known, None).err().expect("it is full");
    assert!(failure.message.starts_with("line 252: subnet"), "{failure}");
    all.pop();
    assert!(resources(&all, &known, None).is_ok());
}
