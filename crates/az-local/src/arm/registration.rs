//! Which providers a subscription may write to.

use super::call::Call;
use super::error::Error;

/// Refuses a write to a provider that the subscription has not registered.
pub(crate) fn require_registered(call: &Call<'_>, namespace: &str) -> Result<(), Error> {
    let subscription = call.known_subscription()?;
    if subscription
        .providers
        .contains(&namespace.to_ascii_lowercase())
    {
        return Ok(());
    }
    Err(Error::conflict(
        "MissingSubscriptionRegistration",
        format!(
            "The subscription is not registered to use namespace '{namespace}'. See https://aka.ms/rps-not-found for \
             how to register subscriptions."
        ),
    ))
}
