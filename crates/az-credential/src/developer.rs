//! `AzureCLICredential`, `AzureDeveloperCLICredential`, `AzurePowerShellCredential`: sign-ins of developers' tools.
//!
//! Whatever goes wrong with them, the chain goes on, as Go's does: that one of the tools is installed does not mean that
//! it is the one in use.

use crate::{
    asked::Asked,
    cached::Cached,
    env::Env,
    error::{Outcome, reason},
    issued::{Issued, TokenSource},
    kept::Kept,
    name::CredentialName,
    parts::Parts,
    powershell::AzurePowerShellCredential,
    process::Processes,
    tenants::{self, AllowedTenants},
};
use azure_core::{
    Error, base64,
    credentials::{TokenCredential, TokenRequestOptions},
    error::ErrorKind,
    http::{ClientMethodOptions, Context},
};
use azure_identity::{
    AzureCliCredential, AzureCliCredentialOptions, AzureDeveloperCliCredential,
    AzureDeveloperCliCredentialOptions,
};
use std::{fmt, path::PathBuf, sync::Arc};

/// A tool that is on PATH; on Windows the PowerShell that comes with the system, where there is no other.
pub(super) fn build(
    name: CredentialName,
    parts: &Parts,
) -> Result<Arc<dyn TokenCredential>, Outcome> {
    let (programs, advice): (&[&str], _) = match name {
        CredentialName::AzureCli => (
            &["az"],
            "Install the Azure CLI and sign in with 'az login'.",
        ),
        CredentialName::AzureDeveloperCli => (
            &["azd"],
            "Install the Azure Developer CLI and sign in with 'azd auth login'.",
        ),
        _ => (
            if cfg!(windows) {
                &["pwsh", "powershell"]
            } else {
                &["pwsh"]
            },
            "Install PowerShell and its Az module, and sign in with 'Connect-AzAccount'.",
        ),
    };
    let program = programs
        .iter()
        .find_map(|program| parts.env.find_executable(program))
        .ok_or_else(|| Outcome::unavailable(format!("'{}' is not on PATH", programs[0]), advice))?;
    if let Some(tenant) = &parts.tenant_id {
        tenants::check(tenant).map_err(|error| Outcome::unavailable(error.to_string(), advice))?;
    }
    let tool = Tool {
        name,
        program,
        env: parts.env.clone(),
        subscription: parts.subscription.clone(),
        tenant_id: parts.tenant_id.clone(),
        allowed: parts.allowed_tenants.clone(),
    };
    // What cannot be made with these options is said now.
    tool.credential(tool.tenant_id.as_deref())
        .map_err(|error| failed(name, &error))?;
    let kept = Kept::around(tool, parts, name);
    Ok(Arc::new(Cached::new(kept, parts.clock.clone())))
}

/// What a tool that gave no token means: the search goes on.
pub(super) fn failed(credential: CredentialName, error: &Error) -> Outcome {
    let advice = match credential {
        CredentialName::AzureCli => "Sign in with 'az login'.",
        CredentialName::AzureDeveloperCli => "Sign in with 'azd auth login'.",
        _ => "Sign in with 'Connect-AzAccount'.",
    };
    Outcome::unavailable(reason(error), advice)
}

/// A developer's tool, asked for a token of the tenant or subscription that is meant: who is signed in to several tenants
/// gets the right one.
struct Tool {
    name: CredentialName,
    program: PathBuf,
    env: Env,
    subscription: Option<String>,
    tenant_id: Option<String>,
    allowed: AllowedTenants,
}

impl Tool {
    fn credential(&self, tenant: Option<&str>) -> azure_core::Result<Arc<dyn TokenCredential>> {
        let executor = Processes::new(&self.env);
        let tenant_id = tenant.map(str::to_owned);
        Ok(match self.name {
            CredentialName::AzureCli => AzureCliCredential::new(Some(AzureCliCredentialOptions {
                // `az` takes one of the two (`get_raw_token` in its `_profile.py`), and a subscription has one tenant.
                subscription: self.subscription.clone().filter(|_| tenant.is_none()),
                tenant_id,
                executor: Some(executor),
            }))?,
            CredentialName::AzureDeveloperCli => {
                AzureDeveloperCliCredential::new(Some(AzureDeveloperCliCredentialOptions {
                    executor: Some(executor),
                    tenant_id,
                }))?
            }
            _ => Arc::new(AzurePowerShellCredential::new(
                self.program.clone(),
                tenant_id,
                executor,
            )),
        })
    }

    /// How the user signs in so that the claims are met.
    fn sign_in(&self, claims: &str) -> String {
        let encoded = base64::encode(claims);
        match self.name {
            CredentialName::AzureCli => format!("az login --claims-challenge {encoded}"),
            CredentialName::AzureDeveloperCli => "azd auth login".to_owned(),
            _ => format!("Connect-AzAccount -ClaimsChallenge '{encoded}'"),
        }
    }
}

#[async_trait::async_trait]
impl TokenSource for Tool {
    async fn issue(&self, asked: &Asked, context: &Context<'_>) -> azure_core::Result<Issued> {
        let tenant = self
            .allowed
            .resolve(self.tenant_id.as_deref(), asked.tenant.as_deref())?;
        if let Some(claims) = &asked.claims {
            // The tools ask the user, who is not there.
            let message = format!(
                "the resource asks for another sign-in, as '{}'",
                self.sign_in(claims)
            );
            return Err(Error::with_message(ErrorKind::Credential, message));
        }
        let options = TokenRequestOptions {
            method_options: ClientMethodOptions {
                context: context.to_borrowed(),
            },
        };
        let credential = self.credential(tenant)?;
        let token = credential.get_token(&asked.scopes(), Some(options)).await?;
        Ok(Issued {
            token,
            refresh_on: None,
        })
    }
}

impl fmt::Debug for Tool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Tool").field(&self.name).finish()
    }
}
