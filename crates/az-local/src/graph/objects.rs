//! Users, groups and service principals as Graph shows them, and what each can be found by.

use super::filter::Term;
use crate::request::Context;
use crate::state::document::Index;
use crate::state::people::{DirectoryObject, Group, User};
use crate::state::{Document, Range, ServicePrincipal, StateError};
use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// A type of objects of the directory.
pub(super) trait Object: Document + Sized {
    /// As its set is named in paths and contexts.
    const SET: &'static str;
    /// As errors name it.
    const RESOURCE: &'static str;
    /// As `@odata.type` names it.
    const ODATA_TYPE: &'static str;
    const BY_TENANT: Index<Self>;
    /// `{tenant}/{display name}`, in lower case.
    const BY_NAME: Index<Self>;
    /// What a filter can compare.
    const COMPARED: &'static [&'static str];
    /// Lists that a filter can look into.
    const LISTS: &'static [&'static str] = &[];
    /// What is shown unless a request selects; all where it is empty
    /// (<https://learn.microsoft.com/graph/api/resources/user#properties>).
    const DEFAULTS: &'static [&'static str] = &[];

    fn tenant(&self) -> &str;

    /// Every property.
    fn full(&self) -> Value;

    /// The few objects that have this in a property which is an index; none where it is not one.
    fn by_property(
        cx: &Context<'_>,
        name: &str,
        value: &str,
    ) -> Result<Option<Vec<Self>>, StateError>;

    /// What is shown, with no more than what is selected.
    fn show(&self, select: Option<&str>) -> Value {
        let full = self.full();
        let names: Vec<&str> = match select {
            Some(select) => select.split(',').map(str::trim).collect(),
            None if Self::DEFAULTS.is_empty() => return full,
            None => Self::DEFAULTS.to_vec(),
        };
        let Value::Object(mut full) = full else {
            return full;
        };
        let shown = names.iter().filter_map(|name| {
            let known = full
                .keys()
                .find(|key| key.eq_ignore_ascii_case(name))?
                .clone();
            let value = full.remove(&known)?;
            Some((known, value))
        });
        Value::Object(shown.collect::<Map<_, _>>())
    }
}

impl Object for ServicePrincipal {
    const SET: &'static str = "servicePrincipals";
    const RESOURCE: &'static str = "ServicePrincipal";
    const ODATA_TYPE: &'static str = "#microsoft.graph.servicePrincipal";
    const BY_TENANT: Index<Self> = ServicePrincipal::BY_TENANT;
    const BY_NAME: Index<Self> = ServicePrincipal::BY_NAME;
    const COMPARED: &'static [&'static str] =
        &["id", "appId", "displayName", "servicePrincipalType"];
    const LISTS: &'static [&'static str] = &[
        "servicePrincipalNames",
        "identifierUris",
        "alternativeNames",
        "tags",
    ];

    fn tenant(&self) -> &str {
        &self.tenant_id
    }

    fn full(&self) -> Value {
        let is_managed = self.managed_identity.is_some();
        let alternatives: Vec<String> = match &self.managed_identity {
            Some(id) => {
                let explicit = !id.to_ascii_lowercase().contains("/virtualmachines/");
                vec![
                    format!("isExplicit={}", if explicit { "True" } else { "False" }),
                    id.clone(),
                ]
            }
            None => Vec::new(),
        };
        json!({
            "id": self.object_id,
            "deletedDateTime": null,
            "accountEnabled": true,
            "alternativeNames": alternatives,
            "appDisplayName": if is_managed { Value::Null } else { json!(self.display_name) },
            "appId": self.app_id,
            "appOwnerOrganizationId": if is_managed { Value::Null } else { json!(self.tenant_id) },
            "appRoleAssignmentRequired": false,
            "createdDateTime": seconds(self.created),
            "displayName": self.display_name,
            "servicePrincipalNames": [self.app_id],
            "servicePrincipalType": if is_managed { "ManagedIdentity" } else { "Application" },
            "signInAudience": if is_managed { Value::Null } else { json!("AzureADMyOrg") },
            "tags": [],
        })
    }

    fn by_property(
        cx: &Context<'_>,
        name: &str,
        value: &str,
    ) -> Result<Option<Vec<Self>>, StateError> {
        let lower = value.to_ascii_lowercase();
        Ok(match name {
            "id" => Some(cx.tx.get(&lower)?.into_iter().collect()),
            "appId" | "servicePrincipalNames" => Some(
                cx.tx
                    .all(&Range::Equal(ServicePrincipal::BY_APPLICATION, &lower))?,
            ),
            "alternativeNames" if value.starts_with('/') => Some(
                cx.tx
                    .all(&Range::Equal(ServicePrincipal::BY_RESOURCE, &lower))?,
            ),
            _ => None,
        })
    }
}

impl Object for User {
    const SET: &'static str = "users";
    const RESOURCE: &'static str = "User";
    const ODATA_TYPE: &'static str = "#microsoft.graph.user";
    const BY_TENANT: Index<Self> = User::BY_TENANT;
    const BY_NAME: Index<Self> = User::BY_NAME;
    const COMPARED: &'static [&'static str] = &[
        "id",
        "userPrincipalName",
        "displayName",
        "mail",
        "mailNickname",
        "givenName",
        "surname",
    ];
    const DEFAULTS: &'static [&'static str] = &[
        "businessPhones",
        "displayName",
        "givenName",
        "jobTitle",
        "mail",
        "mobilePhone",
        "officeLocation",
        "preferredLanguage",
        "surname",
        "userPrincipalName",
        "id",
    ];

    fn tenant(&self) -> &str {
        &self.tenant_id
    }

    fn full(&self) -> Value {
        let mut full = json!({
            "businessPhones": [],
            "displayName": self.display_name,
            "givenName": null,
            "jobTitle": null,
            "mail": null,
            "mobilePhone": null,
            "officeLocation": null,
            "preferredLanguage": null,
            "surname": null,
            "userPrincipalName": self.user_principal_name,
            "id": self.object_id,
            "accountEnabled": self.enabled,
            "createdDateTime": seconds(self.created),
            "deletedDateTime": null,
            "mailNickname": self.user_principal_name.split('@').next(),
            "userType": "Member",
        });
        told(&mut full, &self.more);
        full
    }

    fn by_property(
        cx: &Context<'_>,
        name: &str,
        value: &str,
    ) -> Result<Option<Vec<Self>>, StateError> {
        Ok(match name {
            "id" => Some(
                cx.tx
                    .get(&value.to_ascii_lowercase())?
                    .into_iter()
                    .collect(),
            ),
            "userPrincipalName" => {
                let found = cx.tx.find(User::BY_SIGN_IN, &value.to_lowercase())?;
                Some(found.into_iter().collect())
            }
            _ => None,
        })
    }
}

impl Object for Group {
    const SET: &'static str = "groups";
    const RESOURCE: &'static str = "Group";
    const ODATA_TYPE: &'static str = "#microsoft.graph.group";
    const BY_TENANT: Index<Self> = Group::BY_TENANT;
    const BY_NAME: Index<Self> = Group::BY_NAME;
    const COMPARED: &'static [&'static str] = &["id", "displayName", "mailNickname", "description"];

    fn tenant(&self) -> &str {
        &self.tenant_id
    }

    fn full(&self) -> Value {
        let created = seconds(self.created);
        let mut full = json!({
            "id": self.object_id,
            "deletedDateTime": null,
            "classification": null,
            "createdDateTime": created,
            "creationOptions": [],
            "description": null,
            "displayName": self.display_name,
            "expirationDateTime": null,
            "groupTypes": [],
            "isAssignableToRole": null,
            "mail": null,
            "mailEnabled": false,
            "mailNickname": null,
            "membershipRule": null,
            "membershipRuleProcessingState": null,
            "onPremisesSyncEnabled": null,
            "preferredDataLocation": null,
            "preferredLanguage": null,
            "proxyAddresses": [],
            "renewedDateTime": created,
            "resourceBehaviorOptions": [],
            "resourceProvisioningOptions": [],
            "securityEnabled": true,
            "securityIdentifier": security_identifier(&self.object_id),
            "theme": null,
            "visibility": null,
        });
        told(&mut full, &self.more);
        full
    }

    fn by_property(
        cx: &Context<'_>,
        name: &str,
        value: &str,
    ) -> Result<Option<Vec<Self>>, StateError> {
        let id = value.to_ascii_lowercase();
        Ok(match name {
            "id" => Some(cx.tx.get(&id)?.into_iter().collect()),
            _ => None,
        })
    }
}

/// Graph's times are whole seconds.
fn seconds(time: OffsetDateTime) -> Option<String> {
    time.replace_nanosecond(0).ok()?.format(&Rfc3339).ok()
}

/// Puts what Graph was told over what an object has anyway.
fn told(full: &mut Value, more: &Map<String, Value>) {
    if let Some(full) = full.as_object_mut() {
        full.extend(more.clone());
    }
}

/// An object id as a security identifier: its four numbers of 32 bits behind `S-1-12-1`.
fn security_identifier(object_id: &str) -> Option<String> {
    let id = uuid::Uuid::try_parse(object_id).ok()?;
    let bytes = id.to_bytes_le();
    let numbers = bytes.chunks_exact(4).map(|four| {
        let four: [u8; 4] = four.try_into().unwrap_or_default();
        u32::from_le_bytes(four).to_string()
    });
    let numbers: Vec<String> = numbers.collect();
    Some(format!("S-1-12-1-{}", numbers.join("-")))
}

/// An object of any type, with its type.
pub(super) fn show_any(object: &DirectoryObject) -> Value {
    fn typed<T: Object>(object: &T) -> Value {
        let mut value = json!({"@odata.type": T::ODATA_TYPE});
        if let (Some(value), Value::Object(shown)) = (value.as_object_mut(), object.show(None)) {
            value.extend(shown);
        }
        value
    }
    match object {
        DirectoryObject::User(user) => typed(user),
        DirectoryObject::Group(group) => typed(group),
        DirectoryObject::ServicePrincipal(principal) => typed(principal),
    }
}

/// Whether a term holds for an object.
pub(super) fn holds(object: &Value, term: &Term) -> bool {
    let text = |name: &str| object[name].as_str();
    match term {
        Term::Equals { name, value } => {
            text(name).is_some_and(|held| held.to_lowercase() == value.to_lowercase())
        }
        Term::Is { name, value } => object[name].as_bool() == Some(*value),
        Term::StartsWith { name, value } => {
            text(name).is_some_and(|held| held.to_lowercase().starts_with(&value.to_lowercase()))
        }
        Term::AnyEquals { name, value } => object[name].as_array().is_some_and(|all| {
            all.iter().any(|held| {
                held.as_str()
                    .is_some_and(|held| held.eq_ignore_ascii_case(value))
            })
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_security_identifier_has_the_numbers_of_the_object_id() {
        let id = security_identifier("00000001-0002-0003-0400-000005000000");
        assert_eq!(id.as_deref(), Some("S-1-12-1-1-196610-4-5"));
    }
}
