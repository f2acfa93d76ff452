//! The parts of a new machine's network: read side by side before anything is written, and made where they are missing.

use super::{Network, bodies::Base, compare::refuse};
use crate::vm::target::Target;
use az_core::{
    arm::{ArmError, Client, ResourceId, versions},
    cli::{Doing, Failure, Status},
};
use futures::try_join;
use serde_json::Value;

/// What is there of a machine's network, each part by the name that the machine's would have.
pub(in crate::vm) struct Parts {
    pub(super) interface: Option<Value>,
    pub(super) security_group: Option<Value>,
    pub(super) address: Option<Value>,
    /// The virtual network's id, and it, if it is there.
    pub(super) vnet: (ResourceId, Option<Value>),
}

impl Network {
    /// Reads the parts; nothing is there where `in_group` says that their group is not.
    pub(in crate::vm) async fn read(
        &self,
        arm: &Client,
        target: &Target<'_>,
        in_group: bool,
    ) -> Result<Parts, Failure> {
        let group = target.group;
        if !in_group {
            return Ok(Parts {
                interface: None,
                security_group: None,
                address: None,
                vnet: (self.new_network_id(group), None),
            });
        }
        let find = async |id: Option<ResourceId>| match id {
            Some(id) => {
                let found = arm.find_lasting(&id, versions::NETWORK, &[]).await;
                found.doing(format!("reading {id}"))
            }
            None => Ok(None),
        };
        let (interface, security_group, address, vnet) = try_join!(
            find(Some(self.interface_id(group))),
            find(self.security_group_id(group)),
            find(self.address_id(group)),
            self.virtual_network(arm, group, target.location),
        )?;
        Ok(Parts {
            interface,
            security_group,
            address,
            vnet,
        })
    }

    /// Refuses parts that are there, and would be used, and are not as the flags want them. An interface that is there, from
    /// an earlier run, has its own.
    pub(in crate::vm) fn refuse(&self, group: &ResourceId, parts: &Parts) -> Result<(), Failure> {
        if let Some(there) = &parts.interface {
            let differences = self.other_members(there);
            if differences.is_empty() {
                return Ok(());
            }
            return Err(Failure::new(
                Status::Conflict,
                format!(
                    "network interface '{}' exists already, and its {}",
                    self.interface_id(group).name(),
                    differences.join(", its ")
                ),
            )
            .hint(
                "Give the same settings as before, or another machine name; or delete the interface.",
            ));
        }
        if let (Some(id), Some(there)) = (self.security_group_id(group), &parts.security_group) {
            refuse(&id, self.closed(there))?;
        }
        if let (Some(id), Some(there)) = (self.address_id(group), &parts.address) {
            refuse(&id, self.unfit(there))?;
        }
        let (id, vnet) = &parts.vnet;
        match vnet {
            Some(vnet) => refuse(
                id,
                self.other_ranges(vnet, self.chosen(vnet, &self.subnet_name())),
            ),
            None => Ok(()),
        }
    }

    /// Makes the machine's network interface be there, with all it stands on; gives the interface's id.
    ///
    /// What exists is used as it is: a rule that somebody added to the security group stays. The three
    /// that do not depend on each other are made side by side.
    pub(in crate::vm) async fn make(
        &self,
        arm: &Client,
        target: &Target<'_>,
        windows: bool,
        parts: Parts,
    ) -> Result<ResourceId, Failure> {
        let (group, location) = (target.group, target.location);
        let nic = self.interface_id(group);
        if let Some(there) = parts.interface {
            arm.wait_for_resource(&nic, versions::NETWORK, there)
                .await
                .doing(format!("creating {nic}"))?;
            return Ok(nic);
        }
        let base = &Base::of(target);
        let address = self.address_body(base);
        let rules = self.security_group_body(base, windows);
        let (mut subnet, security_group, address) = try_join!(
            async { Ok(self.subnet(arm, group, location, base, parts.vnet).await) },
            one(
                arm,
                self.security_group_id(group),
                parts.security_group,
                rules
            ),
            one(arm, self.address_id(group), parts.address, address),
        )?;
        let mut tries = 0;
        loop {
            let made = match subnet {
                Ok(subnet) => {
                    let (rules, address) = (security_group.as_ref(), address.as_ref());
                    let interface = self.interface_body(base, &subnet, rules, address);
                    put(arm, &nic, interface).await.map(|_| nic.clone())
                }
                Err(failure) => Err(failure),
            };
            tries += 1;
            match made {
                Err(failure) if tries < TRIES && is_overtaken(&failure) => {
                    let found = self.virtual_network(arm, group, location).await?;
                    subnet = self.subnet(arm, group, location, base, found).await;
                }
                made => return made,
            }
        }
    }
}

/// Makes a part that is asked for be there; gives its id.
async fn one(
    arm: &Client,
    id: Option<ResourceId>,
    there: Option<Value>,
    body: Value,
) -> Result<Option<ResourceId>, Failure> {
    let Some(id) = id else {
        return Ok(None);
    };
    match there {
        Some(there) => {
            arm.wait_for_resource(&id, versions::NETWORK, there)
                .await
                .doing(format!("creating {id}"))?;
        }
        None => put(arm, &id, body).await?,
    }
    Ok(Some(id))
}

/// Creates or replaces a resource.
pub(super) async fn put(arm: &Client, id: &ResourceId, body: Value) -> Result<(), Failure> {
    let made = async {
        let answer = arm.put(id, versions::NETWORK, body).await?;
        arm.wait_until_done(answer).await
    };
    let made: Result<(), ArmError> = made.await;
    made.doing(format!("creating {}", id.name()))
}

/// How often a subnet is looked for anew when somebody else changes the network meanwhile.
const TRIES: usize = 5;

/// Whether machines that are created side by side met in one network: a PUT of it takes away the subnets that it does
/// not name, so that the one who was first finds its subnet gone, and the other is refused once it is in use. The
/// network as it is then serves both.
fn is_overtaken(failure: &Failure) -> bool {
    const CODES: [&str; 4] = [
        "InUseSubnetCannotBeDeleted",
        "InvalidResourceReference",
        "NetcfgSubnetRangesOverlap",
        "ReferencedResourceNotProvisioned",
    ];
    failure
        .code
        .as_deref()
        .is_some_and(|code| CODES.contains(&code))
}
