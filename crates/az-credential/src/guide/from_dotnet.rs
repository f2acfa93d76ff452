//! I come from .NET.
//!
//! | `Azure.Identity` | here |
//! |---|---|
//! | `new DefaultAzureCredential()` | [`DefaultAzureCredential::new`](crate::DefaultAzureCredential::new) with [`Options::from_process`](crate::Options::from_process) |
//! | `DefaultAzureCredentialOptions.ExcludeAzureCliCredential` and the like | [`Options::exclude`](crate::Options::exclude) with a list of [`CredentialName`](crate::CredentialName)s |
//! | `ManagedIdentityClientId`, `ManagedIdentityResourceId` | [`Options::managed_identity`](crate::Options::managed_identity) |
//! | `WorkloadIdentityClientId` | [`WorkloadIdentityOptions::client_id`](crate::WorkloadIdentityOptions::client_id) |
//! | `TenantId`, `AdditionallyAllowedTenants` | [`Options::tenant_id`](crate::Options::tenant_id), [`additionally_allowed_tenants`](crate::Options::additionally_allowed_tenants) |
//! | `AuthorityHost` | [`Options::cloud`](crate::Options::cloud) |
//! | `Transport` | [`Options::transport`](crate::Options::transport) |
//! | `new ManagedIdentityCredential(…)` | [`ManagedIdentityCredential`](crate::ManagedIdentityCredential) with a [`ManagedIdentityId`](crate::ManagedIdentityId) |
//! | `new ChainedTokenCredential(a, b)` | [`ChainedTokenCredential`](crate::ChainedTokenCredential) |
//! | `CredentialUnavailableException` | [`CredentialUnavailable`](crate::CredentialUnavailable), found by [`is_unavailable`](crate::is_unavailable) |
//! | `AuthenticationFailedException` | [`CredentialError::Refused`](crate::CredentialError) |
//! | `ClientAssertionCredential` over a managed identity | [`FederatedIdentityCredential`](crate::FederatedIdentityCredential) |
//! | `TokenRequestContext(scopes, claims: …, tenantId: …)` | [`Claims`](crate::Claims), [`TenantId`](crate::TenantId) in the request's context |
//!
//! What is otherwise:
//!
//! - The order is Go's: the Azure Developer CLI comes before Azure PowerShell.
//! - There is no sign-in of Visual Studio or Visual Studio Code, no browser and no broker.
//! - `CredentialProcessTimeout` is 60 s here, for each tool; [`Options::time_limit`](crate::Options::time_limit) bounds the
//!   whole search.
