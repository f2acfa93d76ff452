//! Role definitions.

use crate::scope;
use az_core::{
    arm::{ResourceId, versions},
    cli::{Failure, Session},
    role::{by_guid, definitions, resolve, unknown},
};
use serde_json::{Value, json};
use uuid::Uuid;

/// Names of roles by their definition's GUID in lower case, for lists of assignments.
pub(crate) async fn names(
    session: &Session,
    scope: &ResourceId,
) -> Result<Vec<(String, String)>, Failure> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let found = definitions(session, scope, None).await?;
    Ok(found
        .iter()
        .map(|role| {
            (
                text(&role["name"]).to_lowercase(),
                text(&role["properties"]["roleName"]),
            )
        })
        .collect())
}

/// `definition list`.
pub(crate) async fn list(
    session: &Session,
    scope: &ResourceId,
    name: Option<&str>,
    custom_only: bool,
) -> Result<Value, Failure> {
    let found = match name {
        Some(name) if Uuid::try_parse(name).is_ok() => session
            .arm()?
            .find(by_guid(name, scope), versions::AUTHORIZATION)
            .await?
            .into_iter()
            .collect(),
        name => definitions(session, scope, name).await?,
    };
    let kept = found
        .iter()
        .filter(|role| !custom_only || role["properties"]["type"] == "CustomRole");
    Ok(kept.map(shape).collect())
}

/// `definition show`.
pub(crate) async fn show(
    session: &Session,
    name: Option<&str>,
    id: Option<&ResourceId>,
    scope: Option<ResourceId>,
) -> Result<Value, Failure> {
    let id = match (name, id) {
        (_, Some(id)) => id.clone(),
        (name, None) => {
            let scope = scope::scope(session, scope, None).await?;
            resolve(session, name.unwrap_or_default(), &scope).await?
        }
    };
    match session.arm()?.find(&id, versions::AUTHORIZATION).await? {
        Some(found) => Ok(shape(&found)),
        None => {
            let scope = id.parent().unwrap_or_else(|| id.clone());
            Err(unknown(session, name.unwrap_or(id.as_str()), &scope).await)
        }
    }
}

/// A definition with the members that `az` prints.
fn shape(role: &Value) -> Value {
    let properties = &role["properties"];
    let permissions: Vec<Value> = properties["permissions"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|permission| {
            let list = |name: &str| {
                permission
                    .get(name)
                    .filter(|list| list.is_array())
                    .cloned()
                    .unwrap_or(json!([]))
            };
            json!({
                "actions": list("actions"),
                "condition": permission["condition"],
                "conditionVersion": permission["conditionVersion"],
                "dataActions": list("dataActions"),
                "notActions": list("notActions"),
                "notDataActions": list("notDataActions"),
            })
        })
        .collect();
    json!({
        "assignableScopes": properties["assignableScopes"],
        "createdBy": properties["createdBy"],
        "createdOn": date(&properties["createdOn"]),
        "description": properties["description"],
        "id": role["id"],
        "name": role["name"],
        "permissions": permissions,
        "roleName": properties["roleName"],
        "systemData": role["systemData"],
        "roleType": properties["type"],
        "type": role["type"],
        "updatedBy": properties["updatedBy"],
        "updatedOn": date(&properties["updatedOn"]),
    })
}

/// A date as `az` prints it; null stays null.
pub(crate) fn date(value: &Value) -> Value {
    value
        .as_str()
        .map_or(Value::Null, |text| az_core::date::python_date(text).into())
}
