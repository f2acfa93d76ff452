//! Where a role is given.

use az_core::{
    arm::ResourceId,
    cli::{Failure, Session},
    name::GroupName,
};

/// The scope that the arguments name; the subscription without any.
pub(crate) async fn scope(
    session: &Session,
    scope: Option<ResourceId>,
    group: Option<&GroupName>,
) -> Result<ResourceId, Failure> {
    match (scope, group) {
        (Some(scope), _) => Ok(scope),
        (None, Some(group)) => session.group_id(group.as_str()).await,
        (None, None) => Ok(ResourceId::subscription(session.subscription().await?)),
    }
}
