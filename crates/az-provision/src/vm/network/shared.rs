//! The virtual network of a machine, which others may share: the one that is there, or the first that one of them makes.

use super::Network;
use super::bodies::Base;
use super::compare::refuse;
use super::parts::put;
use az_core::{
    arm::{Client, ResourceId, is_leaving, versions},
    cli::{Doing, Failure, Status},
    name::Location,
};
use serde_json::Value;

impl Network {
    /// The virtual network's id, and the network if it is there: the named one, or one that the group has in this location
    /// (as `az` chooses), or one that is to be made.
    pub(crate) async fn virtual_network(
        &self,
        arm: &Client,
        group: &ResourceId,
        location: &Location,
    ) -> Result<(ResourceId, Option<Value>), Failure> {
        let default = self.new_network_id(group);
        if self.vnet.is_some() {
            let existing = arm
                .find_lasting(&default, versions::NETWORK, &[])
                .await
                .doing(format!("reading {default}"))?;
            return Ok((default, existing));
        }
        let path = format!("{group}/providers/Microsoft.Network/virtualNetworks");
        let all = match arm.list(path, versions::NETWORK, &[]).await {
            // In a dry run the group may be one of those that would be made first.
            Err(error) if error.is_not_found() && arm.is_dry_run() => vec![],
            found => found.doing("reading the group's virtual networks")?,
        };
        if let Some(own) = all.iter().find(|vnet| is_at(vnet, default.as_str())) {
            let own = match is_leaving(own) {
                false => Some(own.clone()),
                true => arm.find_lasting(&default, versions::NETWORK, &[]).await?,
            };
            return Ok((default, own));
        }
        let usable: Vec<&Value> = all
            .iter()
            .filter(|vnet| is_usable(vnet, location))
            .collect();
        if usable.is_empty() {
            return Ok((default, None));
        }
        let first = earliest(arm, group, usable).await?;
        let id = first["id"].as_str().unwrap_or_default().parse()?;
        Ok((id, Some(first.clone())))
    }

    /// Which network counts, of those that machines created side by side have made, each because it saw none: the first one.
    /// Whoever made another sees the first when it looks again, and takes its own away; whoever made the first sees it
    /// first, whatever else it sees. Gives the network's id, and it.
    async fn settle(
        &self,
        arm: &Client,
        group: &ResourceId,
        location: &Location,
        own: ResourceId,
    ) -> Result<(ResourceId, Value), Failure> {
        let path = format!("{group}/providers/Microsoft.Network/virtualNetworks");
        let all = arm.list(path, versions::NETWORK, &[]).await?;
        let usable: Vec<&Value> = all
            .iter()
            .filter(|vnet| is_usable(vnet, location))
            .collect();
        let first = match usable.as_slice() {
            // One that is not listed yet.
            [] => return Ok((own.clone(), arm.get(own, versions::NETWORK).await?)),
            _ => earliest(arm, group, usable).await?,
        };
        if is_at(first, own.as_str()) {
            return Ok((own, first.clone()));
        }
        // Nobody but this run has used it. One that cannot be deleted does no harm.
        if let Ok(answer) = arm.delete(&own, versions::NETWORK, &[]).await {
            let _ = arm.wait(answer).await;
        }
        let id: ResourceId = first["id"].as_str().unwrap_or_default().parse()?;
        let first = arm
            .wait_for_resource(&id, versions::NETWORK, first.clone())
            .await?;
        Ok((id, first))
    }

    /// The subnet: the named one, or the first of a network that is there, or a new one; `found` is what
    /// [`Network::virtual_network`] found.
    pub(super) async fn subnet(
        &self,
        arm: &Client,
        group: &ResourceId,
        location: &Location,
        base: &Base,
        found: (ResourceId, Option<Value>),
    ) -> Result<ResourceId, Failure> {
        let subnet_name = self.subnet_name();
        let (mut vnet_id, existing) = found;
        let vnet = match existing {
            Some(vnet) => {
                let vnet = arm
                    .wait_for_resource(&vnet_id, versions::NETWORK, vnet)
                    .await
                    .doing(format!("creating {vnet_id}"))?;
                let subnet = self.chosen(&vnet, &subnet_name);
                refuse(&vnet_id, self.other_ranges(&vnet, subnet))?;
                vnet
            }
            None => {
                put(arm, &vnet_id, self.network_body(base)).await?;
                if arm.is_dry_run() {
                    return Ok(vnet_id.child("subnets", &subnet_name));
                }
                // Who made the same network at the same time may have put another subnet in this one's place.
                if self.vnet.is_none() {
                    let made;
                    (vnet_id, made) = self.settle(arm, group, location, vnet_id).await?;
                    made
                } else {
                    arm.get(&vnet_id, versions::NETWORK).await?
                }
            }
        };
        let found = self.chosen(&vnet, &subnet_name);
        match found.and_then(|subnet| subnet["id"].as_str()) {
            Some(id) => Ok(id.parse()?),
            None => {
                let id = vnet_id.child("subnets", &subnet_name);
                put(arm, &id, self.subnet_body()).await?;
                Ok(id)
            }
        }
    }

    /// The subnet of a network that a machine would be put in, if the network has it: the named one, or else the first.
    pub(crate) fn chosen<'a>(&self, vnet: &'a Value, name: &str) -> Option<&'a Value> {
        let subnets = vnet["properties"]["subnets"].as_array();
        let named = subnets.into_iter().flatten().find(|subnet| {
            subnet["name"]
                .as_str()
                .is_some_and(|there| there.eq_ignore_ascii_case(name))
        });
        match named {
            None if self.subnet.is_none() => first_subnet(vnet),
            named => named,
        }
    }
}

fn is_at(resource: &Value, id: &str) -> bool {
    resource["id"]
        .as_str()
        .is_some_and(|known| known.eq_ignore_ascii_case(id))
}

/// The network that was made first, of those that a group has.
async fn earliest<'a>(
    arm: &Client,
    group: &ResourceId,
    networks: Vec<&'a Value>,
) -> Result<&'a Value, Failure> {
    if let [only] = networks.as_slice() {
        return Ok(only);
    }
    let query = [
        (
            "$filter",
            "resourceType eq 'Microsoft.Network/virtualNetworks'",
        ),
        ("$expand", "createdTime"),
    ];
    let dated = arm
        .list(format!("{group}/resources"), versions::RESOURCES, &query)
        .await
        .doing("reading the ages of the group's virtual networks")?;
    // One that Resource Manager does not list yet is the newest.
    let age = |vnet: &&Value| {
        let id = vnet["id"].as_str().unwrap_or_default();
        let found = dated.iter().find(|one| is_at(one, id));
        let time = found.and_then(|one| one["createdTime"].as_str());
        (
            time.is_none(),
            time.unwrap_or_default().to_owned(),
            id.to_lowercase(),
        )
    };
    networks
        .into_iter()
        .min_by_key(age)
        .ok_or_else(|| Failure::new(Status::Failed, "there is no virtual network"))
}

/// Whether a machine of this location can be put in a network.
fn is_usable(vnet: &Value, location: &Location) -> bool {
    vnet["location"]
        .as_str()
        .is_some_and(|there| there == location.canonical())
        && first_subnet(vnet).is_some()
        && !is_leaving(vnet)
}

fn first_subnet(vnet: &Value) -> Option<&Value> {
    vnet["properties"]["subnets"]
        .as_array()?
        .iter()
        .find(|subnet| {
            subnet["name"]
                .as_str()
                .is_some_and(|name| !name.eq_ignore_ascii_case("GatewaySubnet"))
        })
}
