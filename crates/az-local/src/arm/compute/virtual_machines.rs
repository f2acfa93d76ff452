//! `Microsoft.Compute/virtualMachines`.

use super::os_profile::{os_profile, user_data};
use super::{data_disks, disks, extensions, guest, identity, images, sizes};
use crate::arm::call::Call;
use crate::arm::error::Error;
use crate::arm::keep::Members;
use crate::arm::network::network_interfaces;
use crate::arm::resource_type::{Answers, Draft, Kind, Patches, etag};
use crate::arm::{group_scope, names, not_emulated, operations, times};
use crate::ground::wire::Response;
use crate::request::Context;
use crate::state::durations::Work;
use crate::state::holds::{self, Hold};
use crate::state::machine::{DataDisk, Identity, OsDisk, VirtualMachine};
use crate::state::operations::Operation;
use crate::state::{Resource, StateError};
use http::StatusCode;
use serde_json::{Map, Value, json};
use uuid::Uuid;

pub(crate) const KIND: Kind = Kind {
    name: "Microsoft.Compute/virtualMachines",
    names: names::virtual_machine,
    answers: Answers::Operation,
    members: Members {
        own: &[
            "properties/vmId",
            "properties/timeCreated",
            "properties/instanceView",
            "properties/storageProfile/imageReference/exactVersion",
            // A command, not a member.
            "properties/storageProfile/dataDisks/*/toBeDetached",
        ],
        secret: &[
            "properties/osProfile/adminPassword",
            "properties/osProfile/customData",
            "properties/userData",
        ],
        references: &[
            "properties/availabilitySet",
            "properties/host",
            "properties/proximityPlacementGroup",
        ],
    },
    put,
    patches: Patches::All,
    patch,
    view,
    holds,
    being_deleted,
    gone,
    ..Kind::PLAIN
};

fn put(call: &Call<'_>, draft: &mut Draft) -> Result<(), Error> {
    let asked = Value::Object(draft.properties());
    let id = draft.id().to_owned();
    if draft.existing.is_some() {
        refuse_forbidden_changes(draft, &asked)?;
    }
    let size = asked
        .pointer("/hardwareProfile/vmSize")
        .and_then(Value::as_str)
        .unwrap_or("Standard_A1_v2");
    let size = sizes::required(size)?;
    let new_identity = identity::change(
        call,
        &id,
        draft
            .existing
            .as_ref()
            .and_then(|there| there.body.get("identity")),
        draft.body.get("identity"),
        false,
    )?;
    let interfaces = join_interfaces(call, &id, &asked)?;
    let old = draft
        .existing
        .as_ref()
        .map(|there| there.body["properties"].clone());
    let mut properties = match old {
        Some(old) => old,
        None => new_properties(call, draft, &asked)?,
    };
    properties["hardwareProfile"] = json!({"vmSize": size});
    properties["networkProfile"] = json!({"networkInterfaces": interfaces});
    draft.set("properties", properties);
    set_data_disks(call, draft, size)?;
    user_data(draft, &asked)?;
    set_identity(draft, new_identity);
    draft.set("etag", etag());
    Ok(())
}

/// Those that the request names, if it speaks of data disks at all.
fn set_data_disks(call: &Call<'_>, draft: &mut Draft, size: &str) -> Result<(), Error> {
    let list = draft
        .body
        .get_mut("properties")
        .and_then(|all| all.pointer_mut("/storageProfile/dataDisks"));
    let Some(asked) = list.and_then(|list| list.as_array().cloned()) else {
        return Ok(());
    };
    let disks = data_disks::change(call, draft, size, &asked)?;
    if let Some(asked_of) = draft
        .body
        .get_mut("properties")
        .and_then(|all| all.pointer_mut("/storageProfile/dataDisks"))
    {
        *asked_of = Value::Array(data_disks::settled(&asked, &disks));
    }
    if let Some(properties) = draft.resource.body.get_mut("properties") {
        properties["storageProfile"]["dataDisks"] = Value::Array(disks);
    }
    Ok(())
}

fn set_identity(draft: &mut Draft, identity: Option<Value>) {
    match identity {
        Some(identity) => draft.set("identity", identity),
        None => {
            draft.resource.body.remove("identity");
        }
    }
}

/// Azure does not let a machine become another machine.
fn refuse_forbidden_changes(draft: &Draft, asked: &Value) -> Result<(), Error> {
    let Some(there) = draft.existing_properties().cloned().map(Value::Object) else {
        return Ok(());
    };
    let fixed = [
        "/storageProfile/imageReference/publisher",
        "/storageProfile/imageReference/offer",
        "/storageProfile/imageReference/sku",
        "/storageProfile/imageReference/id",
        "/storageProfile/imageReference/version",
        "/osProfile/computerName",
        "/osProfile/adminUsername",
        "/osProfile/linuxConfiguration/disablePasswordAuthentication",
        "/osProfile/linuxConfiguration/ssh/publicKeys",
    ];
    let text = |value: &Value| {
        value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned)
            .to_ascii_lowercase()
    };
    for pointer in fixed {
        let (Some(asked), is) = (
            asked.pointer(pointer).filter(|value| !value.is_null()),
            there.pointer(pointer),
        ) else {
            continue;
        };
        if is.is_none_or(|is| text(is) != text(asked)) {
            return Err(property_change(&shown(pointer)));
        }
    }
    // These are kept with the machine and never answered.
    for (member, name) in [
        ("adminPassword", "adminPassword"),
        ("customData", "customData"),
    ] {
        let asked = asked["osProfile"][member].as_str();
        let known = draft
            .existing
            .as_ref()
            .and_then(|there| there.hidden.get(member))
            .and_then(Value::as_str);
        if asked.is_some() && asked != known {
            return Err(property_change(name));
        }
    }
    Ok(())
}

/// How Compute names what cannot be changed: without the profile around it, as `imageReference.sku`, `osDisk.name`,
/// `linuxConfiguration.ssh.publicKeys` (hashicorp/terraform issue 8796, Azure/azure-powershell issue 11911,
/// hashicorp/terraform-provider-azurerm, internal/services/compute).
fn shown(pointer: &str) -> String {
    let path = pointer.trim_start_matches('/').replace('/', ".");
    let profile = ["storageProfile.", "osProfile."];
    let inner = profile.iter().find_map(|one| path.strip_prefix(one));
    inner.unwrap_or(&path).to_owned()
}

fn property_change(property: &str) -> Error {
    Error::conflict(
        "PropertyChangeNotAllowed",
        format!("Changing property '{property}' is not allowed."),
    )
    .target(property)
}

/// What a new machine has.
fn new_properties(call: &Call<'_>, draft: &mut Draft, asked: &Value) -> Result<Value, Error> {
    let reference = asked
        .pointer("/storageProfile/imageReference")
        .filter(|reference| reference.is_object())
        .ok_or_else(|| {
            Error::bad_request(
                "InvalidParameter",
                "Required parameter 'storageProfile.imageReference' is missing (null).",
            )
            .target("imageReference")
        })?;
    let (image, version) = images::resolve(reference)?;
    let profile = os_profile(draft, asked, image.windows)?;
    let disk = asked
        .pointer("/storageProfile/osDisk")
        .cloned()
        .unwrap_or(json!({}));
    let default_name = format!(
        "{}_OsDisk_1_{}",
        draft.resource.name(),
        Uuid::new_v4().simple()
    );
    let name = disk["name"].as_str().unwrap_or(&default_name).to_owned();
    names::entity(&name, "osDisk.name")?;
    let size = disk["diskSizeGB"]
        .as_u64()
        .or_else(|| disk["diskSizeGb"].as_u64())
        .unwrap_or(u64::from(image.disk));
    let sku = disk
        .pointer("/managedDisk/storageAccountType")
        .and_then(Value::as_str)
        .unwrap_or("Premium_LRS");
    let system = if image.windows { "Windows" } else { "Linux" };
    let group = group_scope::require(call)?;
    let disk_id = disks::Beside {
        group: &group,
        name: &name,
        location: draft.location(),
        sku,
        size,
        system: Some(system),
        zones: draft.resource_zones(),
    }
    .create(call)?;
    let mut reference = reference.clone();
    reference["exactVersion"] = json!(version);
    draft
        .resource
        .hidden
        .insert("powerState".to_owned(), json!("running"));
    if !image.windows && draft.resource.hidden.contains_key("customData") {
        let id = draft.resource.id.clone();
        call.cx.effects.borrow_mut().begun.push(id);
    }
    Ok(json!({
        "vmId": Uuid::new_v4().to_string(),
        "timeCreated": times::text(call.cx.now),
        "provisioningState": "Succeeded",
        "osProfile": profile,
        "storageProfile": {
            "imageReference": reference,
            "osDisk": {
                "osType": system,
                "name": name,
                "createOption": "FromImage",
                "caching": disk["caching"].as_str().unwrap_or("ReadWrite"),
                "managedDisk": {"storageAccountType": sku, "id": disk_id},
                "deleteOption": disk["deleteOption"].as_str().unwrap_or("Detach"),
                "diskSizeGB": size,
            },
            "dataDisks": [],
            "diskControllerType": "SCSI",
        },
    }))
}

/// Takes the machine's network interfaces: each must be there and free.
fn join_interfaces(call: &Call<'_>, machine: &str, asked: &Value) -> Result<Vec<Value>, Error> {
    let list = asked
        .pointer("/networkProfile/networkInterfaces")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    if list.is_empty() {
        return Err(Error::bad_request(
            "InvalidParameter",
            "Virtual Machine must have at least one network interface.",
        )
        .target("networkProfile"));
    }
    let mut joined = Vec::new();
    for one in &list {
        let id = one["id"].as_str().unwrap_or_default();
        call.authorize_link(
            machine,
            "Microsoft.Compute/virtualMachines/write",
            id,
            "Microsoft.Network/networkInterfaces/join/action",
        )?;
        let Some(nic) = call
            .resource(id)?
            .filter(|resource| resource.kind == network_interfaces::KIND.name)
        else {
            return Err(Error::bad_request(
                "InvalidParameter",
                format!("The network interface '{id}' referenced by virtual machine '{machine}' was not found. Please make sure that the referenced resource exists, and that both resources are in the same region."),
            )
            .target("networkInterfaces"));
        };
        let holder = holds::holder(call.cx.tx, &nic.id)?;
        if let Some(holder) = holder.filter(|holder| holder.owner != Resource::key_of(machine)) {
            return Err(Error::bad_request(
                "NicInUse",
                format!(
                    "Network Interface {} is used by existing resource {}. In order to use the network interface, it must be dissociated from the resource.",
                    nic.id, holder.holder
                ),
            ));
        }
        if operations::is_deleting(call.cx, &nic)? {
            return Err((network_interfaces::KIND.being_deleted)(&nic));
        }
        let mut view = json!({"id": nic.id});
        if let Some(properties) = one.get("properties").and_then(Value::as_object) {
            let kept: Map<String, Value> = properties
                .iter()
                .filter(|(_, value)| !value.is_null())
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect();
            if !kept.is_empty() {
                view["properties"] = Value::Object(kept);
            }
        }
        joined.push(view);
    }
    Ok(joined)
}

/// The interfaces, the disks and the user-assigned identities.
fn holds(machine: &Resource) -> Vec<Hold> {
    let vm = VirtualMachine::of(machine);
    let interfaces = vm.interfaces().map(|one| Hold {
        primary: one.primary,
        ..Hold::exclusive(machine, one.id, &machine.id)
    });
    let disk = vm.os_disk().and_then(OsDisk::id);
    let disk = disk.map(|disk| Hold::exclusive(machine, disk, &machine.id));
    let data = vm.data_disks().filter_map(DataDisk::id);
    let data = data.map(|disk| Hold::exclusive(machine, disk, &machine.id));
    let identities = vm.identity().into_iter().flat_map(Identity::user_assigned);
    let identities = identities.map(|identity| Hold::shared(machine, identity, &machine.id));
    interfaces
        .chain(disk)
        .chain(data)
        .chain(identities)
        .collect()
}

/// Compute's words for it (Azure/azure-sdk-for-python issue 2702).
fn being_deleted(machine: &Resource) -> Error {
    Error::conflict(
        "OperationNotAllowed",
        format!(
            "Operation 'Update VM' is not allowed on VM '{}' since the VM is marked for deletion. You can only retry the \
             Delete operation (or wait for an ongoing one to complete).",
            machine.name()
        ),
    )
}

fn patch(call: &Call<'_>, draft: &mut Draft) -> Result<(), Error> {
    let asked = Value::Object(draft.properties());
    refuse_forbidden_changes(draft, &asked)?;
    if let Some(tags) = draft.body.get("tags").cloned() {
        draft.set("tags", tags);
    }
    let old = draft
        .existing
        .as_ref()
        .and_then(|there| there.body.get("identity"));
    let identity = identity::change(call, draft.id(), old, draft.body.get("identity"), true)?;
    set_identity(draft, identity);
    user_data(draft, &asked)?;
    if let Some(size) = asked
        .pointer("/hardwareProfile/vmSize")
        .and_then(Value::as_str)
    {
        let size = sizes::required(size)?;
        if let Some(properties) = draft.resource.body.get_mut("properties") {
            properties["hardwareProfile"] = json!({"vmSize": size});
        }
    }
    let size = VirtualMachine::of(&draft.resource).size().to_owned();
    set_data_disks(call, draft, &size)?;
    draft.set("etag", etag());
    Ok(())
}

fn view(call: &Call<'_>, machine: &Resource, value: &mut Value) -> Result<(), Error> {
    let expand = call
        .request
        .query("$expand")
        .unwrap_or_default()
        .to_ascii_lowercase();
    let expands = |wanted: &str| expand.split(',').any(|word| word.trim() == wanted);
    if expands("instanceview") {
        let state = instance_state(call, machine)?;
        value["properties"]["instanceView"] = state;
    }
    if let Some(data) = VirtualMachine::of(machine).user_data()
        && expands("userdata")
    {
        value["properties"]["userData"] = json!(data);
    }
    Ok(())
}

fn instance_state(call: &Call<'_>, machine: &Resource) -> Result<Value, Error> {
    let vm = VirtualMachine::of(machine);
    let power = vm.power();
    let running = operations::running(call.cx, machine)?;
    let now = times::text(call.cx.now);
    let provisioning = running.unwrap_or_else(|| "Succeeded".to_owned());
    let disk = vm.os_disk().and_then(OsDisk::name);
    let image = vm.at("storageProfile", "/imageReference");
    let image = image.and_then(|reference| images::resolve(reference).ok());
    let mut state = json!({
        "computerName": vm.computer(),
        "hyperVGeneration": image.as_ref().map_or("V1", |(image, _)| image.generation),
        "disks": [{"name": disk, "statuses": [{
            "code": "ProvisioningState/succeeded", "level": "Info", "displayStatus": "Provisioning succeeded", "time": now,
        }]}],
        "statuses": [
            {
                "code": format!("ProvisioningState/{}", provisioning.to_ascii_lowercase()), "level": "Info",
                "displayStatus": format!("Provisioning {}", provisioning.to_ascii_lowercase()), "time": now,
            },
            {"code": format!("PowerState/{power}"), "level": "Info", "displayStatus": format!("VM {power}")},
        ],
    });
    let extensions = extensions::all(call.cx, machine)?;
    if !extensions.is_empty() {
        let views = extensions.iter().map(extensions::instance_view);
        state["extensions"] = views.collect();
    }
    if vm.is_running() {
        // There is no agent; who waits until it is ready may go on (recorded in azure-mgmt-compute 19.0.0's tests).
        // Who is no guest knows neither name nor version of what runs there but by its image.
        if let Some((image, version)) = &image {
            let (name, version) = guest::system(image, version);
            state["osName"] = json!(name);
            state["osVersion"] = json!(version);
        }
        state["vmAgent"] = json!({
            "vmAgentVersion": concat!("az-local/", env!("CARGO_PKG_VERSION")),
            "extensionHandlers": [],
            "statuses": [{
                "code": "ProvisioningState/succeeded", "level": "Info", "displayStatus": "Ready",
                "message": "Guest Agent is running", "time": now,
            }],
        });
    }
    Ok(state)
}

pub(super) fn own(call: &Call<'_>, name: &str, action: &str) -> Result<Resource, Error> {
    let id = format!("{}/providers/{}/{name}", call.path.scope, KIND.name);
    call.authorize(&id, &format!("{}/{action}", KIND.name))?;
    group_scope::require(call)?;
    let machine = call
        .resource(&id)?
        .ok_or_else(|| Error::resource_not_found(KIND.name, name, call.path.group.as_deref()))?;
    if !action.ends_with("read") && operations::is_deleting(call.cx, &machine)? {
        return Err(being_deleted(&machine));
    }
    Ok(machine)
}

/// `GET …/virtualMachines/{name}/instanceView`
pub(crate) fn instance_view(call: &Call<'_>, name: &str) -> Result<Response, Error> {
    let machine = own(call, name, "instanceView/read")?;
    Ok(Response::json(
        StatusCode::OK,
        &instance_state(call, &machine)?,
    ))
}

/// `POST …/virtualMachines/{name}/{start|restart|powerOff|deallocate}`
pub(crate) fn act(call: &Call<'_>, name: &str, action: &str) -> Result<Response, Error> {
    let (action, power, work) = match action {
        "start" => ("start", "running", Work::Start),
        "restart" => ("restart", "running", Work::Restart),
        "poweroff" => ("powerOff", "stopped", Work::PowerOff),
        "deallocate" => ("deallocate", "deallocated", Work::Deallocate),
        _ => {
            return Err(not_emulated::action(KIND.name, action));
        }
    };
    let mut machine = own(call, name, &format!("{action}/action"))?;
    machine.hidden.insert("powerState".to_owned(), json!(power));
    if action != "start" {
        call.cx
            .machine_ends(VirtualMachine::of(&machine).vm_id()?, false);
    }
    let takes = call.cx.knobs.takes(KIND.name, work);
    let operation = operations::begin(call.cx, "Updating", takes)?;
    machine
        .hidden
        .insert("operation".to_owned(), json!(operation.id));
    call.cx.tx.put(&machine)?;
    Ok(operations::accepted(
        call,
        "Microsoft.Compute",
        &machine,
        &operation,
    ))
}

/// `POST …/virtualMachines/{name}/attachDetachDataDisks`, whose result is the `storageProfile`.
pub(super) fn change_data_disks(call: &Call<'_>, name: &str) -> Result<Response, Error> {
    let machine = own(call, name, "attachDetachDataDisks/action")?;
    let asked = Value::Object(call.body()?);
    let disks = data_disks::after(&machine, &asked)?;
    let size = VirtualMachine::of(&machine).size();
    let mut draft = Draft {
        body: Map::from_iter([(
            "properties".to_owned(),
            json!({"storageProfile": {"dataDisks": disks}}),
        )]),
        existing: Some(machine.clone()),
        resource: machine.clone(),
    };
    set_data_disks(call, &mut draft, size)?;
    draft.set("etag", etag());
    let takes = call.cx.knobs.takes(KIND.name, Work::Update);
    let operation = operations::begin(call.cx, "Updating", takes)?;
    let mut machine = draft.resource;
    machine
        .hidden
        .insert("operation".to_owned(), json!(operation.id));
    KIND.take(call, &machine)?;
    call.cx.tx.put(&machine)?;
    let response = operations::accepted(call, "Microsoft.Compute", &machine, &operation);
    call.cx.tx.put(&Operation {
        output: machine.property("storageProfile").cloned(),
        ..operation
    })?;
    Ok(response)
}

/// With the machine goes its own identity, and what it was told to take along; the rest stands alone again.
fn gone(cx: &Context<'_>, machine: &Resource) -> Result<Vec<String>, StateError> {
    identity::removed(cx, machine)?;
    let vm = VirtualMachine::of(machine);
    cx.machine_ends(vm.vm_id()?, true);
    let interfaces = vm.interfaces().filter(|one| one.goes_along);
    let disk = vm.os_disk().filter(|disk| disk.goes_along());
    let disk = disk.and_then(OsDisk::id).into_iter();
    let data = vm.data_disks().filter(|disk| disk.goes_along());
    let data = data.filter_map(DataDisk::id);
    let along = interfaces.map(|one| one.id).chain(disk).chain(data);
    let mut along: Vec<String> = along.map(str::to_owned).collect();
    along.extend(extensions::all(cx, machine)?.into_iter().map(|one| one.id));
    Ok(along)
}
