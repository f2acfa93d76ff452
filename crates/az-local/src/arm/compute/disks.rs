//! `Microsoft.Compute/disks`: those that stand alone, and those that machines are created with.

use crate::arm::call::Call;
use crate::arm::error::Error;
use crate::arm::keep::Members;
use crate::arm::names;
use crate::arm::resource_type::{Answers, Draft, Kind, Patches};
use crate::arm::times;
use crate::state::Resource;
use crate::state::holds::{self, Hold};
use serde_json::{Value, json};
use uuid::Uuid;

pub(crate) const KIND: Kind = Kind {
    name: "Microsoft.Compute/disks",
    names: names::disk,
    // 200 and 202 are all that its specification has
    // (<https://learn.microsoft.com/rest/api/compute/disks/create-or-update>); the SDKs raise at others.
    answers: Answers::Accepted,
    members: Members {
        own: &[
            "managedBy",
            "managedByExtended",
            "properties/uniqueId",
            "properties/timeCreated",
            "properties/diskState",
            "properties/diskSizeBytes",
        ],
        ..Members::PLAIN
    },
    put,
    patches: Patches::All,
    view,
    in_use,
    ..Kind::PLAIN
};

fn put(call: &Call<'_>, draft: &mut Draft) -> Result<(), Error> {
    let asked = draft.properties();
    let size = asked.get("diskSizeGB").filter(|size| !size.is_null());
    let size = size.map(checked_size).transpose()?;
    let create = asked
        .get("creationData")
        .and_then(|data| data.get("createOption"))
        .and_then(Value::as_str);
    let Some(create) = create else {
        return Err(Error::bad_request(
            "InvalidParameter",
            "Required parameter 'creationData' is missing (null).",
        ));
    };
    let sku = draft
        .body
        .get("sku")
        .and_then(|sku| sku.get("name"))
        .and_then(Value::as_str)
        .unwrap_or("Standard_LRS");
    let sku = json!({"name": sku, "tier": sku.split('_').next().unwrap_or_default()});
    let properties = json!({
        "creationData": {"createOption": create},
        "diskSizeGB": size.unwrap_or(30),
        "provisioningState": "Succeeded",
        "timeCreated": times::text(call.cx.now),
        "uniqueId": Uuid::new_v4().to_string(),
    });
    draft.set("sku", sku);
    draft.set("properties", properties);
    Ok(())
}

/// A size that a disk can have (GiB).
pub(super) fn checked_size(asked: &Value) -> Result<u64, Error> {
    let size = asked.as_u64().filter(|size| (1..=65_536).contains(size));
    size.ok_or_else(|| {
        Error::bad_request(
            "InvalidParameter",
            format!(
                "The value '{asked}' of parameter 'diskSizeGB' is out of range. The value must be between '1' and '65536' \
                 inclusive."
            ),
        )
        .target("diskSizeGB")
    })
}

/// Whose the disk is is known by who holds it.
fn view(call: &Call<'_>, disk: &Resource, value: &mut Value) -> Result<(), Error> {
    let holder = holds::holder(call.cx.tx, &disk.id)?;
    let state = if holder.is_some() {
        "Attached"
    } else {
        "Unattached"
    };
    value["properties"]["diskState"] = json!(state);
    if let Some(holder) = holder {
        value["managedBy"] = json!(holder.holder);
    }
    Ok(())
}

fn in_use(disk: &Resource, user: &Hold) -> Option<Error> {
    Some(Error::conflict(
        "OperationNotAllowed",
        format!("Disk {} is attached to VM {}.", disk.name(), user.holder),
    ))
}

/// A machine's disk, as it is made together with the machine.
pub(crate) struct Beside<'a> {
    pub(crate) group: &'a Resource,
    pub(crate) name: &'a str,
    pub(crate) location: &'a str,
    pub(crate) sku: &'a str,
    pub(crate) size: u64,
    /// What is on it; nothing is on one for data.
    pub(crate) system: Option<&'a str>,
    pub(crate) zones: Option<Value>,
}

impl Beside<'_> {
    /// Stores the disk; gives its id. One of this name that is there already is not taken over
    /// (hashicorp/terraform-provider-azurerm issue 15513 has the answer).
    pub(crate) fn create(&self, call: &Call<'_>) -> Result<String, Error> {
        let id = format!("{}/providers/{}/{}", self.group.id, KIND.name, self.name);
        if call.resource(&id)?.is_some() {
            return Err(Error::conflict(
                "ConflictingUserInput",
                format!(
                    "Disk {} already exists in resource group {}. Only CreateOption.Attach is supported.",
                    self.name,
                    self.group.name().to_uppercase()
                ),
            ));
        }
        let mut disk = Resource::new(id.clone(), KIND.name);
        let body = &mut disk.body;
        body.insert("location".to_owned(), json!(self.location));
        body.insert(
            "sku".to_owned(),
            json!({"name": self.sku, "tier": self.sku.split('_').next().unwrap_or_default()}),
        );
        if let Some(zones) = &self.zones {
            body.insert("zones".to_owned(), zones.clone());
        }
        let option = if self.system.is_some() {
            "FromImage"
        } else {
            "Empty"
        };
        let mut properties = json!({
            "creationData": {"createOption": option},
            "diskSizeGB": self.size,
            "provisioningState": "Succeeded",
            "timeCreated": times::text(call.cx.now),
            "uniqueId": Uuid::new_v4().to_string(),
        });
        if let Some(system) = self.system {
            properties["osType"] = json!(system);
        }
        body.insert("properties".to_owned(), properties);
        call.cx.tx.put(&disk)?;
        Ok(id)
    }
}
