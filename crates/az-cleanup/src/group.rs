//! Resource groups.

use crate::cli::Force;
use az_core::{
    arm::{ResourceId, versions},
    cli::{Doing, Failure, Session},
    name::GroupName,
};

/// `group delete`: asks, then deletes.
pub(crate) async fn delete_command(
    session: &Session,
    name: &GroupName,
    force: &Force,
    no_wait: bool,
) -> Result<(), Failure> {
    session.confirm_by_name(
        &format!("Resource group '{name}' and everything in it will be deleted."),
        name.as_str(),
    )?;
    let id = session.group_id(name.as_str()).await?;
    delete(session, &id, force, no_wait).await
}

/// Deletes a group with everything in it.
pub(crate) async fn delete(
    session: &Session,
    id: &ResourceId,
    force: &Force,
    no_wait: bool,
) -> Result<(), Failure> {
    let arm = session.arm()?;
    let doing = format!("deleting resource group '{}'", id.name());
    let types = force.force_deletion_types.join(",");
    let query: Vec<(&str, &str)> = if types.is_empty() {
        vec![]
    } else {
        vec![("forceDeletionTypes", &types)]
    };
    let answer = match arm.delete(id, versions::RESOURCES, &query).await {
        Ok(answer) => answer,
        // The hint for a missing group says how to create one.
        Err(error) if error.is_not_found() => {
            return Err(Failure::from(error)
                .hint("Check the name and --subscription.")
                .doing(doing));
        }
        Err(error) => return Err(error).doing(doing),
    };
    if !no_wait {
        let _shown = session.progress(format!("Deleting resource group {}", id.name()));
        arm.wait(answer).await.doing(&doing)?;
    }
    Ok(())
}
