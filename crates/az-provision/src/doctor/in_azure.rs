//! What Azure is asked: all that does not rest on each other, side by side.

use super::{
    asking::{Answers, Key, Questions},
    bound::{ANSWER, within},
    check::Check,
    cli::Doctor,
    names,
    permissions::{Held, Scopes, Vault},
    subscription::{self, PROVIDERS},
};
use az_core::{
    arm::{ResourceId, versions},
    caller::Caller,
    cli::{Failure, Session},
};

/// The checks of the subscription and of what is named in it.
pub(super) async fn checks(
    session: &Session,
    args: &Doctor,
    caller: Option<&Caller>,
) -> Vec<Check> {
    let id = within(ANSWER, session.subscription()).await;
    let (id, arm) = match id.and_then(|id| Ok((ResourceId::subscription(id), session.arm()?))) {
        Ok(both) => both,
        Err(failure) => return vec![Check::failure("subscription", failure)],
    };
    let named = Named::of(args, &id);
    let found = questions(args, &id, &named).ask(arm).await;
    let vault = known(args, &found);
    // Only now it is known which vault it is.
    let vault_id = match vault {
        Vault::There(there) => there["id"].as_str().and_then(|id| id.parse().ok()),
        Vault::NotSeen => named.vault.clone(),
        Vault::NotNamed | Vault::Absent => None,
    };
    let mut of_vault = Questions::default();
    if let Some(id) = &vault_id {
        of_vault.permissions(Key::InVault, id);
    }
    let of_vault = of_vault.ask(arm).await;

    let mut checks = subscription::check(found.get(Key::Subscription), &id, caller);
    checks.extend(names(args, &named, &found));
    let held = [
        (Some(&id), found.get(Key::InSubscription)),
        (named.group.as_ref(), found.get(Key::InGroup)),
        (vault_id.as_ref(), of_vault.get(Key::InVault)),
    ];
    let [held, in_group, in_vault] = held.map(|(scope, answer)| Held::of(scope?, answer?));
    let permissions = match &held {
        Some(Ok(held)) => Some(&held.permissions),
        _ => None,
    };
    checks.extend(subscription::providers(&found, permissions));
    // A scope may answer though there is nothing.
    let group_is_there = !matches!(found.get(Key::Group), Some(Ok(None)));
    let in_group = in_group.filter(|_| group_is_there);
    match all_read(held, in_group, in_vault) {
        Ok((subscription, group, vault_held)) => {
            let scopes = Scopes {
                subscription: &subscription,
                group: group.as_ref(),
                vault: vault_held.as_ref(),
                resource: vault,
                caller,
            };
            checks.extend(scopes.checks());
        }
        Err(Some(failure)) => checks.push(Check::not_known("permissions", failure)),
        Err(None) => checks.push(Check::skipped(
            "permissions",
            "there is no such subscription",
        )),
    }
    checks
}

type Read = Option<Result<Held, Failure>>;

/// What could be read, or why one could not; nothing without that of the subscription.
fn all_read(
    subscription: Read,
    group: Read,
    vault: Read,
) -> Result<(Held, Option<Held>, Option<Held>), Option<Failure>> {
    let subscription = subscription.ok_or(None)??;
    Ok((subscription, group.transpose()?, vault.transpose()?))
}

fn questions(args: &Doctor, id: &ResourceId, named: &Named) -> Questions {
    let mut questions = Questions::default();
    questions.one(Key::Subscription, id.as_str(), versions::SUBSCRIPTIONS);
    questions.permissions(Key::InSubscription, id);
    for namespace in PROVIDERS {
        let path = format!("{id}/providers/{namespace}");
        questions.one(Key::Provider(namespace), path, versions::RESOURCES);
    }
    if args.location.is_some() {
        let path = format!("{id}/locations");
        questions.list(Key::Locations, path, versions::SUBSCRIPTIONS);
    }
    if let Some(group) = &named.group {
        questions.one(Key::Group, group.as_str(), versions::RESOURCES);
        questions.permissions(Key::InGroup, group);
    }
    if let Some(machine) = &named.machine {
        questions.one(Key::Machine, machine.as_str(), versions::COMPUTE);
    }
    if let Some(name) = &args.vault_name {
        questions.vault_name(id, name);
    }
    questions
}

/// The checks of what holds the names.
fn names(args: &Doctor, named: &Named, found: &Answers) -> Vec<Check> {
    let location = args.location.as_ref();
    let mut checks = Vec::new();
    if let (Some(answer), Some(wanted)) = (found.get(Key::Locations), location) {
        checks.push(subscription::location(answer, wanted));
    }
    if let (Some(answer), Some(id)) = (found.get(Key::Group), &named.group) {
        checks.push(names::group(answer, id, location));
    }
    if let (Some(answer), Some(name)) = (found.get(Key::Machine), &args.vm_name) {
        checks.push(names::machine(answer, name));
    }
    if let Some(name) = &args.vault_name {
        checks.push(names::vault(found, name, named.group.as_ref(), location));
    }
    checks
}

/// Whether the vault is there, as far as the caller sees.
fn known<'a>(args: &Doctor, found: &'a Answers) -> Vault<'a> {
    let Some(name) = &args.vault_name else {
        return Vault::NotNamed;
    };
    match (
        names::of_name(found, Key::Vaults, name),
        found.items(Key::Vaults),
    ) {
        (Some(there), _) => Vault::There(there),
        (None, Some(_)) => Vault::Absent,
        (None, None) => Vault::NotSeen,
    }
}

/// The resources that are named.
struct Named {
    group: Option<ResourceId>,
    machine: Option<ResourceId>,
    vault: Option<ResourceId>,
}

impl Named {
    fn of(args: &Doctor, subscription: &ResourceId) -> Self {
        let subscription = subscription.subscription_id().unwrap_or_default();
        let group = args
            .resource_group
            .as_ref()
            .map(|name| ResourceId::group(subscription, name.as_str()));
        let within = |provider: &str, kind: &str, name: Option<&str>| {
            Some(group.as_ref()?.resource(provider, kind, name?))
        };
        let machine = args.vm_name.as_ref().map(|name| name.as_str());
        let machine = within("Microsoft.Compute", "virtualMachines", machine);
        let vault = args.vault_name.as_ref().map(|name| name.as_str());
        let vault = within("Microsoft.KeyVault", "vaults", vault);
        Named {
            group,
            machine,
            vault,
        }
    }
}
