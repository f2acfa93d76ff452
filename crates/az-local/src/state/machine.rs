//! A virtual machine as the platform sees it: which one it is, whether it runs, and its identities.

use super::resources::Resource;
use super::transaction::StateError;
use super::transaction::Transaction;
use serde_json::Value;

/// The type of virtual machines.
pub(crate) const KIND: &str = "Microsoft.Compute/virtualMachines";

/// The machine with this id or key, if it exists.
pub(crate) fn find(tx: &Transaction<'_>, id: &str) -> Result<Option<Resource>, StateError> {
    let resource: Option<Resource> = tx.get(&Resource::key_of(id))?;
    Ok(resource.filter(|resource| resource.kind.eq_ignore_ascii_case(KIND)))
}

/// `properties.vmId`, which tells a machine from earlier ones of the same name.
pub(crate) fn vm_id(machine: &Resource) -> &str {
    machine
        .body
        .get("properties")
        .and_then(|p| p.get("vmId"))
        .and_then(Value::as_str)
        .unwrap_or("")
}

/// The machine with this id or key, if it is still the one with this `vmId`, and runs: only then it has a network.
pub(crate) fn find_running(
    tx: &Transaction<'_>,
    id: &str,
    wanted: &str,
) -> Result<Option<Resource>, StateError> {
    let machine = find(tx, id)?;
    Ok(machine.filter(|machine| vm_id(machine) == wanted && is_running(machine)))
}

/// The resource ids of the user-assigned identities that the machine has.
pub(crate) fn user_assigned(machine: &Resource) -> Vec<String> {
    let identities = machine
        .body
        .get("identity")
        .and_then(|identity| identity.get("userAssignedIdentities"))
        .and_then(Value::as_object);
    identities
        .map(|map| map.keys().cloned().collect())
        .unwrap_or_default()
}

/// The object id of the machine's own identity, if it has one.
pub(crate) fn system_assigned(machine: &Resource) -> Option<&str> {
    let identity = machine.body.get("identity")?;
    let kinds = identity.get("type")?.as_str()?;
    if !kinds
        .split(',')
        .any(|kind| kind.trim().eq_ignore_ascii_case("SystemAssigned"))
    {
        return None;
    }
    identity.get("principalId")?.as_str()
}

/// Whether the machine runs. Only what is stopped says so.
pub(crate) fn is_running(machine: &Resource) -> bool {
    machine
        .hidden
        .get("powerState")
        .and_then(Value::as_str)
        .is_none_or(|state| {
            state
                .trim_start_matches("PowerState/")
                .eq_ignore_ascii_case("running")
        })
}
