//! Making, changing and deleting users and groups
//! (<https://learn.microsoft.com/graph/api/user-post-users>, <https://learn.microsoft.com/graph/api/group-post-groups>).

use super::error::GraphError;
use super::members;
use crate::ground::password::Hashed;
use crate::state::people::{Group, User};
use crate::state::{Tenant, Transaction};
use serde_json::{Map, Value};
use time::OffsetDateTime;
use uuid::Uuid;

/// What a user is told by and what is no property: it is checked and kept elsewhere.
const OF_USERS: [&str; 6] = [
    "id",
    "userPrincipalName",
    "displayName",
    "passwordProfile",
    "accountEnabled",
    "createdDateTime",
];
const OF_GROUPS: [&str; 5] = [
    "id",
    "displayName",
    "createdDateTime",
    "members@odata.bind",
    "owners@odata.bind",
];

/// Makes a user of a request's properties.
pub(crate) fn create_user(
    tx: &Transaction<'_>,
    tenant: &Tenant,
    asked: &Map<String, Value>,
    now: OffsetDateTime,
) -> Result<User, GraphError> {
    let display_name = required(asked, "displayName", "User")?;
    let name = required(asked, "userPrincipalName", "User")?;
    required(asked, "mailNickname", "User")?;
    let enabled = asked.get("accountEnabled").and_then(Value::as_bool);
    let enabled = enabled.ok_or_else(|| needs("accountEnabled", "User"))?;
    let password = password(asked)?.ok_or_else(|| needs("passwordProfile", "User"))?;
    check_name(tx, tenant, name, None)?;
    let user = User {
        object_id: Uuid::new_v4().to_string(),
        tenant_id: tenant.id.clone(),
        user_principal_name: name.to_owned(),
        display_name: display_name.to_owned(),
        password: Hashed::of(password),
        enabled,
        more: others(asked, &OF_USERS),
        created: now,
    };
    tx.put(&user)?;
    Ok(user)
}

/// Changes a user by a PATCH.
pub(super) fn change_user(
    tx: &Transaction<'_>,
    tenant: &Tenant,
    mut user: User,
    asked: &Map<String, Value>,
) -> Result<(), GraphError> {
    if let Some(name) = asked.get("userPrincipalName").and_then(Value::as_str) {
        check_name(tx, tenant, name, Some(&user.object_id))?;
        user.user_principal_name = name.to_owned();
    }
    if asked.contains_key("displayName") {
        user.display_name = required(asked, "displayName", "User")?.to_owned();
    }
    if let Some(enabled) = asked.get("accountEnabled").and_then(Value::as_bool) {
        user.enabled = enabled;
    }
    if let Some(password) = password(asked)? {
        user.password = Hashed::of(password);
    }
    user.more.extend(others(asked, &OF_USERS));
    Ok(tx.put(&user)?)
}

/// Makes a security group of a request's properties, with its first members.
pub(crate) fn create_group(
    tx: &Transaction<'_>,
    tenant: &Tenant,
    asked: &Map<String, Value>,
    now: OffsetDateTime,
) -> Result<Group, GraphError> {
    let display_name = required(asked, "displayName", "Group")?;
    required(asked, "mailNickname", "Group")?;
    for flag in ["mailEnabled", "securityEnabled"] {
        if asked.get(flag).and_then(Value::as_bool).is_none() {
            return Err(needs(flag, "Group"));
        }
    }
    if asked["mailEnabled"] == Value::Bool(true) {
        return Err(GraphError::Invalid(
            "This local tenant has no mail: 'mailEnabled' must be false.".to_owned(),
        ));
    }
    let group = Group {
        object_id: Uuid::new_v4().to_string(),
        tenant_id: tenant.id.clone(),
        display_name: display_name.to_owned(),
        more: others(asked, &OF_GROUPS),
        created: now,
    };
    tx.put(&group)?;
    bind_members(tx, &group, asked)?;
    Ok(group)
}

/// Puts those that `members@odata.bind` refers to into a group.
fn bind_members(
    tx: &Transaction<'_>,
    group: &Group,
    asked: &Map<String, Value>,
) -> Result<(), GraphError> {
    let members = asked.get("members@odata.bind").and_then(Value::as_array);
    for member in members.into_iter().flatten().filter_map(Value::as_str) {
        members::add(tx, group, member.rsplit('/').next().unwrap_or_default())?;
    }
    Ok(())
}

/// Changes a group by a PATCH.
pub(super) fn change_group(
    tx: &Transaction<'_>,
    mut group: Group,
    asked: &Map<String, Value>,
) -> Result<(), GraphError> {
    if asked.contains_key("displayName") {
        group.display_name = required(asked, "displayName", "Group")?.to_owned();
    }
    group.more.extend(others(asked, &OF_GROUPS));
    bind_members(tx, &group, asked)?;
    Ok(tx.put(&group)?)
}

fn others(asked: &Map<String, Value>, own: &[&str]) -> Map<String, Value> {
    let others = asked
        .iter()
        .filter(|(name, _)| !own.contains(&name.as_str()));
    others
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

fn required<'a>(
    asked: &'a Map<String, Value>,
    name: &'static str,
    resource: &'static str,
) -> Result<&'a str, GraphError> {
    let text = asked.get(name).and_then(Value::as_str);
    text.filter(|text| !text.trim().is_empty())
        .ok_or_else(|| needs(name, resource))
}

fn needs(property: &str, resource: &str) -> GraphError {
    GraphError::Invalid(format!(
        "A value is required for property '{property}' of resource '{resource}'."
    ))
}

fn password(asked: &Map<String, Value>) -> Result<Option<&str>, GraphError> {
    let profile = asked.get("passwordProfile");
    let Some(password) = profile.and_then(|profile| profile.get("password")?.as_str()) else {
        return Ok(None);
    };
    check_password(password)?;
    Ok(Some(password))
}

/// Eight characters or more, of three of the four kinds
/// (<https://learn.microsoft.com/entra/identity/authentication/concept-sspr-policy#microsoft-entra-password-policies>).
pub(crate) fn check_password(password: &str) -> Result<(), GraphError> {
    let kinds: [fn(char) -> bool; 4] = [
        |c| c.is_ascii_lowercase(),
        |c| c.is_ascii_uppercase(),
        |c| c.is_ascii_digit(),
        |c| !c.is_alphanumeric(),
    ];
    let has = kinds
        .iter()
        .filter(|kind| password.chars().any(*kind))
        .count();
    if has >= 3 && (8..=256).contains(&password.chars().count()) {
        return Ok(());
    }
    Err(GraphError::Invalid(
        "The specified password does not comply with password complexity requirements. Please provide a different password."
            .to_owned(),
    ))
}

fn check_name(
    tx: &Transaction<'_>,
    tenant: &Tenant,
    name: &str,
    own: Option<&str>,
) -> Result<(), GraphError> {
    let (user, domain) = name.split_once('@').unwrap_or((name, ""));
    let good = |c: char| c.is_ascii_alphanumeric() || "'.-_!#^~".contains(c);
    if user.is_empty() || user.len() > 64 || !user.chars().all(good) {
        return Err(GraphError::Invalid(
            "Property userPrincipalName is invalid.".to_owned(),
        ));
    }
    if !tenant.has_domain(domain) {
        return Err(GraphError::Invalid(
            "The domain portion of the userPrincipalName property is invalid. You must use one of the verified domain names in \
             your organization."
                .to_owned(),
        ));
    }
    let twin: Option<User> = tx.find(User::BY_SIGN_IN, &name.to_lowercase())?;
    if twin.is_some_and(|twin| Some(twin.object_id.as_str()) != own) {
        return Err(GraphError::Invalid(
            "Another object with the same value for property userPrincipalName already exists."
                .to_owned(),
        ));
    }
    Ok(())
}
