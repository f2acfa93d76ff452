//! Role definitions.

use crate::scope;
use az_core::{
    arm::{ResourceId, versions},
    cli::{Failure, Session, Status},
    nearest::did_you_mean,
};
use serde_json::{Value, json};
use uuid::Uuid;

const TYPE: &str = "Microsoft.Authorization/roleDefinitions";

/// The id of the role with this name, GUID or id, as it can be assigned at `scope`.
pub(crate) async fn resolve(
    session: &Session,
    role: &str,
    scope: &ResourceId,
) -> Result<ResourceId, Failure> {
    if role.starts_with('/') {
        let id: ResourceId = role.parse()?;
        if !id.is_type(TYPE) {
            return Err(Failure::usage(format!(
                "'{role}' is not the id of a role definition"
            )));
        }
        return Ok(id);
    }
    if Uuid::try_parse(role).is_ok() {
        return Ok(by_guid(role, scope));
    }
    let found = query(session, scope, Some(role)).await?;
    match found.as_slice() {
        [one] => Ok(one["id"].as_str().unwrap_or_default().parse()?),
        [] => Err(unknown(session, role, scope).await),
        _ => Err(Failure::usage(format!("several roles are named '{role}'"))
            .hint("Give the role's GUID instead.")),
    }
}

fn by_guid(guid: &str, scope: &ResourceId) -> ResourceId {
    let root = match scope.subscription_id() {
        Some(subscription) => ResourceId::subscription(subscription).to_string(),
        None => String::new(),
    };
    let text = format!("{root}/providers/{TYPE}/{}", guid.to_lowercase());
    // Built from checked parts: it parses.
    text.parse().unwrap_or_else(|_| scope.clone())
}

/// There is no such role: with those that it is most like. Whoever may not list them gets no suggestion.
async fn unknown(session: &Session, role: &str, scope: &ResourceId) -> Failure {
    let all = query(session, scope, None).await.unwrap_or_default();
    let names = all
        .iter()
        .filter_map(|one| one["properties"]["roleName"].as_str());
    let near = did_you_mean(role, names).map_or_else(String::new, |near| near + " ");
    Failure::new(Status::NotFound, format!("there is no role '{role}'")).hint(format!(
        "{near}List the roles with 'az-role definition list'."
    ))
}

async fn query(
    session: &Session,
    scope: &ResourceId,
    name: Option<&str>,
) -> Result<Vec<Value>, Failure> {
    let filter = name.map(|name| format!("roleName eq '{}'", name.replace('\'', "''")));
    let query: Vec<(&str, &str)> = filter
        .iter()
        .map(|filter| ("$filter", filter.as_str()))
        .collect();
    let scope = scope.as_str().trim_end_matches('/');
    Ok(session
        .arm()?
        .list(
            format!("{scope}/providers/{TYPE}"),
            versions::AUTHORIZATION,
            &query,
        )
        .await?)
}

/// Names of roles by their definition's GUID in lower case, for lists of assignments.
pub(crate) async fn names(
    session: &Session,
    scope: &ResourceId,
) -> Result<Vec<(String, String)>, Failure> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let found = query(session, scope, None).await?;
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
        name => query(session, scope, name).await?,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guid_becomes_a_definition_in_the_scopes_subscription() {
        let guid = "B86A8FE4-44CE-4948-AEE5-ECCB2C155CD7";
        assert_eq!(
            by_guid(guid, &ResourceId::group("s", "g")).as_str(),
            "/subscriptions/s/providers/Microsoft.Authorization/roleDefinitions/b86a8fe4-44ce-4948-aee5-eccb2c155cd7"
        );
        let tenant: ResourceId = "/".parse().expect("the tenant");
        assert!(
            by_guid(guid, &tenant)
                .as_str()
                .starts_with("/providers/Microsoft.Authorization")
        );
    }
}
