//! Azure role-based access control: who may do what, where.
//!
//! An assignment gives a principal a role at a scope and everywhere below it; a role names the actions
//! and data actions that it allows, with wildcards
//! (<https://learn.microsoft.com/azure/role-based-access-control/overview>).

pub(crate) mod definitions;

use crate::context::Context;
use crate::entra::token::Principal;
use crate::state::{Document, Resource, StateError, Transaction};
use serde::{Deserialize, Serialize};
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

/// A role given to a principal at a scope.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct RoleAssignment {
    /// Its id, in the case it was created with.
    pub(crate) id: String,
    pub(crate) scope: String,
    pub(crate) principal_id: String,
    pub(crate) principal_type: String,
    /// The definition's GUID.
    pub(crate) role: String,
    pub(crate) description: Option<String>,
    pub(crate) condition: Option<String>,
    pub(crate) condition_version: Option<String>,
    /// The object id of whoever made it.
    pub(crate) created_by: Option<String>,
    #[serde(with = "time::serde::rfc3339")]
    pub(crate) created: OffsetDateTime,
}

impl Document for RoleAssignment {
    const KIND: &'static str = "roleAssignment";
    fn key(&self) -> String {
        Resource::key_of(&self.id)
    }
}

impl RoleAssignment {
    /// The last segment of the id.
    pub(crate) fn name(&self) -> &str {
        self.id.rsplit('/').next().unwrap_or_default()
    }
}

/// What somebody wants to do.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Want<'a> {
    /// An action of Resource Manager, as `Microsoft.Compute/virtualMachines/read`.
    Action(&'a str),
    /// An action on data, as `Microsoft.KeyVault/vaults/secrets/getSecret/action`.
    Data(&'a str),
}

/// Makes a principal the owner of a subscription, long ago.
pub(crate) fn seed_owner(
    tx: &Transaction<'_>,
    subscription_id: &str,
    principal_object_id: &str,
    now: OffsetDateTime,
) -> Result<(), StateError> {
    let scope = format!("/subscriptions/{subscription_id}");
    tx.put(&RoleAssignment {
        id: format!(
            "{scope}/providers/Microsoft.Authorization/roleAssignments/{}",
            Uuid::new_v4()
        ),
        scope,
        principal_id: principal_object_id.to_owned(),
        principal_type: "ServicePrincipal".to_owned(),
        role: definitions::OWNER.to_owned(),
        description: None,
        condition: None,
        condition_version: None,
        created_by: None,
        created: now - Duration::days(1),
    })
}

/// Whether the principal may do this at the scope, now.
pub(crate) fn allows(
    cx: &Context<'_>,
    principal: &Principal,
    scope: &str,
    want: Want<'_>,
) -> Result<bool, StateError> {
    let delay = Duration::milliseconds(cx.knobs.role_delay_ms);
    let assignments: Vec<RoleAssignment> = cx.tx.list("")?;
    Ok(assignments.iter().any(|assignment| {
        assignment
            .principal_id
            .eq_ignore_ascii_case(&principal.object_id)
            && assignment.created + delay <= cx.now
            && reaches(&assignment.scope, scope)
            && definitions::by_id(&assignment.role).is_some_and(|role| role.allows(want))
    }))
}

/// Whether an assignment at `from` holds at `scope`: it is the same, or above.
pub(crate) fn reaches(from: &str, scope: &str) -> bool {
    let (from, scope) = (Resource::key_of(from), Resource::key_of(scope));
    match scope.strip_prefix(&from) {
        Some(rest) => rest.is_empty() || rest.starts_with('/') || from.is_empty(),
        None => false,
    }
}

/// Drops the assignments at a scope and below: what Azure does when a resource goes.
pub(crate) fn forget_scope(tx: &Transaction<'_>, scope: &str) -> Result<(), StateError> {
    for assignment in tx.list::<RoleAssignment>(&Resource::key_of(scope))? {
        if reaches(scope, &assignment.scope) {
            tx.delete::<RoleAssignment>(&assignment.key())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_reaches_down_by_segments() {
        assert!(reaches(
            "/subscriptions/s",
            "/subscriptions/S/resourceGroups/g"
        ));
        assert!(reaches("/", "/subscriptions/s"));
        assert!(reaches(
            "/subscriptions/s/resourceGroups/g",
            "/subscriptions/s/resourcegroups/G/"
        ));
        assert!(!reaches(
            "/subscriptions/s/resourceGroups/g",
            "/subscriptions/s/resourceGroups/gg"
        ));
        assert!(!reaches(
            "/subscriptions/s/resourceGroups/g",
            "/subscriptions/s"
        ));
    }
}
