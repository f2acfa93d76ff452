//! Roles: their definitions, and how an assignment of one is written.
//!
//! <https://learn.microsoft.com/azure/role-based-access-control/role-assignments-rest>

use crate::{
    arm::{ResourceId, versions},
    cli::{Failure, Session, Status},
    nearest::did_you_mean,
};
use serde_json::{Value, json};
use uuid::Uuid;

/// The type of role definitions.
pub const DEFINITIONS: &str = "Microsoft.Authorization/roleDefinitions";
/// The type of role assignments.
pub const ASSIGNMENTS: &str = "Microsoft.Authorization/roleAssignments";

/// A role for a principal at a scope.
#[derive(Clone, Copy, Debug)]
pub struct Assignment<'a> {
    /// Where the role holds, and all below.
    pub scope: &'a str,
    /// Who has it: an object id, or what stands for one until it is known.
    pub principal: &'a str,
    /// `ServicePrincipal`, `User` or `Group`. With it Azure does not ask the directory, which may not know a new identity
    /// yet.
    pub principal_type: Option<&'a str>,
    /// The id of the role's definition.
    pub role: &'a ResourceId,
    /// Why it is given.
    pub description: Option<&'a str>,
    /// When it holds.
    pub condition: Option<&'a str>,
    /// The version of the condition's language.
    pub condition_version: Option<&'a str>,
}

impl Assignment<'_> {
    /// The name is derived from what the assignment says, so that the same one again is the same resource. One that says
    /// something else, though for the same principal, role and scope, is refused by Azure as there already; under the same
    /// name it would take the other's place without a word.
    pub fn name(&self) -> Uuid {
        let mut text =
            format!("{}|{}|{}", self.scope, self.principal, self.role.name()).to_lowercase();
        for more in [self.description, self.condition, self.condition_version] {
            match more {
                Some(more) => text.push_str(&format!("|{more}")),
                None => text.push('|'),
            }
        }
        let text = text.trim_end_matches('|');
        Uuid::new_v5(&Uuid::NAMESPACE_URL, text.as_bytes())
    }

    /// The body that it is created with.
    pub fn body(&self) -> Value {
        let mut properties =
            json!({"principalId": self.principal, "roleDefinitionId": self.role.as_str()});
        for (name, value) in [
            ("principalType", self.principal_type),
            ("description", self.description),
            ("condition", self.condition),
            ("conditionVersion", self.condition_version),
        ] {
            if let Some(value) = value {
                properties[name] = value.into();
            }
        }
        if self.condition.is_some() && self.condition_version.is_none() {
            properties["conditionVersion"] = "2.0".into();
        }
        json!({"properties": properties})
    }
}

/// The id of the role with this name, GUID or id, as it can be assigned at `scope`.
pub async fn resolve(
    session: &Session,
    role: &str,
    scope: &ResourceId,
) -> Result<ResourceId, Failure> {
    if role.starts_with('/') {
        let id: ResourceId = role.parse()?;
        if !id.is_type(DEFINITIONS) {
            return Err(Failure::usage(format!(
                "'{role}' is not the id of a role definition"
            )));
        }
        return Ok(id);
    }
    if Uuid::try_parse(role).is_ok() {
        return Ok(by_guid(role, scope));
    }
    let found = definitions(session, scope, Some(role)).await?;
    match found.as_slice() {
        [one] => Ok(one["id"].as_str().unwrap_or_default().parse()?),
        [] => Err(unknown(session, role, scope).await),
        _ => Err(Failure::usage(format!("several roles are named '{role}'"))
            .hint("Give the role's GUID instead.")),
    }
}

/// The id of the definition with this GUID, as it can be assigned at `scope`.
pub fn by_guid(guid: &str, scope: &ResourceId) -> ResourceId {
    let root = match scope.subscription_id() {
        Some(subscription) => ResourceId::subscription(subscription).to_string(),
        None => String::new(),
    };
    let text = format!("{root}/providers/{DEFINITIONS}/{}", guid.to_lowercase());
    // Built from checked parts: it parses.
    text.parse().unwrap_or_else(|_| scope.clone())
}

/// There is no such role: with those that it is most like. Whoever may not list them gets no suggestion.
pub async fn unknown(session: &Session, role: &str, scope: &ResourceId) -> Failure {
    let all = definitions(session, scope, None).await.unwrap_or_default();
    let names = all
        .iter()
        .filter_map(|one| one["properties"]["roleName"].as_str());
    let near = did_you_mean(role, names).map_or_else(String::new, |near| near + " ");
    Failure::new(Status::NotFound, format!("there is no role '{role}'")).hint(format!(
        "{near}List the roles with 'az-role definition list'."
    ))
}

/// The definitions that can be assigned at a scope: all, or those of this name.
pub async fn definitions(
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
    let path = format!("{scope}/providers/{DEFINITIONS}");
    Ok(session
        .arm()?
        .list(path, versions::AUTHORIZATION, &query)
        .await?)
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

    #[test]
    fn an_assignment_that_says_something_else_has_another_name() {
        let role = by_guid(
            "B86A8FE4-44CE-4948-AEE5-ECCB2C155CD7",
            &ResourceId::group("s", "g"),
        );
        let one = Assignment {
            scope: "/subscriptions/S",
            principal: "p",
            principal_type: Some("User"),
            role: &role,
            description: None,
            condition: None,
            condition_version: None,
        };
        let same = Assignment {
            scope: "/subscriptions/s",
            principal_type: None,
            ..one
        };
        assert_eq!(one.name(), same.name());
        let why = Some("why");
        assert_ne!(
            one.name(),
            Assignment {
                description: why,
                ..one
            }
            .name()
        );
        let conditional = Assignment {
            condition: why,
            ..one
        };
        assert_ne!(one.name(), conditional.name());
        assert_eq!(conditional.body()["properties"]["conditionVersion"], "2.0");
    }
}
