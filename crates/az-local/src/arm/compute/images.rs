//! The marketplace's images: those that `az`'s aliases name, and their neighbours
//! (<https://learn.microsoft.com/rest/api/compute/virtual-machine-images>).

use crate::arm::call::Call;
use crate::arm::error::Error;
use crate::ground::wire::Response;
use http::StatusCode;
use serde_json::{Value, json};

/// An image of the catalogue.
pub(crate) struct Image {
    pub(super) publisher: &'static str,
    pub(super) offer: &'static str,
    pub(super) sku: &'static str,
    versions: &'static [&'static str],
    /// `V1` or `V2`.
    pub(crate) generation: &'static str,
    pub(crate) windows: bool,
    /// GB
    pub(crate) disk: u32,
}

const fn linux(
    publisher: &'static str,
    offer: &'static str,
    sku: &'static str,
    versions: &'static [&'static str],
    generation: &'static str,
) -> Image {
    Image {
        publisher,
        offer,
        sku,
        versions,
        generation,
        windows: false,
        disk: 30,
    }
}

const fn windows(sku: &'static str, generation: &'static str) -> Image {
    Image {
        publisher: "MicrosoftWindowsServer",
        offer: "WindowsServer",
        sku,
        versions: &["20348.2762.241006", "20348.3932.250705"],
        generation,
        windows: true,
        disk: 127,
    }
}

const CATALOGUE: &[Image] = &[
    linux(
        "Canonical",
        "0001-com-ubuntu-server-jammy",
        "22_04-lts",
        &["22.04.202410020", "22.04.202507300"],
        "V1",
    ),
    linux(
        "Canonical",
        "0001-com-ubuntu-server-jammy",
        "22_04-lts-gen2",
        &["22.04.202410020", "22.04.202507300"],
        "V2",
    ),
    linux(
        "Canonical",
        "0001-com-ubuntu-server-focal",
        "20_04-lts",
        &["20.04.202505200"],
        "V1",
    ),
    linux(
        "Canonical",
        "0001-com-ubuntu-server-focal",
        "20_04-lts-gen2",
        &["20.04.202505200"],
        "V2",
    ),
    linux(
        "Canonical",
        "ubuntu-24_04-lts",
        "server",
        &["24.04.202410170", "24.04.202507280"],
        "V2",
    ),
    linux(
        "Canonical",
        "ubuntu-24_04-lts",
        "server-gen1",
        &["24.04.202507280"],
        "V1",
    ),
    linux(
        "Debian",
        "debian-11",
        "11-backports-gen2",
        &["0.20250703.2162"],
        "V2",
    ),
    linux("Debian", "debian-11", "11-gen2", &["0.20250703.2162"], "V2"),
    linux("Debian", "debian-12", "12", &["0.20250703.2162"], "V1"),
    linux(
        "Debian",
        "debian-12",
        "12-gen2",
        &["0.20250115.1993", "0.20250703.2162"],
        "V2",
    ),
    linux("OpenLogic", "CentOS", "8_5-gen2", &["8.5.2022101401"], "V2"),
    linux("RedHat", "RHEL", "8-lvm-gen2", &["8.10.2025052901"], "V2"),
    linux("RedHat", "RHEL", "9-lvm-gen2", &["9.5.2025051417"], "V2"),
    linux("SUSE", "openSUSE-leap-15-4", "gen2", &["2022.11.04"], "V2"),
    linux("SUSE", "sles-15-sp3", "gen2", &["2024.01.26"], "V2"),
    linux(
        "kinvolk",
        "flatcar-container-linux-free",
        "stable-gen2",
        &["4230.2.1"],
        "V2",
    ),
    linux(
        "microsoftazurelinux",
        "azurelinux-4",
        "4",
        &["4.20260401.01"],
        "V2",
    ),
    linux(
        "microsoftazurelinux",
        "azurelinux-4",
        "4-gen1",
        &["4.20260401.01"],
        "V1",
    ),
    linux(
        "microsoftazurelinux",
        "azurelinux-4",
        "4-arm64",
        &["4.20260401.01"],
        "V2",
    ),
    windows("2022-datacenter-g2", "V2"),
    windows("2022-datacenter-azure-edition-core", "V2"),
    windows("2019-datacenter-gensecond", "V2"),
    windows("2016-datacenter-gensecond", "V2"),
    windows("2012-R2-Datacenter", "V1"),
    windows("2012-Datacenter", "V1"),
];

fn same(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other)
}

fn find(publisher: &str, offer: &str, sku: &str) -> Option<&'static Image> {
    CATALOGUE.iter().find(|image| {
        same(image.publisher, publisher) && same(image.offer, offer) && same(image.sku, sku)
    })
}

fn not_found(what: &str) -> Error {
    Error::new(
        404,
        "NotFound",
        format!("Artifact: VMImage was not found: {what}."),
    )
}

/// The image that a machine's `imageReference` names, and its exact version.
pub(crate) fn resolve(reference: &Value) -> Result<(&'static Image, &'static str), Error> {
    let text = |name: &str| reference[name].as_str().unwrap_or_default();
    let urn = format!(
        "{}:{}:{}:{}",
        text("publisher"),
        text("offer"),
        text("sku"),
        text("version")
    );
    let missing = || {
        Error::new(
            404,
            "PlatformImageNotFound",
            format!("The platform image '{urn}' is not available. Verify that all fields in the storage profile are correct. For more details about storage profile information, please refer to https://aka.ms/storageprofile"),
        )
        .target("imageReference")
    };
    let image = find(text("publisher"), text("offer"), text("sku")).ok_or_else(missing)?;
    let version = match text("version") {
        latest if same(latest, "latest") => image.versions.last(),
        exact => image.versions.iter().find(|version| **version == exact),
    };
    version.map(|version| (image, *version)).ok_or_else(missing)
}

/// An extension that clients look up the newest version of (`az vm extension set`).
struct Handler {
    publisher: &'static str,
    kind: &'static str,
    version: &'static str,
}

/// Those of the pages below <https://learn.microsoft.com/azure/virtual-machines/extensions/>, with the versions there; the last
/// number is no fact of Azure's.
const HANDLERS: [Handler; 6] = [
    handler("Microsoft.Azure.Extensions", "CustomScript", "2.1.0"),
    handler("Microsoft.Compute", "CustomScriptExtension", "1.10.0"),
    handler("Microsoft.OSTCExtensions", "VMAccessForLinux", "1.5.0"),
    handler(
        "Microsoft.Azure.ActiveDirectory",
        "AADSSHLoginForLinux",
        "1.0.0",
    ),
    handler(
        "Microsoft.Azure.Monitor",
        "AzureMonitorLinuxAgent",
        "1.33.0",
    ),
    handler("Microsoft.Azure.KeyVault", "KeyVaultForLinux", "3.0.0"),
];

const fn handler(publisher: &'static str, kind: &'static str, version: &'static str) -> Handler {
    Handler {
        publisher,
        kind,
        version,
    }
}

fn handlers(publisher: &str) -> impl Iterator<Item = &'static Handler> {
    let publisher = publisher.to_owned();
    HANDLERS
        .iter()
        .filter(move |handler| same(handler.publisher, &publisher))
}

fn artifact(publisher: &str, kind: &str) -> String {
    format!("{publisher}/ArtifactTypes/VMExtension/Types/{kind}")
}

/// `…/locations/{location}/publishers/…`
pub(crate) fn route(call: &Call<'_>, location: &str, words: &[&str]) -> Result<Response, Error> {
    call.authorize(
        &call.path.scope,
        "Microsoft.Compute/locations/publishers/read",
    )?;
    let base = format!(
        "/Subscriptions/{}/Providers/Microsoft.Compute/Locations/{location}/Publishers",
        call.subscription()
    );
    let entry = |path: String, name: &str| json!({"id": format!("{base}/{path}"), "name": name, "location": location});
    let values: Vec<Value> = match words {
        [] => unique(
            CATALOGUE
                .iter()
                .map(|image| image.publisher)
                .chain(HANDLERS.iter().map(|handler| handler.publisher)),
        )
        .map(|name| entry(name.to_owned(), name))
        .collect(),
        [publisher, "artifacttypes", "vmimage", "offers"] => {
            let own = CATALOGUE
                .iter()
                .filter(|image| same(image.publisher, publisher));
            unique(own.map(|image| image.offer))
                .map(|name| {
                    entry(
                        format!("{publisher}/ArtifactTypes/VMImage/Offers/{name}"),
                        name,
                    )
                })
                .collect()
        }
        [
            publisher,
            "artifacttypes",
            "vmimage",
            "offers",
            offer,
            "skus",
        ] => CATALOGUE
            .iter()
            .filter(|image| same(image.publisher, publisher) && same(image.offer, offer))
            .map(|image| {
                entry(
                    format!(
                        "{publisher}/ArtifactTypes/VMImage/Offers/{offer}/Skus/{}",
                        image.sku
                    ),
                    image.sku,
                )
            })
            .collect(),
        [
            publisher,
            "artifacttypes",
            "vmimage",
            "offers",
            offer,
            "skus",
            sku,
            "versions",
            rest @ ..,
        ] => {
            return versions(call, &entry, (publisher, offer, sku), rest);
        }
        [publisher, "artifacttypes", "vmextension", "types"] => handlers(publisher)
            .map(|handler| entry(artifact(publisher, handler.kind), handler.kind))
            .collect(),
        [
            publisher,
            "artifacttypes",
            "vmextension",
            "types",
            kind,
            "versions",
        ] => handlers(publisher)
            .filter(|handler| same(handler.kind, kind))
            .map(|handler| {
                let versions = artifact(publisher, handler.kind) + "/Versions/";
                entry(versions + handler.version, handler.version)
            })
            .collect(),
        _ => return Err(not_found(&words.join("/"))),
    };
    Ok(bare(call, values))
}

/// The versions of an image, or one of them.
fn versions(
    call: &Call<'_>,
    entry: &dyn Fn(String, &str) -> Value,
    (publisher, offer, sku): (&str, &str, &str),
    rest: &[&str],
) -> Result<Response, Error> {
    let image = find(publisher, offer, sku)
        .ok_or_else(|| not_found(&format!("{publisher}:{offer}:{sku}")))?;
    let path = |version: &str| {
        format!(
            "{}/ArtifactTypes/VMImage/Offers/{}/Skus/{}/Versions/{version}",
            image.publisher, image.offer, image.sku
        )
    };
    if let [version] = rest {
        let found = image
            .versions
            .iter()
            .find(|one| *one == version)
            .ok_or_else(|| not_found(version))?;
        return Ok(Response::json(
            StatusCode::OK,
            &details(entry(path(found), found), image),
        ));
    }
    let mut versions: Vec<&str> = image.versions.to_vec();
    let order = call.request.query("$orderby").unwrap_or_default();
    if order.to_ascii_lowercase().ends_with("desc") {
        versions.reverse();
    }
    let values = versions
        .into_iter()
        .map(|version| entry(path(version), version))
        .collect();
    Ok(bare(call, values))
}

/// These collections are bare arrays, unlike Resource Manager's others.
fn bare(call: &Call<'_>, mut values: Vec<Value>) -> Response {
    if let Some(top) = call.request.query("$top").and_then(|top| top.parse().ok()) {
        values.truncate(top);
    }
    Response::json(StatusCode::OK, &Value::Array(values))
}

fn unique(names: impl Iterator<Item = &'static str>) -> impl Iterator<Item = &'static str> {
    let mut seen = Vec::new();
    names.filter(move |name| {
        let new = !seen.contains(name);
        seen.push(*name);
        new
    })
}

fn details(mut entry: Value, image: &Image) -> Value {
    let mut features = vec![json!({"name": "IsAcceleratedNetworkSupported", "value": "True"})];
    if image.generation == "V2" {
        features.push(json!({"name": "SecurityType", "value": "TrustedLaunchSupported"}));
    }
    entry["properties"] = json!({
        "hyperVGeneration": image.generation,
        "architecture": if image.sku.contains("arm64") { "Arm64" } else { "x64" },
        "replicaType": "Managed",
        "replicaCount": 10,
        "automaticOSUpgradeProperties": {"automaticOSUpgradeSupported": false},
        "imageDeprecationStatus": {"imageState": "Active"},
        "features": features,
        "osDiskImage": {
            "operatingSystem": if image.windows { "Windows" } else { "Linux" },
            "sizeInGb": image.disk + 1,
        },
        "dataDiskImages": [],
    });
    entry
}
