//! Which credentials are tried: `AZURE_TOKEN_CREDENTIALS`.

use crate::{
    env::Env,
    error::CredentialError,
    name::CredentialName::{
        self, AzureCli, AzureDeveloperCli, AzurePowerShell, Environment, ManagedIdentity,
        WorkloadIdentity,
    },
};

/// The credentials that `AZURE_TOKEN_CREDENTIALS` leaves, in the chain's order. Case does not matter.
pub(super) fn selected(env: &Env) -> Result<Vec<CredentialName>, CredentialError> {
    let Some(value) = env.get("AZURE_TOKEN_CREDENTIALS") else {
        return Ok(CredentialName::ALL.to_vec());
    };
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
        selected(&Env::from_pairs([("AZURE_TOKEN_CREDENTIALS", value)]))
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
