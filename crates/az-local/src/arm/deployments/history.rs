//! How many deployments a scope keeps.

use super::limits::{HISTORY_FULL, HISTORY_KEPT, MOST_DEPLOYMENTS, MOST_LOCATIONS};
use super::record::KIND;
use crate::arm::call::Call;
use crate::arm::error::Error;
use crate::state::deployments::{self, Deployment};

/// Refuses a deployment that the scope has no place for.
pub(super) fn check(
    call: &Call<'_>,
    name: &str,
    location: Option<&str>,
    there: Option<&Deployment>,
) -> Result<(), Error> {
    let (tx, scope) = (call.cx.tx, &call.path.scope);
    if there.is_none() {
        // <https://learn.microsoft.com/azure/azure-resource-manager/troubleshooting/error-deployment-quota-exceeded>
        let count = deployments::count(tx, scope)?;
        if count >= MOST_DEPLOYMENTS {
            return Err(Error::conflict(
                "DeploymentQuotaExceeded",
                format!(
                    "Creating the deployment '{name}' would exceed the quota of '{MOST_DEPLOYMENTS}'. The current \
                     deployment count is '{count}', please delete some deployments before creating a new one. Please \
                     see https://aka.ms/arm-deploy for usage details."
                ),
            ));
        }
    }
    let (None, Some(location)) = (&call.path.group, location) else {
        return Ok(());
    };
    // <https://learn.microsoft.com/azure/azure-resource-manager/templates/deploy-to-subscription#deployment-location-and-name>
    let before = there.and_then(|there| there.location.as_deref());
    if let Some(before) = before.filter(|before| *before != location) {
        return Err(Error::conflict(
            "InvalidDeploymentLocation",
            format!(
                "Invalid deployment location '{location}'. The deployment '{name}' already exists in location '{before}'."
            ),
        ));
    }
    // Azure's code for this is not documented.
    let known = deployments::locations(tx, scope)?;
    if known.len() >= MOST_LOCATIONS && !known.iter().any(|known| known == location) {
        return Err(Error::conflict(
            "DeploymentLocationQuotaExceeded",
            format!(
                "The deployment '{name}' in location '{location}' would exceed the limit of '{MOST_LOCATIONS}' unique \
                 locations for the deployments of a subscription. They are in '{}'.",
                known.join(", ")
            ),
        ));
    }
    Ok(())
}

/// Lets the oldest deployments go that have ended, where there are too many and the caller may delete them.
pub(super) fn shorten(call: &Call<'_>) -> Result<(), Error> {
    let (tx, scope) = (call.cx.tx, &call.path.scope);
    let count = deployments::count(tx, scope)?;
    if count <= HISTORY_FULL {
        return Ok(());
    }
    if call.may(scope, &format!("{KIND}/delete"))? {
        deployments::forget_oldest(tx, scope, call.cx.now, count - HISTORY_KEPT)?;
    }
    Ok(())
}
