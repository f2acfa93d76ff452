//! Mode `Complete`: what is in the group and not in the template goes
//! (<https://learn.microsoft.com/azure/azure-resource-manager/templates/deployment-modes#complete-mode>).

use super::ids::KIND;
use super::kept::find;
use super::run::Deployed;
use crate::arm::call::Call;
use crate::arm::error::Error;
use crate::arm::version;
use crate::state::{Document, Range, Resource};
use http::Method;
use serde_json::Value;
use std::collections::HashSet;

/// The types that go, of those that are emulated; what is part of a resource goes with it. Role assignments, locks,
/// deployments, subnets, secrets and federated credentials stay
/// (<https://learn.microsoft.com/azure/azure-resource-manager/templates/deployment-complete-mode-deletion>).
const DELETED: &[&str] = &[
    "Microsoft.Compute/disks",
    "Microsoft.Compute/virtualMachines",
    "Microsoft.Compute/virtualMachines/extensions",
    "Microsoft.KeyVault/vaults",
    "Microsoft.ManagedIdentity/userAssignedIdentities",
    "Microsoft.Network/networkInterfaces",
    "Microsoft.Network/networkSecurityGroups",
    "Microsoft.Network/publicIPAddresses",
    "Microsoft.Network/virtualNetworks",
];

/// A resource that was to go.
pub(super) struct Deleted {
    pub(super) id: String,
    pub(super) kind: String,
    pub(super) name: String,
    /// As it was, where the caller may see it.
    pub(super) before: Value,
    pub(super) result: Result<(), Error>,
}

/// What a deployment keeps: what it made, and the deployments in it made, which are taken for parts of it
/// (<https://github.com/MicrosoftDocs/azure-docs/issues/61960>).
pub(super) fn kept(call: &Call<'_>, deployed: &[Deployed]) -> Result<HashSet<String>, Error> {
    let mut kept = HashSet::new();
    let mut left: Vec<(String, bool)> = deployed
        .iter()
        .map(|one| (one.id.clone(), one.kind.eq_ignore_ascii_case(KIND)))
        .collect();
    while let Some((id, is_deployment)) = left.pop() {
        if !kept.insert(id.to_ascii_lowercase()) || !is_deployment {
            continue;
        }
        let Some(nested) = find(call, &id)? else {
            continue;
        };
        let made = nested.properties.get("outputResources");
        let made = made.and_then(Value::as_array).into_iter().flatten();
        for id in made.filter_map(|one| one["id"].as_str()) {
            let is_deployment = id
                .to_ascii_lowercase()
                .contains("/microsoft.resources/deployments/");
            left.push((id.to_owned(), is_deployment));
        }
    }
    Ok(kept)
}

/// Deletes what is in the call's group and not among what is kept. What is locked stays, and is no failure; what another
/// resource manages stays, too: `managedBy` of
/// <https://github.com/Azure/azure-rest-api-specs/blob/main/specification/common-types/resource-management/v5/types.json>.
pub(super) fn delete(call: &Call<'_>, kept: &HashSet<String>) -> Result<Vec<Deleted>, Error> {
    let mut left: Vec<Deleted> = Vec::new();
    for resource in candidates(call, kept)? {
        let read = version_of(&resource.kind)
            .map(|version| call.within(Method::GET, &resource.id, version, None));
        let before = read.and_then(Result::ok).unwrap_or_default();
        if before["managedBy"].is_string() {
            continue;
        }
        left.push(Deleted {
            name: resource.name().to_owned(),
            id: resource.id,
            kind: resource.kind,
            before,
            result: Ok(()),
        });
    }
    // What a resource holds of another is free once that one is gone: as long as something goes, the rest is tried again.
    let mut done = Vec::new();
    loop {
        let count = left.len();
        let mut refused = Vec::new();
        for mut one in left {
            match gone(call, &one)? {
                Ok(()) => done.push(one),
                Err(error) if error.code() == "ScopeLocked" => {}
                Err(error) => {
                    one.result = Err(error);
                    refused.push(one);
                }
            }
        }
        left = refused;
        if left.is_empty() || left.len() == count {
            for one in done.iter_mut() {
                one.result = Ok(());
            }
            done.append(&mut left);
            return Ok(done);
        }
    }
}

/// Parts of a resource before it.
fn candidates(call: &Call<'_>, kept: &HashSet<String>) -> Result<Vec<Resource>, Error> {
    let below = Resource::key_of(&call.path.scope) + "/";
    let mut found = Vec::new();
    call.cx
        .tx
        .each(&Range::Below(&below), |resource: Resource| {
            let goes = DELETED
                .iter()
                .any(|kind| kind.eq_ignore_ascii_case(&resource.kind));
            if goes && !kept.contains(&resource.id.to_ascii_lowercase()) {
                found.push(resource);
            }
            Ok::<_, Error>(())
        })?;
    found.sort_by_key(|resource| std::cmp::Reverse(resource.key().matches('/').count()));
    Ok(found)
}

/// Deletes one: with the caller's rights, and at once, as all that a deployment does is done at once here.
fn gone(call: &Call<'_>, one: &Deleted) -> Result<Result<(), Error>, Error> {
    let Some(version) = version_of(&one.kind) else {
        return Ok(Ok(()));
    };
    let deleted = call.cx.attempt(|| {
        call.within(Method::DELETE, &one.id, version, None)?;
        call.router.remove(call.cx, &one.id)?;
        Ok::<_, Error>(())
    })?;
    Ok(deleted)
}

fn version_of(kind: &str) -> Option<&'static str> {
    version::published(kind)?.split(',').next()
}
