//! Key vaults.

pub(crate) mod plan;

use crate::{
    cli::{KeyvaultCreate, Until, Vault},
    group::same_location,
    wait::{self, Watched},
};
use az_core::{
    arm::{ArmError, Client, ResourceId, versions},
    cli::{Doing, Failure, Session, Status},
    keyvault::shape_vault,
    name::{GroupName, Location, VaultName},
};
use serde_json::{Value, json};

const TYPE: &str = "Microsoft.KeyVault/vaults";

/// Creates a vault, or finds it there and compares.
pub(crate) async fn create(session: &Session, args: &KeyvaultCreate) -> Result<Value, Failure> {
    session.show_each_resource();
    let group = session.group_id(args.resource_group.as_str()).await?;
    let location = match &args.location {
        Some(location) => location.clone(),
        None => group_location(session.arm()?, &group).await?,
    };
    let plan = Plan {
        name: &args.name,
        group: &group,
        location: &location,
        location_given: args.location.is_some(),
        vault: &args.vault,
        tags: args.tags.to_json(),
        no_wait: args.no_wait,
    };
    ensure(session, &plan).await
}

/// A vault that is wanted.
pub(crate) struct Plan<'a> {
    pub(crate) name: &'a VaultName,
    pub(crate) group: &'a ResourceId,
    pub(crate) location: &'a Location,
    /// Whether somebody chose the location: a vault that is recovered comes back where it was.
    pub(crate) location_given: bool,
    pub(crate) vault: &'a Vault,
    pub(crate) tags: Option<Value>,
    pub(crate) no_wait: bool,
}

impl Plan<'_> {
    fn id(&self) -> ResourceId {
        self.group
            .resource("Microsoft.KeyVault", "vaults", self.name.as_str())
    }

    fn body(&self, tenant: &str, location: &str) -> Value {
        let vault = self.vault;
        let mut body = json!({
            "location": location,
            "properties": {
                "tenantId": tenant,
                "sku": {"name": vault.sku.to_lowercase(), "family": "A"},
                "accessPolicies": [],
                "enableRbacAuthorization": vault.enable_rbac_authorization,
                "enableSoftDelete": true,
                "softDeleteRetentionInDays": vault.retention_days,
                "networkAcls": {"bypass": "AzureServices", "defaultAction": "Allow"},
            },
        });
        if vault.enable_purge_protection == Some(true) {
            // Azure takes only true here: protection cannot be turned off.
            body["properties"]["enablePurgeProtection"] = json!(true);
        }
        if let Some(access) = vault.public_network_access {
            body["properties"]["publicNetworkAccess"] = access.as_str().into();
        }
        if let Some(tags) = &self.tags {
            body["tags"] = tags.clone();
        }
        body
    }
}

/// Makes the vault be there.
pub(crate) async fn ensure(session: &Session, plan: &Plan<'_>) -> Result<Value, Failure> {
    let arm = session.arm()?;
    let doing = format!("creating vault '{}'", plan.name);
    if let Some(there) = arm
        .find(plan.id(), versions::KEY_VAULT)
        .await
        .doing(&doing)?
    {
        compare(&there, plan).doing(&doing)?;
        // An earlier run may have been interrupted while the vault was still being made.
        let there = finish(session, plan, &doing, there).await?;
        return Ok(shape_vault(&retag(session, plan, &doing, there).await?));
    }
    let tenant = session.tenant().await?;
    let mut body = plan.body(&tenant, &plan.location.canonical());
    if plan.vault.purge_deleted
        && let Some(deleted) = Deleted::find(arm, plan).await.doing(&doing)?
    {
        purge(session, plan, &deleted).await.doing(&doing)?;
    }
    if plan.vault.recover
        && let Some(deleted) = Deleted::find(arm, plan).await.doing(&doing)?
    {
        deleted.check_place(plan).doing(&doing)?;
        body = plan.body(&tenant, deleted.location());
        body["properties"]["createMode"] = json!("recover");
    }
    let answer = match arm.put(plan.id(), versions::KEY_VAULT, body).await {
        Ok(answer) => answer,
        Err(error) => return Err(explain(arm, plan, error).await.doing(&doing)),
    };
    if plan.no_wait {
        return Ok(Value::Null);
    }
    Ok(shape_vault(&arm.wait(answer).await.doing(&doing)?))
}

async fn finish(
    session: &Session,
    plan: &Plan<'_>,
    doing: &str,
    there: Value,
) -> Result<Value, Failure> {
    if plan.no_wait {
        return Ok(there);
    }
    session
        .arm()?
        .wait_for_resource(plan.id(), versions::KEY_VAULT, there)
        .await
        .doing(doing)
}

/// Gives a vault that is there the tags that are asked for.
async fn retag(
    session: &Session,
    plan: &Plan<'_>,
    doing: &str,
    there: Value,
) -> Result<Value, Failure> {
    let is = there.get("tags").cloned().unwrap_or_else(|| json!({}));
    let Some(tags) = plan.tags.as_ref().filter(|tags| **tags != is) else {
        return Ok(there);
    };
    let arm = session.arm()?;
    let body = json!({"tags": tags});
    let answer = arm
        .patch(plan.id(), versions::KEY_VAULT, body)
        .await
        .doing(doing)?;
    if session.is_dry_run() {
        return Ok(there);
    }
    arm.wait(answer).await.doing(doing)
}

/// Says how a vault that is there differs from the wanted one, if it does.
fn compare(there: &Value, plan: &Plan<'_>) -> Result<(), Failure> {
    let differences = differences(there, plan);
    if differences.is_empty() {
        return Ok(());
    }
    Err(Failure::new(
        Status::Conflict,
        format!("it exists already, and its {}", differences.join(", its ")),
    )
    .hint("Give the same settings, or another name."))
}

fn differences(there: &Value, plan: &Plan<'_>) -> Vec<String> {
    let properties = &there["properties"];
    let wanted = plan.vault;
    let mut differences = Vec::new();
    let mut check = |what: &str, is: String, want: String| {
        if !is.eq_ignore_ascii_case(&want) {
            differences.push(format!("{what} is '{is}', not '{want}'"));
        }
    };
    let location = there["location"].as_str().unwrap_or_default();
    if !same_location(location, plan.location) {
        check("location", location.to_owned(), plan.location.canonical());
    }
    let text = |value: &Value| {
        value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned)
    };
    check("sku", text(&properties["sku"]["name"]), wanted.sku.clone());
    check(
        "enableRbacAuthorization",
        properties["enableRbacAuthorization"]
            .as_bool()
            .unwrap_or(false)
            .to_string(),
        wanted.enable_rbac_authorization.to_string(),
    );
    check(
        "retention days",
        text(&properties["softDeleteRetentionInDays"]),
        wanted.retention_days.to_string(),
    );
    if let Some(protection) = wanted.enable_purge_protection {
        check(
            "enablePurgeProtection",
            properties["enablePurgeProtection"]
                .as_bool()
                .unwrap_or(false)
                .to_string(),
            protection.to_string(),
        );
    }
    if let Some(access) = wanted.public_network_access {
        // A vault that nobody closed is open.
        let is = properties["publicNetworkAccess"]
            .as_str()
            .unwrap_or("Enabled");
        check(
            "publicNetworkAccess",
            is.to_owned(),
            access.as_str().to_owned(),
        );
    }
    differences
}

/// A deleted vault that holds the name, as far as this subscription can see.
struct Deleted(Value);

impl Deleted {
    /// Looked for where the vault is to be, then everywhere: a name is held in all regions.
    async fn find(arm: &Client, plan: &Plan<'_>) -> Result<Option<Self>, ArmError> {
        let subscription =
            ResourceId::subscription(plan.group.subscription_id().unwrap_or_default());
        let here = subscription
            .resource(
                "Microsoft.KeyVault",
                "locations",
                &plan.location.canonical(),
            )
            .child("deletedVaults", plan.name.as_str());
        if let Some(found) = arm.find(here, versions::KEY_VAULT).await? {
            return Ok(Some(Deleted(found)));
        }
        let path = format!("{subscription}/providers/Microsoft.KeyVault/deletedVaults");
        let all = arm.list(path, versions::KEY_VAULT, &[]).await?;
        let same = |vault: &Value| {
            vault["name"]
                .as_str()
                .is_some_and(|name| name.eq_ignore_ascii_case(plan.name.as_str()))
        };
        Ok(all.into_iter().find(same).map(Deleted))
    }

    fn id(&self) -> &str {
        self.0["id"].as_str().unwrap_or_default()
    }

    fn location(&self) -> &str {
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
    fn check_place(&self, plan: &Plan<'_>) -> Result<(), Failure> {
        let elsewhere = |what: &str, hint: String| {
            Failure::new(
                Status::Conflict,
                format!("the deleted vault '{}' {what}", plan.name),
            )
            .hint(hint)
        };
        if plan.location_given && !same_location(self.location(), plan.location) {
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
            Some(group) if group != *plan.group => Err(elsewhere(
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
    fn protected(&self, plan: &Plan<'_>) -> Option<Failure> {
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
                plan.name
            ),
        );
        Some(failure.hint("Recover it with --recover, or choose another name."))
    }
}

async fn purge(session: &Session, plan: &Plan<'_>, deleted: &Deleted) -> Result<(), Failure> {
    if let Some(failure) = deleted.protected(plan) {
        return Err(failure);
    }
    session.confirm_by_name(
        &format!(
            "The deleted vault '{}' and all its secrets will be gone for good.",
            plan.name
        ),
        plan.name.as_str(),
    )?;
    let _shown = session.progress(format!("Purging deleted vault {}", plan.name));
    let arm = session.arm()?;
    let path = format!("{}/purge", deleted.id());
    let answer = arm.post(&path, versions::KEY_VAULT, &[]).await?;
    arm.wait(answer).await?;
    Ok(())
}

/// Why Azure refused the name: held by a deleted vault of ours, or taken by someone else.
async fn explain(arm: &Client, plan: &Plan<'_>, error: ArmError) -> Failure {
    if error.status() != Some(409) {
        return error.into();
    }
    let code = error.code().map(str::to_owned);
    let mut failure = match Deleted::find(arm, plan).await {
        Ok(Some(deleted)) => deleted.protected(plan).unwrap_or_else(|| {
            Failure::new(
                Status::Conflict,
                format!(
                    "a deleted vault in location '{}' holds the name '{}'",
                    deleted.location(),
                    plan.name
                ),
            )
            .hint(
                "Give --recover to get it back with its secrets, or --purge-deleted to remove it for good; or choose another name.",
            )
        }),
        _ if code.as_deref() == Some("VaultAlreadyExists") => {
            Failure::new(Status::Conflict, format!("the name '{}' is taken by another vault", plan.name))
                .hint("Vault names are unique in the whole cloud: choose another.")
        }
        _ => return error.into(),
    };
    failure.code = code;
    if let ArmError::Service(service) = error {
        failure.request_id = service.request_id;
    }
    failure
}

/// The location of a group, where a resource's is not given.
pub(crate) async fn group_location(arm: &Client, group: &ResourceId) -> Result<Location, Failure> {
    let found = arm.get(group, versions::RESOURCES).await?;
    let location = found["location"].as_str().unwrap_or_default();
    Ok(location.parse()?)
}

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
