//! Resource providers: which there are, which types they have, and their registration.

use super::call::Call;
use super::error::Error;
use super::path::Provider;
use super::tracked::{self, Kind};
use super::{compute, deployments, key_vault, locations, managed_identity, network, operations};
use crate::ground::wire::Response;
use crate::request::Context;
use crate::state::{Resource, StateError, Subscription};
use http::{Method, StatusCode};
use serde_json::{Value, json};

/// The namespaces that are here, with their tracked types.
const PROVIDERS: &[(&str, &[&Kind])] = &[
    ("Microsoft.Authorization", &[]),
    (
        "Microsoft.Compute",
        &[&compute::virtual_machines::KIND, &compute::disks::KIND],
    ),
    ("Microsoft.KeyVault", &[&key_vault::vaults::KIND]),
    ("Microsoft.ManagedIdentity", &[&managed_identity::KIND]),
    (
        "Microsoft.Network",
        &[
            &network::virtual_networks::KIND,
            &network::network_security_groups::KIND,
            &network::public_ip_addresses::KIND,
            &network::network_interfaces::KIND,
        ],
    ),
    ("Microsoft.Resources", &[]),
];

/// A tracked type by its name.
pub(crate) fn kind(name: &str) -> Option<&'static Kind> {
    PROVIDERS
        .iter()
        .flat_map(|(_, kinds)| kinds.iter())
        .find(|kind| kind.name.eq_ignore_ascii_case(name))
        .copied()
}

/// Answers a call to a provider's types.
pub(crate) fn route(call: &Call<'_>, provider: &Provider) -> Result<Response, Error> {
    let Some((namespace, _)) = PROVIDERS
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(&provider.namespace))
    else {
        return Err(Error::new(
            404,
            "InvalidResourceNamespace",
            format!(
                "The resource namespace '{}' is invalid.",
                provider.namespace
            ),
        ));
    };
    let words: Vec<String> = provider
        .segments
        .iter()
        .map(|word| word.to_ascii_lowercase())
        .collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    // A provider's registration looks like one of its types.
    if let [action @ ("register" | "unregister")] = words.as_slice()
        && call.method() == Method::POST
        && call.path.group.is_none()
    {
        return register(call, namespace, action);
    }
    if let ["locations", _, "operations", id] = words.as_slice() {
        return operations::status(call, id);
    }
    let special = match *namespace {
        "Microsoft.Compute" => compute::route(call, provider, &words)?,
        "Microsoft.KeyVault" => key_vault::route(call, provider, &words)?,
        "Microsoft.Network" => network::route(call, provider, &words)?,
        "Microsoft.Resources" => deployments::route(call, provider, &words)?,
        _ => None,
    };
    if let Some(response) = special {
        return Ok(response);
    }
    let name = format!("{namespace}/{}", provider.types());
    match kind(&name) {
        Some(kind) => tracked::route(call, kind, provider),
        None => Err(Error::new(
            404,
            "InvalidResourceType",
            format!(
                "The resource type '{}' could not be found in the namespace '{namespace}' for api version '{}'.",
                provider.types(),
                call.api_version
            ),
        )),
    }
}

/// What goes with a resource that goes.
pub(crate) fn removed(cx: &Context<'_>, resource: &Resource) -> Result<(), StateError> {
    match resource.kind.as_str() {
        "Microsoft.Compute/virtualMachines" => compute::virtual_machines::removed(cx, resource),
        "Microsoft.ManagedIdentity/userAssignedIdentities" => {
            managed_identity::removed(cx, resource)
        }
        "Microsoft.KeyVault/vaults" => key_vault::vaults::removed(cx, resource),
        "Microsoft.Network/networkInterfaces" => network::network_interfaces::removed(cx, resource),
        _ => Ok(()),
    }
}

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

/// `POST /subscriptions/{id}/providers/{namespace}/register` and `…/unregister`
fn register(call: &Call<'_>, namespace: &str, action: &str) -> Result<Response, Error> {
    let mut subscription = call.known_subscription()?;
    let (name, _) = known(namespace)?;
    call.authorize(&call.path.scope, &format!("{name}/{action}/action"))?;
    let key = name.to_ascii_lowercase();
    match action {
        "register" if !subscription.providers.contains(&key) => subscription.providers.push(key),
        "register" => {}
        "unregister" => subscription.providers.retain(|provider| *provider != key),
        _ => return Err(Error::method_not_allowed(action)),
    }
    call.cx.tx.put(&subscription)?;
    get(call, namespace)
}

fn known(namespace: &str) -> Result<&'static (&'static str, &'static [&'static Kind]), Error> {
    PROVIDERS
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(namespace))
        .ok_or_else(|| {
            Error::new(
                404,
                "InvalidResourceNamespace",
                format!("The resource namespace '{namespace}' is invalid."),
            )
        })
}

/// `GET /subscriptions/{id}/providers/{namespace}`
pub(crate) fn get(call: &Call<'_>, namespace: &str) -> Result<Response, Error> {
    let subscription = call.known_subscription()?;
    let found = known(namespace)?;
    call.authorize(
        &call.path.scope,
        "Microsoft.Resources/subscriptions/providers/read",
    )?;
    Ok(Response::json(StatusCode::OK, &view(&subscription, found)))
}

/// `GET /subscriptions/{id}/providers`
pub(crate) fn list(call: &Call<'_>) -> Result<Response, Error> {
    if call.method() != Method::GET {
        return Err(Error::method_not_allowed(call.method().as_str()));
    }
    let subscription = call.known_subscription()?;
    call.authorize(
        &call.path.scope,
        "Microsoft.Resources/subscriptions/providers/read",
    )?;
    let values: Vec<Value> = PROVIDERS
        .iter()
        .map(|provider| view(&subscription, provider))
        .collect();
    Ok(Response::json(StatusCode::OK, &json!({"value": values})))
}

/// `GET /providers`
pub(crate) fn list_all(_: &Call<'_>) -> Result<Response, Error> {
    let values: Vec<Value> = PROVIDERS
        .iter()
        .map(|(name, kinds)| json!({"namespace": name, "resourceTypes": types(kinds)}))
        .collect();
    Ok(Response::json(StatusCode::OK, &json!({"value": values})))
}

fn types(kinds: &[&Kind]) -> Vec<Value> {
    kinds
        .iter()
        .map(|kind| {
            json!({
                "resourceType": kind.name.split_once('/').map_or("", |(_, name)| name),
                "locations": locations::display_names(),
                "apiVersions": ["2026-04-01", "2026-02-01", "2025-04-01", "2024-11-30", "2024-11-01", "2024-05-01"],
            })
        })
        .collect()
}

fn view(subscription: &Subscription, (name, kinds): &(&str, &[&Kind])) -> Value {
    let registered = subscription.providers.contains(&name.to_ascii_lowercase());
    json!({
        "id": format!("/subscriptions/{}/providers/{name}", subscription.id),
        "namespace": name,
        "registrationState": if registered { "Registered" } else { "NotRegistered" },
        "registrationPolicy": "RegistrationRequired",
        "resourceTypes": types(kinds),
    })
}
