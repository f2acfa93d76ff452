//! What holds the names already: the group, the machine, the vault.

use super::{
    asking::{Answer, Answers, Key},
    check::Check,
};
use crate::group::same_location;
use az_core::{
    arm::ResourceId,
    cli::Status,
    name::{Location, MachineName, VaultName},
};
use serde_json::{Value, json};

/// The resource group.
pub(super) fn group(found: &Answer, id: &ResourceId, wanted: Option<&Location>) -> Check {
    const NAME: &str = "resource group";
    let name = id.name();
    let there = match found {
        Err(failure) => return Check::not_known(NAME, failure.clone()),
        Ok(None) => return Check::ok(NAME, format!("there is no '{name}' yet")),
        Ok(Some(there)) => there,
    };
    let location = there["location"].as_str().unwrap_or_default();
    let details = json!({"id": there["id"], "location": there["location"]});
    let check = if there["properties"]["provisioningState"] == "Deleting" {
        Check::failed(
            NAME,
            Status::Conflict,
            format!("'{name}' is being deleted"),
            "Wait until it is gone, or use another name.",
        )
    } else if let Some(wanted) = wanted.filter(|wanted| !same_location(location, wanted)) {
        Check::failed(
            NAME,
            Status::Conflict,
            format!("'{name}' is in '{location}', not in '{wanted}'"),
            "A group cannot move: use that location, or another name.",
        )
    } else {
        Check::ok(NAME, format!("'{name}' is there, in {location}"))
    };
    check.details(details)
}

/// The virtual machine.
pub(super) fn machine(found: &Answer, name: &MachineName) -> Check {
    const NAME: &str = "virtual machine";
    match found {
        Err(failure) => Check::not_known(NAME, failure.clone()),
        Ok(None) => Check::ok(NAME, format!("there is no '{name}' yet")),
        Ok(Some(there)) => Check::ok(NAME, format!("'{name}' is there"))
            .details(json!({"id": there["id"], "location": there["location"]})),
    }
}

/// The vault or deleted vault of a name in a list of them.
pub(super) fn of_name<'a>(found: &'a Answers, key: Key, name: &VaultName) -> Option<&'a Value> {
    found.items(key)?.iter().find(|one| {
        one["name"]
            .as_str()
            .is_some_and(|there| there.eq_ignore_ascii_case(name.as_str()))
    })
}

/// The vault's name.
pub(super) fn vault(
    found: &Answers,
    name: &VaultName,
    group: Option<&ResourceId>,
    location: Option<&Location>,
) -> Check {
    const NAME: &str = "vault name";
    if let Some(there) = of_name(found, Key::Vaults, name) {
        return own(NAME, there, name, group, location);
    }
    if let Some(deleted) = of_name(found, Key::DeletedVaults, name) {
        return held(NAME, deleted, name);
    }
    let answer = match found.get(Key::VaultName) {
        Some(Err(failure)) => return Check::not_known(NAME, failure.clone()),
        Some(Ok(Some(answer))) => answer,
        Some(Ok(None)) | None => return Check::skipped(NAME, "nobody knows"),
    };
    if answer["nameAvailable"] == true {
        return Check::ok(NAME, format!("'{name}' is free")).details(json!({"state": "free"}));
    }
    if answer["reason"] == "AccountNameInvalid" {
        let said = answer["message"].as_str();
        let said = said.unwrap_or("the name is not valid");
        return Check::failed(NAME, Status::Usage, said, "Choose another name.")
            .details(json!({"state": "invalid"}));
    }
    Check::failed(
        NAME,
        Status::Conflict,
        format!("'{name}' is taken by a vault that you do not see"),
        "Vault names are unique in the whole cloud: choose another.",
    )
    .details(json!({"state": "taken"}))
}

/// A vault of the subscription.
fn own(
    check: &str,
    there: &Value,
    name: &VaultName,
    group: Option<&ResourceId>,
    location: Option<&Location>,
) -> Check {
    let id = there["id"].as_str().unwrap_or_default();
    let its_group = id
        .parse()
        .ok()
        .and_then(|id: ResourceId| id.resource_group().map(str::to_owned))
        .unwrap_or_default();
    let its_location = there["location"].as_str().unwrap_or_default();
    let found = format!("'{name}' is there, in resource group '{its_group}', in {its_location}");
    let other_group = group.filter(|group| !group.name().eq_ignore_ascii_case(&its_group));
    let other_location = location.filter(|wanted| !same_location(its_location, wanted));
    let result = match (other_group, other_location) {
        (Some(group), _) => Check::failed(
            check,
            Status::Conflict,
            format!("{found}, not in '{}'", group.name()),
            "Use that group, or choose another name.",
        ),
        (None, Some(wanted)) => Check::failed(
            check,
            Status::Conflict,
            format!("{found}, not in '{wanted}'"),
            "Use that location, or choose another name.",
        ),
        (None, None) => Check::ok(check, found),
    };
    result.details(json!({"state": "yours", "id": id, "location": its_location}))
}

/// A deleted vault of the subscription, which holds its name.
fn held(check: &str, deleted: &Value, name: &VaultName) -> Check {
    let properties = &deleted["properties"];
    let text = |member: &str| properties[member].as_str().unwrap_or_default();
    let protected = properties["purgeProtectionEnabled"] == true;
    let purge = text("scheduledPurgeDate");
    let advice = if protected {
        "Recover it with --recover, or choose another name: it is protected from being purged."
    } else {
        "Give --recover to get it back with its secrets, or --purge-deleted to remove it for good; or choose another name."
    };
    Check::failed(
        check,
        Status::Conflict,
        format!(
            "a deleted vault in {} holds '{name}', and can be recovered until {purge}",
            text("location")
        ),
        advice,
    )
    .details(json!({
        "state": "deleted",
        "id": properties["vaultId"],
        "location": properties["location"],
        "scheduledPurgeDate": properties["scheduledPurgeDate"],
        "purgeProtectionEnabled": protected,
    }))
}
