//! The deployments that are kept.

use crate::arm::call::Call;
use crate::arm::error::Error;
use crate::arm::group_scope;
use crate::state::deployments::Deployment;

pub(super) fn find(call: &Call<'_>, id: &str) -> Result<Option<Deployment>, Error> {
    if call.path.group.is_some() {
        group_scope::require(call)?;
    }
    Ok(call.cx.tx.get(&id.to_ascii_lowercase())?)
}

pub(super) fn required(call: &Call<'_>, id: &str) -> Result<Deployment, Error> {
    find(call, id)?.ok_or_else(|| {
        Error::new(
            404,
            "DeploymentNotFound",
            format!(
                "Deployment '{}' could not be found.",
                id.rsplit('/').next().unwrap_or_default()
            ),
        )
    })
}
