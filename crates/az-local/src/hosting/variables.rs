//! The variables by which programs find out where they are. Azure's SDKs look for them in this order: `IDENTITY_ENDPOINT`
//! with its companions, `MSI_ENDPOINT` with its own, then the federated token file
//! (azure/identity/_credentials/managed_identity.py of Azure/azure-sdk-for-python).

use super::who::{Who, Workload};
use crate::managed_identity::{Endpoint, HostKind};
use std::path::Path;

/// Those of a host with an endpoint on this port; `thumbprint` is its certificate's, where it has one.
///
/// Azure's documents have `localhost` in most URLs. That may be another address of this computer first, where somebody
/// else could wait for the secret.
pub(super) fn of_endpoint(
    who: &Who,
    endpoint: &Endpoint,
    port: u16,
    thumbprint: Option<String>,
) -> Vec<(&'static str, String)> {
    let base = format!("http://127.0.0.1:{port}");
    let url = format!("{base}{}", endpoint.path());
    let secret = endpoint.secret().to_owned();
    match who.kind {
        HostKind::AppService | HostKind::Functions => {
            let mut set = vec![
                ("IDENTITY_ENDPOINT", url.clone()),
                ("IDENTITY_HEADER", secret.clone()),
                // "MSI_ENDPOINT can be used as an alias for IDENTITY_ENDPOINT, and MSI_SECRET as an alias for
                // IDENTITY_HEADER" (articles/app-service/overview-managed-identity.md of MicrosoftDocs/azure-docs).
                ("MSI_ENDPOINT", url),
                ("MSI_SECRET", secret),
                ("WEBSITE_SITE_NAME", who.name.clone()),
            ];
            if who.kind == HostKind::Functions {
                set.push(("FUNCTIONS_EXTENSION_VERSION", "~4".to_owned()));
            }
            set
        }
        HostKind::Arc => vec![("IDENTITY_ENDPOINT", url), ("IMDS_ENDPOINT", base)],
        HostKind::AzureMl => {
            let mut set = vec![("MSI_ENDPOINT", url), ("MSI_SECRET", secret)];
            // What the SDK for Go asks for where its caller names no identity.
            let identities = endpoint.identities();
            let default = identities
                .iter()
                .find(|one| !one.is_system)
                .or_else(|| identities.first());
            if let Some(default) = default {
                set.push(("DEFAULT_IDENTITY_CLIENT_ID", default.client_id.clone()));
            }
            set
        }
        // Not ACC_CLOUD and AZUREPS_HOST_ENVIRONMENT: with these the Azure CLI and MSAL for Python ask port 50342 themselves
        // (msal/cloudshell.py), which is one for the whole computer, and knows no secret.
        HostKind::CloudShell => vec![("MSI_ENDPOINT", url)],
        HostKind::ServiceFabric => vec![
            ("IDENTITY_ENDPOINT", url.replacen("http:", "https:", 1)),
            ("IDENTITY_HEADER", secret),
            ("IDENTITY_SERVER_THUMBPRINT", thumbprint.unwrap_or_default()),
            ("IDENTITY_API_VERSION", "2019-07-01-preview".to_owned()),
        ],
        HostKind::Kubernetes => Vec::new(),
    }
}

/// Those that the webhook of Microsoft Entra Workload ID puts into a pod
/// (<https://azure.github.io/azure-workload-identity/docs/installation/mutating-admission-webhook.html>).
pub(super) fn of_pod(workload: &Workload, token: &Path) -> Vec<(&'static str, String)> {
    vec![
        ("AZURE_CLIENT_ID", workload.client_id.clone()),
        ("AZURE_TENANT_ID", workload.tenant_id.clone()),
        (
            "AZURE_FEDERATED_TOKEN_FILE",
            token.to_string_lossy().into_owned(),
        ),
        (
            "AZURE_AUTHORITY_HOST",
            "https://login.microsoftonline.com/".to_owned(),
        ),
    ]
}
