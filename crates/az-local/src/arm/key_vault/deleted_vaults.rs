//! Deleted vaults: kept until their retention ends, recovered or purged before
//! (<https://learn.microsoft.com/azure/key-vault/general/soft-delete-overview>).

use crate::arm::call::Call;
use crate::arm::error::Error;
use crate::arm::operations;
use crate::ground::wire::Response;
use crate::request::Context;
use crate::state::due::{self, Effect};
use crate::state::durations::Work;
use crate::state::vaults::Vault;
use crate::state::{DeletedVault, Range, StateError};
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
            vault.vault.subscription(),
            vault.vault.location()
        ),
        "name": name,
        "type": "Microsoft.KeyVault/deletedVaults",
        "properties": {
            "vaultId": vault.vault.id,
            "location": vault.vault.location(),
            "tags": vault.vault.body.get("tags").cloned().unwrap_or(json!({})),
            "deletionDate": date(vault.deleted),
            "scheduledPurgeDate": date(vault.purged_on()),
        },
    });
    if Vault::of(&vault.vault).is_protected() {
        view["properties"]["purgeProtectionEnabled"] = json!(true);
    }
    view
}

/// What is to be done when a deleted vault's retention ends, or a purge does.
pub(crate) fn purge_of(deleted: &DeletedVault) -> Effect {
    Effect::PurgeVault {
        name: deleted.vault.name().to_owned(),
    }
}

/// The deleted vault that holds a name.
pub(crate) fn find(cx: &Context<'_>, name: &str) -> Result<Option<DeletedVault>, StateError> {
    cx.tx.get(&name.to_ascii_lowercase())
}

/// `GET /subscriptions/{id}/providers/Microsoft.KeyVault/deletedVaults`
pub(crate) fn list(call: &Call<'_>) -> Result<Response, Error> {
    call.authorize(&call.path.scope, "Microsoft.KeyVault/deletedVaults/read")?;
    let subscription = call.subscription().to_ascii_lowercase();
    let page = call.cx.tx.page(
        &Range::Equal(DeletedVault::BY_SUBSCRIPTION, &subscription),
        call.after()?.as_deref(),
        call.page_size(),
    )?;
    call.page(&page, |one| Ok(view(one)))
}

fn own(call: &Call<'_>, location: &str, name: &str) -> Result<DeletedVault, Error> {
    find(call.cx, name)?
        .filter(|vault| {
            vault
                .vault
                .subscription()
                .eq_ignore_ascii_case(call.subscription())
                && vault.vault.location().eq_ignore_ascii_case(location)
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
    if Vault::of(&vault.vault).is_protected() {
        return Err(Error::bad_request(
            "MethodNotAllowed",
            "Operation \"DeletedVaultPurge\" is not allowed because purge protection is enabled for this vault. Key Vault \
             service will automatically purge it after the retention period has passed.",
        ));
    }
    // A purge that is under way is not begun again, and ends when it was to end.
    let takes = call
        .cx
        .knobs
        .takes("Microsoft.KeyVault/locations/deletedVaults", Work::Delete);
    let operation = operations::begin(call.cx, operations::DELETING, takes)?;
    if !vault.purging && operation.fate.is_none() {
        vault.purging = true;
        call.cx.tx.put(&vault)?;
        due::note(call.cx.tx, operation.ends, purge_of(&vault))?;
    }
    let response = Response::empty(StatusCode::ACCEPTED)
        .with_header("location", result_url(call, location, &operation.id));
    Ok(operations::with_retry_after(call, response))
}

fn result_url(call: &Call<'_>, location: &str, operation: &str) -> String {
    format!(
        "https://management.azure.com/subscriptions/{}/providers/Microsoft.KeyVault/locations/{location}/operationResults/{operation}?api-version={}",
        call.subscription(),
        call.api_version,
    )
}

/// `GET …/locations/{location}/operationResults/{id}`: how far a purge is (recorded in azure-mgmt-keyvault 9.0.0's tests,
/// test_cli_mgmt_keyvault.test_keyvault.yaml).
pub(crate) fn purge_result(call: &Call<'_>, location: &str, id: &str) -> Result<Response, Error> {
    let operation = operations::find(call, id)?;
    let format = format_description!("[year]-[month]-[day] [hour]:[minute]:[second]Z");
    let date = |time: OffsetDateTime| time.format(format).unwrap_or_default();
    let mut body = json!({"createdDateTime": date(operation.started)});
    if operation.ends <= call.cx.now {
        body["lastActionDateTime"] = json!(date(operation.ends));
        body["status"] = json!("Succeeded");
        return Ok(Response::json(StatusCode::OK, &body));
    }
    body["status"] = json!("NotStarted");
    let response = Response::json(StatusCode::ACCEPTED, &body)
        .with_header("location", result_url(call, location, id));
    Ok(operations::with_retry_after(call, response))
}
