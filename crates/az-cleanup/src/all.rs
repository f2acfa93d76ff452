//! Step 5 of the tutorial at once.

use crate::{cli::Force, group, keyvault};
use az_core::{
    arm::{ResourceId, versions},
    cli::{Failure, Session},
    name::GroupName,
};
use futures::try_join;
use serde_json::{Value, json};

/// Deletes the group, waits, and purges every vault that was in it. What is gone already is no error: run again after it was
/// cut short, or after it was through, it ends the same.
pub(crate) async fn run(
    session: &Session,
    name: &GroupName,
    force: &Force,
) -> Result<Value, Failure> {
    let id = session.group_id(name.as_str()).await?;
    let arm = session.arm()?;
    let (there, deleted) = try_join!(
        async { Ok(arm.find(&id, versions::RESOURCES).await?) },
        keyvault::deleted_vaults(session),
    )?;
    // Those that were deleted before count too: by an earlier run that was interrupted, by a deletion of the group
    // that is under way, or one by one.
    let mut vaults = names(&was_in(&deleted, &id));
    if there.is_some() {
        let path = format!("{id}/providers/Microsoft.KeyVault/vaults");
        let found = arm.list(path, versions::KEY_VAULT, &[]).await?;
        vaults.extend(names(&found.iter().collect::<Vec<_>>()));
        vaults.sort_unstable();
        vaults.dedup();
    }
    if there.is_none() && vaults.is_empty() {
        session.warn(format!(
            "there is no resource group '{name}', and no deleted vault that was in it: nothing was done. If that is a \
             surprise, check the name and --subscription."
        ));
        return Ok(outcome(name, false, &[]));
    }
    let purged = if vaults.is_empty() {
        String::new()
    } else {
        format!(
            " The vaults {} and all their secrets will be gone for good.",
            vaults.join(", ")
        )
    };
    session.confirm_by_name(
        &format!("Resource group '{name}' and everything in it will be deleted.{purged}"),
        name.as_str(),
    )?;
    if there.is_some() {
        group::delete(session, &id, force, false).await?;
    }
    if session.is_dry_run() {
        for vault in &vaults {
            plan_purge(session, &id, vault, &deleted).await?;
        }
        return Ok(Value::Null);
    }
    let deleted = keyvault::deleted_vaults(session).await?;
    let ours: Vec<&Value> = was_in(&deleted, &id)
        .into_iter()
        .filter(|vault| {
            vaults.iter().any(|name| {
                vault["name"]
                    .as_str()
                    .is_some_and(|own| own.eq_ignore_ascii_case(name))
            })
        })
        .collect();
    let purged = purge_all(session, &ours).await?;
    Ok(outcome(name, there.is_some(), &purged))
}

fn outcome(name: &GroupName, deleted: bool, purged: &[Value]) -> Value {
    json!({"resourceGroup": name.as_str(), "deleted": deleted, "purgedVaults": purged})
}

/// Purges these vaults side by side; gives their names. One that fails does not stop the others.
async fn purge_all(session: &Session, vaults: &[&Value]) -> Result<Vec<Value>, Failure> {
    let results = futures::future::join_all(
        vaults
            .iter()
            .map(|vault| keyvault::purge(session, vault, false)),
    )
    .await;
    let mut purged = Vec::new();
    let mut failures = Vec::new();
    for (vault, result) in vaults.iter().zip(results) {
        match result {
            Ok(()) => purged.push(vault["name"].clone()),
            Err(failure) => failures.push(failure),
        }
    }
    let mut failures = failures.into_iter();
    if let Some(first) = failures.next() {
        for other in failures {
            session.report(&other);
        }
        return Err(first.hint_also("The resource group itself is deleted."));
    }
    Ok(purged)
}

/// The deleted vaults that were in the group.
fn was_in<'a>(deleted: &'a [Value], group: &ResourceId) -> Vec<&'a Value> {
    let inside = |vault: &&Value| {
        let id: Option<ResourceId> = vault["properties"]["vaultId"]
            .as_str()
            .and_then(|id| id.parse().ok());
        id.and_then(|id| id.parent())
            .is_some_and(|parent| parent == *group)
    };
    deleted.iter().filter(inside).collect()
}

fn names(vaults: &[&Value]) -> Vec<String> {
    vaults
        .iter()
        .filter_map(|vault| vault["name"].as_str().map(str::to_owned))
        .collect()
}

/// In a dry run the vault is not deleted yet: its purge is planned where it will be.
async fn plan_purge(
    session: &Session,
    group: &ResourceId,
    name: &str,
    deleted: &[Value],
) -> Result<(), Failure> {
    let arm = session.arm()?;
    let known = was_in(deleted, group)
        .into_iter()
        .find(|vault| vault["name"] == name);
    let location = match known {
        Some(vault) => vault["properties"]["location"].clone(),
        None => arm
            .get(
                group.resource("Microsoft.KeyVault", "vaults", name),
                versions::KEY_VAULT,
            )
            .await?["location"]
            .clone(),
    };
    let id = ResourceId::subscription(group.subscription_id().unwrap_or_default())
        .resource(
            "Microsoft.KeyVault",
            "locations",
            location.as_str().unwrap_or_default(),
        )
        .child("deletedVaults", name);
    arm.post(format!("{id}/purge"), versions::KEY_VAULT, &[])
        .await?;
    Ok(())
}
