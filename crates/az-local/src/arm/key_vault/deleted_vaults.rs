//! Deleted vaults: kept until their retention ends, recovered or purged before
//! (<https://learn.microsoft.com/azure/key-vault/general/soft-delete-overview>).

use crate::arm::call::Call;
use crate::arm::error::Error;
use crate::arm::operations;
use crate::context::Context;
use crate::keyvault;
use crate::state::{Document, Resource, StateError};
use crate::wire::Response;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use time::macros::format_description;
use time::{Duration, OffsetDateTime};

/// A vault that was deleted.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct DeletedVault {
    /// The vault as it was.
    pub(crate) vault: Resource,
    #[serde(with = "time::serde::rfc3339")]
    pub(crate) deleted: OffsetDateTime,
    /// A purge is under way.
    pub(crate) purging: bool,
}

impl Document for DeletedVault {
    const KIND: &'static str = "deletedVault";
    fn key(&self) -> String {
        self.vault.name().to_ascii_lowercase()
    }
}

impl DeletedVault {
    fn properties(&self) -> &Value {
        self.vault.body.get("properties").unwrap_or(&Value::Null)
    }

    fn location(&self) -> &str {
        self.vault
            .body
            .get("location")
            .and_then(Value::as_str)
            .unwrap_or_default()
    }

    fn subscription(&self) -> &str {
        self.vault.id.split('/').nth(2).unwrap_or_default()
    }

    fn is_protected(&self) -> bool {
        self.properties()["enablePurgeProtection"] == true
    }

    fn purged_on(&self) -> OffsetDateTime {
        self.deleted
            + Duration::days(
                self.properties()["softDeleteRetentionInDays"]
                    .as_i64()
                    .unwrap_or(90),
            )
    }

    fn view(&self) -> Value {
        let format = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z");
        let date = |time: OffsetDateTime| time.format(format).unwrap_or_default();
        let name = self.vault.name();
        let mut view = json!({
            "id": format!(
                "/subscriptions/{}/providers/Microsoft.KeyVault/locations/{}/deletedVaults/{name}",
                self.subscription(),
                self.location()
            ),
            "name": name,
            "type": "Microsoft.KeyVault/deletedVaults",
            "properties": {
                "vaultId": self.vault.id,
                "location": self.location(),
                "tags": self.vault.body.get("tags").cloned().unwrap_or(json!({})),
                "deletionDate": date(self.deleted),
                "scheduledPurgeDate": date(self.purged_on()),
            },
        });
        if self.is_protected() {
            view["properties"]["purgeProtectionEnabled"] = json!(true);
        }
        view
    }
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
    keyvault::forget(cx.tx, name)?;
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
            values.push(vault.view());
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
        &own(call, location, name)?.view(),
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
    let effect = operations::Effect::PurgeVault(vault.vault.name().to_owned());
    let operation = operations::begin(call.cx, "Deleting", Some(effect))?;
    let response = Response::empty(StatusCode::ACCEPTED)
        .with_header("location", operations::result_url(call, &operation));
    Ok(operations::with_retry_after(call.cx, response))
}
