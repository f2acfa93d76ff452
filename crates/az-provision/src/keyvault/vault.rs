//! A vault as it is: shown, listed, waited for.

use crate::{
    cli::Until,
    wait::{self, Watched},
};
use az_core::{
    arm::{ResourceId, versions},
    cli::{Failure, Session},
    keyvault::shape_vault,
    name::{GroupName, VaultName},
};
use serde_json::Value;

const TYPE: &str = "Microsoft.KeyVault/vaults";

/// Reads a vault, by name alone if no group is given.
pub(crate) async fn show(
    session: &Session,
    name: &VaultName,
    group: Option<&GroupName>,
) -> Result<Value, Failure> {
    let id = match group {
        Some(group) => session.group_id(group.as_str()).await?.resource(
            "Microsoft.KeyVault",
            "vaults",
            name.as_str(),
        ),
        None => session.find_by_name(TYPE, "vault", name.as_str()).await?,
    };
    Ok(shape_vault(
        &session.arm()?.get(&id, versions::KEY_VAULT).await?,
    ))
}

/// `keyvault wait`.
pub(crate) async fn wait(
    session: &Session,
    name: &VaultName,
    group: &GroupName,
    until: &Until,
) -> Result<Value, Failure> {
    let group = session.group_id(group.as_str()).await?;
    let watched = Watched {
        what: format!("vault '{name}'"),
        id: group.resource("Microsoft.KeyVault", "vaults", name.as_str()),
        version: versions::KEY_VAULT,
        query: &[],
        shape: shape_vault,
    };
    wait::until(session, &watched, until).await
}

/// Reads the vaults of a group or of the subscription.
pub(crate) async fn list(session: &Session, group: Option<&GroupName>) -> Result<Value, Failure> {
    let scope = match group {
        Some(group) => session.group_id(group.as_str()).await?,
        None => ResourceId::subscription(session.subscription().await?),
    };
    let path = format!("{scope}/providers/{TYPE}");
    let vaults = session.arm()?.list(&path, versions::KEY_VAULT, &[]).await?;
    Ok(vaults.iter().map(shape_vault).collect())
}
