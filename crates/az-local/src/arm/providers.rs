//! Resource providers: which there are, which types they have, and their registration.

use super::call::Call;
use super::error::Error;
use super::path::ProviderPath;
use super::resource_type::{Kind, Provider};
use super::tracked;
use super::version;
use super::{
    compute, deployments, key_vault, locations, managed_identity, network, not_emulated, operations,
};
use crate::ground::wire::Response;
use crate::state::Subscription;
use http::{Method, StatusCode};
use serde_json::{Value, json};

/// The providers that are here.
const PROVIDERS: &[&Provider] = &[
    &Provider::of("Microsoft.Authorization", &[]),
    &compute::PROVIDER,
    &key_vault::PROVIDER,
    &managed_identity::PROVIDER,
    &network::PROVIDER,
    &deployments::PROVIDER,
];

/// A tracked type by its name.
pub(crate) fn kind(name: &str) -> Option<&'static Kind> {
    PROVIDERS
        .iter()
        .flat_map(|provider| provider.types)
        .find(|kind| kind.name.eq_ignore_ascii_case(name))
        .copied()
}

/// Answers a call to a provider's types.
pub(crate) fn route(call: &Call<'_>, provider: &ProviderPath) -> Result<Response, Error> {
    let found = known(&provider.namespace)?;
    let namespace = found.namespace;
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
    let special = (found.route)(call, provider, &words)?;
    if let Some(response) = special {
        return Ok(response);
    }
    let name = format!("{namespace}/{}", provider.types());
    match kind(&name) {
        Some(kind) => tracked::route(call, kind, provider),
        None => Err(not_emulated::resource_type(namespace, &provider.types())),
    }
}

/// `POST /subscriptions/{id}/providers/{namespace}/register` and `…/unregister`
fn register(call: &Call<'_>, namespace: &str, action: &str) -> Result<Response, Error> {
    let mut subscription = call.known_subscription()?;
    let name = known(namespace)?.namespace;
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

fn known(namespace: &str) -> Result<&'static Provider, Error> {
    PROVIDERS
        .iter()
        .find(|provider| provider.namespace.eq_ignore_ascii_case(namespace))
        .copied()
        .ok_or_else(|| not_emulated::namespace(namespace))
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
        .map(|provider| json!({"namespace": provider.namespace, "resourceTypes": types(provider)}))
        .collect();
    Ok(Response::json(StatusCode::OK, &json!({"value": values})))
}

fn types(provider: &Provider) -> Vec<Value> {
    let types = version::types_of(provider.namespace);
    types
        .map(|(name, versions)| {
            json!({
                "resourceType": name,
                "locations": locations::display_names(),
                "apiVersions": versions.split(',').collect::<Vec<_>>(),
            })
        })
        .collect()
}

fn view(subscription: &Subscription, provider: &Provider) -> Value {
    let name = provider.namespace;
    let registered = subscription.providers.contains(&name.to_ascii_lowercase());
    json!({
        "id": format!("/subscriptions/{}/providers/{name}", subscription.id),
        "namespace": name,
        "registrationState": if registered { "Registered" } else { "NotRegistered" },
        "registrationPolicy": "RegistrationRequired",
        "resourceTypes": types(provider),
    })
}
