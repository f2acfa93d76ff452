//! What a machine's agent would say of its system, by the image that it was made from.

use super::images::Image;

/// `osName` and `osVersion` of an instance view: of Linux the distribution's id as Azure's agent reports it
/// (Azure/WALinuxAgent, azurelinuxagent/common/version.py), of Windows its full name (recorded in azure-mgmt-compute
/// 19.0.0's tests).
pub(super) fn system(image: &Image, version: &str) -> (String, String) {
    let two = |text: &str| text.split('.').take(2).collect::<Vec<_>>().join(".");
    if image.windows {
        let year: String = image.sku.chars().take_while(char::is_ascii_digit).collect();
        let release = if image.sku.contains("-R2-") {
            " R2"
        } else {
            ""
        };
        let build = version.split('.').next().unwrap_or(version);
        return (
            format!("Windows Server {year}{release} Datacenter"),
            format!("Microsoft Windows NT 10.0.{build}.0"),
        );
    }
    let digits = |text: &str| {
        let parts = text.split('-').filter(|part| part.parse::<u32>().is_ok());
        parts.collect::<Vec<_>>().join(".")
    };
    let (name, version) = match image.publisher {
        "Canonical" => ("ubuntu", two(version)),
        "Debian" => ("debian", digits(image.offer)),
        "OpenLogic" => ("centos", two(version)),
        "RedHat" => ("redhat", two(version)),
        "kinvolk" => ("flatcar", version.to_owned()),
        "microsoftazurelinux" => ("azurelinux", two(version)),
        _ => ("suse", digits(&image.offer.replace("sp", ""))),
    };
    (name.to_owned(), version)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arm::compute::images;
    use serde_json::json;

    #[test]
    fn each_image_has_its_system() {
        for ((publisher, offer, sku), name, version) in [
            (
                (
                    "Canonical",
                    "0001-com-ubuntu-server-jammy",
                    "22_04-lts-gen2",
                ),
                "ubuntu",
                "22.04",
            ),
            (("Debian", "debian-12", "12-gen2"), "debian", "12"),
            (("RedHat", "RHEL", "9-lvm-gen2"), "redhat", "9.5"),
            (("SUSE", "openSUSE-leap-15-4", "gen2"), "suse", "15.4"),
            (("SUSE", "sles-15-sp3", "gen2"), "suse", "15.3"),
            (
                (
                    "MicrosoftWindowsServer",
                    "WindowsServer",
                    "2012-R2-Datacenter",
                ),
                "Windows Server 2012 R2 Datacenter",
                "Microsoft Windows NT 10.0.20348.0",
            ),
        ] {
            let reference =
                json!({"publisher": publisher, "offer": offer, "sku": sku, "version": "latest"});
            let (image, exact) = images::resolve(&reference).expect("an image");
            assert_eq!(system(image, exact), (name.to_owned(), version.to_owned()));
        }
    }
}
