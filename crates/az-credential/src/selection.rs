//! Which credentials are tried: `AZURE_TOKEN_CREDENTIALS`.

use crate::{
    env::Env,
    error::CredentialError,
    name::CredentialName::{
        self, AzureCli, AzureDeveloperCli, AzurePowerShell, Environment, ManagedIdentity,
        WorkloadIdentity,
    },
};

/// The credentials that `AZURE_TOKEN_CREDENTIALS` and the options leave, in the chain's order.
pub(super) fn selected(
    env: &Env,
    excluded: &[CredentialName],
    required: bool,
) -> Result<Vec<CredentialName>, CredentialError> {
    let mut names = match env.get("AZURE_TOKEN_CREDENTIALS") {
        Some(value) => named(value)?,
        None if required => return Err(CredentialError::SelectionRequired),
        None => CredentialName::ALL.to_vec(),
    };
    names.retain(|name| !excluded.contains(name));
    if names.is_empty() {
        return Err(CredentialError::NothingSelected);
    }
    Ok(names)
}

/// What a value of the variable names. Case does not matter.
fn named(value: &str) -> Result<Vec<CredentialName>, CredentialError> {
    let wanted = value.trim();
    if wanted.eq_ignore_ascii_case("dev") {
        return Ok(vec![AzureCli, AzureDeveloperCli, AzurePowerShell]);
    }
    if wanted.eq_ignore_ascii_case("prod") {
        return Ok(vec![Environment, WorkloadIdentity, ManagedIdentity]);
    }
    let one = CredentialName::ALL
        .into_iter()
        .find(|name| name.as_str().eq_ignore_ascii_case(wanted));
    one.map(|name| vec![name])
        .ok_or_else(|| CredentialError::InvalidSelection {
            value: value.to_owned(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(value: &str) -> Result<Vec<CredentialName>, CredentialError> {
        selected(&env(value), &[], false)
    }

    fn env(value: &str) -> Env {
        Env::from_pairs([("AZURE_TOKEN_CREDENTIALS", value)])
    }

    #[test]
    fn what_is_excluded_is_left_out_and_something_must_stay() {
        assert_eq!(
            selected(&env("dev"), &[AzureDeveloperCli, Environment], false).expect("two"),
            [AzureCli, AzurePowerShell]
        );
        let nothing = selected(&env("AzureCLICredential"), &[AzureCli], false);
        assert!(matches!(nothing, Err(CredentialError::NothingSelected)));
    }

    #[test]
    fn the_variable_must_be_set_where_it_is_required() {
        assert!(matches!(
            selected(&env(""), &[], true),
            Err(CredentialError::SelectionRequired)
        ));
        assert_eq!(selected(&env("dev"), &[], true).expect("dev").len(), 3);
    }

    #[test]
    fn groups_and_single_names_narrow_the_chain() {
        assert_eq!(names("").expect("all"), CredentialName::ALL);
        assert_eq!(
            names("dev").expect("dev"),
            [AzureCli, AzureDeveloperCli, AzurePowerShell]
        );
        assert_eq!(
            names("PROD").expect("prod"),
            [Environment, WorkloadIdentity, ManagedIdentity]
        );
        for name in CredentialName::ALL {
            assert_eq!(names(&name.as_str().to_lowercase()).expect("one"), [name]);
        }
    }

    #[test]
    fn another_value_lists_the_valid_ones() {
        let error = names("VisualStudio").expect_err("invalid").to_string();
        assert!(
            error.contains("'VisualStudio'") && error.contains("AzureCLICredential"),
            "{error}"
        );
    }
}
