//! A machine's data disks: made with it, attached to it, and taken off it
//! (<https://learn.microsoft.com/rest/api/compute/virtual-machines/create-or-update#datadisk>).

use super::{disks, sizes};
use crate::arm::call::Call;
use crate::arm::error::Error;
use crate::arm::names;
use crate::arm::resource_type::Draft;
use crate::state::machine::{DataDisk, VirtualMachine};
use crate::state::{Resource, holds};
use serde_json::{Value, json};

/// The largest logical unit number. Azure's refusal of 64 names the range (microsoft/lisa pull request 692).
const LAST_LUN: u64 = 63;

/// Makes a machine's data disks those that `asked` (`storageProfile.dataDisks`) names, and gives them as the machine shows
/// them. Each that is not named any more, or is `toBeDetached`, is taken off; it stays a disk.
pub(super) fn change(
    call: &Call<'_>,
    draft: &Draft,
    size: &str,
    asked: &[Value],
) -> Result<Vec<Value>, Error> {
    let there: Vec<DataDisk<'_>> = draft
        .existing
        .as_ref()
        .map(|machine| VirtualMachine::of(machine).data_disks().collect())
        .unwrap_or_default();
    let mut luns = [false; LAST_LUN as usize + 1];
    let mut disks = Vec::new();
    for one in asked
        .iter()
        .filter(|one| one["toBeDetached"] != json!(true))
    {
        let lun = lun(one)?;
        if std::mem::replace(&mut luns[lun as usize], true) {
            return Err(invalid(
                format!("A disk at LUN {lun} already exists."),
                "dataDisk.lun",
            ));
        }
        disks.push(match there.iter().find(|old| is_same(old, one, lun)) {
            Some(old) => old.with_lun(lun),
            None => add(call, draft, lun, one)?,
        });
    }
    // hashicorp/terraform-provider-azurerm quotes this 409 in its virtual_machine_data_disk_attachment resource.
    let most = sizes::data_disks(size);
    if disks.len() as u64 > most {
        return Err(Error::conflict(
            "OperationNotAllowed",
            format!(
                "The maximum number of data disks allowed to be attached to a VM of this size is {most}."
            ),
        )
        .target("dataDisks"));
    }
    Ok(disks)
}

/// What a request says of data disks, with the names that Azure gave and without what was taken off.
pub(super) fn settled(asked: &[Value], made: &[Value]) -> Vec<Value> {
    let stays = asked
        .iter()
        .filter(|one| one["toBeDetached"] != json!(true));
    stays
        .zip(made)
        .map(|(asked, made)| {
            let mut asked = asked.clone();
            if let Some(members) = asked.as_object_mut() {
                members.remove("toBeDetached");
                members.insert("name".to_owned(), made["name"].clone());
            }
            asked
        })
        .collect()
}

/// `POST …/virtualMachines/{name}/attachDetachDataDisks`: what the machine's `dataDisks` are to be after it
/// (<https://learn.microsoft.com/rest/api/compute/virtual-machines/attach-detach-data-disks>).
pub(super) fn after(machine: &Resource, body: &Value) -> Result<Vec<Value>, Error> {
    let list = |member: &str| body[member].as_array().cloned().unwrap_or_default();
    let mut disks: Vec<Value> = VirtualMachine::of(machine)
        .data_disks()
        .map(DataDisk::shown)
        .collect();
    for off in list("dataDisksToDetach") {
        let id = required(&off, "diskId")?;
        let before = disks.len();
        disks.retain(|disk| !is_id(disk.pointer("/managedDisk/id"), id));
        if disks.len() == before {
            return Err(invalid(
                format!("The disk '{id}' is not attached to the virtual machine."),
                "dataDisksToDetach",
            ));
        }
    }
    for on in list("dataDisksToAttach") {
        let id = required(&on, "diskId")?;
        let mut disk = json!({"createOption": "Attach", "managedDisk": {"id": id}});
        for member in ["lun", "caching", "deleteOption", "writeAcceleratorEnabled"] {
            if let Some(value) = on.get(member) {
                disk[member] = value.clone();
            }
        }
        if disk["lun"].is_null() {
            disk["lun"] = json!(free_lun(&disks));
        }
        disks.push(disk);
    }
    Ok(disks)
}

fn free_lun(disks: &[Value]) -> u64 {
    let is_free = |lun: &u64| disks.iter().all(|disk| disk["lun"] != json!(lun));
    (0..=LAST_LUN).find(is_free).unwrap_or(LAST_LUN + 1)
}

fn required<'a>(of: &'a Value, member: &str) -> Result<&'a str, Error> {
    of[member].as_str().ok_or_else(|| {
        invalid(
            format!("Required parameter '{member}' is missing (null)."),
            member,
        )
    })
}

fn lun(disk: &Value) -> Result<u64, Error> {
    let lun = disk.get("lun").filter(|lun| !lun.is_null());
    let lun = lun.ok_or_else(|| {
        invalid(
            "Required parameter 'dataDisk.lun' is missing (null).".to_owned(),
            "dataDisk.lun",
        )
    })?;
    lun.as_u64().filter(|lun| *lun <= LAST_LUN).ok_or_else(|| {
        invalid(
            format!(
                "The value '{lun}' of parameter 'dataDisk.lun' is out of range. Value '{lun}' must be between '0' and \
                 '{LAST_LUN}' inclusive."
            ),
            "dataDisk.lun",
        )
    })
}

/// Whether what is asked for is a disk that is on the machine already: by its id, else by its name, else by its place.
fn is_same(old: &DataDisk<'_>, asked: &Value, lun: u64) -> bool {
    if let Some(id) = asked.pointer("/managedDisk/id").and_then(Value::as_str) {
        return is_id(old.shown().pointer("/managedDisk/id"), id);
    }
    match asked["name"].as_str() {
        Some(name) => old.name().is_some_and(|old| old.eq_ignore_ascii_case(name)),
        None => old.lun() == Some(lun) && !is_attach(asked),
    }
}

fn is_id(there: Option<&Value>, id: &str) -> bool {
    there
        .and_then(Value::as_str)
        .is_some_and(|there| Resource::key_of(there) == Resource::key_of(id))
}

fn is_attach(asked: &Value) -> bool {
    asked["createOption"]
        .as_str()
        .is_some_and(|option| option.eq_ignore_ascii_case("Attach"))
}

fn add(call: &Call<'_>, draft: &Draft, lun: u64, asked: &Value) -> Result<Value, Error> {
    let option = asked["createOption"].as_str().unwrap_or_default();
    match option.to_ascii_lowercase().as_str() {
        "attach" => attach(call, draft, lun, asked),
        "empty" => make(call, draft, lun, asked),
        "" => Err(invalid(
            "Required parameter 'dataDisk.createOption' is missing (null).".to_owned(),
            "dataDisk.createOption",
        )),
        // No image here has data disks, and there are no snapshots.
        _ => Err(invalid(
            format!(
                "The create option '{option}' of the data disk at LUN {lun} needs an image with data disks or a source, and \
                 there is none."
            ),
            "dataDisk.createOption",
        )),
    }
}

/// A new disk, beside its machine.
fn make(call: &Call<'_>, draft: &Draft, lun: u64, asked: &Value) -> Result<Value, Error> {
    if asked["diskSizeGB"].is_null() {
        return Err(invalid(
            "Required parameter 'dataDisk.diskSizeGB' is missing (null).".to_owned(),
            "dataDisk.diskSizeGB",
        ));
    }
    let size = disks::checked_size(&asked["diskSizeGB"])?;
    if asked
        .pointer("/managedDisk/id")
        .is_some_and(|id| !id.is_null())
    {
        return Err(invalid(
            "The parameter 'dataDisk.managedDisk.id' names a disk that is there, and is allowed with the create option \
             'Attach' only."
                .to_owned(),
            "dataDisk.managedDisk.id",
        ));
    }
    let sku = asked
        .pointer("/managedDisk/storageAccountType")
        .and_then(Value::as_str)
        .unwrap_or("Premium_LRS");
    let machine = draft.resource.name();
    let name = asked["name"].as_str().map_or_else(
        || {
            let unique = uuid::Uuid::new_v4();
            format!("{machine}_DataDisk_{lun}_{}", unique.simple())
        },
        str::to_owned,
    );
    names::entity(&name, "dataDisk.name")?;
    let group = crate::arm::group_scope::require(call)?;
    let id = disks::Beside {
        group: &group,
        name: &name,
        location: draft.location(),
        sku,
        size,
        system: None,
        zones: draft.resource_zones(),
    }
    .create(call)?;
    Ok(shown(lun, &name, "Empty", asked, sku, &id, size))
}

/// A disk that is there and that nobody has.
fn attach(call: &Call<'_>, draft: &Draft, lun: u64, asked: &Value) -> Result<Value, Error> {
    let id = asked.pointer("/managedDisk/id").and_then(Value::as_str);
    let id = id.ok_or_else(|| {
        invalid(
            "Required parameter 'dataDisk.managedDisk.id' is missing (null).".to_owned(),
            "dataDisk.managedDisk.id",
        )
    })?;
    call.authorize_link(
        draft.id(),
        "Microsoft.Compute/virtualMachines/write",
        id,
        "Microsoft.Compute/disks/write",
    )?;
    let disk = call
        .resource(id)?
        .filter(|disk| disk.kind == disks::KIND.name)
        .ok_or_else(|| {
            let name = id.rsplit('/').next().unwrap_or_default();
            Error::new(404, "NotFound", format!("Disk {name} is not found."))
        })?;
    if let Some(holder) = holds::holder(call.cx.tx, &disk.id)?
        && holder.owner != Resource::key_of(draft.id())
    {
        // kubernetes-sigs/azuredisk-csi-driver looks for this code and these words.
        return Err(Error::conflict(
            "AttachDiskWhileBeingAttached",
            format!(
                "Cannot attach data disk '{}' to VM '{}' because the disk is currently being attached or is already \
                 attached to VM '{}'.",
                disk.name(),
                draft.resource.name(),
                holder.holder.rsplit('/').next().unwrap_or_default()
            ),
        ));
    }
    if disk.location() != draft.location() {
        return Err(Error::bad_request(
            "BadRequest",
            format!(
                "Disk {} cannot be attached to the VM because it is not in the region '{}'.",
                disk.id,
                draft.location()
            ),
        ));
    }
    let sku = disk.body.get("sku").and_then(|sku| sku["name"].as_str());
    let size = disk.property("diskSizeGB").and_then(Value::as_u64);
    Ok(shown(
        lun,
        disk.name(),
        "Attach",
        asked,
        sku.unwrap_or("Standard_LRS"),
        &disk.id,
        size.unwrap_or_default(),
    ))
}

fn shown(
    lun: u64,
    name: &str,
    option: &str,
    asked: &Value,
    sku: &str,
    id: &str,
    size: u64,
) -> Value {
    json!({
        "lun": lun,
        "name": name,
        "createOption": option,
        "caching": asked["caching"].as_str().unwrap_or("None"),
        "managedDisk": {"storageAccountType": sku, "id": id},
        "deleteOption": asked["deleteOption"].as_str().unwrap_or("Detach"),
        "diskSizeGB": size,
        "toBeDetached": false,
    })
}

fn invalid(message: String, target: &str) -> Error {
    Error::bad_request("InvalidParameter", message).target(target.to_owned())
}
