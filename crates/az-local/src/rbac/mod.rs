//! Azure role-based access control: who may do what, where.
//!
//! An assignment gives a principal a role at a scope and everywhere below it; a role names the actions
//! and data actions that it allows, with wildcards
//! (<https://learn.microsoft.com/azure/role-based-access-control/overview>).

pub(crate) mod condition;
pub(crate) mod definitions;
#[cfg(test)]
mod model_tests;
pub(crate) mod want;

use crate::request::Context;
use crate::request::Principal;
use crate::state::people;
use crate::state::role_assignments::{RoleAssignment, chain};
use crate::state::roles::RoleDefinition;
use crate::state::{Range, StateError, Transaction};
use condition::{Attributes, Condition};
use std::borrow::Cow;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;
use want::Want;

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

/// The roles that a principal has at a scope, itself or by a group, effective by now.
pub(crate) fn roles_at(
    cx: &Context<'_>,
    principal: &Principal,
    scope: &str,
) -> Result<Vec<Role>, StateError> {
    let mut held = Vec::new();
    let holders = people::with_groups(cx.tx, &principal.object_id)?;
    for (holder, above) in each_with_each(&holders, &chain(scope)) {
        each_effective(cx, principal, holder, above, |_, role| {
            held.push(role);
            true
        })?;
    }
    Ok(held)
}

/// Whether the principal may do this at the scope, now.
pub(crate) fn allows(
    cx: &Context<'_>,
    principal: &Principal,
    scope: &str,
    want: Want<'_>,
) -> Result<bool, StateError> {
    allows_with(cx, principal, scope, want, &Attributes::default())
}

/// The same where what is done has attributes that conditions ask for.
pub(crate) fn allows_with(
    cx: &Context<'_>,
    principal: &Principal,
    scope: &str,
    want: Want<'_>,
    attributes: &Attributes<'_>,
) -> Result<bool, StateError> {
    let holders = people::with_groups(cx.tx, &principal.object_id)?;
    for (holder, above) in each_with_each(&holders, &chain(scope)) {
        let mut allowed = false;
        each_effective(cx, principal, holder, above, |assignment, role| {
            allowed =
                role.allows(want, attributes) && condition_holds(assignment, want, attributes);
            !allowed
        })?;
        if allowed {
            return Ok(true);
        }
    }
    Ok(false)
}

/// A role definition, of Azure's or a tenant's own.
pub(crate) type Role = Cow<'static, RoleDefinition>;

fn each_with_each<'a>(
    holders: &'a [String],
    scopes: &'a [String],
) -> impl Iterator<Item = (&'a str, &'a str)> {
    holders.iter().flat_map(|holder| {
        scopes
            .iter()
            .map(move |scope| (holder.as_str(), scope.as_str()))
    })
}

/// The roles that somebody has exactly at a scope, effective by now, until `more` says that it is enough.
fn each_effective(
    cx: &Context<'_>,
    principal: &Principal,
    holder: &str,
    scope: &str,
    mut more: impl FnMut(&RoleAssignment, Role) -> bool,
) -> Result<(), StateError> {
    let delay = Duration::milliseconds(cx.knobs.role_delay_ms);
    let at = RoleAssignment::principal_at(holder, scope);
    let mut goes_on = true;
    cx.tx.each(
        &Range::Equal(RoleAssignment::BY_PRINCIPAL, &at),
        |assignment: RoleAssignment| {
            if goes_on
                && assignment.created + delay <= cx.now
                && let Some(role) =
                    definitions::find(cx.tx, &principal.tenant_id, &assignment.role)?
            {
                goes_on = more(&assignment, role);
            }
            Ok::<_, StateError>(())
        },
    )
}

/// Whether the assignment's own condition holds. One that cannot be read was refused when it came.
fn condition_holds(
    assignment: &RoleAssignment,
    want: Want<'_>,
    attributes: &Attributes<'_>,
) -> bool {
    let (Want::Action(action) | Want::Data(action)) = want;
    let holds = |text: &String| {
        Condition::parse(text).is_ok_and(|condition| condition.holds(action, attributes))
    };
    assignment.condition.as_ref().is_none_or(holds)
}
