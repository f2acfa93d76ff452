//! The resource group that a call is in.

use super::call::Call;
use super::error::Error;
use super::operations;
use crate::state::Resource;

/// The group that the path names.
pub(crate) fn require(call: &Call<'_>) -> Result<Resource, Error> {
    let name = call.path.group.as_deref().unwrap_or_default();
    let id = format!(
        "/subscriptions/{}/resourceGroups/{name}",
        call.subscription()
    );
    call.resource(&id)?
        .ok_or_else(|| Error::group_not_found(name))
}

/// Nothing is made in a group that is on its way out.
pub(crate) fn refuse_while_deleting(call: &Call<'_>, group: &Resource) -> Result<(), Error> {
    match operations::is_deleting(call.cx, group)? {
        true => Err(Error::conflict(
            "ResourceGroupBeingDeleted",
            format!(
                "The resource group '{}' is in deprovisioning state and cannot perform this operation.",
                group.name()
            ),
        )),
        false => Ok(()),
    }
}
