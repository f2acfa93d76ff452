//! Where a call goes: by its path to a provider, or to what Resource Manager answers itself.

use super::call::{Call, Router};
use super::error::Error;
use super::path::ProviderPath;
use super::{
    authorization, batch, groups, locations, not_emulated, operations, providers, resources,
    subscriptions, tags, tracked,
};
use crate::ground::wire::Response;
use crate::request::Context;
use crate::state::StateError;
use http::Method;
use uuid::Uuid;

/// Resource Manager as those see it that it answers.
pub(crate) struct ResourceManager;

impl Router for ResourceManager {
    fn route(&self, call: &Call<'_>) -> Result<Response, Error> {
        route(call)
    }

    fn remove(&self, cx: &Context<'_>, id: &str) -> Result<(), StateError> {
        tracked::remove(cx, &providers::kind, id)
    }
}

/// Whether a path ends in `tags/default`, which is all that there is.
fn is_tags(provider: &ProviderPath) -> bool {
    let words = provider
        .segments
        .iter()
        .map(|word| word.to_ascii_lowercase());
    words.eq(["tags", "default"])
}

fn route(call: &Call<'_>) -> Result<Response, Error> {
    let path = &call.path;
    if let Some(id) = &path.subscription
        && !is_guid(id)
    {
        return Err(Error::invalid_subscription(id));
    }
    if let Some(provider) = &path.provider {
        return match provider.namespace.to_ascii_lowercase().as_str() {
            "microsoft.authorization" => authorization::route(call, provider),
            "microsoft.resources" if is_tags(provider) => {
                call.known_subscription()?;
                tags::route(call)
            }
            // Nothing that is emulated stands above subscriptions.
            _ if path.subscription.is_none() => Err(not_emulated::resource_type(
                &provider.namespace,
                &provider.types(),
            )),
            _ => {
                call.known_subscription()?;
                providers::route(call, provider)
            }
        };
    }
    let words = path.rest_words();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match (&path.subscription, &path.group, words.as_slice()) {
        (None, None, ["batch"]) if call.method() == Method::POST => batch::answer(call),
        (None, None, ["tenants"]) => subscriptions::tenants(call),
        (None, None, ["subscriptions"]) => subscriptions::list(call),
        (None, None, ["providers"]) => providers::list_all(call),
        (Some(_), None, []) => subscriptions::get(call),
        (Some(_), None, rest) => {
            call.known_subscription()?;
            match rest {
                ["locations"] => locations::list(call),
                ["resourcegroups"] => groups::list(call),
                ["resources"] => resources::list(call),
                ["providers"] => providers::list(call),
                ["providers", namespace] => providers::get(call, namespace),
                ["operationresults", id] => operations::result(call, id),
                _ => Err(not_emulated::path(&call.request.path)),
            }
        }
        (Some(_), Some(_), []) => {
            call.known_subscription()?;
            groups::route(call)
        }
        // The operations of a deployment in a group are also found without their provider's name.
        (Some(_), Some(_), ["deployments", _, "operations", ..]) => {
            call.known_subscription()?;
            let provider = ProviderPath {
                namespace: "Microsoft.Resources".to_owned(),
                segments: path.rest.clone(),
            };
            providers::route(call, &provider)
        }
        (Some(_), Some(_), ["resources"]) => {
            call.known_subscription()?;
            resources::list(call)
        }
        _ => Err(not_emulated::path(&call.request.path)),
    }
}

/// Whether a text is a GUID in its usual form, with dashes and nothing around it.
fn is_guid(text: &str) -> bool {
    text.len() == 36 && Uuid::try_parse(text).is_ok()
}
