//! I come from Python.
//!
//! | `azure.identity` | here |
//! |---|---|
//! | `DefaultAzureCredential()` | [`DefaultAzureCredential::new`](crate::DefaultAzureCredential::new) with [`Options::from_process`](crate::Options::from_process) |
//! | `exclude_cli_credential=True` and the like | [`Options::exclude`](crate::Options::exclude) with a list of [`CredentialName`](crate::CredentialName)s |
//! | `managed_identity_client_id="…"` | [`Options::managed_identity`](crate::Options::managed_identity) |
//! | `workload_identity_client_id="…"` | [`WorkloadIdentityOptions::client_id`](crate::WorkloadIdentityOptions::client_id) |
//! | `authority=AzureAuthorityHosts.AZURE_CHINA` | [`Options::cloud`](crate::Options::cloud) |
//! | `ManagedIdentityCredential(client_id="…")` | [`ManagedIdentityCredential`](crate::ManagedIdentityCredential) |
//! | `ChainedTokenCredential(a, b)` | [`ChainedTokenCredential`](crate::ChainedTokenCredential) |
//! | `CredentialUnavailableError` | [`CredentialUnavailable`](crate::CredentialUnavailable), found by [`is_unavailable`](crate::is_unavailable) |
//! | `get_token(scope, claims=…, tenant_id=…)` | [`Claims`](crate::Claims), [`TenantId`](crate::TenantId) in the request's context |
//! | `DefaultAzureCredential` of `azure.identity.aio` | the same type: everything here is asynchronous |
//!
//! What is otherwise:
//!
//! - The order is Go's: the Azure Developer CLI comes before Azure PowerShell.
//! - There is no shared token cache, no sign-in of Visual Studio Code, no browser and no broker.
//! - A developer's tool that fails is passed over, and so is a managed identity that is not there; a service principal that
//!   is refused ends the search.
//! - [`CredentialError`](crate::CredentialError) has what each member said as a list, not as a text to be read.
