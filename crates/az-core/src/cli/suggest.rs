//! What was meant, where something is not found: looked up when it is too late for anything else, so that nothing is asked
//! for it before.

use super::{failure::Failure, secret_names::secret_names, session::Session};
use crate::{
    arm::{ResourceId, versions},
    nearest::did_you_mean,
};
use serde_json::Value;
use std::time::Duration;

/// How long a suggestion may take: the failure is known, and somebody waits for it.
const LONGEST: Duration = Duration::from_secs(5);

/// The failure, with the nearest names in its hint, if there are any. Whoever may not list them gets none.
pub(super) async fn suggest(session: &Session, failure: Failure) -> Failure {
    let looked_up = tokio::time::timeout(LONGEST, nearest(session, &failure)).await;
    match looked_up {
        Ok(Some(found)) => {
            let hint = match &failure.hint {
                Some(hint) => format!("{found} {hint}"),
                None => found,
            };
            failure.hint(hint)
        }
        _ => failure,
    }
}

async fn nearest(session: &Session, failure: &Failure) -> Option<String> {
    let Some(code) = failure.code.as_deref() else {
        // Nothing is at the vault's address: no service was there to name a code.
        let wanted = failure.vault.as_deref()?;
        return nearest_of_type(session, "Microsoft.KeyVault/vaults", wanted).await;
    };
    match code {
        // A secret with (name/id) x was not found in this key vault.
        "SecretNotFound" => {
            let wanted = between(&failure.message, "(name/id) ", " ")?;
            let wanted = wanted.split('/').next()?;
            let names = secret_names(session, failure.vault.as_deref()?).await?;
            if names.iter().any(|name| name.eq_ignore_ascii_case(wanted)) {
                return Some(format!(
                    "There is a secret '{wanted}': 'kv-get {wanted} --list-versions' shows its versions."
                ));
            }
            did_you_mean(wanted, names.iter().map(String::as_str))
        }
        // Resource group 'x' could not be found.
        "ResourceGroupNotFound" => {
            let wanted = between(&failure.message, "Resource group '", "'")?;
            let subscription = ResourceId::subscription(session.subscription().await.ok()?);
            let path = format!("{subscription}/resourcegroups");
            let groups = list(session, &path, versions::RESOURCES, &[]).await?;
            did_you_mean(wanted, names(&groups, "name"))
        }
        // The Resource 'Microsoft.Compute/virtualMachines/x' under resource group 'g' was not found.
        "ResourceNotFound" => {
            let resource = between(&failure.message, "The Resource '", "'")?;
            let group = between(&failure.message, "under resource group '", "'")?;
            let (kind, wanted) = resource.rsplit_once('/')?;
            let filter = format!("resourceType eq '{kind}'");
            let group = session.group_id(group).await.ok()?;
            let path = format!("{group}/resources");
            let all = list(session, &path, versions::RESOURCES, &[("$filter", &filter)]).await?;
            did_you_mean(wanted, names(&all, "name"))
        }
        "LocationNotAvailableForResourceGroup"
        | "LocationNotAvailableForResourceType"
        | "NoRegisteredProviderFound"
        | "InvalidLocation" => {
            let wanted = between(&failure.message, "location '", "'")?;
            nearest_location(session, wanted).await
        }
        _ => None,
    }
}

/// The resources of a type that are most like a word.
async fn nearest_of_type(session: &Session, kind: &str, wanted: &str) -> Option<String> {
    let subscription = ResourceId::subscription(session.subscription().await.ok()?);
    let filter = format!("resourceType eq '{kind}'");
    let path = format!("{subscription}/resources");
    let all = list(session, &path, versions::RESOURCES, &[("$filter", &filter)]).await?;
    did_you_mean(wanted, names(&all, "name"))
}

/// The locations most like a word, if it is none itself.
async fn nearest_location(session: &Session, wanted: &str) -> Option<String> {
    let subscription = ResourceId::subscription(session.subscription().await.ok()?);
    let path = format!("{subscription}/locations");
    let all = list(session, &path, versions::SUBSCRIPTIONS, &[]).await?;
    if names(&all, "name").any(|name| name.eq_ignore_ascii_case(wanted)) {
        return None;
    }
    did_you_mean(wanted, names(&all, "name"))
}

async fn list(
    session: &Session,
    path: &str,
    version: &str,
    query: &[(&str, &str)],
) -> Option<Vec<Value>> {
    session.arm().ok()?.list(path, version, query).await.ok()
}

fn names<'a>(all: &'a [Value], member: &'a str) -> impl Iterator<Item = &'a str> {
    all.iter().filter_map(move |one| one[member].as_str())
}

fn between<'a>(text: &'a str, start: &str, end: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(start)?;
    rest.split_once(end).map(|(inner, _)| inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_taken_out_of_azures_sentences() {
        let text = "The Resource 'Microsoft.Compute/virtualMachines/x' under resource group 'g' was not found.";
        assert_eq!(
            between(text, "The Resource '", "'"),
            Some("Microsoft.Compute/virtualMachines/x")
        );
        assert_eq!(between(text, "under resource group '", "'"), Some("g"));
        assert_eq!(between(text, "location '", "'"), None);
    }
}
