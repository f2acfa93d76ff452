//! `AzureCLICredential`, `AzureDeveloperCLICredential`, `AzurePowerShellCredential`: sign-ins of developers' tools.
//!
//! Whatever goes wrong with them, the chain goes on, as Go's does: that one of the tools is installed does not mean that
//! it is the one in use.

use crate::{
    error::{Outcome, reason},
    name::CredentialName,
    parts::Parts,
    powershell,
    process::Processes,
};
use azure_core::credentials::TokenCredential;
use azure_identity::{
    AzureCliCredential, AzureCliCredentialOptions, AzureDeveloperCliCredential,
    AzureDeveloperCliCredentialOptions,
};
use std::sync::Arc;

/// `az`, asked for a token of the subscription that is meant: who is signed in to several tenants gets the right one.
pub(super) fn azure_cli(parts: &Parts) -> Result<Arc<dyn TokenCredential>, Outcome> {
    on_path(
        parts,
        "az",
        "Install the Azure CLI and sign in with 'az login'.",
    )?;
    let options = AzureCliCredentialOptions {
        subscription: parts.subscription.clone(),
        tenant_id: None,
        executor: Some(Processes::new(&parts.env)),
    };
    let made = AzureCliCredential::new(Some(options))
        .map_err(|error| failed(CredentialName::AzureCli, &error))?;
    Ok(made)
}

/// `azd`.
pub(super) fn azure_developer_cli(parts: &Parts) -> Result<Arc<dyn TokenCredential>, Outcome> {
    on_path(
        parts,
        "azd",
        "Install the Azure Developer CLI and sign in with 'azd auth login'.",
    )?;
    let options = AzureDeveloperCliCredentialOptions {
        executor: Some(Processes::new(&parts.env)),
        tenant_id: None,
    };
    let made = AzureDeveloperCliCredential::new(Some(options))
        .map_err(|error| failed(CredentialName::AzureDeveloperCli, &error))?;
    Ok(made)
}

/// PowerShell with the Az.Accounts module; on Windows the one that comes with the system, where there is no other.
pub(super) fn azure_powershell(parts: &Parts) -> Result<Arc<dyn TokenCredential>, Outcome> {
    let found = parts.env.find_executable("pwsh").or_else(|| {
        if cfg!(windows) {
            parts.env.find_executable("powershell")
        } else {
            None
        }
    });
    let program = found.ok_or_else(|| {
        not_on_path(
            "pwsh",
            "Install PowerShell and its Az module, and sign in with 'Connect-AzAccount'.",
        )
    })?;
    Ok(Arc::new(powershell::AzurePowerShellCredential::new(
        program,
        Processes::new(&parts.env),
    )))
}

/// What a tool that gave no token means: the search goes on.
pub(super) fn failed(credential: CredentialName, error: &azure_core::Error) -> Outcome {
    let advice = match credential {
        CredentialName::AzureCli => "Sign in with 'az login'.",
        CredentialName::AzureDeveloperCli => "Sign in with 'azd auth login'.",
        _ => "Sign in with 'Connect-AzAccount'.",
    };
    Outcome::unavailable(reason(error), advice)
}

fn on_path(parts: &Parts, program: &str, advice: &str) -> Result<(), Outcome> {
    parts
        .env
        .find_executable(program)
        .map(|_| ())
        .ok_or_else(|| not_on_path(program, advice))
}

fn not_on_path(program: &str, advice: &str) -> Outcome {
    Outcome::unavailable(format!("'{program}' is not on PATH"), advice)
}
