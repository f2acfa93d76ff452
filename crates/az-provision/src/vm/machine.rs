//! A virtual machine as it is: found, shown, listed, deleted.

use crate::{
    cli::{VmActs, VmShow, VmWait},
    wait::{self, Watched},
};
use az_core::{
    arm::{Client, ResourceId, versions},
    cli::{Doing, Failure, List, Session, for_each},
    identity,
    name::{GroupName, Location, MachineName},
};
use futures::{StreamExt, TryStreamExt, stream};
use serde_json::{Map, Value, json};
use std::collections::HashMap;

const TYPE: &str = "Microsoft.Compute/virtualMachines";

/// How many requests a list with details has under way at once.
const SIDE_BY_SIDE: usize = 8;

/// A machine's id, found by name alone if no group is given.
pub(super) async fn id_of(
    session: &Session,
    name: &MachineName,
    group: Option<&GroupName>,
) -> Result<ResourceId, Failure> {
    match group {
        Some(group) => {
            let group = session.group_id(group.as_str()).await?;
            Ok(group.resource("Microsoft.Compute", "virtualMachines", name.as_str()))
        }
        None => {
            session
                .find_by_name(TYPE, "virtual machine", name.as_str())
                .await
        }
    }
}

/// Reads machines; one that is named, by name alone if no group is given.
pub(crate) async fn show(session: &Session, args: &VmShow) -> Result<Value, Failure> {
    let machines = args.machines.machines()?;
    let read = stream::iter(machines).map(async |(called, machine)| {
        let shown = async {
            let id = machine.id(session).await?;
            show_one(session, args, &id).await
        };
        shown
            .await
            .map_err(|failure: Failure| match args.machines.ids.is_empty() {
                true => failure,
                false => failure.doing(called),
            })
    });
    let mut read: Vec<Value> = read.buffered(SIDE_BY_SIDE).try_collect().await?;
    // As `az` shows them: one by itself, several as a list.
    Ok(match read.len() {
        1 => read.remove(0),
        _ => read.into(),
    })
}

async fn show_one(session: &Session, args: &VmShow, id: &ResourceId) -> Result<Value, Failure> {
    let arm = session.arm()?;
    let expand = if args.include_user_data {
        ",userData"
    } else {
        ""
    };
    if args.show_details {
        return details(arm, id, &format!("instanceView{expand}")).await;
    }
    let query = [("$expand", expand.trim_start_matches(','))];
    let query = if args.include_user_data {
        &query[..]
    } else {
        &[]
    };
    Ok(shape(&arm.get_with(id, versions::COMPUTE, query).await?))
}

/// Reads the machines of a group or of the subscription.
pub(crate) async fn list(
    session: &Session,
    group: Option<&GroupName>,
    show_details: bool,
) -> Result<Value, Failure> {
    let scope = match group {
        Some(group) => session.group_id(group.as_str()).await?,
        None => ResourceId::subscription(session.subscription().await?),
    };
    let arm = session.arm()?;
    let machines = arm
        .list(format!("{scope}/providers/{TYPE}"), versions::COMPUTE, &[])
        .await?;
    if !show_details {
        return Ok(machines.iter().map(shape).collect());
    }
    let detailed: Vec<Value> = stream::iter(machines)
        .map(|machine| async move {
            let id: ResourceId = machine["id"].as_str().unwrap_or_default().parse()?;
            details(arm, &id, "instanceView").await
        })
        .buffered(SIDE_BY_SIDE)
        .try_collect()
        .await?;
    Ok(detailed.into())
}

/// Deletes machines, after that has been confirmed. Their disks and their networks stay.
pub(crate) async fn delete(session: &Session, args: &VmActs, force: bool) -> Result<(), Failure> {
    let machines = args.machines.machines()?;
    match machines.as_slice() {
        [(_, machine)] => session.confirm_by_name(
            &format!("Virtual machine '{}' will be deleted.", machine.name()),
            machine.name(),
        )?,
        several => {
            let names: Vec<&str> = several.iter().map(|(_, one)| one.name()).collect();
            session.confirm_by_name(
                &format!("Virtual machines will be deleted: {}.", names.join(", ")),
                &several.len().to_string(),
            )?;
        }
    }
    let query: &[(&str, &str)] = if force {
        &[("forceDeletion", "true")]
    } else {
        &[]
    };
    for_each(
        session,
        &args.lists,
        List::of(machines),
        |machine| async move {
            let doing = format!("deleting virtual machine '{}'", machine.name());
            let id = machine.id(session).await?;
            let arm = session.arm()?;
            let answer = arm
                .delete(&id, versions::COMPUTE, query)
                .await
                .doing(&doing)?;
            if !args.no_wait {
                let _shown =
                    session.progress(format!("Deleting virtual machine {}", machine.name()));
                arm.wait(answer).await.doing(&doing)?;
            }
            Ok(Value::Null)
        },
    )
    .await
}

/// Reads the addresses of machines, as `az vm list-ip-addresses` prints them: by their interfaces, which may be in any
/// group.
pub(crate) async fn addresses(
    session: &Session,
    name: Option<&MachineName>,
    group: Option<&GroupName>,
) -> Result<Value, Failure> {
    let subscription = ResourceId::subscription(session.subscription().await?);
    let arm = session.arm()?;
    let all = |kind: &str| format!("{subscription}/providers/Microsoft.Network/{kind}");
    let (interfaces, addresses) = futures::try_join!(
        arm.list(all("networkInterfaces"), versions::NETWORK, &[]),
        arm.list(all("publicIPAddresses"), versions::NETWORK, &[]),
    )?;
    let by_id: HashMap<String, &Value> = addresses
        .iter()
        .filter_map(|address| Some((address["id"].as_str()?.to_lowercase(), address)))
        .collect();
    let same = |is: &str, wanted: Option<&str>| wanted.is_none_or(|it| it.eq_ignore_ascii_case(is));
    let mut found = Vec::new();
    for interface in &interfaces {
        let properties = &interface["properties"];
        let Some(machine) = properties["virtualMachine"]["id"].as_str() else {
            continue;
        };
        let machine: ResourceId = machine.parse()?;
        let of_group = machine.resource_group().unwrap_or_default();
        if !same(machine.name(), name.map(MachineName::as_str))
            || !same(of_group, group.map(GroupName::as_str))
        {
            continue;
        }
        let configurations = properties["ipConfigurations"].as_array();
        let mut private = Vec::new();
        let mut public = Vec::new();
        for configuration in configurations.into_iter().flatten() {
            let configuration = &configuration["properties"];
            private.push(configuration["privateIPAddress"].clone());
            let id = configuration["publicIPAddress"]["id"].as_str();
            if let Some(address) = id.and_then(|id| by_id.get(&id.to_lowercase())) {
                public.push(json!({
                    "id": address["id"],
                    "ipAddress": address["properties"]["ipAddress"],
                    "ipAllocationMethod": address["properties"]["publicIPAllocationMethod"],
                    "name": address["name"],
                    "zone": address["zones"][0],
                }));
            }
        }
        found.push(json!({"virtualMachine": {
            "name": machine.name(),
            "network": {"privateIpAddresses": private, "publicIpAddresses": public},
            "resourceGroup": of_group,
        }}));
    }
    Ok(found.into())
}

/// `vm wait`.
pub(crate) async fn wait(session: &Session, args: &VmWait) -> Result<(), Failure> {
    if args.machines.ids.is_empty() && args.machines.resource_group.is_none() {
        // By its name alone one that is gone could not be told from one that never was.
        return Err(Failure::usage("in which resource group is the machine?")
            .hint("Give --resource-group NAME, or --ids ID."));
    }
    let machines = args.machines.list().await?;
    for_each(session, &args.lists, machines, |machine| async move {
        let watched = Watched {
            what: format!("virtual machine '{}'", machine.name()),
            id: machine.id(session).await?,
            version: versions::COMPUTE,
            query: &[("$expand", "instanceView")],
            shape,
        };
        wait::until(session, &watched, &args.until).await
    })
    .await
}

/// Reads the sizes that a location offers.
pub(crate) async fn sizes(session: &Session, location: &Location) -> Result<Value, Failure> {
    let subscription = ResourceId::subscription(session.subscription().await?);
    let path = format!(
        "{subscription}/providers/Microsoft.Compute/locations/{}/vmSizes",
        location.canonical()
    );
    let sizes = session
        .arm()?
        .list(path, versions::COMPUTE, &[])
        .await
        .doing(format!("listing the sizes of '{}'", location.canonical()))?;
    Ok(sizes.into())
}

/// A machine with its power state and addresses, as `az vm show -d` prints it.
async fn details(arm: &Client, id: &ResourceId, expand: &str) -> Result<Value, Failure> {
    let machine = arm
        .get_with(id, versions::COMPUTE, &[("$expand", expand)])
        .await?;
    let network = Addresses::read(arm, &machine).await?;
    let mut shaped = shape(&machine);
    if let Some(members) = shaped.as_object_mut() {
        members.remove("instanceView");
        members.insert("powerState".to_owned(), power_state(&machine).into());
        members.insert("publicIps".to_owned(), network.public.join(",").into());
        members.insert("fqdns".to_owned(), network.names.join(",").into());
        members.insert("privateIps".to_owned(), network.private.join(",").into());
        members.insert("macAddresses".to_owned(), network.mac.join(",").into());
    }
    Ok(shaped)
}

/// What `az vm create` prints of a machine that was read with its instance view; of its identities as of those just
/// assigned, where that was asked for.
pub(super) fn summary(
    id: &ResourceId,
    machine: &Value,
    network: &Addresses,
    assigned: bool,
) -> Value {
    let mut summary = json!({
        "fqdns": network.names.join(","),
        "id": machine["id"],
        "location": machine["location"],
        "macAddress": network.mac.join(","),
        "powerState": power_state(machine),
        "privateIpAddress": network.private.join(","),
        "publicIpAddress": network.public.join(","),
        "resourceGroup": id.resource_group(),
    });
    if let Some(zone) = machine["zones"].get(0).and_then(Value::as_str) {
        summary["zones"] = zone.into();
    }
    let identity = &machine["identity"];
    if assigned {
        summary["identity"] = identity::summary(identity);
    } else if identity.is_object() {
        summary["identity"] = identity.clone();
    }
    summary
}

fn power_state(machine: &Value) -> String {
    let statuses = machine
        .pointer("/properties/instanceView/statuses")
        .and_then(Value::as_array);
    let words: Vec<&str> = statuses
        .into_iter()
        .flatten()
        .filter(|status| {
            status["code"]
                .as_str()
                .is_some_and(|code| code.starts_with("PowerState/"))
        })
        .filter_map(|status| status["displayStatus"].as_str())
        .collect();
    words.join(",")
}

/// A machine's interfaces, and the addresses of all of them.
#[derive(Default)]
pub(super) struct Addresses {
    interfaces: Vec<Value>,
    public: Vec<String>,
    private: Vec<String>,
    names: Vec<String>,
    mac: Vec<String>,
}

impl Addresses {
    /// The first interface, as it was read; null if there is none.
    pub(super) fn first(&self) -> &Value {
        self.interfaces.first().unwrap_or(&Value::Null)
    }

    pub(super) async fn read(arm: &Client, machine: &Value) -> Result<Self, Failure> {
        let interfaces = machine
            .pointer("/properties/networkProfile/networkInterfaces")
            .and_then(Value::as_array);
        let ids: Vec<&str> = interfaces
            .into_iter()
            .flatten()
            .filter_map(|interface| interface["id"].as_str())
            .collect();
        Addresses::of(arm, &ids).await
    }

    /// Those of the interfaces with these ids.
    pub(super) async fn of(arm: &Client, interfaces: &[&str]) -> Result<Self, Failure> {
        let read = interfaces.iter().map(|id| arm.get(id, versions::NETWORK));
        let interfaces = futures::future::try_join_all(read).await?;
        let mut addresses = Addresses::default();
        let mut public = Vec::new();
        let owned = |value: &Value| value.as_str().map(str::to_owned);
        for interface in &interfaces {
            addresses
                .mac
                .extend(owned(&interface["properties"]["macAddress"]));
            for configuration in interface["properties"]["ipConfigurations"]
                .as_array()
                .into_iter()
                .flatten()
            {
                addresses
                    .private
                    .extend(owned(&configuration["properties"]["privateIPAddress"]));
                public.extend(owned(&configuration["properties"]["publicIPAddress"]["id"]));
            }
        }
        let public =
            futures::future::try_join_all(public.iter().map(|id| arm.get(id, versions::NETWORK)))
                .await?;
        for address in &public {
            addresses
                .public
                .extend(owned(&address["properties"]["ipAddress"]));
            addresses
                .names
                .extend(owned(&address["properties"]["dnsSettings"]["fqdn"]));
        }
        addresses.interfaces = interfaces;
        Ok(addresses)
    }
}

/// A machine with the members that `az` prints: `properties` lifted, nulls left out.
pub(super) fn shape(machine: &Value) -> Value {
    fn lift(value: &Value) -> Value {
        match value {
            Value::Array(items) => items.iter().map(lift).collect(),
            Value::Object(members) => {
                let mut lifted = Map::new();
                for (name, member) in members.iter().filter(|(_, member)| !member.is_null()) {
                    match (name.as_str(), lift(member)) {
                        ("properties", Value::Object(inner)) => lifted.extend(inner),
                        (_, member) => {
                            lifted.insert(name.clone(), member);
                        }
                    }
                }
                Value::Object(lifted)
            }
            other => other.clone(),
        }
    }
    lift(machine)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn properties_are_lifted_and_nulls_left_out() {
        let machine = json!({"id": "/x", "tags": null, "properties": {"vmId": "v", "networkProfile":
            {"networkInterfaces": [{"id": "/n", "properties": {"primary": true}}]}}});
        assert_eq!(
            shape(&machine),
            json!({"id": "/x", "vmId": "v", "networkProfile": {"networkInterfaces": [{"id": "/n", "primary": true}]}})
        );
    }

    #[test]
    fn the_power_state_is_the_displayed_one() {
        let machine = json!({"properties": {"instanceView": {"statuses": [
            {"code": "ProvisioningState/succeeded", "displayStatus": "Provisioning succeeded"},
            {"code": "PowerState/running", "displayStatus": "VM running"}]}}});
        assert_eq!(power_state(&machine), "VM running");
    }
}
