//! The kinds of populations: many of one thing, beside the little that every instance has.

use crate::Result;
use crate::base::{Base, EACH, GROUP, MANY, VAULT, group, located, value};
use crate::client::Call;
use crate::desk::{Desk, expect};
use crate::fill::{Filled, Limits, fill};
use std::sync::Arc;

/// Groups and names that resources and operations are spread over.
const SPREAD: usize = 10;
const FIREWALLS: usize = 64;
/// The first number of a population's assignments: the base has its own below.
const FIRST: u64 = 1_000;

/// A kind of population.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Resources,
    Secrets,
    Versions,
    Groups,
    Assignments,
    Near,
    Own,
    Operations,
}

/// The kinds, with their names and what there are many of.
pub(crate) const KINDS: [(Kind, &str, &str); 8] = [
    (
        Kind::Resources,
        "resources",
        "user-assigned identities, spread over ten groups",
    ),
    (Kind::Secrets, "secrets", "secrets in the vault"),
    (Kind::Versions, "versions", "versions of one secret"),
    (Kind::Groups, "groups", "resource groups"),
    (
        Kind::Assignments,
        "assignments",
        "role assignments of others, at other groups",
    ),
    (
        Kind::Near,
        "assignments-near",
        "role assignments of others, at the subscription, the group and the vault",
    ),
    (
        Kind::Own,
        "assignments-own",
        "role assignments of the caller's own, at other groups",
    ),
    (
        Kind::Operations,
        "operations",
        "finished operations, of 64 network security groups that were written again and again",
    ),
];

impl Kind {
    /// By its name.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        let found = KINDS.iter().find(|(_, known, _)| *known == name);
        found.map(|(kind, _, _)| *kind)
    }

    /// Its name, and what there are many of.
    pub(crate) fn words(self) -> (&'static str, &'static str) {
        let found = KINDS.iter().find(|(kind, _, _)| *kind == self);
        found.map_or(("", ""), |(_, name, what)| (name, what))
    }
}

/// Makes `count` of a kind.
pub(crate) async fn populate(
    base: &Base,
    kind: Kind,
    count: usize,
    limits: Limits,
) -> Result<Filled> {
    let desk = Arc::clone(&base.desk);
    let maker: fn(&Desk, usize) -> Call = match kind {
        Kind::Assignments | Kind::Near | Kind::Own => {
            return assignments(base, kind, count, limits).await;
        }
        Kind::Resources => |desk, number| {
            let place = match number % SPREAD {
                0 => GROUP.to_owned(),
                other => group(other),
            };
            desk.identity("PUT", &place, &bulk(number), Some(&located(number)))
        },
        Kind::Secrets => |desk, number| {
            desk.secret(
                "PUT",
                VAULT,
                &format!("/{}", bulk(number)),
                Some(&value(number)),
            )
        },
        Kind::Versions => {
            |desk, number| desk.secret("PUT", VAULT, &format!("/{MANY}"), Some(&value(number)))
        }
        Kind::Groups => |desk, number| desk.group("PUT", &bulk(number), Some(&located(number))),
        Kind::Operations => {
            // The groups themselves are there at every size: what grows is what was done to them.
            let with = Arc::clone(&desk);
            fill(&desk.sign_in.dialer, FIREWALLS, limits, move |number| {
                firewall(&with, number)
            })
            .await?
            .whole()?;
            firewall
        }
    };
    fill(&base.desk.sign_in.dialer, count, limits, move |number| {
        maker(&desk, number)
    })
    .await
}

fn firewall(desk: &Desk, number: usize) -> Call {
    let name = bulk(number % FIREWALLS);
    desk.firewall("PUT", &group(0), &name, Some(&located(number)))
}

fn bulk(number: usize) -> String {
    format!("bulk-{number:06}")
}

/// Every role at every scope for every principal, until there are enough.
async fn assignments(base: &Base, kind: Kind, count: usize, limits: Limits) -> Result<Filled> {
    let desk = &base.desk;
    let roles = base.roles.clone();
    let (principals, scopes) = match kind {
        Kind::Own => {
            let scopes = groups(desk, count.div_ceil(roles.len()), limits).await?;
            (vec![desk.sign_in.object_id.clone()], scopes)
        }
        Kind::Near => {
            let vault = desk.vault_id(GROUP, VAULT);
            let scopes = vec![desk.subscription(), desk.group_id(GROUP), vault];
            let needed = count.div_ceil(roles.len() * scopes.len());
            (identities(desk, needed, limits).await?, scopes)
        }
        _ => {
            let scopes: Vec<String> = (0..EACH).map(|n| desk.group_id(&group(n))).collect();
            let needed = count.div_ceil(roles.len() * scopes.len());
            (identities(desk, needed, limits).await?, scopes)
        }
    };
    // Fewer where the time was over for what they name.
    let possible = principals.len() * scopes.len() * roles.len();
    let with = Arc::clone(desk);
    let filled = fill(
        &desk.sign_in.dialer,
        count.min(possible),
        limits,
        move |number| {
            let role = &roles[number % roles.len()];
            let scope = &scopes[number / roles.len() % scopes.len()];
            let principal = &principals[number / roles.len() / scopes.len()];
            with.assign(FIRST + number as u64, scope, role, principal)
        },
    )
    .await?;
    Ok(Filled {
        wanted: count,
        ..filled
    })
}

/// Makes groups: scopes.
async fn groups(desk: &Arc<Desk>, count: usize, limits: Limits) -> Result<Vec<String>> {
    let with = Arc::clone(desk);
    let made = fill(&desk.sign_in.dialer, count, limits, move |number| {
        with.group("PUT", &bulk(number), Some(&located(number)))
    })
    .await?;
    Ok((0..made.done)
        .map(|number| desk.group_id(&bulk(number)))
        .collect())
}

/// Makes identities: their principals.
async fn identities(desk: &Arc<Desk>, count: usize, limits: Limits) -> Result<Vec<String>> {
    let with = Arc::clone(desk);
    let made = fill(&desk.sign_in.dialer, count, limits, move |number| {
        with.identity("PUT", &group(1), &bulk(number), Some(&located(number)))
    })
    .await?;
    let mut client = desk.client();
    let mut principals = Vec::with_capacity(made.done);
    for number in 0..made.done {
        let call = desk.identity("GET", &group(1), &bulk(number), None);
        let made = expect(&mut client, &call).await?;
        let principal = made["properties"]["principalId"].as_str();
        principals.push(
            principal
                .ok_or("an identity has no principalId")?
                .to_owned(),
        );
    }
    Ok(principals)
}
