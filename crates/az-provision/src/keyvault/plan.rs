//! What would become of a vault.

use super::{Deleted, Plan, differences};
use crate::plan::node::{Node, State, retagged};
use az_core::{
    arm::{Client, ResourceId, versions},
    cli::{Doing, Failure, Status},
};
use serde_json::json;

/// Looks at the vault, and at what else may hold its name; `in_group` is whether its group is there.
pub(crate) async fn look(arm: &Client, plan: &Plan<'_>, in_group: bool) -> Result<Node, Failure> {
    let doing = format!("reading vault '{}'", plan.name);
    let (there, deleted, taken) = futures::try_join!(
        async {
            match in_group {
                true => Ok(arm.find(plan.id(), versions::KEY_VAULT).await?),
                false => Ok::<_, Failure>(None),
            }
        },
        async { Ok(Deleted::find(arm, plan).await?) },
        is_taken(arm, plan),
    )
    .doing(&doing)?;
    if let Some(there) = there {
        let tags = retagged(&there, plan.tags.as_ref());
        return Ok(Node::there(plan.id(), differences(&there, plan), tags));
    }
    Ok(match deleted {
        Some(deleted) => held(plan, &deleted),
        None if taken => Node::refused(
            plan.id(),
            &Failure::new(Status::Conflict, "the name is taken by another vault"),
        ),
        None => Node::new(plan.id(), State::Create),
    })
}

/// Whether anybody has the name; who may not ask finds out when the vault is made.
async fn is_taken(arm: &Client, plan: &Plan<'_>) -> Result<bool, Failure> {
    let subscription = ResourceId::subscription(plan.group.subscription_id().unwrap_or_default());
    let path = format!("{subscription}/providers/Microsoft.KeyVault/checkNameAvailability");
    let question = json!({"name": plan.name.as_str(), "type": super::TYPE});
    match arm.ask(path, versions::KEY_VAULT, &question).await {
        Ok(answer) => Ok(answer["nameAvailable"] == false),
        Err(error) if error.status() == Some(403) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// A deleted vault that holds the name: recovered, purged, or in the way.
fn held(plan: &Plan<'_>, deleted: &Deleted) -> Node {
    let id = plan.id();
    let place = format!("the deleted vault in location '{}'", deleted.location());
    let done = |what: String| {
        let mut node = Node::new(id.clone(), State::Create);
        node.differences.push(what);
        node
    };
    if plan.vault.recover {
        return match deleted.check_place(plan) {
            Ok(()) => done(format!("{place} is recovered")),
            Err(failure) => Node::refused(id, &failure),
        };
    }
    if let Some(failure) = deleted.protected(plan) {
        return Node::refused(id, &failure);
    }
    if plan.vault.purge_deleted {
        return done(format!("{place} is purged first, with all its secrets"));
    }
    let message = format!(
        "{place} holds the name: --recover gets it back, --purge-deleted removes it for good"
    );
    Node::refused(id, &Failure::new(Status::Conflict, message))
}
