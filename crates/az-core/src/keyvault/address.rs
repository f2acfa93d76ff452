//! Which vault, and which secret in it: their addresses.

use crate::name::{InvalidName, SecretName, VaultName};
use az_credential::Cloud;
use azure_core::http::Url;

/// An address that is none of a vault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAddress {
    /// It is no address at all.
    #[error("{0}")]
    NoUrl(String),
    /// It is another one.
    #[error("it is not the address of a vault in this cloud")]
    NoVault,
    /// No vault can have the name.
    #[error(transparent)]
    Name(#[from] InvalidName),
}

/// A version that a secret cannot be asked for in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidVersion {
    /// It is none; it would become part of an address.
    #[error("'{0}' is not a secret's version: it has 32 letters and digits")]
    Malformed(String),
    /// The secret's address has another one.
    #[error("it is another version than the one of the secret's address")]
    Differs,
}

/// A vault, by its address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vault {
    /// The address, as `https://name.vault.azure.net/`.
    pub url: Url,
}

impl Vault {
    /// The vault whose address begins this one, and the rest of its path. A token goes to hosts of the cloud's vaults only.
    ///
    /// # Errors
    /// It is no address, or not one of a vault in the cloud.
    pub fn split(cloud: &Cloud, url: &str) -> Result<(Self, Vec<String>), InvalidAddress> {
        split_url(cloud.vault_suffix(), url)
    }

    /// The vault of this name in a cloud.
    pub fn named(cloud: &Cloud, name: &VaultName) -> Self {
        // A vault's name holds only letters, digits and hyphens.
        let address = format!("https://{name}.{}/", cloud.vault_suffix());
        Vault {
            url: Url::parse(&address).expect("an address"),
        }
    }

    /// The vault's name: the first label of its host.
    pub fn name(&self) -> &str {
        self.url
            .host_str()
            .unwrap_or_default()
            .split('.')
            .next()
            .unwrap_or_default()
    }

    /// The address of a secret in it.
    pub fn secret_url(&self, name: &SecretName) -> String {
        format!("{}secrets/{name}", self.url)
    }
}

/// A secret in a vault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretRef {
    /// The vault.
    pub vault: Vault,
    /// The secret's name.
    pub name: SecretName,
    /// Which version; without one, the latest.
    pub version: Option<String>,
}

/// A version's id: it becomes part of an address.
///
/// # Errors
/// It is not of 32 letters and digits, as Key Vault makes them:
/// <https://learn.microsoft.com/azure/key-vault/general/about-keys-secrets-certificates#objects-identifiers-and-versioning>
pub fn parse_version(version: &str) -> Result<String, InvalidVersion> {
    const LENGTH: usize = 32;
    let good = version.len() == LENGTH && version.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if good {
        Ok(version.to_owned())
    } else {
        Err(InvalidVersion::Malformed(version.to_owned()))
    }
}

impl SecretRef {
    /// The same secret, in this version.
    ///
    /// # Errors
    /// The version is none, or another than the address's.
    pub fn at(mut self, version: Option<&str>) -> Result<Self, InvalidVersion> {
        if let Some(version) = version {
            let version = parse_version(version)?;
            if self.version.as_ref().is_some_and(|other| *other != version) {
                return Err(InvalidVersion::Differs);
            }
            self.version = Some(version);
        }
        Ok(self)
    }
}

fn split_url(suffix: &str, text: &str) -> Result<(Vault, Vec<String>), InvalidAddress> {
    let url = Url::parse(text).map_err(|error| InvalidAddress::NoUrl(error.to_string()))?;
    let host = url.host_str().unwrap_or_default();
    let label = host
        .strip_suffix(suffix)
        .and_then(|host| host.strip_suffix('.'));
    let Some(label) = label.filter(|_| {
        url.scheme() == "https"
            && url.port().is_none()
            && url.username().is_empty()
            && url.password().is_none()
    }) else {
        return Err(InvalidAddress::NoVault);
    };
    let name: VaultName = label.parse()?;
    let rest = url
        .path_segments()
        .into_iter()
        .flatten()
        .filter(|part| !part.is_empty())
        .map(str::to_owned);
    let rest = rest.collect();
    let mut vault = url.clone();
    vault.set_path("/");
    vault.set_query(None);
    vault.set_fragment(None);
    debug_assert_eq!(vault.host_str(), Some(format!("{name}.{suffix}").as_str()));
    Ok((Vault { url: vault }, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use az_credential::Env;
    use proptest::prelude::*;

    const SUFFIX: &str = "vault.azure.net";

    #[test]
    fn a_secret_s_id_splits_into_vault_and_path() {
        let (vault, rest) =
            split_url(SUFFIX, "https://kv-go.vault.azure.net/secrets/s/0123?x=y").expect("splits");
        assert_eq!(
            (vault.url.as_str(), vault.name()),
            ("https://kv-go.vault.azure.net/", "kv-go")
        );
        assert_eq!(rest, ["secrets", "s", "0123"]);
        assert_eq!(
            vault.secret_url(&"s".parse().expect("valid")),
            "https://kv-go.vault.azure.net/secrets/s"
        );
    }

    #[test]
    fn a_vault_s_address_has_its_cloud_s_ending() {
        let name = "kv-go".parse().expect("valid");
        for (cloud, address) in [
            (None, "https://kv-go.vault.azure.net/"),
            (
                Some("AzureUSGovernment"),
                "https://kv-go.vault.usgovcloudapi.net/",
            ),
            (Some("AzureChinaCloud"), "https://kv-go.vault.azure.cn/"),
        ] {
            let cloud = Cloud::resolve(cloud, &Env::default()).expect("known");
            let vault = Vault::named(&cloud, &name);
            assert_eq!((vault.url.as_str(), vault.name()), (address, "kv-go"));
        }
    }

    #[test]
    fn other_hosts_never_get_a_token() {
        for url in [
            "http://kv-go.vault.azure.net",
            "https://kv-go.vault.azure.net.example.com",
            "https://vault.azure.net",
            "https://kv-go.vault.azure.net:8443",
            "https://user@kv-go.vault.azure.net",
            "https://:hunter2@kv-go.vault.azure.net",
            "https://a.b.vault.azure.net",
            "https://example.com/kv-go.vault.azure.net",
            "kv-go",
            // Beyond ASCII, even where Unicode has it for the same name.
            "https://b\u{fc}cher.vault.azure.net",
            "https://\u{ff4b}v-go.vault.azure.net",
            "https://\u{fffc}A.vault.azure.net",
        ] {
            assert!(split_url(SUFFIX, url).is_err(), "{url}");
        }
    }

    #[test]
    fn versions_are_letters_and_digits() {
        assert!(parse_version("0123456789abcdef0123456789abcdef").is_ok());
        for bad in ["", "..", "a/b", "a?b"] {
            assert!(parse_version(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn no_address_panics(text in "\\PC*") {
            let _ = split_url(SUFFIX, &text);
            let _ = split_url(SUFFIX, &format!("https://{text}.vault.azure.net/{text}"));
        }
    }
}
