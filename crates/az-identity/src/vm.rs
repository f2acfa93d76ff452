//! The identities of a virtual machine.

use crate::cli::{Change, Shown};
use az_core::{
    arm::{ResourceId, versions},
    cli::{Doing, Failure, Session, for_each_machine, read_identities},
    identity::{Identities, Word, kind, summary},
};
use serde_json::{Value, json};

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
pub(crate) async fn assign(session: &Session, args: &Change) -> Result<(), Failure> {
    let words = &words(args)?;
    for_each_machine(session, &args.lists, &args.machine, |machine| async move {
        assign_one(session, words, &machine.id(session).await?).await
    })
    .await
}

/// The identities that are named, checked before anything is sent.
fn words(args: &Change) -> Result<Vec<Word>, Failure> {
    let both = [&args.identities, &args.machine.ids];
    if both
        .iter()
        .all(|words| words.iter().any(|word| word == "-"))
    {
        return Err(Failure::usage(
            "--ids and --identities cannot both read standard input",
        ));
    }
    read_identities(&args.identities)
}

async fn assign_one(session: &Session, words: &[Word], id: &ResourceId) -> Result<Value, Failure> {
    let wanted = Identities::named(words, &group_of(id)?);
    let machine = session.arm()?.get(id, versions::COMPUTE).await?;
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
    let machine = patch(session, id, identity).await?;
    Ok(summary(&machine["identity"]))
}

/// Takes identities from a machine; one that it has not got is no error. Prints what is left, as `az` does.
pub(crate) async fn remove(session: &Session, args: &Change) -> Result<(), Failure> {
    let words = &words(args)?;
    for_each_machine(session, &args.lists, &args.machine, |machine| async move {
        remove_one(session, words, &machine.id(session).await?).await
    })
    .await
}

async fn remove_one(session: &Session, words: &[Word], id: &ResourceId) -> Result<Value, Failure> {
    let unwanted = Identities::named(words, &group_of(id)?);
    let machine = session.arm()?.get(id, versions::COMPUTE).await?;
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
    let machine = patch(session, id, identity).await?;
    Ok(machine["identity"].clone())
}

/// Reads machines' identities.
pub(crate) async fn show(session: &Session, args: &Shown) -> Result<(), Failure> {
    for_each_machine(session, &args.lists, &args.machine, |machine| async move {
        let id = machine.id(session).await?;
        let machine = session.arm()?.get(&id, versions::COMPUTE).await?;
        Ok(machine["identity"].clone())
    })
    .await
}

fn group_of(machine: &ResourceId) -> Result<ResourceId, Failure> {
    machine
        .parent()
        .ok_or_else(|| Failure::usage(format!("'{machine}' is in no resource group")))
}
