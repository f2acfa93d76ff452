//! Which vault and which secret: the arguments.

use super::{failure::Failure, lines::Item, secret_habits, session::Session};
use crate::{
    keyvault::{SecretRef, Vault, parse_version},
    name::{SecretName, VaultName},
};
use clap::Args;

/// The arguments that name a vault and a secret in it.
#[derive(Args, Clone, Debug, Default)]
pub struct SecretArgs {
    /// The secret's name; - reads several from standard input
    #[arg(value_name = "NAME")]
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

    /// Refuses a command of `az keyvault secret` that is typed from habit, saying the line that is meant, and a secret
    /// that is named twice. `more` are the words after the first; they are looked at and never shown.
    ///
    /// # Errors
    /// It is one. A word by itself is a secret's name, whatever it is.
    pub fn check_words(&self, more: &[&str]) -> Result<(), Failure> {
        let Some(first) = &self.name else {
            return Ok(());
        };
        let by_flag = self.name_flag.is_some() || self.id.is_some();
        if !by_flag && more.is_empty() {
            return Ok(());
        }
        let words: Vec<&str> = [first.as_str()]
            .into_iter()
            .chain(more.iter().copied())
            .collect();
        let name = self
            .name_flag
            .as_deref()
            .filter(|name| name.parse::<SecretName>().is_ok());
        if let Some(line) = secret_habits::meant(&words, name) {
            return Err(Failure::usage(
                "this is a command of 'az keyvault secret', not of this tool",
            )
            .hint(format!("Here it is '{line}', with the flags as they are.")));
        }
        if by_flag {
            return Err(Failure::usage(
                "the secret is named twice: by a word, and by --name or --id",
            )
            .hint("Leave one of them out."));
        }
        Ok(())
    }

    /// The same failure, with the line that is meant where the name is a command of `az keyvault secret`.
    pub fn or_meant(&self, failure: Failure) -> Failure {
        let name = self.given_name().unwrap_or_default();
        match secret_habits::meant(&[name], None) {
            Some(line) => failure.hint_also(&format!("Is '{line}' meant?")),
            None => failure,
        }
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
            return by_id(session, id, "secrets");
        }
        self.by_name(session)
    }

    /// The one deleted secret that the arguments name; its id may be that by which it is recovered, as `az` takes it.
    ///
    /// # Errors
    /// None is named, or its name breaks a rule.
    pub fn deleted_secret(&self, session: &Session) -> Result<SecretRef, Failure> {
        match &self.id {
            Some(id) if id.contains("/deletedsecrets/") => by_id(session, id, "deletedsecrets"),
            Some(id) => by_id(session, id, "secrets"),
            None => self.by_name(session),
        }
    }

    fn by_name(&self, session: &Session) -> Result<SecretRef, Failure> {
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

/// The secret of a vault that a line of standard input names: a name by itself, or an object with `name`.
///
/// # Errors
/// It names none, or its name breaks a rule.
pub fn secret_of_line(item: &Item, vault: &Vault) -> Result<SecretRef, Failure> {
    let name = item
        .text("name")
        .ok_or_else(|| Failure::usage("the line has no name"))?;
    Ok(SecretRef {
        vault: vault.clone(),
        name: name.parse()?,
        version: None,
    })
}

/// A secret by its address, whose path begins with `collection`.
fn by_id(session: &Session, id: &str, collection: &str) -> Result<SecretRef, Failure> {
    let (vault, rest) = parse_url(session, "--id", id)?;
    let rest: Vec<&str> = rest.iter().map(String::as_str).collect();
    let (name, version) = match rest.as_slice() {
        [first, name] if *first == collection => (name, None),
        [first, name, version] if *first == collection => (name, Some(parse_version(version)?)),
        _ => {
            return Err(
                Failure::usage(format!("--id '{id}' is not a secret's id")).hint(format!(
                    "It looks like https://VAULT.vault.azure.net/{collection}/NAME[/VERSION]."
                )),
            );
        }
    };
    Ok(SecretRef {
        vault,
        name: name.parse()?,
        version,
    })
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
