//! The `api-version` of a call: which are published, per type of resource.
//!
//! The list is of the resource definitions that Azure/azure-resource-manager-schemas had on 2026-08-16, and of those that
//! Azure names when it refuses one (Azure/azure-cli issues 17545 and 28496, ansible-collections/azure issue 2117, and others).

use super::call::Call;
use super::error::Error;
use super::locations;
use time::format_description::well_known::Iso8601;
use time::{Date, Duration};

/// A type a line, as its provider spells it, and its versions, the newest first.
const LIST: &str = include_str!("api_versions.txt");

/// How far ahead of its publication a version's date may be.
const AHEAD: Duration = Duration::days(45);

/// The versions of a type, the newest first, if they are known; those of Resource Manager itself are of
/// `Microsoft.Resources`.
pub(crate) fn published(kind: &str) -> Option<&'static str> {
    LIST.lines()
        .filter_map(|line| line.split_once(' '))
        .find(|(name, _)| name.eq_ignore_ascii_case(kind))
        .map(|(_, versions)| versions)
}

/// The types of a provider, without its name, with their versions.
pub(crate) fn types_of(namespace: &str) -> impl Iterator<Item = (&'static str, &'static str)> {
    LIST.lines().filter_map(move |line| {
        let (kind, versions) = line.split_once(' ')?;
        let (provider, types) = kind.split_once('/')?;
        provider
            .eq_ignore_ascii_case(namespace)
            .then_some((types, versions))
    })
}

/// Refuses a call whose version is none, or none of the type that it is about.
pub(crate) fn check(call: &Call<'_>) -> Result<(), Error> {
    let version = call.api_version.to_ascii_lowercase();
    if version.is_empty() {
        return Err(Error::bad_request(
            "MissingApiVersionParameter",
            "The api-version query parameter (?api-version=) is required for all requests.",
        ));
    }
    let date = date_of(&version);
    let Some(provider) = &call.path.provider else {
        // The result of an operation is asked for in the version that began it.
        let is_result = call
            .path
            .rest_words()
            .first()
            .is_some_and(|word| word == "operationresults");
        if is_result && date.is_some() {
            return Ok(());
        }
        return match published("Microsoft.Resources") {
            Some(known) if !is_one_of(&version, date, Some(known), call) => {
                Err(invalid(&call.api_version, known))
            }
            _ => Ok(()),
        };
    };
    let kind = format!("{}/{}", provider.namespace, provider.types());
    let known = published(&kind);
    if is_one_of(&version, date, known, call) {
        return Ok(());
    }
    // A version that is not even a date is refused before a provider is asked.
    let (Some(known), Some(_)) = (known, date) else {
        return Err(invalid(
            &call.api_version,
            published("Microsoft.Resources").unwrap_or_default(),
        ));
    };
    Err(if provider.is_named() && call.path.group.is_some() {
        no_provider(call, &provider.types(), known)
    } else {
        Error::new(
            404,
            "InvalidResourceType",
            format!(
                "The resource type '{}' could not be found in the namespace '{}' for api version '{}'. The supported \
                 api-versions are '{known}'.",
                provider.types(),
                provider.namespace,
                call.api_version
            ),
        )
    })
}

/// Whether a version is listed, or newer than those that are: what was published since is not known (the Azure CLI had a
/// version of machines that the list has not). One whose date is yet to come is none.
fn is_one_of(version: &str, date: Option<Date>, known: Option<&str>, call: &Call<'_>) -> bool {
    let Some(date) = date else {
        return false;
    };
    let is_listed = known.is_some_and(|known| known.split(',').any(|one| one == version));
    let not_yet = date > call.cx.client_now.date().saturating_add(AHEAD);
    let newest = known.and_then(|known| date_of(known.split(',').next()?));
    is_listed || !not_yet && newest.is_none_or(|newest| date > newest)
}

/// The date that a version begins with, if what follows is a word for what is not final.
fn date_of(version: &str) -> Option<Date> {
    let (date, suffix) = version.split_at_checked(10)?;
    let known = ["", "-preview", "-privatepreview", "-alpha", "-beta"];
    known.contains(&suffix).then_some(())?;
    Date::parse(date, &Iso8601::DATE).ok()
}

fn invalid(version: &str, known: &str) -> Error {
    Error::bad_request(
        "InvalidApiVersionParameter",
        format!("The api-version '{version}' is invalid. The supported versions are '{known}'."),
    )
}

/// As Resource Manager says it of one resource: with the place that it is, or is to be, in.
fn no_provider(call: &Call<'_>, types: &str, known: &str) -> Error {
    let asked = call.body().ok();
    let asked = asked
        .as_ref()
        .and_then(|body| body.get("location")?.as_str());
    let location = asked.map_or_else(|| group_location(call), locations::canonical);
    nowhere(call, types, &location, known)
}

/// Refuses what a provider is asked of a location that there is none of (Azure/azure-cli issues 19725 and 30613).
pub(crate) fn check_location(call: &Call<'_>, location: &str, types: &str) -> Result<(), Error> {
    if locations::is_known(&locations::canonical(location)) {
        return Ok(());
    }
    let namespace = call.path.provider.as_ref().map_or("", |it| &it.namespace);
    let known = published(&format!("{namespace}/{types}"))
        .or_else(|| published(&format!("{namespace}/virtualMachines")));
    Err(nowhere(call, types, location, known.unwrap_or_default()))
}

fn nowhere(call: &Call<'_>, types: &str, location: &str, known: &str) -> Error {
    Error::bad_request(
        "NoRegisteredProviderFound",
        format!(
            "No registered resource provider found for location '{location}' and API version '{}' for type '{types}'. The \
             supported api-versions are '{}'. The supported locations are '{}'.",
            call.api_version,
            known.replace(',', ", "),
            locations::names().join(", ")
        ),
    )
}

fn group_location(call: &Call<'_>) -> String {
    let group = call.path.group.as_deref().unwrap_or_default();
    let id = format!(
        "/subscriptions/{}/resourceGroups/{group}",
        call.subscription()
    );
    let found = call.resource(&id).ok().flatten();
    found.map_or_else(String::new, |group| group.location().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_begins_with_a_date() {
        for good in ["2015-06-15", "2024-11-01", "2025-05-31-preview"] {
            assert!(date_of(good).is_some(), "{good}");
        }
        for bad in [
            "",
            "latest",
            "2024-13-01",
            "2024-11",
            "7.4",
            "2024-11-01-nonsense",
            "2024-11-0é",
        ] {
            assert!(date_of(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn each_type_has_versions_the_newest_first() {
        for line in LIST.lines() {
            let (kind, versions) = line.split_once(' ').expect("a type and its versions");
            let versions: Vec<&str> = versions.split(',').collect();
            assert!(versions.is_sorted_by(|one, next| one > next), "{kind}");
            for version in versions {
                assert!(date_of(version).is_some(), "{kind}: {version}");
            }
        }
        assert!(
            published("microsoft.keyvault/VAULTS").is_some_and(|all| all.contains("2024-11-01"))
        );
        assert_eq!(published("Microsoft.KeyVault/nothing"), None);
    }
}
