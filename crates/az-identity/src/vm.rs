//! The identities of a virtual machine.

use crate::cli::{Change, Machine};
use az_core::{
    arm::{ResourceId, versions},
    cli::{Doing, Failure, Session, read_identities},
    identity::{Identities, kind, summary},
};
use serde_json::{Value, json};

async fn id_of(session: &Session, machine: &Machine) -> Result<ResourceId, Failure> {
    match &machine.resource_group {
        Some(group) => {
            let group = session.group_id(group.as_str()).await?;
            Ok(group.resource(
                "Microsoft.Compute",
                "virtualMachines",
                machine.name.as_str(),
            ))
        }
        None => {
            session
                .find_by_name(
                    "Microsoft.Compute/virtualMachines",
                    "virtual machine",
                    machine.name.as_str(),
                )
                .await
        }
    }
}

async fn patch(session: &Session, id: &ResourceId, identity: Value) -> Result<Value, Failure> {
    let arm = session.arm()?;
    let doing = format!("changing the identities of virtual machine '{}'", id.name());
    let answer = arm
        .patch(id, versions::COMPUTE, json!({"identity": identity}))
        .await
        .doing(&doing)?;
    let _shown = session.progress(format!("Changing the identities of {}", id.name()));
    arm.wait(answer).await.doing(&doing)
}

/// Gives a machine identities; those that it has already stay.
pub(crate) async fn assign(session: &Session, args: &Change) -> Result<Value, Failure> {
    let words = read_identities(&args.identities)?;
    let id = id_of(session, &args.machine).await?;
    let wanted = Identities::named(&words, &group_of(&id)?);
    let machine = session.arm()?.get(&id, versions::COMPUTE).await?;
    let current = Identities::of(&machine);
    let missing: Vec<&ResourceId> = wanted
        .user
        .iter()
        .filter(|id| !current.user.contains(id))
        .collect();
    if missing.is_empty() && (current.system || !wanted.system) {
        return Ok(summary(&machine["identity"]));
    }
    let system = current.system || wanted.system;
    let user = !(current.user.is_empty() && missing.is_empty());
    let mut identity = json!({"type": kind(system, user)});
    if !missing.is_empty() {
        // A PATCH merges: those that the machine has already need not be named.
        identity["userAssignedIdentities"] = missing
            .iter()
            .map(|id| (id.to_string(), json!({})))
            .collect();
    }
    let machine = patch(session, &id, identity).await?;
    Ok(summary(&machine["identity"]))
}

/// Takes identities from a machine; one that it has not got is no error. Prints what is left, as `az` does.
pub(crate) async fn remove(session: &Session, args: &Change) -> Result<Value, Failure> {
    let words = read_identities(&args.identities)?;
    let id = id_of(session, &args.machine).await?;
    let unwanted = Identities::named(&words, &group_of(&id)?);
    let machine = session.arm()?.get(&id, versions::COMPUTE).await?;
    let current = Identities::of(&machine);
    let there: Vec<&ResourceId> = current
        .user
        .iter()
        .filter(|id| unwanted.user.contains(id))
        .collect();
    if there.is_empty() && !(current.system && unwanted.system) {
        return Ok(machine["identity"].clone());
    }
    let system = current.system && !unwanted.system;
    let user = current.user.len() > there.len();
    let mut identity = json!({"type": kind(system, user)});
    if user && !there.is_empty() {
        // null takes one away; the others stay
        identity["userAssignedIdentities"] = there
            .iter()
            .map(|id| (id.to_string(), Value::Null))
            .collect();
    }
    let machine = patch(session, &id, identity).await?;
    Ok(machine["identity"].clone())
}

/// Reads a machine's identities.
pub(crate) async fn show(session: &Session, args: &Machine) -> Result<Value, Failure> {
    let id = id_of(session, args).await?;
    let machine = session.arm()?.get(&id, versions::COMPUTE).await?;
    Ok(machine["identity"].clone())
}

fn group_of(machine: &ResourceId) -> Result<ResourceId, Failure> {
    machine
        .parent()
        .ok_or_else(|| Failure::usage(format!("'{machine}' is in no resource group")))
}
