//! Vaults and secrets as `az keyvault` prints them.

use crate::date::python_date;
use azure_core::time::{OffsetDateTime, to_rfc3339};
use azure_security_keyvault_secrets::models::{
    DeletedSecret, DeletedSecretProperties, Secret, SecretAttributes, SecretProperties,
};
use serde_json::{Value, json};
use std::collections::HashMap;

/// A secret as `az keyvault secret set` and `show` print it. The value is null unless it is to be shown.
pub fn shape_secret(secret: &Secret, show_value: bool) -> Value {
    json!({
        "attributes": attributes(secret.attributes.as_ref()),
        "contentType": secret.content_type,
        "id": secret.id,
        "kid": secret.kid,
        "managed": secret.managed,
        "name": name(secret.id.as_deref()),
        "tags": tags(secret.tags.as_ref()),
        "value": secret.value.as_ref().filter(|_| show_value),
    })
}

/// A secret of a list as `az keyvault secret list` prints it.
pub fn shape_item(secret: &SecretProperties) -> Value {
    json!({
        "attributes": attributes(secret.attributes.as_ref()),
        "contentType": secret.content_type,
        "id": secret.id,
        "managed": secret.managed,
        "name": name(secret.id.as_deref()),
        "tags": tags(secret.tags.as_ref()),
    })
}

/// A deleted secret as `az keyvault secret show-deleted` and `delete` print it.
pub fn shape_deleted(secret: &DeletedSecret) -> Value {
    json!({
        "attributes": attributes(secret.attributes.as_ref()),
        "contentType": secret.content_type,
        "deletedDate": date(secret.deleted_date),
        "id": secret.id,
        "kid": secret.kid,
        "managed": secret.managed,
        "name": name(secret.id.as_deref()),
        "recoveryId": secret.recovery_id,
        "scheduledPurgeDate": date(secret.scheduled_purge_date),
        "tags": tags(secret.tags.as_ref()),
        "value": null,
    })
}

/// A deleted secret of a list as `az keyvault secret list-deleted` prints it.
pub fn shape_deleted_item(secret: &DeletedSecretProperties) -> Value {
    json!({
        "attributes": attributes(secret.attributes.as_ref()),
        "contentType": secret.content_type,
        "deletedDate": date(secret.deleted_date),
        "id": secret.id,
        "managed": secret.managed,
        "name": name(secret.id.as_deref()),
        "recoveryId": secret.recovery_id,
        "scheduledPurgeDate": date(secret.scheduled_purge_date),
        "tags": tags(secret.tags.as_ref()),
    })
}

/// A vault with the members that `az` prints, null where Azure leaves one out.
pub fn shape_vault(vault: &Value) -> Value {
    if vault.is_null() {
        return Value::Null;
    }
    let properties = &vault["properties"];
    let members = |value: &Value, names: &[&str]| -> Value {
        names
            .iter()
            .map(|name| ((*name).to_owned(), value[*name].clone()))
            .collect()
    };
    let mut shaped = members(
        properties,
        &[
            "accessPolicies",
            "createMode",
            "enablePurgeProtection",
            "enableRbacAuthorization",
            "enableSoftDelete",
            "enabledForDeployment",
            "enabledForDiskEncryption",
            "enabledForTemplateDeployment",
            "hsmPoolResourceId",
            "privateEndpointConnections",
            "provisioningState",
            "publicNetworkAccess",
            "sku",
            "softDeleteRetentionInDays",
            "tenantId",
            "vaultUri",
        ],
    );
    shaped["networkAcls"] = match &properties["networkAcls"] {
        Value::Null => Value::Null,
        rules => members(
            rules,
            &["bypass", "defaultAction", "ipRules", "virtualNetworkRules"],
        ),
    };
    let mut result = members(
        vault,
        &["id", "location", "name", "systemData", "tags", "type"],
    );
    if let Some(data) = result["systemData"].as_object_mut() {
        for date in ["createdAt", "lastModifiedAt"] {
            if let Some(text) = data.get(date).and_then(Value::as_str) {
                let text = python_date(text);
                data.insert(date.to_owned(), text.into());
            }
        }
    }
    result["properties"] = shaped;
    result
}

/// The tutorial's line: `Name: <id>, Value: <value>`; without a value, the name alone.
pub fn sentence(shaped: &Value) -> String {
    let id = shaped["id"].as_str().unwrap_or_default();
    match shaped["value"].as_str() {
        Some(value) => format!("Name: {id}, Value: {value}"),
        None => format!("Name: {id}"),
    }
}

fn attributes(attributes: Option<&SecretAttributes>) -> Value {
    let Some(attributes) = attributes else {
        return Value::Null;
    };
    json!({
        "created": date(attributes.created),
        "enabled": attributes.enabled,
        "expires": date(attributes.expires),
        "notBefore": date(attributes.not_before),
        "recoverableDays": attributes.recoverable_days,
        "recoveryLevel": attributes.recovery_level.as_ref().map(ToString::to_string),
        "updated": date(attributes.updated),
    })
}

fn date(date: Option<OffsetDateTime>) -> Option<String> {
    date.map(|date| python_date(&to_rfc3339(&date)))
}

fn tags(tags: Option<&HashMap<String, String>>) -> Value {
    json!(tags)
}

/// The name in an id, as `https://v.vault.azure.net/secrets/NAME/VERSION`.
fn name(id: Option<&str>) -> Option<&str> {
    id?.split('/').nth(4)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret() -> Secret {
        serde_json::from_value(json!({
            "id": "https://v.vault.azure.net/secrets/quickstart-secret/56f1d15fee5e4d529d4477f4e31e6352",
            "value": "createdWithRust",
            "attributes": {"created": 1763918525, "updated": 1763918525, "enabled": true, "recoverableDays": 90,
                "recoveryLevel": "Recoverable+Purgeable"},
        }))
        .expect("a secret")
    }

    #[test]
    fn every_member_of_az_is_there_in_its_form() {
        assert_eq!(
            shape_secret(&secret(), true),
            json!({
                "attributes": {"created": "2025-11-23T17:22:05+00:00", "enabled": true, "expires": null,
                    "notBefore": null, "recoverableDays": 90, "recoveryLevel": "Recoverable+Purgeable",
                    "updated": "2025-11-23T17:22:05+00:00"},
                "contentType": null,
                "id": "https://v.vault.azure.net/secrets/quickstart-secret/56f1d15fee5e4d529d4477f4e31e6352",
                "kid": null,
                "managed": null,
                "name": "quickstart-secret",
                "tags": null,
                "value": "createdWithRust",
            })
        );
    }

    #[test]
    fn a_value_that_is_not_to_be_shown_is_null() {
        let shaped = shape_secret(&secret(), false);
        assert!(shaped["value"].is_null());
        let id =
            "https://v.vault.azure.net/secrets/quickstart-secret/56f1d15fee5e4d529d4477f4e31e6352";
        assert_eq!(sentence(&shaped), format!("Name: {id}"));
        assert_eq!(
            sentence(&shape_secret(&secret(), true)),
            format!("Name: {id}, Value: createdWithRust")
        );
    }

    #[test]
    fn a_shaped_vault_has_every_member_of_az() {
        let shaped =
            shape_vault(&json!({"id": "/x", "properties": {"networkAcls": {"bypass": "None"}}}));
        assert_eq!(shaped["properties"]["createMode"], Value::Null);
        assert!(
            shaped["properties"]
                .as_object()
                .is_some_and(|members| members.contains_key("createMode"))
        );
        assert_eq!(shaped["properties"]["networkAcls"]["ipRules"], Value::Null);
        assert_eq!(shape_vault(&Value::Null), Value::Null);
    }
}
