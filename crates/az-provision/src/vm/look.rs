//! What is there of machines that are wanted: read side by side, refused where something is wrong, before anything is made.

use super::{
    compare::{self, Differences},
    image::Facts,
    keys::Keys,
    machine::Addresses,
    network::{parts::Parts, plan as network_plan},
    request::Request,
    size,
    target::Target,
};
use crate::plan::node::{Node, State, retagged};
use az_core::{
    arm::{Client, ResourceId, versions},
    cli::{Doing, Failure, SIDE_BY_SIDE, Session},
    name::Location,
};
use futures::{StreamExt, TryStreamExt, stream};
use serde_json::Value;
use std::collections::HashMap;

/// One machine that is wanted, and what is there of it.
pub(crate) struct Looked<'a> {
    pub(super) request: &'a Request,
    pub(super) id: ResourceId,
    pub(super) found: Found,
}

/// What is there of a machine.
pub(super) enum Found {
    /// It is there.
    There {
        machine: Value,
        addresses: Addresses,
        differences: Differences,
    },
    /// It is to be made.
    New {
        /// What its image is; or why its image, size or identities cannot be had.
        facts: Result<Facts, Failure>,
        parts: Parts,
    },
}

/// Looks at machines of one kind: they differ in their names only. Nothing is there where `in_group` says that their group
/// is not.
pub(crate) async fn all<'a>(
    arm: &Client,
    requests: &'a [Request],
    target: &Target<'_>,
    in_group: bool,
) -> Result<Vec<Looked<'a>>, Failure> {
    let found = stream::iter(requests)
        .map(|request| find(arm, request, target, in_group))
        .buffered(SIDE_BY_SIDE)
        .try_collect::<Vec<_>>();
    let (facts, found) = futures::join!(facts(arm, requests.first(), target), found);
    let looked = found?.into_iter().zip(requests).map(|(found, request)| {
        let facts = facts.clone();
        async move {
            let doing = request.doing();
            let id = request.id(target.group);
            let found = match found {
                Some(machine) => there(arm, request, target, machine).await.doing(doing)?,
                None => Found::New {
                    facts: facts.and_then(|facts| suits(request, &facts).map(|()| facts)),
                    parts: request
                        .network
                        .read(arm, target, in_group)
                        .await
                        .doing(doing)?,
                },
            };
            Ok(Looked { request, id, found })
        }
    });
    stream::iter(looked)
        .buffered(SIDE_BY_SIDE)
        .try_collect()
        .await
}

async fn find(
    arm: &Client,
    request: &Request,
    target: &Target<'_>,
    in_group: bool,
) -> Result<Option<Value>, Failure> {
    if !in_group {
        return Ok(None);
    }
    let id = request.id(target.group);
    arm.find_lasting(id, versions::COMPUTE, &request.expand())
        .await
        .doing(request.doing())
}

/// What the image is, once image, size and identities are known to be there.
async fn facts(
    arm: &Client,
    request: Option<&Request>,
    target: &Target<'_>,
) -> Result<Facts, Failure> {
    let Some(request) = request else {
        return Ok(Facts::default());
    };
    let subscription = target.group.subscription_id().unwrap_or_default();
    let (facts, identities) = futures::join!(
        catalogue(arm, request, subscription, target.location),
        request.look_up_identities(arm, target.group),
    );
    let facts = facts?;
    identities?;
    Ok(facts)
}

/// What a subscription's catalogue says of the image, once image and size are known to be there.
pub(crate) async fn catalogue(
    arm: &Client,
    request: &Request,
    subscription: &str,
    location: &Location,
) -> Result<Facts, Failure> {
    let (facts, size) = futures::join!(
        request.image.look_up(arm, subscription, location),
        size::look_up(arm, subscription, location, &request.size),
    );
    let unknown_location = |mut failure: Failure| {
        // Azure's own message lists each API version and each location.
        if failure.code.as_deref() == Some("NoRegisteredProviderFound") {
            let location = location.canonical();
            failure.message = format!("there are no virtual machines in location '{location}'");
        }
        failure
    };
    let facts = facts.map_err(unknown_location)?;
    size?;
    Ok(facts)
}

/// Whether the image can be given the wanted user and name: what Windows does not take is known only once the catalogue
/// has said that the image holds Windows.
/// <https://learn.microsoft.com/rest/api/compute/virtual-machines/create-or-update#osprofile>
pub(crate) fn suits(request: &Request, facts: &Facts) -> Result<(), Failure> {
    if !facts.windows {
        return Ok(());
    }
    const LONGEST_NAME: usize = 15;
    const LONGEST_USER: usize = 20;
    let login = &request.login;
    if login.password.is_none() || !matches!(login.keys, Keys::None) {
        return Err(Failure::usage(
            "the image holds Windows, which takes a password and no SSH keys",
        )
        .hint(
            "Give --authentication-type password, with --admin-password-file or at the prompt.",
        ));
    }
    let name = request.computer_name();
    if name.chars().count() > LONGEST_NAME || name.chars().all(|c| c.is_ascii_digit()) {
        return Err(Failure::usage(format!(
            "'{name}': the image holds Windows, whose computer names have at most {LONGEST_NAME} characters, not all of them digits"
        )));
    }
    if login.username.chars().count() > LONGEST_USER || login.username.ends_with('.') {
        return Err(Failure::usage(format!(
            "--admin-username '{}': the image holds Windows, whose user names have at most {LONGEST_USER} characters and do not end in '.'",
            login.username
        )));
    }
    Ok(())
}

async fn there(
    arm: &Client,
    request: &Request,
    target: &Target<'_>,
    machine: Value,
) -> Result<Found, Failure> {
    let mut differences = compare::machine(request, &machine, target.group, target.location);
    let addresses = Addresses::read(arm, &machine).await?;
    let interface = addresses.first();
    differences.extend(request.network.differences(arm, interface).await?);
    Ok(Found::There {
        machine,
        addresses,
        differences,
    })
}

/// Why machines that were looked at cannot be made as they are wanted; what is the same for several, once.
pub(crate) fn refused(looked: &[Looked<'_>], group: &ResourceId) -> Vec<Failure> {
    const NAMED: usize = 8;
    let mut all: Vec<(Failure, Vec<String>)> = Vec::new();
    let mut known = HashMap::new();
    for one in looked {
        let Err(failure) = one.refuse(group) else {
            continue;
        };
        let at = *known.entry(failure.message.clone()).or_insert(all.len());
        if at == all.len() {
            all.push((failure, vec![]));
        }
        all[at].1.push(format!("'{}'", one.request.name));
    }
    let named = all.into_iter().map(|(failure, names)| {
        let more = match names.len().saturating_sub(NAMED) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let kind = match names.len() {
            1 => "virtual machine",
            _ => "virtual machines",
        };
        let first: Vec<String> = names.into_iter().take(NAMED).collect();
        failure.doing(format!("creating {kind} {}{more}", first.join(", ")))
    });
    named.collect()
}

/// The keys of those that are to be made; a new pair is made now, once for all of them.
pub(crate) fn keys(session: &Session, looked: &[Looked<'_>]) -> Result<Vec<String>, Failure> {
    let mut new = looked
        .iter()
        .filter(|one| matches!(one.found, Found::New { .. }));
    match new.next() {
        Some(one) => one
            .request
            .login
            .keys
            .made(session)
            .doing(one.request.doing()),
        None => Ok(vec![]),
    }
}

impl Looked<'_> {
    /// Refuses what is there and is not as it is wanted, and what cannot be made.
    fn refuse(&self, group: &ResourceId) -> Result<(), Failure> {
        match &self.found {
            Found::There { differences, .. } => differences.refuse(),
            Found::New { facts, parts, .. } => match facts {
                Err(failure) => Err(failure.clone()),
                Ok(_) => self.request.network.refuse(group, parts),
            },
        }
    }

    /// What would become of the network's resources, then of the machine. What Azure shows to nobody, as its password, is
    /// not compared.
    pub(crate) fn nodes(&self, target: &Target<'_>) -> Vec<Node> {
        let id = self.id.clone();
        match &self.found {
            Found::There {
                machine,
                addresses,
                differences,
            } => {
                let mut nodes = network_plan::of_interface(addresses.first());
                let tags = retagged(machine, target.tags.as_ref());
                nodes.push(Node::there(id, differences.list().to_vec(), tags));
                nodes
            }
            Found::New { facts, parts, .. } => {
                let mut nodes = network_plan::nodes(&self.request.network, target.group, parts);
                nodes.push(match facts {
                    Err(failure) => Node::refused(id, failure),
                    Ok(_) => Node::new(id, State::Create),
                });
                nodes
            }
        }
    }
}
