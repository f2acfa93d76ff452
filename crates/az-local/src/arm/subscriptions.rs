//! Tenants and subscriptions.

use super::call::Call;
use super::error::Error;
use crate::ground::wire::Response;
use crate::state::people;
use crate::state::role_assignments::{RoleAssignment, chain};
use crate::state::settings::Desk;
use crate::state::{Range, Subscription, Tenant};
use http::StatusCode;
use serde_json::{Value, json};

/// `GET /tenants`: the caller's own.
pub(crate) fn tenants(call: &Call<'_>) -> Result<Response, Error> {
    let tenant: Option<Tenant> = call.cx.tx.get(&call.principal.tenant_id)?;
    let values: Vec<Value> = tenant
        .iter()
        .map(|tenant| {
            json!({
                "id": format!("/tenants/{}", tenant.id),
                "tenantId": tenant.id,
                "displayName": tenant.display_name,
                "countryCode": "US",
                "tenantCategory": "Home",
                "tenantType": "AAD",
                "defaultDomain": tenant.initial_domain(),
                "domains": domains(tenant),
            })
        })
        .collect();
    Ok(Response::json(
        StatusCode::OK,
        &json!({"value": values, "count": {"type": "Total", "value": values.len()}}),
    ))
}

fn domains(tenant: &Tenant) -> Vec<String> {
    let own = tenant.domains.iter().cloned();
    [tenant.initial_domain()].into_iter().chain(own).collect()
}

/// `GET /subscriptions`: those in which the caller has any role at all.
pub(crate) fn list(call: &Call<'_>) -> Result<Response, Error> {
    let mut found = Vec::new();
    for subscription in call.cx.tx.all(&Range::<Subscription>::Below(""))? {
        if subscription.tenant_id == call.principal.tenant_id && has_role(call, &subscription)? {
            found.push(subscription);
        }
    }
    // In the order in which they were made: the one that a desk's environment names comes first.
    let made: Vec<String> = call
        .cx
        .tx
        .all(&Range::<Desk>::Below(""))?
        .into_iter()
        .flat_map(|desk| desk.subscription_ids)
        .collect();
    found.sort_by_key(|one| made.iter().position(|id| *id == one.id));
    let values: Vec<Value> = found.iter().map(view).collect();
    let count = values.len();
    Ok(Response::json(
        StatusCode::OK,
        &json!({"value": values, "count": {"type": "Total", "value": count}}),
    ))
}

/// Whether the caller has any role at the subscription, above or below, itself or by a group.
fn has_role(call: &Call<'_>, subscription: &Subscription) -> Result<bool, Error> {
    let scope = format!("/subscriptions/{}", subscription.id);
    let tx = call.cx.tx;
    for id in people::with_groups(tx, &call.principal.object_id)? {
        for above in chain(&scope) {
            let at = RoleAssignment::principal_at(&id, &above);
            if tx.any(&Range::Equal(RoleAssignment::BY_PRINCIPAL, &at))? {
                return Ok(true);
            }
        }
        let below = RoleAssignment::principal_at(&id, &scope) + "/";
        if tx.any(&Range::Beginning(RoleAssignment::BY_PRINCIPAL, &below))? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// `GET /subscriptions/{id}`
pub(crate) fn get(call: &Call<'_>) -> Result<Response, Error> {
    let subscription = call.known_subscription()?;
    call.authorize(&call.path.scope, "Microsoft.Resources/subscriptions/read")?;
    Ok(Response::json(StatusCode::OK, &view(&subscription)))
}

fn view(subscription: &Subscription) -> Value {
    let mut view = json!({
        "id": format!("/subscriptions/{}", subscription.id),
        "authorizationSource": "RoleBased",
        "managedByTenants": [],
        "subscriptionId": subscription.id,
        "tenantId": subscription.tenant_id,
        "displayName": subscription.display_name,
        "state": "Enabled",
        "subscriptionPolicies": {
            "locationPlacementId": "Public_2014-09-01", "quotaId": "PayAsYouGo_2014-09-01", "spendingLimit": "Off",
        },
    });
    if !subscription.tags.is_empty() {
        view["tags"] = json!(subscription.tags);
    }
    view
}
