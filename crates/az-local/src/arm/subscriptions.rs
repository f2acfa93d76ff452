//! Tenants and subscriptions.

use super::call::Call;
use super::error::Error;
use crate::ground::wire::Response;
use crate::state::role_assignments::{RoleAssignment, reaches};
use crate::state::{Subscription, Tenant};
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
                "domains": [],
            })
        })
        .collect();
    Ok(Response::json(
        StatusCode::OK,
        &json!({"value": values, "count": {"type": "Total", "value": values.len()}}),
    ))
}

/// `GET /subscriptions`: those in which the caller has any role at all.
pub(crate) fn list(call: &Call<'_>) -> Result<Response, Error> {
    let assignments: Vec<RoleAssignment> = call.cx.tx.list("")?;
    let mut values = Vec::new();
    for subscription in call.cx.tx.list::<Subscription>("")? {
        let scope = format!("/subscriptions/{}", subscription.id);
        let has_role = assignments.iter().any(|assignment| {
            assignment
                .principal_id
                .eq_ignore_ascii_case(&call.principal.object_id)
                && (reaches(&scope, &assignment.scope) || reaches(&assignment.scope, &scope))
        });
        if has_role && subscription.tenant_id == call.principal.tenant_id {
            values.push(view(&subscription));
        }
    }
    let count = values.len();
    Ok(Response::json(
        StatusCode::OK,
        &json!({"value": values, "count": {"type": "Total", "value": count}}),
    ))
}

/// `GET /subscriptions/{id}`
pub(crate) fn get(call: &Call<'_>) -> Result<Response, Error> {
    let subscription = call.known_subscription()?;
    call.authorize(&call.path.scope, "Microsoft.Resources/subscriptions/read")?;
    Ok(Response::json(StatusCode::OK, &view(&subscription)))
}

fn view(subscription: &Subscription) -> Value {
    json!({
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
    })
}
