//! Which vault and which secret: the arguments.

use crate::{
    cli::{Failure, Session},
    name::{SecretName, VaultName},
};
use az_credential::Cloud;
use azure_core::http::Url;
use clap::Args;

/// The arguments that name a vault and a secret in it.
#[derive(Args, Clone, Debug, Default)]
pub struct SecretArgs {
    /// The secret's name; - reads several from standard input
    #[arg(value_name = "NAME", conflicts_with_all = ["name_flag", "id"])]
    pub name: Option<String>,

    /// The secret's name, as 'az keyvault secret' takes it
    #[arg(
        short,
        long = "name",
        id = "name_flag",
        value_name = "NAME",
        conflicts_with = "id"
    )]
    pub name_flag: Option<String>,

    /// The vault's name [default: KEY_VAULT_NAME]
    #[arg(long, value_name = "NAME", conflicts_with_all = ["vault_url", "id"])]
    pub vault_name: Option<VaultName>,

    /// The vault's address, as `https://name.vault.azure.net`
    #[arg(long, value_name = "URL", conflicts_with = "id")]
    pub vault_url: Option<String>,

    /// The secret's whole id, as `https://name.vault.azure.net/secrets/secret`, with or without a version
    #[arg(long, value_name = "ID")]
    pub id: Option<String>,
}

/// A vault, by its address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vault {
    /// The address, as `https://name.vault.azure.net/`.
    pub url: Url,
}

impl Vault {
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

impl SecretArgs {
    /// Whether names come on standard input.
    pub fn reads_stdin(&self) -> bool {
        self.given_name() == Some("-")
    }

    /// The name as given, by position or by flag.
    pub fn given_name(&self) -> Option<&str> {
        self.name.as_deref().or(self.name_flag.as_deref())
    }

    /// The vault: `--vault-name`, `--vault-url`, the one of `--id`, else `KEY_VAULT_NAME`.
    ///
    /// # Errors
    /// None of them is given, or one is not a vault of the session's cloud.
    pub fn vault(&self, session: &Session) -> Result<Vault, Failure> {
        if let Some(name) = &self.vault_name {
            return Ok(Vault::named(&session.cloud, name));
        }
        if let Some(url) = &self.vault_url {
            let (vault, rest) = parse_url(session, "--vault-url", url)?;
            if !rest.is_empty() {
                return Err(Failure::usage(format!(
                    "--vault-url '{url}': there is more than a vault's address"
                ))
                .hint("For a secret's whole address use --id."));
            }
            return Ok(vault);
        }
        if let Some(id) = &self.id {
            return Ok(parse_url(session, "--id", id)?.0);
        }
        match session.env.get("KEY_VAULT_NAME") {
            Some(name) => {
                let name: VaultName = name
                    .parse()
                    .map_err(|error| Failure::from(error).doing("KEY_VAULT_NAME"))?;
                Ok(Vault::named(&session.cloud, &name))
            }
            None => {
                Err(Failure::usage("which vault?")
                    .hint("Give --vault-name, or set KEY_VAULT_NAME."))
            }
        }
    }

    /// The one secret that the arguments name.
    ///
    /// # Errors
    /// None is named, or its name breaks a rule.
    pub fn secret(&self, session: &Session) -> Result<SecretRef, Failure> {
        if let Some(id) = &self.id {
            let (vault, rest) = parse_url(session, "--id", id)?;
            return match rest
                .iter()
                .map(String::as_str)
                .collect::<Vec<_>>()
                .as_slice()
            {
                ["secrets", name] => Ok(SecretRef {
                    vault,
                    name: name.parse()?,
                    version: None,
                }),
                ["secrets", name, version] => Ok(SecretRef {
                    vault,
                    name: name.parse()?,
                    version: Some(parse_version(version)?),
                }),
                _ => Err(Failure::usage(format!("--id '{id}' is not a secret's id"))
                    .hint("It looks like https://VAULT.vault.azure.net/secrets/NAME[/VERSION].")),
            };
        }
        let name = self
            .given_name()
            .ok_or_else(|| Failure::usage("which secret?").hint("Give its NAME."))?;
        Ok(SecretRef {
            name: name.parse()?,
            vault: self.vault(session)?,
            version: None,
        })
    }
}

/// A version's id: it becomes part of an address.
pub(super) fn parse_version(version: &str) -> Result<String, Failure> {
    let good = !version.is_empty()
        && version.len() <= 64
        && version.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if good {
        Ok(version.to_owned())
    } else {
        Err(Failure::usage(format!(
            "'{version}' is not a secret's version: it has letters and digits only"
        )))
    }
}

impl SecretRef {
    /// The same secret, in this version.
    ///
    /// # Errors
    /// The version is none, or another than the id's.
    pub fn at(mut self, version: Option<&str>) -> Result<Self, Failure> {
        if let Some(version) = version {
            let version = parse_version(version)?;
            if self.version.as_ref().is_some_and(|other| *other != version) {
                return Err(Failure::usage(
                    "--version is another version than the one of --id",
                ));
            }
            self.version = Some(version);
        }
        Ok(self)
    }
}

/// Splits an address into its vault and the rest of the path. A token goes to hosts of the cloud's vaults only.
fn parse_url(session: &Session, flag: &str, text: &str) -> Result<(Vault, Vec<String>), Failure> {
    split_url(session.cloud.vault_suffix(), text).map_err(|reason| {
        Failure::usage(format!("{flag} '{text}': {reason}")).hint(format!(
            "It begins with https://VAULT.{}.",
            session.cloud.vault_suffix()
        ))
    })
}

fn split_url(suffix: &str, text: &str) -> Result<(Vault, Vec<String>), String> {
    let url = Url::parse(text).map_err(|error| error.to_string())?;
    let host = url.host_str().unwrap_or_default();
    let label = host
        .strip_suffix(suffix)
        .and_then(|host| host.strip_suffix('.'));
    let Some(label) = label
        .filter(|_| url.scheme() == "https" && url.port().is_none() && url.username().is_empty())
    else {
        return Err("it is not the address of a vault in this cloud".to_owned());
    };
    let name: VaultName = label
        .parse()
        .map_err(|error: crate::name::InvalidName| error.to_string())?;
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
            "https://a.b.vault.azure.net",
            "https://example.com/kv-go.vault.azure.net",
            "kv-go",
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
