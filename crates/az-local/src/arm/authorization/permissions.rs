//! `Microsoft.Authorization/permissions`: what the caller may do at a scope
//! (<https://learn.microsoft.com/rest/api/authorization/permissions>).

use crate::arm::call::Call;
use crate::arm::error::Error;
use crate::ground::wire::Response;
use crate::rbac;
use http::StatusCode;
use serde_json::{Value, json};

/// `GET {scope}/providers/Microsoft.Authorization/permissions`: a set for each role that the caller has there.
pub(super) fn list(call: &Call<'_>) -> Result<Response, Error> {
    let held = rbac::roles_at(call.cx, &call.principal, &call.path.scope)?;
    let sets: Vec<Value> = held
        .iter()
        .flat_map(|role| &role.permissions)
        .map(|one| {
            json!({
                "actions": one.actions,
                "notActions": one.not_actions,
                "dataActions": one.data_actions,
                "notDataActions": one.not_data_actions,
            })
        })
        .collect();
    Ok(Response::json(StatusCode::OK, &json!({"value": sets})))
}
