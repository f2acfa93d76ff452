//! `Microsoft.Compute/disks`: those that machines are created with.

use crate::arm::call::Call;
use crate::arm::error::Error;
use crate::arm::tracked::{Answers, Draft, Kind, as_stored, patch_tags};
use crate::request::Context;
use crate::state::{Resource, StateError};
use serde_json::{Map, Value, json};
use time::format_description::well_known::Rfc3339;
use uuid::Uuid;

pub(crate) const KIND: Kind = Kind {
    name: "Microsoft.Compute/disks",
    put,
    patch: patch_tags,
    delete,
    view: as_stored,
    answers: Answers::Operation,
};

fn put(call: &Call<'_>, draft: &mut Draft) -> Result<(), Error> {
    let asked = draft.properties();
    let size = asked
        .get("diskSizeGB")
        .and_then(Value::as_u64)
        .filter(|size| (1..=65_536).contains(size));
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
        "diskState": "Unattached",
        "provisioningState": "Succeeded",
        "timeCreated": call.cx.now.format(&Rfc3339).unwrap_or_default(),
        "uniqueId": Uuid::new_v4().to_string(),
    });
    draft.set("sku", sku);
    draft.set("properties", properties);
    Ok(())
}

fn delete(_: &Call<'_>, disk: &Resource) -> Result<(), Error> {
    match disk.body.get("managedBy").and_then(Value::as_str) {
        None => Ok(()),
        Some(machine) => Err(Error::conflict(
            "OperationNotAllowed",
            format!("Disk {} is attached to VM {machine}.", disk.name()),
        )),
    }
}

/// A machine's OS disk, as it is made together with the machine.
pub(crate) struct OsDisk<'a> {
    pub(crate) group_id: &'a str,
    pub(crate) name: &'a str,
    pub(crate) location: &'a str,
    pub(crate) machine: &'a str,
    pub(crate) sku: &'a str,
    pub(crate) size: u64,
    pub(crate) system: &'a str,
    pub(crate) zones: Option<Value>,
}

impl OsDisk<'_> {
    /// Stores the disk; gives its id.
    pub(crate) fn create(&self, cx: &Context<'_>) -> Result<String, StateError> {
        let id = format!("{}/providers/{}/{}", self.group_id, KIND.name, self.name);
        let mut body = Map::new();
        body.insert("location".to_owned(), json!(self.location));
        body.insert("managedBy".to_owned(), json!(self.machine));
        body.insert(
            "sku".to_owned(),
            json!({"name": self.sku, "tier": self.sku.split('_').next().unwrap_or_default()}),
        );
        if let Some(zones) = &self.zones {
            body.insert("zones".to_owned(), zones.clone());
        }
        body.insert(
            "properties".to_owned(),
            json!({
                "osType": self.system,
                "creationData": {"createOption": "FromImage"},
                "diskSizeGB": self.size,
                "diskState": "Attached",
                "provisioningState": "Succeeded",
                "timeCreated": cx.now.format(&Rfc3339).unwrap_or_default(),
                "uniqueId": Uuid::new_v4().to_string(),
            }),
        );
        cx.tx.put(&Resource {
            id: id.clone(),
            kind: KIND.name.to_owned(),
            body,
            hidden: Map::new(),
        })?;
        Ok(id)
    }
}

/// A disk whose machine has gone stands alone.
pub(crate) fn detach(cx: &Context<'_>, id: &str) -> Result<(), StateError> {
    if let Some(mut disk) = cx.tx.get::<Resource>(&Resource::key_of(id))? {
        disk.body.remove("managedBy");
        if let Some(properties) = disk.body.get_mut("properties") {
            properties["diskState"] = json!("Unattached");
        }
        cx.tx.put(&disk)?;
    }
    Ok(())
}
