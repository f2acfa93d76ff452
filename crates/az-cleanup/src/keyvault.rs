//! Key vaults: the living and the deleted.

use crate::cli::Deleted;
use az_core::{
    arm::{ResourceId, versions},
    cli::{Doing, Failure, Session, Status},
    date::python_date,
    keyvault::shape_vault,
    name::{GroupName, VaultName},
};
use serde_json::{Value, json};

const TYPE: &str = "Microsoft.KeyVault/vaults";

/// Deletes a vault, by name alone if no group is given.
pub(crate) async fn delete(
    session: &Session,
    name: &VaultName,
    group: Option<&GroupName>,
    no_wait: bool,
) -> Result<(), Failure> {
    let arm = session.arm()?;
    let id = match group {
        Some(group) => session.group_id(group.as_str()).await?.resource(
            "Microsoft.KeyVault",
            "vaults",
            name.as_str(),
        ),
        None => session.find_by_name(TYPE, "vault", name.as_str()).await?,
    };
    let doing = format!("deleting vault '{name}'");
    // Azure answers a deletion of nothing with success; the user should hear of a wrong name.
    arm.get(&id, versions::KEY_VAULT).await.doing(&doing)?;
    let answer = arm
        .delete(&id, versions::KEY_VAULT, &[])
        .await
        .doing(&doing)?;
    if !no_wait {
        arm.wait(answer).await.doing(&doing)?;
    }
    Ok(())
}

/// The subscription's deleted vaults, as Azure gives them.
pub(crate) async fn deleted_vaults(session: &Session) -> Result<Vec<Value>, Failure> {
    let path = format!(
        "/subscriptions/{}/providers/Microsoft.KeyVault/deletedVaults",
        session.subscription().await?
    );
    Ok(session.arm()?.list(path, versions::KEY_VAULT, &[]).await?)
}

/// `keyvault list-deleted`, with the members that `az` prints.
pub(crate) async fn list_deleted(session: &Session) -> Result<Value, Failure> {
    Ok(deleted_vaults(session).await?.iter().map(shape).collect())
}

fn shape(vault: &Value) -> Value {
    let properties = &vault["properties"];
    let date = |name: &str| properties[name].as_str().map(python_date);
    json!({
        "id": vault["id"],
        "name": vault["name"],
        "properties": {
            "deletionDate": date("deletionDate"),
            "location": properties["location"],
            "purgeProtectionEnabled": properties["purgeProtectionEnabled"],
            "scheduledPurgeDate": date("scheduledPurgeDate"),
            "tags": properties["tags"],
            "vaultId": properties["vaultId"],
        },
        "systemData": vault["systemData"],
        "type": vault["type"],
    })
}

async fn find(session: &Session, args: &Deleted) -> Result<Value, Failure> {
    let found = match &args.location {
        Some(location) => {
            let id = ResourceId::subscription(session.subscription().await?)
                .resource("Microsoft.KeyVault", "locations", &location.canonical())
                .child("deletedVaults", args.name.as_str());
            session.arm()?.find(&id, versions::KEY_VAULT).await?
        }
        None => deleted_vaults(session).await?.into_iter().find(|vault| {
            vault["name"]
                .as_str()
                .is_some_and(|name| name.eq_ignore_ascii_case(args.name.as_str()))
        }),
    };
    found.ok_or_else(|| {
        Failure::new(Status::NotFound, format!("there is no deleted vault '{}'", args.name))
            .hint("List them with 'az-cleanup keyvault list-deleted'; a vault must be deleted before it can be purged or recovered.")
    })
}

/// `keyvault purge`.
pub(crate) async fn purge_command(session: &Session, args: &Deleted) -> Result<(), Failure> {
    let vault = find(session, args).await?;
    purge(session, &vault, args.no_wait).await
}

/// Removes a deleted vault for good.
pub(crate) async fn purge(session: &Session, vault: &Value, no_wait: bool) -> Result<(), Failure> {
    let arm = session.arm()?;
    let name = vault["name"].as_str().unwrap_or_default();
    let doing = format!("purging vault '{name}'");
    if vault["properties"]["purgeProtectionEnabled"] == true {
        let date = vault["properties"]["scheduledPurgeDate"]
            .as_str()
            .unwrap_or("its retention's end");
        return Err(Failure::new(
            Status::Conflict,
            format!("{doing}: it is protected from being purged until {date}"),
        )
        .hint("Azure removes it then by itself; until then it can only be recovered."));
    }
    let id: ResourceId = vault["id"].as_str().unwrap_or_default().parse()?;
    let answer = arm
        .post(format!("{id}/purge"), versions::KEY_VAULT, &[])
        .await
        .doing(&doing)?;
    if !no_wait {
        let _shown = session.progress(format!("Purging vault {name}"));
        arm.wait(answer).await.doing(&doing)?;
    }
    Ok(())
}

/// `keyvault recover`: creates the vault again with all that was in it.
pub(crate) async fn recover(session: &Session, args: &Deleted) -> Result<Value, Failure> {
    let arm = session.arm()?;
    let vault = find(session, args).await?;
    let doing = format!("recovering vault '{}'", args.name);
    let id: ResourceId = vault["properties"]["vaultId"]
        .as_str()
        .unwrap_or_default()
        .parse()?;
    // Azure takes settings and tags from the deleted vault, but wants the required members.
    let body = json!({
        "location": vault["properties"]["location"],
        "properties": {
            "tenantId": session.tenant().await?,
            "sku": {"name": "standard", "family": "A"},
            "createMode": "recover",
        },
    });
    let answer = arm
        .put(&id, versions::KEY_VAULT, body)
        .await
        .doing(&doing)?;
    if args.no_wait {
        return Ok(Value::Null);
    }
    let _shown = session.progress(format!("Recovering vault {}", args.name));
    Ok(shape_vault(&arm.wait(answer).await.doing(&doing)?))
}
