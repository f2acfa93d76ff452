//! Azure role-based access control: who may do what, where.
//!
//! An assignment gives a principal a role at a scope and everywhere below it; a role names the actions
//! and data actions that it allows, with wildcards
//! (<https://learn.microsoft.com/azure/role-based-access-control/overview>).

pub(crate) mod condition;
pub(crate) mod definitions;
mod pattern;
pub(crate) mod want;

use crate::request::Context;
use crate::request::Principal;
use crate::state::people;
use crate::state::role_assignments::{RoleAssignment, chain};
use crate::state::{Range, StateError, Transaction};
use condition::{Attributes, Condition};
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
    let (scopes, tenant) = (chain(scope), principal.tenant_id.as_str());
    for holder in people::with_groups(cx.tx, &principal.object_id)? {
        for above in &scopes {
            if holds_there(cx, (tenant, &holder), above, want, attributes)? {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// Whether one of the roles that somebody has exactly there allows this.
fn holds_there(
    cx: &Context<'_>,
    (tenant_id, holder): (&str, &str),
    scope: &str,
    want: Want<'_>,
    attributes: &Attributes<'_>,
) -> Result<bool, StateError> {
    let delay = Duration::milliseconds(cx.knobs.role_delay_ms);
    let at = RoleAssignment::principal_at(holder, scope);
    let mut allowed = false;
    cx.tx.each(
        &Range::Equal(RoleAssignment::BY_PRINCIPAL, &at),
        |assignment: RoleAssignment| {
            if !allowed && assignment.created + delay <= cx.now {
                let role = definitions::find(cx.tx, tenant_id, &assignment.role)?;
                allowed = role.is_some_and(|role| role.allows(want, attributes))
                    && condition_holds(&assignment, want, attributes);
            }
            Ok::<_, StateError>(())
        },
    )?;
    Ok(allowed)
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
