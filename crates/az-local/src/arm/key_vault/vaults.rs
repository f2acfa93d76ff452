//! `Microsoft.KeyVault/vaults`.

use super::deleted_vaults;
use crate::arm::call::Call;
use crate::arm::error::Error;
use crate::arm::group_scope;
use crate::arm::keep::Members;
use crate::arm::resource_type::{Answers, Draft, Kind, Patches};
use crate::ground::wire::Response;
use crate::request::Context;
use crate::state::due;
use crate::state::vaults::find_by_name;
use crate::state::{DeletedVault, Resource, StateError, vaults};
use http::StatusCode;
use serde_json::{Map, Value, json};
use time::format_description::well_known::Rfc3339;
use uuid::Uuid;

pub(crate) const KIND: Kind = Kind {
    name: vaults::KIND,
    members: Members {
        own: &[
            "properties/vaultUri",
            "properties/hsmPoolResourceId",
            "properties/privateEndpointConnections",
        ],
        secret: &["properties/createMode"],
        ..Members::PLAIN
    },
    names,
    put,
    patches: Patches::All,
    patch,
    gone,
    view,
    answers: Answers::ProvisioningState("RegisteringDns"),
    ..Kind::PLAIN
};

/// The URI has no slash at its end until the vault is there (recorded: Azure/azure-cli,
/// src/azure-cli/azure/cli/command_modules/keyvault/tests/latest/recordings/test_keyvault_rbac.yaml).
fn view(_: &Call<'_>, _: &Resource, value: &mut Value) -> Result<(), Error> {
    let properties = &mut value["properties"];
    if properties["provisioningState"] == "RegisteringDns"
        && let Some(uri) = properties["vaultUri"].as_str()
    {
        properties["vaultUri"] = json!(uri.trim_end_matches('/'));
    }
    Ok(())
}

/// How a refused PUT ends what [`taken`] says.
const REFUSED: &str = "about VaultAlreadyExists, soft delete and purging a vault";

/// Why a name cannot be had, as `checkNameAvailability` and a refused PUT say it, each with an end of its own (recorded in
/// azure-mgmt-keyvault 9.0.0's tests, test_cli_mgmt_keyvault.test_keyvault.yaml; Esri/arcgis-gitops issue 174).
fn taken(name: &str, end: &str) -> String {
    format!(
        "The vault name '{name}' is already in use. Vault names are globally unique so it is possible that the name \
         is already taken. If you are sure that the vault name was not taken then it is possible that a vault \
         with the same name was recently deleted but not purged after being placed in a recoverable state. If \
         the vault is in a recoverable state then the vault will need to be purged before reusing the name. \
         For more information {end} follow this link https://go.microsoft.com/fwlink/?linkid=2147740."
    )
}

/// The first version in which a vault uses roles unless it says otherwise
/// (<https://learn.microsoft.com/azure/key-vault/general/access-control-default>).
const ROLES_BY_DEFAULT: &str = "2026-02-01";

fn check_name_rule(name: &str) -> bool {
    (3..=24).contains(&name.len())
        && name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
        && !name.ends_with('-')
        && !name.contains("--")
}

fn names(name: &str) -> Result<(), Error> {
    if check_name_rule(name) {
        return Ok(());
    }
    Err(Error::bad_request(
        "VaultNameNotValid",
        format!(
            "The vault name '{}' is invalid. A vault's name must be between 3-24 alphanumeric characters. The name \
             must begin with a letter, end with a letter or digit, and not contain consecutive hyphens. Follow this \
             link for more information: https://go.microsoft.com/fwlink/?linkid=2147742",
            name.escape_debug()
        ),
    ))
}

fn put(call: &Call<'_>, draft: &mut Draft) -> Result<(), Error> {
    let name = draft.resource.name().to_owned();
    let mut asked = draft.properties();
    if draft.existing.is_none() {
        if let Some(other) = find_by_name(call.cx.tx, &name)? {
            return Err(Error::conflict(
                "VaultAlreadyExists",
                taken(other.name(), REFUSED),
            ));
        }
        let recover = asked
            .get("createMode")
            .and_then(Value::as_str)
            .is_some_and(|mode| mode.eq_ignore_ascii_case("recover"));
        match deleted_vaults::find(call.cx, &name)? {
            Some(deleted) if recover => return recover_vault(call, draft, &deleted),
            Some(deleted) => return Err(held(call, &deleted, &name)),
            None if recover => {
                return Err(Error::new(
                    404,
                    "DeletedVaultNotFound",
                    format!("A deleted vault with the name '{name}' does not exist to recover."),
                ));
            }
            None => {}
        }
    }
    asked.remove("createMode");
    complete(call, draft, asked)
}

fn held(call: &Call<'_>, deleted: &DeletedVault, name: &str) -> Error {
    let ours = deleted.vault.id.to_ascii_lowercase().starts_with(&format!(
        "/subscriptions/{}/",
        call.subscription().to_ascii_lowercase()
    ));
    if !ours {
        return Error::conflict("VaultAlreadyExists", taken(name, REFUSED));
    }
    Error::conflict(
        "ConflictError",
        "A vault with the same name already exists in deleted state. You need to either recover or purge existing key \
         vault. Follow this link https://go.microsoft.com/fwlink/?linkid=2149745 for more information on soft delete.",
    )
}

/// Brings a deleted vault back as it was; the role assignments on it are gone.
fn recover_vault(call: &Call<'_>, draft: &mut Draft, deleted: &DeletedVault) -> Result<(), Error> {
    if Resource::key_of(&deleted.vault.id) != Resource::key_of(draft.id()) {
        return Err(Error::bad_request(
            "BadRequest",
            format!(
                "The vault '{}' can only be recovered in its own resource group and subscription.",
                deleted.vault.name()
            ),
        ));
    }
    if deleted.purging {
        return Err(Error::conflict(
            "ConflictError",
            "The vault is being purged.",
        ));
    }
    call.cx
        .tx
        .delete::<DeletedVault>(&deleted.vault.name().to_ascii_lowercase())?;
    due::forget(call.cx.tx, &deleted_vaults::purge_of(deleted))?;
    // What else the request says is for a new vault.
    draft.body.clear();
    draft.resource = Resource {
        incarnation: std::mem::take(&mut draft.resource.incarnation),
        ..deleted.vault.clone()
    };
    touch(call, draft);
    Ok(())
}

/// What a request asks for, over what is there.
struct Asked {
    new: Map<String, Value>,
    old: Map<String, Value>,
}

impl Asked {
    fn get(&self, name: &str) -> Option<&Value> {
        self.new.get(name).or_else(|| self.old.get(name))
    }

    fn flag(&self, name: &str) -> Option<bool> {
        let flag = |from: &Map<String, Value>| from.get(name).and_then(Value::as_bool);
        flag(&self.new).or_else(|| flag(&self.old))
    }

    /// Refuses what cannot be said, or cannot be changed any more.
    fn check(&self) -> Result<(), Error> {
        let days = self.new.get("softDeleteRetentionInDays");
        let days = days.and_then(Value::as_i64);
        if let Some(days) = days.filter(|days| !(7..=90).contains(days)) {
            return Err(bad(format!(
                "The property \"softDeleteRetentionInDays\" has the value {days}; it must be between 7 and 90."
            )));
        }
        let old_days = self.old.get("softDeleteRetentionInDays");
        if let (Some(days), Some(old)) = (days, old_days.and_then(Value::as_i64))
            && days != old
        {
            return Err(bad(
                "The property \"softDeleteRetentionInDays\" has been set already and it can't be modified.",
            ));
        }
        let is_off = |name: &str| self.new.get(name) == Some(&Value::Bool(false));
        if is_off("enableSoftDelete") {
            return Err(bad(
                "The property \"enableSoftDelete\" can be set to false only for creating new vault; soft delete cannot be turned off.",
            ));
        }
        if is_off("enablePurgeProtection") {
            return Err(bad(
                "The property \"enablePurgeProtection\" cannot be set to false. Enabling the purge protection for a vault is an irreversible action.",
            ));
        }
        Ok(())
    }

    fn tenant(&self) -> Result<&str, Error> {
        let tenant = self.get("tenantId").and_then(Value::as_str);
        tenant
            .filter(|tenant| Uuid::try_parse(tenant).is_ok())
            .ok_or_else(|| bad("The parameter tenantId is missing or not a GUID."))
    }

    fn sku(&self) -> Result<String, Error> {
        let name = self.get("sku").and_then(|sku| sku["name"].as_str());
        let name = name.unwrap_or_default().to_ascii_lowercase();
        if !["standard", "premium"].contains(&name.as_str()) {
            return Err(bad("The vault SKU must be 'standard' or 'premium'."));
        }
        Ok(name)
    }
}

fn bad(message: impl Into<String>) -> Error {
    Error::bad_request("BadRequest", message)
}

fn complete(call: &Call<'_>, draft: &mut Draft, asked: Map<String, Value>) -> Result<(), Error> {
    let asked = Asked {
        new: asked,
        old: draft.existing_properties().cloned().unwrap_or_default(),
    };
    let (tenant, sku) = (asked.tenant()?.to_owned(), asked.sku()?);
    asked.check()?;
    let roles = asked
        .flag("enableRbacAuthorization")
        .unwrap_or_else(|| call.api_version.as_str() >= ROLES_BY_DEFAULT);
    let policies = asked.get("accessPolicies").filter(|list| list.is_array());
    if policies.is_none() && !roles {
        return Err(bad("The parameter accessPolicies is not specified."));
    }
    let days = asked.get("softDeleteRetentionInDays");
    let public = asked.get("publicNetworkAccess").and_then(Value::as_str);
    let mut properties = json!({
        "sku": {"family": "A", "name": sku},
        "tenantId": tenant,
        "accessPolicies": policies.cloned().unwrap_or(json!([])),
        "enableRbacAuthorization": roles,
        "enableSoftDelete": true,
        "softDeleteRetentionInDays": days.and_then(Value::as_i64).unwrap_or(90),
    });
    if asked.flag("enablePurgeProtection") == Some(true) {
        properties["enablePurgeProtection"] = json!(true);
    }
    // Always answered, asked for or not.
    properties["enabledForDeployment"] = json!(asked.flag("enabledForDeployment") == Some(true));
    for name in ["enabledForDiskEncryption", "enabledForTemplateDeployment"] {
        if let Some(value) = asked.flag(name) {
            properties[name] = json!(value);
        }
    }
    properties["publicNetworkAccess"] = json!(public.unwrap_or("Enabled"));
    properties["vaultUri"] = json!(format!(
        "https://{}.vault.azure.net/",
        draft.resource.name()
    ));
    if let Some(properties) = properties.as_object_mut() {
        // What it was told earlier stays.
        for (name, value) in asked.old {
            properties.entry(name).or_insert(value);
        }
    }
    if !draft.resource.body.contains_key("tags") {
        draft.set("tags", json!({}));
    }
    draft.set("properties", properties);
    touch(call, draft);
    Ok(())
}

/// Notes who changed the vault, and when.
fn touch(call: &Call<'_>, draft: &mut Draft) {
    let now = call
        .cx
        .now
        .replace_nanosecond(call.cx.now.millisecond() as u32 * 1_000_000)
        .unwrap_or(call.cx.now);
    let date = json!(now.format(&Rfc3339).unwrap_or_default());
    let who = json!(call.principal.app_id);
    let old = draft
        .existing
        .as_ref()
        .and_then(|there| there.body.get("systemData"))
        .cloned();
    let mut data = old.unwrap_or_else(
        || json!({"createdBy": who, "createdByType": "Application", "createdAt": date}),
    );
    data["lastModifiedBy"] = who;
    data["lastModifiedByType"] = json!("Application");
    data["lastModifiedAt"] = date;
    draft.set("systemData", data);
}

fn patch(call: &Call<'_>, draft: &mut Draft) -> Result<(), Error> {
    if let Some(tags) = draft.body.get("tags").cloned() {
        draft.set("tags", tags);
    }
    let asked = draft.properties();
    complete(call, draft, asked)
}

/// A vault that goes becomes a deleted vault.
fn gone(cx: &Context<'_>, vault: &Resource) -> Result<Vec<String>, StateError> {
    let mut vault = vault.clone();
    vault.hidden.remove("operation");
    let deleted = DeletedVault {
        vault,
        deleted: cx.now,
        purging: false,
    };
    due::note(
        cx.tx,
        deleted.purged_on(),
        deleted_vaults::purge_of(&deleted),
    )?;
    cx.tx.put(&deleted)?;
    Ok(Vec::new())
}

/// `POST /subscriptions/{id}/providers/Microsoft.KeyVault/checkNameAvailability`
pub(crate) fn check_name(call: &Call<'_>) -> Result<Response, Error> {
    call.authorize(
        &call.path.scope,
        "Microsoft.KeyVault/checkNameAvailability/read",
    )?;
    let name = call
        .body()?
        .get("name")
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned();
    let is_taken = find_by_name(call.cx.tx, &name)?.is_some()
        || deleted_vaults::find(call.cx, &name)?.is_some();
    let answer = if !check_name_rule(&name) {
        json!({"nameAvailable": false, "reason": "AccountNameInvalid", "message": format!("The vault name '{name}' is invalid.")})
    } else if is_taken {
        json!({"nameAvailable": false, "reason": "AlreadyExists", "message": taken(&name, "on soft delete and purging a vault")})
    } else {
        json!({"nameAvailable": true})
    };
    Ok(Response::json(StatusCode::OK, &answer))
}

/// Whom an access policy is for.
fn whose(policy: &Value) -> (String, String) {
    let id = |member: &str| {
        policy[member]
            .as_str()
            .unwrap_or_default()
            .to_ascii_lowercase()
    };
    (id("objectId"), id("applicationId"))
}

/// Adds another policy's permissions to a policy, or takes them from it.
fn change_permissions(policy: &mut Value, by: &Value, add: bool) {
    for (kind, named) in by["permissions"].as_object().into_iter().flatten() {
        let named = named.as_array().cloned().unwrap_or_default();
        let same = |a: &Value, b: &Value| {
            a.as_str()
                .unwrap_or_default()
                .eq_ignore_ascii_case(b.as_str().unwrap_or_default())
        };
        let mut kept = policy["permissions"][kind]
            .as_array()
            .cloned()
            .unwrap_or_default();
        kept.retain(|one| !named.iter().any(|other| same(one, other)));
        if add {
            kept.extend(named);
        }
        policy["permissions"][kind] = Value::Array(kept);
    }
}

fn permits_nothing(policy: &Value) -> bool {
    let kinds = policy["permissions"].as_object();
    kinds.is_none_or(|kinds| {
        kinds
            .values()
            .all(|all| all.as_array().is_none_or(Vec::is_empty))
    })
}

/// `PUT …/vaults/{name}/accessPolicies/{add|replace|remove}`
pub(crate) fn access_policies(call: &Call<'_>, name: &str, kind: &str) -> Result<Response, Error> {
    let id = format!("{}/providers/{}/{name}", call.path.scope, KIND.name);
    call.authorize(&id, "Microsoft.KeyVault/vaults/accessPolicies/write")?;
    group_scope::require(call)?;
    let mut vault = call
        .resource(&id)?
        .ok_or_else(|| Error::resource_not_found(KIND.name, name, call.path.group.as_deref()))?;
    let body = Value::Object(call.body()?);
    let asked = body["properties"]["accessPolicies"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let mut list = vault.items("accessPolicies").to_vec();
    for policy in asked {
        let there = list.iter().position(|other| whose(other) == whose(&policy));
        match (kind, there) {
            ("add", Some(at)) => change_permissions(&mut list[at], &policy, true),
            ("remove", Some(at)) => {
                change_permissions(&mut list[at], &policy, false);
                if permits_nothing(&list[at]) {
                    list.remove(at);
                }
            }
            ("replace", Some(at)) => list[at] = policy,
            ("remove", None) => {}
            ("add" | "replace", None) => list.push(policy),
            _ => return Err(Error::method_not_allowed(kind)),
        }
    }
    if let Some(properties) = vault.body.get_mut("properties") {
        properties["accessPolicies"] = json!(list);
    }
    call.cx.tx.put(&vault)?;
    let answer = json!({"id": format!("{}/accessPolicies/", vault.id), "type": "Microsoft.KeyVault/vaults/accessPolicies",
        "location": vault.body.get("location"), "properties": {"accessPolicies": list}});
    Ok(Response::json(StatusCode::OK, &answer))
}
