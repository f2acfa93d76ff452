//! Which credentials are tried: `AZURE_TOKEN_CREDENTIALS`.

use super::CredentialError;
use crate::env::Env;
use std::fmt;

/// A credential of the chain, by the name that Azure's SDK for Go gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CredentialName {
    /// A service principal from `AZURE_CLIENT_SECRET` or `AZURE_CLIENT_CERTIFICATE_PATH`.
    Environment,
    /// A federated token from `AZURE_FEDERATED_TOKEN_FILE`.
    WorkloadIdentity,
    /// A managed identity of the machine or App Service that this runs on.
    ManagedIdentity,
    /// The sign-in of `az`.
    AzureCli,
    /// The sign-in of `azd`.
    AzureDeveloperCli,
    /// The sign-in of Azure PowerShell.
    AzurePowerShell,
}

use CredentialName::{
    AzureCli, AzureDeveloperCli, AzurePowerShell, Environment, ManagedIdentity, WorkloadIdentity,
};

impl CredentialName {
    /// The whole chain, in order.
    pub const ALL: [CredentialName; 6] = [
        Environment,
        WorkloadIdentity,
        ManagedIdentity,
        AzureCli,
        AzureDeveloperCli,
        AzurePowerShell,
    ];

    /// The name, as `AZURE_TOKEN_CREDENTIALS` takes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Environment => "EnvironmentCredential",
            WorkloadIdentity => "WorkloadIdentityCredential",
            ManagedIdentity => "ManagedIdentityCredential",
            AzureCli => "AzureCLICredential",
            AzureDeveloperCli => "AzureDeveloperCLICredential",
            AzurePowerShell => "AzurePowerShellCredential",
        }
    }
}

impl fmt::Display for CredentialName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

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
