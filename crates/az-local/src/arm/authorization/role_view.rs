//! Role definitions as they are answered.

use crate::arm::call::Call;
use crate::arm::times;
use crate::state::roles::{CustomRole, Permission, RoleDefinition};
use serde_json::{Value, json};

pub(super) const TYPE: &str = "Microsoft.Authorization/roleDefinitions";

/// A role that Azure has.
pub(super) fn built_in(call: &Call<'_>, role: &RoleDefinition) -> Value {
    let mut view = view(call, role);
    let properties = &mut view["properties"];
    properties["type"] = json!("BuiltInRole");
    properties["assignableScopes"] = json!(["/"]);
    properties["createdOn"] = json!("2015-02-02T21:55:09.8806423Z");
    properties["updatedOn"] = json!("2023-04-12T03:11:09.7356482Z");
    properties["createdBy"] = Value::Null;
    properties["updatedBy"] = Value::Null;
    view
}

/// A role that somebody has made.
pub(super) fn custom(call: &Call<'_>, role: &CustomRole) -> Value {
    let mut view = view(call, &role.definition);
    let properties = &mut view["properties"];
    properties["type"] = json!("CustomRole");
    properties["assignableScopes"] = json!(role.assignable_scopes);
    properties["createdOn"] = json!(times::text(role.created));
    properties["updatedOn"] = json!(times::text(role.updated));
    properties["createdBy"] = json!(role.created_by);
    properties["updatedBy"] = json!(role.updated_by);
    view
}

fn view(call: &Call<'_>, role: &RoleDefinition) -> Value {
    let subscription = call.path.subscription.as_ref();
    let root = subscription
        .map(|id| format!("/subscriptions/{id}"))
        .unwrap_or_default();
    json!({
        "id": format!("{root}/providers/{TYPE}/{}", role.id),
        "type": TYPE,
        "name": role.id,
        "properties": {
            "roleName": role.name,
            "description": role.description,
            "permissions": role.permissions.iter().map(|one| permission(call, one)).collect::<Vec<_>>(),
        },
    })
}

/// The first version that tells conditions: azure-mgmt-authorization's `Permission` has them from it on.
const WITH_CONDITIONS: &str = "2022-05-01";

fn permission(call: &Call<'_>, of: &Permission) -> Value {
    let mut view = json!({
        "actions": of.actions,
        "notActions": of.not_actions,
        "dataActions": of.data_actions,
        "notDataActions": of.not_data_actions,
    });
    if let Some(condition) = &of.condition
        && call.api_version.as_str() >= WITH_CONDITIONS
    {
        view["condition"] = json!(condition);
        view["conditionVersion"] = json!(of.condition_version);
    }
    view
}
