//! Which image a machine starts from.

use az_core::{
    arm::{Client, ResourceId, versions},
    cli::{Failure, Status},
    name::Location,
    nearest::did_you_mean,
};
use serde_json::{Value, json};
use std::str::FromStr;

/// An image as named on the command line.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Image {
    /// A marketplace image: publisher, offer, sku, version.
    Urn(Urn),
    /// An image resource, or a version in a gallery.
    Id(ResourceId),
}

/// A marketplace image's name.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Urn {
    publisher: String,
    offer: String,
    sku: String,
    version: String,
}

/// What the catalogue says of a marketplace image.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Facts {
    /// The image holds Windows.
    pub(crate) windows: bool,
    /// The purchase plan that a machine must name.
    pub(crate) plan: Option<Value>,
}

/// A text that names no image.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{value}' is not an image: {rule}")]
pub(crate) struct InvalidImage {
    value: String,
    rule: String,
}

/// `az`'s aliases (its `aliases.json`), and the current releases that it has not got.
const ALIASES: &[(&str, &str)] = &[
    ("AzureLinux4", "microsoftazurelinux:azurelinux-4:4:latest"),
    (
        "AzureLinux4Gen1",
        "microsoftazurelinux:azurelinux-4:4-gen1:latest",
    ),
    ("CentOS85Gen2", "OpenLogic:CentOS:8_5-gen2:latest"),
    ("Debian11", "Debian:debian-11:11-backports-gen2:latest"),
    ("Debian12", "Debian:debian-12:12-gen2:latest"),
    (
        "FlatcarLinuxFreeGen2",
        "kinvolk:flatcar-container-linux-free:stable-gen2:latest",
    ),
    ("OpenSuseLeap154Gen2", "SUSE:openSUSE-leap-15-4:gen2:latest"),
    ("RHELRaw8LVMGen2", "RedHat:RHEL:8-lvm-gen2:latest"),
    ("SuseSles15SP3", "SUSE:sles-15-sp3:gen2:latest"),
    (
        "Ubuntu2204",
        "Canonical:0001-com-ubuntu-server-jammy:22_04-lts-gen2:latest",
    ),
    ("Ubuntu2404", "Canonical:ubuntu-24_04-lts:server:latest"),
    (
        "Win2022Datacenter",
        "MicrosoftWindowsServer:WindowsServer:2022-datacenter-g2:latest",
    ),
    (
        "Win2022AzureEditionCore",
        "MicrosoftWindowsServer:WindowsServer:2022-datacenter-azure-edition-core:latest",
    ),
    (
        "Win2019Datacenter",
        "MicrosoftWindowsServer:WindowsServer:2019-datacenter-gensecond:latest",
    ),
    (
        "Win2016Datacenter",
        "MicrosoftWindowsServer:WindowsServer:2016-datacenter-gensecond:latest",
    ),
];

impl FromStr for Image {
    type Err = InvalidImage;

    fn from_str(value: &str) -> Result<Self, InvalidImage> {
        let broken = |rule: String| InvalidImage {
            value: value.to_owned(),
            rule,
        };
        if value.starts_with('/') {
            let id: ResourceId = value
                .parse()
                .map_err(|error: az_core::arm::InvalidResourceId| broken(error.rule.to_owned()))?;
            let known = [
                "Microsoft.Compute/images",
                "Microsoft.Compute/galleries/images",
                "Microsoft.Compute/galleries/images/versions",
            ];
            if !known.iter().any(|known| id.is_type(known)) {
                return Err(broken(
                    "the id is not that of an image or of a gallery's image".to_owned(),
                ));
            }
            return Ok(Image::Id(id));
        }
        let urn = ALIASES
            .iter()
            .find(|(alias, _)| alias.eq_ignore_ascii_case(value))
            .map_or(value, |(_, urn)| urn);
        let parts: Vec<&str> = urn.split(':').collect();
        let [publisher, offer, sku, version] = parts.as_slice() else {
            if parts.len() == 1 {
                let names: Vec<&str> = ALIASES.iter().map(|(alias, _)| *alias).collect();
                let near = did_you_mean(value, names.iter().copied())
                    .map_or_else(String::new, |near| format!(". {near}"));
                return Err(broken(format!(
                    "write publisher:offer:sku:version, an id, or one of {}{near}",
                    names.join(", ")
                )));
            }
            return Err(broken(format!(
                "it has {} parts, not the four of publisher:offer:sku:version",
                parts.len()
            )));
        };
        for (part, what) in [
            (publisher, "publisher"),
            (offer, "offer"),
            (sku, "sku"),
            (version, "version"),
        ] {
            if part.is_empty() {
                return Err(broken(format!("its {what} is empty")));
            }
            if !part
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "-._".contains(c))
            {
                return Err(broken(format!(
                    "its {what} may hold only letters, digits, '-', '.' and '_'"
                )));
            }
        }
        let digits =
            |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        if !version.eq_ignore_ascii_case("latest")
            && (version.split('.').count() != 3 || !version.split('.').all(digits))
        {
            return Err(broken(
                "its version must be 'latest' or three numbers, as 22.04.202507300".to_owned(),
            ));
        }
        let owned = |part: &&str| (*part).to_owned();
        Ok(Image::Urn(Urn {
            publisher: owned(publisher),
            offer: owned(offer),
            sku: owned(sku),
            version: owned(version),
        }))
    }
}

impl Image {
    /// `imageReference` of a machine.
    pub(crate) fn reference(&self) -> Value {
        match self {
            Image::Urn(urn) => json!({
                "publisher": urn.publisher, "offer": urn.offer, "sku": urn.sku, "version": urn.version,
            }),
            Image::Id(id) => json!({"id": id.as_str()}),
        }
    }

    /// Whether a machine's `imageReference` names this image.
    pub(crate) fn is(&self, reference: &Value) -> bool {
        let same = |name: &str, own: &str| {
            reference[name]
                .as_str()
                .is_some_and(|there| there.eq_ignore_ascii_case(own))
        };
        match self {
            Image::Urn(urn) => {
                same("publisher", &urn.publisher)
                    && same("offer", &urn.offer)
                    && same("sku", &urn.sku)
                    && (same("version", &urn.version) || same("exactVersion", &urn.version))
            }
            Image::Id(id) => same("id", id.as_str()),
        }
    }

    /// Looks the image up in the region's catalogue, so that one that is not there is found out before
    /// anything is created.
    pub(crate) async fn look_up(
        &self,
        arm: &Client,
        subscription: &str,
        location: &Location,
    ) -> Result<Facts, Failure> {
        let Image::Urn(urn) = self else {
            return Ok(Facts::default());
        };
        let versions = format!(
            "/subscriptions/{subscription}/providers/Microsoft.Compute/locations/{}/publishers/{}/artifacttypes/vmimage/offers/{}/skus/{}/versions",
            location.canonical(),
            urn.publisher,
            urn.offer,
            urn.sku,
        );
        let missing = async || {
            let near = urn.nearest(arm, subscription, location).await;
            let near = near.map_or_else(String::new, |near| near + " ");
            Failure::new(
                Status::NotFound,
                format!("there is no image '{urn}' in '{}'", location.canonical()),
            )
            .hint(format!("{near}Check --image and --location."))
        };
        let version = if urn.version.eq_ignore_ascii_case("latest") {
            let newest = arm
                .get_with(
                    &versions,
                    versions::COMPUTE,
                    &[("$top", "1"), ("$orderby", "name desc")],
                )
                .await
                .or_else(|error| {
                    if error.is_not_found() {
                        Ok(Value::Null)
                    } else {
                        Err(error)
                    }
                })?;
            match newest[0]["name"].as_str() {
                Some(newest) => newest.to_owned(),
                None => return Err(missing().await),
            }
        } else {
            urn.version.clone()
        };
        let found = arm
            .find(format!("{versions}/{version}"), versions::COMPUTE)
            .await?;
        let Some(found) = found else {
            return Err(missing().await);
        };
        let properties = &found["properties"];
        let system = properties["osDiskImage"]["operatingSystem"]
            .as_str()
            .unwrap_or_default();
        Ok(Facts {
            windows: system.eq_ignore_ascii_case("Windows"),
            plan: properties
                .get("plan")
                .filter(|plan| plan.is_object())
                .cloned(),
        })
    }
}

impl Urn {
    /// Images most like this one, which is not there: by the first of its parts that is not.
    async fn nearest(
        &self,
        arm: &Client,
        subscription: &str,
        location: &Location,
    ) -> Option<String> {
        let publishers = format!(
            "/subscriptions/{subscription}/providers/Microsoft.Compute/locations/{}/publishers",
            location.canonical()
        );
        let offers = format!(
            "{publishers}/{}/artifacttypes/vmimage/offers",
            self.publisher
        );
        let skus = format!("{offers}/{}/skus", self.offer);
        for (path, wanted) in [
            (publishers, &self.publisher),
            (offers, &self.offer),
            (skus, &self.sku),
        ] {
            let all = arm.get(path, versions::COMPUTE).await.ok()?;
            let names: Vec<&str> = all
                .as_array()?
                .iter()
                .filter_map(|one| one["name"].as_str())
                .collect();
            if !names.iter().any(|name| name.eq_ignore_ascii_case(wanted)) {
                return did_you_mean(wanted, names);
            }
        }
        None
    }
}

impl std::fmt::Display for Urn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{}:{}:{}:{}",
            self.publisher, self.offer, self.sku, self.version
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_urn_and_its_alias_are_the_same_image() {
        let alias: Image = "ubuntu2204".parse().expect("an alias");
        let urn: Image = "Canonical:0001-com-ubuntu-server-jammy:22_04-lts-gen2:latest"
            .parse()
            .expect("a URN");
        assert_eq!(alias, urn);
        assert!(alias.is(
            &json!({"publisher": "canonical", "offer": "0001-com-ubuntu-server-jammy",
            "sku": "22_04-LTS-gen2", "version": "latest", "exactVersion": "22.04.202507300"})
        ));
    }

    #[test]
    fn what_names_no_image_says_which_rule_it_broke() {
        for (text, rule) in [
            ("canonical:ubuntu:latest", "3 parts"),
            ("canonical::sku:latest", "offer is empty"),
            ("canonical:of fer:sku:latest", "offer may hold"),
            ("canonical:offer:sku:22.04", "three numbers"),
            ("NoSuchAlias", "one of"),
            (
                "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/disks/d",
                "not that of an image",
            ),
        ] {
            let error = text.parse::<Image>().expect_err(text).to_string();
            assert!(error.contains(rule), "{error}");
        }
    }

    #[test]
    fn every_alias_is_an_image() {
        for (alias, _) in ALIASES {
            alias.parse::<Image>().expect(alias);
        }
    }

    proptest! {
        #[test]
        fn parsing_never_panics(text in "\\PC{0,60}") {
            let _ = text.parse::<Image>();
        }
    }
}
