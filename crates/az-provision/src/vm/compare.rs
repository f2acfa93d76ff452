//! A machine that is there, beside the one that is wanted. What is wanted is never silently something else: each
//! difference is named, and nothing is changed. `az_core::run_again` is the table of it.

use super::{keys::Keys, login::Login, request::Request};
use crate::group::same_location;
use az_core::{
    arm::ResourceId,
    cli::{Failure, Status},
    identity::Identities,
    name::Location,
};
use secrecy::ExposeSecret;
use serde_json::Value;

/// How a machine differs from the wanted one.
#[derive(Default)]
pub(super) struct Differences {
    found: Vec<String>,
    identities: bool,
}

impl Differences {
    /// One difference, as `size is 'a', not 'b'`.
    pub(super) fn add(&mut self, difference: String) {
        self.found.push(difference);
    }

    pub(super) fn extend(&mut self, differences: Vec<String>) {
        self.found.extend(differences);
    }

    /// Where a text is another one, whatever its case.
    fn text(&mut self, what: &str, is: &Value, want: &str) {
        let is = is.as_str().unwrap_or_default();
        if !is.eq_ignore_ascii_case(want) {
            self.add(format!("{what} is '{is}', not '{want}'"));
        }
    }

    /// Each of them.
    pub(super) fn list(&self) -> &[String] {
        &self.found
    }

    /// Nothing, or the failure that names them all.
    pub(super) fn refuse(&self) -> Result<(), Failure> {
        if self.found.is_empty() {
            return Ok(());
        }
        let mut failure = Failure::new(
            Status::Conflict,
            format!("it exists already, and its {}", self.found.join(", its ")),
        )
        .hint("A machine is not overwritten: give the same settings, or another name.");
        if self.identities {
            failure = failure.hint_also(
                "'az-identity vm assign' and 'az-identity vm remove' change its identities.",
            );
        }
        Err(failure)
    }
}

/// The differences that the machine itself shows. Identities are compared where some are asked for, and are to be those
/// alone, as `az` makes them: one too many is a right too many.
pub(super) fn machine(
    request: &Request,
    there: &Value,
    group: &ResourceId,
    location: &Location,
) -> Differences {
    let mut differences = Differences::default();
    let properties = &there["properties"];
    let disks = &properties["storageProfile"];
    let is = there["location"].as_str().unwrap_or_default();
    if !same_location(is, location) {
        differences.add(format!(
            "location is '{is}', not '{}'",
            location.canonical()
        ));
    }
    if !request.image.is(&disks["imageReference"]) {
        differences.add(format!(
            "image is '{}', not '{}'",
            image_name(&disks["imageReference"]),
            image_name(&request.image.reference())
        ));
    }
    differences.text(
        "size",
        &properties["hardwareProfile"]["vmSize"],
        &request.size,
    );
    differences.text(
        "admin user",
        &properties["osProfile"]["adminUsername"],
        &request.login.username,
    );
    login(&mut differences, &request.login, &properties["osProfile"]);
    if let Some(want) = request.disk_gb
        && let Some(is) = disks["osDisk"]["diskSizeGB"].as_u64()
        && is != u64::from(want)
    {
        differences.add(format!("OS disk has {is} GB, not {want}"));
    }
    data_disks(&mut differences, request, disks);
    if let Some(want) = &request.priority {
        // A machine that nobody gave a priority is a regular one.
        let is = properties["priority"].as_str().unwrap_or("Regular");
        // Low is Spot by its older name.
        let today = |word: &str| match word.eq_ignore_ascii_case("Low") {
            true => "spot".to_owned(),
            false => word.to_ascii_lowercase(),
        };
        if today(is) != today(want) {
            differences.add(format!("priority is '{is}', not '{want}'"));
        }
    }
    if let Some(want) = request.zone.as_deref() {
        let is = there["zones"].get(0).and_then(Value::as_str);
        if is != Some(want) {
            differences.add(format!("zone is '{}', not '{want}'", is.unwrap_or("none")));
        }
    }
    if let Some(want) = &request.user_data
        && properties["userData"].as_str() != Some(want.expose_secret())
    {
        differences.add("user data is not the same".to_owned());
    }
    let is = Identities::of(there);
    if let Some(want) = request.identities(group).filter(|want| *want != is) {
        differences.add(format!(
            "identities are '{}', not '{}'",
            is.words(group),
            want.words(group)
        ));
        differences.identities = true;
    }
    differences
}

/// How its user signs in, where the arguments say how.
fn login(differences: &mut Differences, login: &Login, profile: &Value) {
    if !login.given {
        return;
    }
    let linux = &profile["linuxConfiguration"];
    let word = |password: bool, keys: bool| match (password, keys) {
        (true, true) => "all",
        (true, false) => "password",
        (false, _) => "ssh",
    };
    let keys = linux["ssh"]["publicKeys"].as_array();
    let keys: Vec<&str> = keys
        .into_iter()
        .flatten()
        .filter_map(|key| key["keyData"].as_str())
        .map(bare)
        .collect();
    let is = word(
        linux["disablePasswordAuthentication"] != true,
        !keys.is_empty(),
    );
    let want = word(login.password.is_some(), !matches!(login.keys, Keys::None));
    if is != want {
        differences.add(format!("authentication type is '{is}', not '{want}'"));
        return;
    }
    match &login.keys {
        Keys::None => {}
        Keys::New(kind) => differences.add(format!(
            "SSH keys are others than yours, as there is no {} in ~/.ssh",
            kind.file()
        )),
        Keys::These(wanted) => {
            let same = wanted.len() == keys.len()
                && wanted.iter().all(|wanted| keys.contains(&bare(wanted)));
            if !same {
                differences.add(format!(
                    "SSH keys are {}, not {}",
                    named(&keys),
                    named(&wanted.iter().map(|key| bare(key)).collect::<Vec<_>>())
                ));
            }
        }
    }
}

/// A key without its comment: type and data.
fn bare(key: &str) -> &str {
    let key = key.trim();
    let end = key.match_indices(' ').nth(1);
    end.map_or(key, |(at, _)| &key[..at])
}

/// Keys in a message: their ends, by which people tell them apart.
fn named(keys: &[&str]) -> String {
    const SHOWN: usize = 8;
    let ends = keys.iter().map(|key| {
        let letters = key.chars().count();
        let end: String = key.chars().skip(letters.saturating_sub(SHOWN)).collect();
        format!("…{end}")
    });
    format!("'{}'", ends.collect::<Vec<_>>().join(", "))
}

fn data_disks(differences: &mut Differences, request: &Request, profile: &Value) {
    let disks = profile["dataDisks"].as_array();
    let disks: Vec<&Value> = disks.into_iter().flatten().collect();
    if !request.data_disks_gb.is_empty() {
        let is: Vec<u64> = disks
            .iter()
            .filter_map(|disk| disk["diskSizeGB"].as_u64())
            .collect();
        let want: Vec<u64> = request
            .data_disks_gb
            .iter()
            .copied()
            .map(u64::from)
            .collect();
        if is != want {
            differences.add(format!(
                "data disks have {} GB, not {}",
                sizes(&is),
                sizes(&want)
            ));
        }
    }
    if let Some(want) = &request.storage_sku {
        let os = &profile["osDisk"];
        let other = std::iter::once(os)
            .chain(disks)
            .filter_map(|disk| disk["managedDisk"]["storageAccountType"].as_str())
            .find(|is| !is.eq_ignore_ascii_case(want));
        if let Some(is) = other {
            differences.add(format!("disks are of '{is}', not of '{want}'"));
        }
    }
}

fn sizes(all: &[u64]) -> String {
    if all.is_empty() {
        return "no".to_owned();
    }
    let all: Vec<String> = all.iter().map(u64::to_string).collect();
    all.join(" and ")
}

/// An image reference as a user writes it.
fn image_name(reference: &Value) -> String {
    if let Some(id) = reference["id"].as_str() {
        return id.to_owned();
    }
    ["publisher", "offer", "sku", "version"]
        .map(|part| reference[part].as_str().unwrap_or_default())
        .join(":")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_the_same_whatever_its_comment() {
        assert_eq!(bare("ssh-rsa AAAA ada@home and more"), "ssh-rsa AAAA");
        assert_eq!(bare("ssh-rsa AAAA\n"), "ssh-rsa AAAA");
        assert_eq!(named(&["ssh-rsa AAAABBBBCCCC"]), "'…BBBBCCCC'");
    }
}
