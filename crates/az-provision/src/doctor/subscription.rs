//! The subscription, its tenant, the location and the resource providers.

use super::{
    asking::{Answer, Answers, Key},
    check::Check,
};
use az_core::{
    arm::{Permissions, ResourceId},
    caller::Caller,
    cli::Status,
    name::Location,
};
use serde_json::{Value, json};

/// What the tutorial needs.
pub(super) const PROVIDERS: [&str; 5] = [
    "Microsoft.Compute",
    "Microsoft.Network",
    "Microsoft.KeyVault",
    "Microsoft.ManagedIdentity",
    "Microsoft.Authorization",
];

/// The subscription and the tenant.
pub(super) fn check(
    found: Option<&Answer>,
    id: &ResourceId,
    caller: Option<&Caller>,
) -> Vec<Check> {
    let own = caller.map(|caller| caller.tenant_id.as_str());
    let (trusted, check) = match found {
        Some(Ok(Some(found))) => (found["tenantId"].as_str(), state(found)),
        Some(Err(failure)) => (
            None,
            Check::failure("subscription", failure.clone().doing(id)),
        ),
        Some(Ok(None)) | None => (
            None,
            Check::failed(
                "subscription",
                Status::NotFound,
                format!("there is no subscription '{}' that you can see", id.name()),
                "Check --subscription, AZURE_SUBSCRIPTION_ID and the tenant you are signed in to.",
            ),
        ),
    };
    vec![tenant(own, trusted), check]
}

fn tenant(own: Option<&str>, trusted: Option<&str>) -> Check {
    let details = json!({"ofToken": own, "ofSubscription": trusted});
    let check = match (own, trusted) {
        (Some(own), Some(trusted)) if !own.eq_ignore_ascii_case(trusted) => Check::failed(
            "tenant",
            Status::Unauthenticated,
            format!("you are signed in to {own}, and the subscription is of {trusted}"),
            format!("Sign in to it: 'az login --tenant {trusted}', or set AZURE_TENANT_ID."),
        ),
        (Some(tenant), _) | (None, Some(tenant)) => Check::ok("tenant", tenant),
        (None, None) => Check::skipped("tenant", "neither the token nor the subscription tells it"),
    };
    check.details(details)
}

/// What can be done in each state:
/// <https://learn.microsoft.com/azure/cost-management-billing/manage/subscription-states>.
fn state(subscription: &Value) -> Check {
    const NAME: &str = "subscription";
    let text = |member: &str| subscription[member].as_str().unwrap_or_default();
    let state = text("state");
    let found = format!(
        "{} ({}), {state}",
        text("displayName"),
        text("subscriptionId")
    );
    let check = match state {
        "Enabled" => Check::ok(NAME, found),
        "Warned" | "PastDue" => Check::warning(
            NAME,
            found,
            "It still takes writes; see its billing before it is disabled.",
        ),
        _ => Check::failed(
            NAME,
            Status::Failed,
            found,
            "It takes no writes: have it enabled again, or name another with --subscription.",
        ),
    };
    check.details(json!({
        "id": subscription["subscriptionId"],
        "name": subscription["displayName"],
        "state": subscription["state"],
    }))
}

/// Whether the subscription offers the location.
pub(super) fn location(found: &Answer, wanted: &Location) -> Check {
    const NAME: &str = "location";
    let wanted = wanted.canonical();
    let all = match found {
        Err(failure) => return Check::not_known(NAME, failure.clone()),
        Ok(found) => found.as_ref().and_then(Value::as_array),
    };
    let is_there = |one: &Value| one["name"] == wanted.as_str();
    if all.into_iter().flatten().any(is_there) {
        return Check::ok(NAME, wanted);
    }
    Check::failed(
        NAME,
        Status::Usage,
        format!("the subscription has no location '{wanted}'"),
        "'az account list-locations' lists those that it has.",
    )
}

/// A check for each provider.
pub(super) fn providers(found: &Answers, permissions: Option<&Permissions>) -> Vec<Check> {
    let check = |namespace| match found.get(Key::Provider(namespace)) {
        Some(Err(failure)) => Check::not_known(format!("provider {namespace}"), failure.clone()),
        Some(Ok(Some(found))) => {
            let state = found["registrationState"].as_str();
            provider(namespace, state.unwrap_or("NotRegistered"), permissions)
        }
        Some(Ok(None)) | None => provider(namespace, "NotRegistered", permissions),
    };
    // Without a subscription nothing is registered in it.
    if !matches!(found.get(Key::Subscription), Some(Ok(Some(_)))) {
        return vec![Check::skipped("providers", "the subscription was not read")];
    }
    PROVIDERS.into_iter().map(check).collect()
}

/// One that is not registered is by the first thing that is created, if the caller may.
fn provider(namespace: &str, state: &str, permissions: Option<&Permissions>) -> Check {
    let name = format!("provider {namespace}");
    let register = format!("{namespace}/register/action");
    if state == "Registered" {
        return Check::ok(name, "registered");
    }
    if permissions.is_some_and(|own| own.allows(&register)) {
        return Check::warning(
            name,
            format!("{state} in the subscription"),
            "It is registered when something of it is first created, which takes some minutes.",
        );
    }
    Check::failed(
        name,
        Status::Denied,
        format!("{state} in the subscription, and you may not register it"),
        format!(
            "Ask a contributor of the subscription for 'az provider register --namespace {namespace}'."
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::super::check::State;
    use super::*;

    #[test]
    fn a_subscription_without_writes_fails() {
        let of = |word: &str| state(&json!({"state": word})).state;
        assert_eq!(of("Enabled"), State::Ok);
        assert_eq!(of("PastDue"), State::Warning);
        for word in ["Disabled", "Deleted", ""] {
            assert_eq!(of(word), State::Failed(Status::Failed), "{word}");
        }
    }

    #[test]
    fn a_token_of_another_tenant_fails() {
        assert_eq!(tenant(Some("a"), Some("A")).state, State::Ok);
        let other = tenant(Some("a"), Some("b"));
        assert_eq!(other.state, State::Failed(Status::Unauthenticated));
        assert!(
            other
                .advice
                .is_some_and(|advice| advice.contains("--tenant b"))
        );
    }

    #[test]
    fn a_provider_that_nobody_registered_depends_on_the_caller() {
        let of = |permissions| provider("Microsoft.KeyVault", "NotRegistered", permissions).state;
        let may = Permissions::from_arm(&[json!({"actions": ["*/register/action"]})]);
        assert_eq!(of(Some(&may)), State::Warning);
        for permissions in [None, Some(&Permissions::default())] {
            assert_eq!(of(permissions), State::Failed(Status::Denied));
        }
    }
}
