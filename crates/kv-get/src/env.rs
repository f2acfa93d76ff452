//! Secrets as the lines of a `.env` file.

use crate::reader::Reader;
use az_core::{
    cli::{Doing, Failure, Status},
    dotenv,
    keyvault::{SecretRef, Vault},
    name::SecretName,
};
use futures::{StreamExt, TryStreamExt, stream};
use std::collections::HashMap;
use zeroize::Zeroizing;

/// The lines for the secrets of these names; without names, for all that are enabled. They are read side by side, and
/// all come, or none.
pub(crate) async fn lines(
    reader: &Reader<'_>,
    vault: &Vault,
    names: Vec<SecretName>,
    include_managed: bool,
    jobs: usize,
) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let names = if names.is_empty() {
        enabled(reader, include_managed).await?
    } else {
        names
    };
    let variables = variables(&names)?;
    let secret = |name: &SecretName| SecretRef {
        vault: vault.clone(),
        name: name.clone(),
        version: None,
    };
    let lines: Vec<Zeroizing<String>> = stream::iter(names.iter().zip(&variables))
        .map(|(name, variable)| async move {
            let found = reader.get(&secret(name)).await?;
            let value = Zeroizing::new(found.value.unwrap_or_default());
            dotenv::line(variable, &value).map_err(|error| {
                Failure::new(Status::Failed, format!("secret '{name}': {error}"))
                    .hint("Name the secrets that are wanted, without this one.")
            })
        })
        .buffered(jobs)
        .try_collect()
        .await?;
    let mut all = Zeroizing::new(Vec::with_capacity(
        lines.iter().map(|line| line.len()).sum(),
    ));
    for line in &lines {
        all.extend_from_slice(line.as_bytes());
    }
    Ok(all)
}

async fn enabled(reader: &Reader<'_>, include_managed: bool) -> Result<Vec<SecretName>, Failure> {
    let mut names = Vec::new();
    for secret in reader.list(include_managed, usize::MAX).await? {
        let is_enabled = secret.attributes.and_then(|attributes| attributes.enabled);
        let id = secret.id.unwrap_or_default();
        if is_enabled != Some(false) {
            // https://VAULT.vault.azure.net/secrets/NAME
            names.push(id.split('/').nth(4).unwrap_or_default().parse()?);
        }
    }
    Ok(names)
}

/// The variable for each secret; each has its own.
fn variables(names: &[SecretName]) -> Result<Vec<String>, Failure> {
    let mut known: HashMap<&String, &SecretName> = HashMap::new();
    let variables = names
        .iter()
        .map(|name| dotenv::variable_name(name).doing(format!("secret '{name}'")))
        .collect::<Result<Vec<_>, _>>()?;
    for (variable, name) in variables.iter().zip(names) {
        if let Some(other) = known.insert(variable, name) {
            return Err(Failure::usage(format!(
                "secrets '{other}' and '{name}' would both be variable '{variable}'"
            ))
            .hint("Name one of them only."));
        }
    }
    Ok(variables)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<SecretName> {
        let parse = |name: &&str| name.parse().expect("a name");
        names.iter().map(parse).collect()
    }

    #[test]
    fn each_secret_is_a_variable_of_its_own() {
        let of = |given: &[&str]| variables(&names(given)).map_err(|failure| failure.message);
        assert_eq!(
            of(&["db-password", "B"]),
            Ok(vec!["db_password".to_owned(), "B".to_owned()])
        );
        assert!(of(&["a-b", "c", "a-b"]).is_err());
        assert!(of(&["1a"]).expect_err("a digit").contains("'1a'"));
    }
}
