//! Deleted vaults, which hold their names until they are purged.

use super::wanted::Wanted;
use crate::group::same_location;
use az_core::{
    arm::{ArmError, Client, ResourceId, versions},
    cli::{Failure, Status},
};
use serde_json::Value;

/// A deleted vault that holds the name, as far as this subscription can see.
pub(super) struct Deleted(Value);

impl Deleted {
    /// Looked for where the vault is to be, then everywhere: a name is held in all regions.
    pub(super) async fn find(arm: &Client, wanted: &Wanted<'_>) -> Result<Option<Self>, ArmError> {
        let subscription =
            ResourceId::subscription(wanted.group.subscription_id().unwrap_or_default());
        let here = subscription
            .resource(
                "Microsoft.KeyVault",
                "locations",
                &wanted.location.canonical(),
            )
            .child("deletedVaults", wanted.name.as_str());
        if let Some(found) = arm.find(here, versions::KEY_VAULT).await? {
            return Ok(Some(Deleted(found)));
        }
        let path = format!("{subscription}/providers/Microsoft.KeyVault/deletedVaults");
        let all = arm.list(path, versions::KEY_VAULT, &[]).await?;
        let same = |vault: &Value| {
            vault["name"]
                .as_str()
                .is_some_and(|name| name.eq_ignore_ascii_case(wanted.name.as_str()))
        };
        Ok(all.into_iter().find(same).map(Deleted))
    }

    pub(super) fn id(&self) -> &str {
        self.0["id"].as_str().unwrap_or_default()
    }

    pub(super) fn location(&self) -> &str {
        self.0["properties"]["location"]
            .as_str()
            .unwrap_or_default()
    }

    /// The resource group that it was deleted from.
    fn group(&self) -> Option<ResourceId> {
        let id = self.0["properties"]["vaultId"].as_str()?;
        let id: ResourceId = id.parse().ok()?;
        Some(ResourceId::group(
            id.subscription_id()?,
            id.resource_group()?,
        ))
    }

    /// A vault is recovered where it was, region and group: <https://learn.microsoft.com/azure/key-vault/general/key-vault-recovery>
    pub(super) fn check_place(&self, wanted: &Wanted<'_>) -> Result<(), Failure> {
        let elsewhere = |what: &str, hint: String| {
            Failure::new(
                Status::Conflict,
                format!("the deleted vault '{}' {what}", wanted.name),
            )
            .hint(hint)
        };
        if wanted.location_given && !same_location(self.location(), wanted.location) {
            return Err(elsewhere(
                &format!(
                    "is in location '{}', and can be recovered only there",
                    self.location()
                ),
                format!(
                    "Give --location {}, or --purge-deleted to remove it for good.",
                    self.location()
                ),
            ));
        }
        match self.group() {
            Some(group) if group != *wanted.group => Err(elsewhere(
                &format!(
                    "was in resource group '{}', and can be recovered only there",
                    group.name()
                ),
                format!(
                    "Give --resource-group {}, or --purge-deleted to remove it for good.",
                    group.name()
                ),
            )),
            _ => Ok(()),
        }
    }

    /// Why it cannot be purged, if it is protected.
    pub(super) fn protected(&self, wanted: &Wanted<'_>) -> Option<Failure> {
        if self.0["properties"]["purgeProtectionEnabled"] != true {
            return None;
        }
        let date = self.0["properties"]["scheduledPurgeDate"]
            .as_str()
            .unwrap_or("the end of its retention");
        let failure = Failure::new(
            Status::Conflict,
            format!(
                "a deleted vault in location '{}' holds the name '{}' and is protected from being purged until {date}",
                self.location(),
                wanted.name
            ),
        );
        Some(failure.hint("Recover it with --recover, or choose another name."))
    }

    /// That it holds the name, and what can be done about that.
    pub(super) fn holds(&self, wanted: &Wanted<'_>) -> Failure {
        self.protected(wanted).unwrap_or_else(|| {
            Failure::new(
                Status::Conflict,
                format!(
                    "a deleted vault in location '{}' holds the name '{}'",
                    self.location(),
                    wanted.name
                ),
            )
            .hint(
                "Give --recover to get it back with its secrets, or --purge-deleted to remove it for good; or choose another name.",
            )
        })
    }
}
