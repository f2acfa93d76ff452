//! What a workload identity is made of, where it is not what the webhook of Kubernetes sets.

use std::path::PathBuf;

/// A workload identity, as far as it is not what the variables say.
#[derive(Clone, Debug, Default)]
pub struct WorkloadIdentityOptions {
    /// The application's client id; else that of `AZURE_CLIENT_ID`.
    pub client_id: Option<String>,
    /// The file with the token of the workload's own issuer; else that of `AZURE_FEDERATED_TOKEN_FILE`.
    pub token_file: Option<PathBuf>,
    /// Whether tokens are asked for at the proxy that `AZURE_KUBERNETES_TOKEN_PROXY` names, where it names one: identity
    /// bindings of Azure Kubernetes Service, for an application in many clusters
    /// (<https://learn.microsoft.com/azure/aks/identity-bindings-concepts>). With it go `AZURE_KUBERNETES_CA_FILE` or
    /// `AZURE_KUBERNETES_CA_DATA`, and `AZURE_KUBERNETES_SNI_NAME`. As in Azure's SDK for Go, nobody reads these variables
    /// who does not say so.
    pub kubernetes_token_proxy: bool,
}
