//! Deleted vaults: kept until their retention ends, recovered or purged before
//! (<https://learn.microsoft.com/azure/key-vault/general/soft-delete-overview>).

use crate::arm::call::Call;
use crate::arm::error::Error;
use crate::arm::operations;
use crate::ground::wire::Response;
use crate::request::Context;
use crate::state::operations::Effect;
use crate::state::{DeletedVault, StateError, secrets};
use http::StatusCode;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::macros::format_description;

fn view(vault: &DeletedVault) -> Value {
    let format = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z");
    let date = |time: OffsetDateTime| time.format(format).unwrap_or_default();
    let name = vault.vault.name();
    let mut view = json!({
        "id": format!(
            "/subscriptions/{}/providers/Microsoft.KeyVault/locations/{}/deletedVaults/{name}",
            vault.subscription(),
            vault.location()
        ),
        "name": name,
        "type": "Microsoft.KeyVault/deletedVaults",
        "properties": {
            "vaultId": vault.vault.id,
            "location": vault.location(),
            "tags": vault.vault.body.get("tags").cloned().unwrap_or(json!({})),
            "deletionDate": date(vault.deleted),
            "scheduledPurgeDate": date(vault.purged_on()),
        },
    });
    if vault.is_protected() {
        view["properties"]["purgeProtectionEnabled"] = json!(true);
    }
    view
}

/// The deleted vault that holds a name. One whose retention has ended is purged on the way.
pub(crate) fn find(cx: &Context<'_>, name: &str) -> Result<Option<DeletedVault>, StateError> {
    let found: Option<DeletedVault> = cx.tx.get(&name.to_ascii_lowercase())?;
    match found {
        Some(vault) if vault.purged_on() <= cx.now => {
            remove(cx, name)?;
            Ok(None)
        }
        found => Ok(found),
    }
}

/// Takes a deleted vault out of the state, with its secrets.
pub(crate) fn remove(cx: &Context<'_>, name: &str) -> Result<(), StateError> {
    secrets::forget(cx.tx, name)?;
    cx.tx.delete::<DeletedVault>(&name.to_ascii_lowercase())?;
    Ok(())
}

/// `GET /subscriptions/{id}/providers/Microsoft.KeyVault/deletedVaults`
pub(crate) fn list(call: &Call<'_>) -> Result<Response, Error> {
    call.authorize(&call.path.scope, "Microsoft.KeyVault/deletedVaults/read")?;
    let mut values = Vec::new();
    for vault in call.cx.tx.list::<DeletedVault>("")? {
        if vault
            .subscription()
            .eq_ignore_ascii_case(call.subscription())
            && let Some(vault) = find(call.cx, vault.vault.name())?
        {
            values.push(view(&vault));
        }
    }
    Ok(Response::json(StatusCode::OK, &json!({"value": values})))
}

fn own(call: &Call<'_>, location: &str, name: &str) -> Result<DeletedVault, Error> {
    find(call.cx, name)?
        .filter(|vault| {
            vault
                .subscription()
                .eq_ignore_ascii_case(call.subscription())
                && vault.location().eq_ignore_ascii_case(location)
        })
        .ok_or_else(|| {
            Error::new(
                404,
                "DeletedVaultNotFound",
                format!("The specified deleted vault '{name}' does not exist."),
            )
        })
}

/// `GET …/locations/{location}/deletedVaults/{name}`
pub(crate) fn get(call: &Call<'_>, location: &str, name: &str) -> Result<Response, Error> {
    call.authorize(
        &call.path.scope,
        "Microsoft.KeyVault/locations/deletedVaults/read",
    )?;
    Ok(Response::json(
        StatusCode::OK,
        &view(&own(call, location, name)?),
    ))
}

/// `POST …/locations/{location}/deletedVaults/{name}/purge`
pub(crate) fn purge(call: &Call<'_>, location: &str, name: &str) -> Result<Response, Error> {
    call.authorize(
        &call.path.scope,
        "Microsoft.KeyVault/locations/deletedVaults/purge/action",
    )?;
    let mut vault = own(call, location, name)?;
    if vault.is_protected() {
        return Err(Error::bad_request(
            "MethodNotAllowed",
            "Operation \"DeletedVaultPurge\" is not allowed because purge protection is enabled for this vault. Key Vault \
             service will automatically purge it after the retention period has passed.",
        ));
    }
    vault.purging = true;
    call.cx.tx.put(&vault)?;
    let effect = Effect::PurgeVault(vault.vault.name().to_owned());
    let operation = operations::begin(call.cx, "Deleting", Some(effect))?;
    let response = Response::empty(StatusCode::ACCEPTED)
        .with_header("location", operations::result_url(call, &operation));
    Ok(operations::with_retry_after(call.cx, response))
}
