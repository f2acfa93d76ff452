//! Which vault and which secret: the arguments.

use super::{failure::Failure, session::Session};
use crate::{
    keyvault::{SecretRef, Vault, parse_version},
    name::VaultName,
};
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

/// Splits an address into its vault and the rest of the path.
fn parse_url(session: &Session, flag: &str, text: &str) -> Result<(Vault, Vec<String>), Failure> {
    Vault::split(&session.cloud, text).map_err(|reason| {
        Failure::usage(format!("{flag} '{text}': {reason}")).hint(format!(
            "It begins with https://VAULT.{}.",
            session.cloud.vault_suffix()
        ))
    })
}
