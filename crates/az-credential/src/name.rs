//! The names of the credentials.

use std::fmt;

/// A credential of the chain, by the name that Azure's SDK for Go gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
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
