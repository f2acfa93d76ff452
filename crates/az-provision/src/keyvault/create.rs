//! Creates a vault, or recovers one.

use super::{
    deleted::Deleted,
    look::{self, Found, Looked, taken},
    wanted::Wanted,
};
use crate::{cli::KeyvaultCreate, group};
use az_core::{
    arm::{ArmError, Client, versions},
    cli::{Doing, Failure, Session},
    keyvault::shape_vault,
};
use serde_json::{Value, json};

/// `keyvault create`.
pub(crate) async fn run(session: &Session, args: &KeyvaultCreate) -> Result<Value, Failure> {
    session.show_each_resource();
    let arm = session.arm()?;
    let group = session.group_id(args.resource_group.as_str()).await?;
    let location = async {
        match &args.location {
            Some(location) => Ok(location.clone()),
            None => group::location(arm, &group).await,
        }
    };
    // What a new vault has to say is asked for beside.
    let (location, tenant) = futures::join!(location, session.tenant());
    let location = location?;
    let wanted = Wanted {
        name: &args.name,
        group: &group,
        location: &location,
        location_given: args.location.is_some(),
        vault: &args.vault,
        tags: args.tags.to_json(),
        no_wait: args.no_wait,
    };
    let looked = look::briefly(arm, &wanted).await?;
    looked.refuse()?;
    tenant?;
    looked.confirm(session)?;
    make(session, &looked).await
}

/// Makes a vault be there that was looked at and not refused.
pub(crate) async fn make(session: &Session, looked: &Looked<'_>) -> Result<Value, Failure> {
    let made = match &looked.found {
        Found::There(there) => again(session, looked.wanted, there.clone()).await,
        Found::New { .. } => new(session, looked).await,
    };
    let made = made.doing(looked.wanted.doing())?;
    Ok(shape_vault(&made))
}

/// Gives null where nobody waits for it.
async fn new(session: &Session, looked: &Looked<'_>) -> Result<Value, Failure> {
    let arm = session.arm()?;
    let wanted = looked.wanted;
    let tenant = session.tenant().await?;
    let mut body = wanted.body(&tenant, &wanted.location.canonical());
    if let Some(deleted) = looked.recovered() {
        body = wanted.body(&tenant, deleted.location());
        body["properties"]["createMode"] = json!("recover");
    } else if let Some(deleted) = looked.purged() {
        let _shown = session.progress(format!("Purging deleted vault {}", wanted.name));
        let path = format!("{}/purge", deleted.id());
        let answer = arm.post(&path, versions::KEY_VAULT, &[]).await?;
        arm.wait(answer).await?;
    }
    let answer = match arm.put(wanted.id(), versions::KEY_VAULT, body).await {
        Ok(answer) => answer,
        Err(error) => return Err(explain(arm, wanted, error).await),
    };
    if wanted.no_wait {
        return Ok(Value::Null);
    }
    Ok(arm.wait(answer).await?)
}

/// A vault that is there as it is wanted: waited for, as an earlier run may have been interrupted while it was being made,
/// then given its tags.
async fn again(session: &Session, wanted: &Wanted<'_>, there: Value) -> Result<Value, Failure> {
    let arm = session.arm()?;
    let there = match wanted.no_wait {
        true => there,
        false => {
            arm.wait_for_resource(wanted.id(), versions::KEY_VAULT, there)
                .await?
        }
    };
    let is = there.get("tags").cloned().unwrap_or_else(|| json!({}));
    let Some(tags) = wanted.tags.as_ref().filter(|tags| **tags != is) else {
        return Ok(there);
    };
    let body = json!({"tags": tags});
    let answer = arm.patch(wanted.id(), versions::KEY_VAULT, body).await?;
    if session.is_dry_run() {
        return Ok(there);
    }
    Ok(arm.wait(answer).await?)
}

/// Why Azure refused the name: held by a deleted vault of ours, or taken by someone else.
async fn explain(arm: &Client, wanted: &Wanted<'_>, error: ArmError) -> Failure {
    if error.status() != Some(409) {
        return error.into();
    }
    let code = error.code().map(str::to_owned);
    let mut failure = match Deleted::find(arm, wanted).await {
        Ok(Some(deleted)) => deleted.holds(wanted),
        _ if code.as_deref() == Some("VaultAlreadyExists") => taken(wanted),
        _ => return error.into(),
    };
    failure.code = code;
    if let ArmError::Service(service) = error {
        failure.request_id = service.request_id;
    }
    failure
}
