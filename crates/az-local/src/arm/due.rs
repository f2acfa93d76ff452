//! What is due by the clock: deletions that were accepted come to their end.

use super::call::Router;
use super::router::ResourceManager;
use crate::request::Context;
use crate::state::due::Effect;
use crate::state::{
    Document, Range, Resource, StateError, deployments, locks, role_assignments, secrets,
};

/// How many things go in one transaction.
const CHUNK: usize = 200;

/// Does a part of what is due, in a transaction of its own. Says whether all of it is done.
pub(crate) fn step(cx: &Context<'_>, effect: &Effect) -> Result<bool, StateError> {
    match effect {
        Effect::DeleteGroup { id, incarnation } => delete_group(cx, id, incarnation),
        Effect::DeleteResource { id, incarnation } => {
            let there: Option<Resource> = cx.tx.get(&Resource::key_of(id))?;
            if there.is_some_and(|there| there.incarnation == *incarnation) {
                ResourceManager.remove(cx, id)?;
            }
            Ok(true)
        }
        Effect::PurgeVault { name } => {
            if !secrets::forget(cx.tx, name, CHUNK)? {
                return Ok(false);
            }
            cx.tx
                .delete::<crate::state::DeletedVault>(&name.to_ascii_lowercase())?;
            Ok(true)
        }
        Effect::PurgeSecret { vault, name } => secrets::purge(cx.tx, vault, name, CHUNK),
        Effect::RecoverSecret { vault, name } => {
            secrets::recover(cx.tx, vault, name)?;
            Ok(true)
        }
    }
}

/// Takes a group out of the state, with all that is in it: vaults become deleted vaults, identities leave the
/// directory, role assignments on what goes are dropped.
fn delete_group(cx: &Context<'_>, id: &str, incarnation: &str) -> Result<bool, StateError> {
    let there: Option<Resource> = cx.tx.get(&Resource::key_of(id))?;
    let Some(group) = there.filter(|there| there.incarnation == incarnation) else {
        return Ok(true);
    };
    let below = group.key() + "/";
    let inside = cx.tx.page(&Range::<Resource>::Below(&below), None, CHUNK)?;
    for resource in &inside.items {
        ResourceManager.remove(cx, &resource.id)?;
    }
    if inside.items.len() == CHUNK
        || deployments::forget(cx.tx, id, CHUNK)? == CHUNK
        || role_assignments::forget_scope(cx.tx, id, CHUNK)? == CHUNK
        || locks::forget_scope(cx.tx, id, CHUNK)? == CHUNK
    {
        return Ok(false);
    }
    cx.tx.delete::<Resource>(&group.key())?;
    Ok(true)
}
