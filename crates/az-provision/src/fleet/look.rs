//! What has to be known of Azure before a fleet can be written down: asked once for each subscription, group, image and
//! role, never for each machine.

use super::{
    lines::Numbered,
    node::key,
    wanted::{Known, Machine, Wanted, catalogue_key, network_key, of_line, role_key},
};
use crate::vm::{self, request::Request};
use az_core::{
    arm::{Client, ResourceId, is_leaving, versions},
    cli::{Doing, Failure, Session, Status},
    identity::{Word, user_assigned_id},
    name::Location,
    nearest::did_you_mean,
    role,
    subscription::Subscription,
};
use futures::{StreamExt, TryStreamExt, stream};
use serde_json::Value;
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    future::Future,
};

/// Looks up what lines need.
pub(super) async fn up(
    session: &Session,
    lines: Vec<Numbered>,
    jobs: usize,
) -> Result<(Vec<Wanted>, Known), Failure> {
    let arm = session.arm()?;
    let subscriptions = subscriptions(session, &lines).await?;
    let mut known = Known::default();
    let mut ids = Vec::with_capacity(lines.len());
    for one in &lines {
        let found = chosen(session, &subscriptions, one).await;
        let found = found.doing(format!("line {}", one.number))?;
        let tenant = found.tenant_id.unwrap_or_default();
        known.tenants.insert(found.id.clone(), tenant);
        ids.push(found.id);
    }
    let groups = groups(arm, &known, jobs).await?;
    let mut all = wanted(session, lines, ids, &groups)?;
    leaving(arm, &mut all, &groups, &mut known, jobs).await?;
    known.facts = facts(arm, &all, jobs).await?;
    identities(arm, &all, jobs).await?;
    known.networks = networks(arm, &all, &known, jobs).await?;
    known.roles = roles(session, &all, jobs).await?;
    Ok((all, known))
}

/// The subscriptions that there are, with their tenants.
async fn subscriptions(
    session: &Session,
    lines: &[Numbered],
) -> Result<Vec<Subscription>, Failure> {
    // Vaults name their tenant.
    let needed = lines
        .iter()
        .any(|one| one.line.subscription.is_some() || one.line.vault.is_some());
    if !needed {
        return Ok(vec![]);
    }
    let found = session
        .arm()?
        .list("/subscriptions", versions::SUBSCRIPTIONS, &[])
        .await
        .doing("reading the subscriptions")?;
    Ok(found.iter().filter_map(Subscription::from_arm).collect())
}

/// The subscription of a line.
async fn chosen(
    session: &Session,
    all: &[Subscription],
    one: &Numbered,
) -> Result<Subscription, Failure> {
    let own = match &one.line.subscription {
        Some(own) => own.as_str(),
        None => session.subscription().await?,
    };
    let is = |found: &&Subscription| {
        let name = found.name.as_deref().unwrap_or_default();
        found.id.eq_ignore_ascii_case(own) || name.eq_ignore_ascii_case(own)
    };
    let mut found = all.iter().filter(is);
    match (found.next(), found.next()) {
        (Some(found), None) => Ok(found.clone()),
        (Some(_), Some(_)) => Err(Failure::usage(format!(
            "several subscriptions are named '{own}'"
        ))
        .hint("Write the id.")),
        // The session's own is known to be there.
        (None, _) if one.line.subscription.is_none() => Ok(Subscription {
            id: own.to_owned(),
            tenant_id: Some(session.tenant().await?),
            name: None,
        }),
        (None, _) => {
            let names = all.iter().filter_map(|found| found.name.as_deref());
            let near = did_you_mean(own, names).map_or_else(String::new, |near| near + " ");
            Err(Failure::new(
                Status::NotFound,
                format!("there is no subscription '{own}' that you can see"),
            )
            .hint(format!("{near}'az account list' shows them.")))
        }
    }
}

/// The groups of the subscriptions, by their keys.
async fn groups(
    arm: &Client,
    known: &Known,
    jobs: usize,
) -> Result<HashMap<String, Value>, Failure> {
    let ids: Vec<String> = known.tenants.keys().cloned().collect();
    let found = each(ids, jobs, |id| async move {
        let path = format!("/subscriptions/{id}/resourcegroups");
        let found = arm.list(path, versions::RESOURCES, &[]).await;
        found.doing(format!("reading the groups of subscription '{id}'"))
    });
    let found = found.await?.into_iter().flatten();
    let keyed = found.filter_map(|group| {
        let id: ResourceId = group["id"].as_str()?.parse().ok()?;
        Some((key(&id), group))
    });
    Ok(keyed.collect())
}

/// The lines, each checked as a single command checks its flags.
fn wanted(
    session: &Session,
    lines: Vec<Numbered>,
    ids: Vec<String>,
    groups: &HashMap<String, Value>,
) -> Result<Vec<Wanted>, Failure> {
    let mut all = Vec::with_capacity(lines.len());
    let mut refused = Vec::new();
    for (one, subscription) in lines.into_iter().zip(ids) {
        let number = one.number;
        match checked(session, one, &subscription, groups) {
            Ok(wanted) => all.push(wanted),
            Err(failure) => refused.push(failure.doing(format!("line {number}"))),
        }
    }
    session.none_of(refused)?;
    Ok(all)
}

/// Gives the machines their users' public keys. A new pair is made here, the same for all; not where `is_plan` says that
/// nothing is to be made.
pub(super) fn keys(session: &Session, all: &mut [Wanted], is_plan: bool) -> Result<(), Failure> {
    let mut new_keys: Option<Vec<String>> = None;
    for machine in all.iter_mut().filter_map(|wanted| wanted.machine.as_mut()) {
        let request = &machine.request;
        let is_new = request.has_new_keys();
        machine.keys = match &new_keys {
            Some(keys) if is_new => keys.clone(),
            _ if is_new && is_plan => vec!["<a new key>".to_owned()],
            _ => request.keys(session)?,
        };
        if is_new {
            new_keys = Some(machine.keys.clone());
        }
    }
    Ok(())
}

fn checked(
    session: &Session,
    one: Numbered,
    subscription: &str,
    groups: &HashMap<String, Value>,
) -> Result<Wanted, Failure> {
    let line = one.line;
    let Some(group) = &line.resource_group else {
        return Err(Failure::usage("it names no group"));
    };
    let group = ResourceId::group(subscription, group.as_str());
    let there = groups.get(&key(&group)).filter(|there| !is_leaving(there));
    let of_group = there.and_then(|there| there["location"].as_str());
    let location: Location = match (&line.location, of_group) {
        (Some(location), _) => location.clone(),
        (None, Some(location)) => location.parse()?,
        (None, None) => {
            return Err(Failure::usage(format!(
                "'location' is missing, and group '{}' is not there to have one",
                group.name()
            )));
        }
    };
    let machine = match &line.name {
        Some(name) => Some(Machine {
            request: Request::checked(session, name, line.machine.clone())?,
            keys: vec![],
        }),
        None => None,
    };
    Ok(Wanted {
        number: one.number,
        group,
        location,
        machine,
        line,
    })
}

/// The groups that stay: one that is being deleted is waited for.
async fn leaving(
    arm: &Client,
    all: &mut [Wanted],
    groups: &HashMap<String, Value>,
    known: &mut Known,
    jobs: usize,
) -> Result<(), Failure> {
    let asked: BTreeMap<String, ResourceId> = all
        .iter()
        .map(|wanted| (key(&wanted.group), wanted.group.clone()))
        .collect();
    let mut going = Vec::new();
    for (at, id) in asked {
        match groups.get(&at) {
            Some(there) if is_leaving(there) => going.push(id),
            Some(_) => {
                known.groups.insert(at);
            }
            None => {}
        }
    }
    let back = each(going, jobs, |id| async move {
        let there = arm.find_lasting(&id, versions::RESOURCES, &[]).await;
        let there = there.doing(format!("reading group '{}'", id.name()))?;
        Ok(there.map(|_| key(&id)))
    });
    known.groups.extend(back.await?.into_iter().flatten());
    Ok(())
}

async fn facts(
    arm: &Client,
    all: &[Wanted],
    jobs: usize,
) -> Result<HashMap<String, vm::image::Facts>, Failure> {
    let mut asked: BTreeMap<String, (&Wanted, &Request)> = BTreeMap::new();
    for (wanted, request) in machines(all) {
        let at = catalogue_key(wanted, request);
        asked.entry(at).or_insert((wanted, request));
    }
    let found = each(asked, jobs, |(at, (wanted, request))| async move {
        let subscription = wanted.subscription();
        let facts = vm::look::catalogue(arm, request, subscription, &wanted.location).await;
        Ok((at, of_line(wanted, facts)?))
    });
    let found: HashMap<String, vm::image::Facts> = found.await?.into_iter().collect();
    for (wanted, request) in machines(all) {
        if let Some(facts) = found.get(&catalogue_key(wanted, request)) {
            of_line(wanted, vm::look::suits(request, facts))?;
        }
    }
    Ok(found)
}

/// Identities that lines name and do not make: each is looked up, so that one that is not there is found out before
/// anything is made.
async fn identities(arm: &Client, all: &[Wanted], jobs: usize) -> Result<(), Failure> {
    let made: HashSet<String> = all
        .iter()
        .filter_map(|wanted| match &wanted.line.identity {
            Some(Word::Name(name)) => Some(key(&user_assigned_id(&wanted.group, name))),
            _ => None,
        })
        .collect();
    let mut asked: BTreeMap<String, (usize, ResourceId)> = BTreeMap::new();
    for wanted in all {
        let machine = wanted.machine.as_ref();
        let named = machine.map(|machine| machine.request.user_assigned(&wanted.group));
        let own = match &wanted.line.identity {
            Some(Word::Id(id)) => Some(id.clone()),
            _ => None,
        };
        for id in named.into_iter().flatten().chain(own) {
            if !made.contains(&key(&id)) {
                asked.entry(key(&id)).or_insert((wanted.number, id));
            }
        }
    }
    let found = each(asked.into_values(), jobs, |(number, id)| async move {
        match arm.get(&id, versions::MANAGED_IDENTITY).await {
            Err(error) if error.is_not_found() => Err(Failure::new(
                Status::NotFound,
                format!("line {number}: there is no user-assigned identity '{id}'"),
            )
            .hint("Check the line, or name it in the 'identity' of one, which makes it.")),
            // Who may assign an identity need not be allowed to read it.
            _ => Ok(()),
        }
    });
    found.await.map(drop)
}

/// The networks that machines without one of their own would be put in, or of the names that lines give, of groups that
/// are there.
async fn networks(
    arm: &Client,
    all: &[Wanted],
    known: &Known,
    jobs: usize,
) -> Result<HashMap<String, (ResourceId, Value)>, Failure> {
    let mut asked: BTreeMap<String, (&Wanted, &Request)> = BTreeMap::new();
    for (wanted, request) in machines(all) {
        if known.groups.contains(&key(&wanted.group)) {
            let at = network_key(wanted, request);
            asked.entry(at).or_insert((wanted, request));
        }
    }
    let found = each(asked, jobs, |(at, (wanted, request))| async move {
        let network = request.network();
        let found = network.virtual_network(arm, &wanted.group, &wanted.location);
        let (id, there) = of_line(wanted, found.await)?;
        Ok(there.map(|there| (at, (id, there))))
    });
    Ok(found.await?.into_iter().flatten().collect())
}

async fn roles(
    session: &Session,
    all: &[Wanted],
    jobs: usize,
) -> Result<HashMap<String, ResourceId>, Failure> {
    let mut asked: BTreeMap<String, (&Wanted, &str, ResourceId)> = BTreeMap::new();
    for wanted in all {
        let scope = wanted.scope();
        for role in &wanted.line.role {
            let Some(subscription) = scope.subscription_id() else {
                return Err(Failure::usage(format!(
                    "line {}: '{scope}' is in no subscription",
                    wanted.number
                ))
                .hint("Give that role with 'az-role assignment create'."));
            };
            let at = role_key(&scope, role);
            let subscription = ResourceId::subscription(subscription);
            asked.entry(at).or_insert((wanted, role, subscription));
        }
    }
    let found = each(asked, jobs, |(at, (wanted, role, scope))| async move {
        let found = role::resolve(session, role, &scope).await;
        Ok((at, of_line(wanted, found)?))
    });
    Ok(found.await?.into_iter().collect())
}

fn machines(all: &[Wanted]) -> impl Iterator<Item = (&Wanted, &Request)> {
    all.iter()
        .filter_map(|wanted| Some((wanted, &wanted.machine.as_ref()?.request)))
}

/// Does the same for each, so many side by side.
pub(super) async fn each<T, R, Fut>(
    all: impl IntoIterator<Item = T>,
    jobs: usize,
    act: impl Fn(T) -> Fut,
) -> Result<Vec<R>, Failure>
where
    Fut: Future<Output = Result<R, Failure>>,
{
    stream::iter(all)
        .map(act)
        .buffered(jobs)
        .try_collect()
        .await
}
