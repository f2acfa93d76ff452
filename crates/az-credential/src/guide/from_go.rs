//! I come from Go.
//!
//! The chain is azidentity's (1.15): the same members in the same order, the same variables, the same rule for when a
//! search goes on.
//!
//! | `azidentity` | here |
//! |---|---|
//! | `NewDefaultAzureCredential(nil)` | [`DefaultAzureCredential::new`](crate::DefaultAzureCredential::new) with [`Options::from_process`](crate::Options::from_process) |
//! | `RequireAzureTokenCredentials` | [`Options::require_token_credentials`](crate::Options::require_token_credentials) |
//! | `TenantID`, `AdditionallyAllowedTenants` | [`Options::tenant_id`](crate::Options::tenant_id), [`additionally_allowed_tenants`](crate::Options::additionally_allowed_tenants) |
//! | `NewManagedIdentityCredential` with `ID: ClientID("…")` | [`ManagedIdentityCredential`](crate::ManagedIdentityCredential) with [`ManagedIdentityId::ClientId`](crate::ManagedIdentityId) |
//! | `NewWorkloadIdentityCredential` with `EnableAzureProxy` | [`MemberCredential`](crate::MemberCredential) with [`kubernetes_token_proxy`](crate::WorkloadIdentityOptions::kubernetes_token_proxy) |
//! | `NewChainedTokenCredential(sources, &…{RetrySources: true})` | [`ChainedTokenCredential`](crate::ChainedTokenCredential) with [`retry_sources`](crate::ChainedTokenCredentialOptions::retry_sources) |
//! | `NewCredentialUnavailableError` | [`CredentialUnavailable`](crate::CredentialUnavailable) |
//! | `NewClientAssertionCredential` with a managed identity's token | [`FederatedIdentityCredential`](crate::FederatedIdentityCredential) |
//! | `policy.TokenRequestOptions{Claims, TenantID}` | [`Claims`](crate::Claims), [`TenantId`](crate::TenantId) in the request's context |
//! | `EnableCAE` | [`Options::continuous_access_evaluation`](crate::Options::continuous_access_evaluation), for all requests |
//!
//! What is otherwise:
//!
//! - Nothing reads the process's environment by itself: [`Options::from_process`](crate::Options::from_process) says so.
//! - A user's name and password (`AZURE_USERNAME`) are not a sign-in.
//! - A virtual machine's metadata service that answers with an error is asked again for seconds, not for minutes; for 70 s
//!   while it is being updated (410).
//! - A managed identity in a `ChainedTokenCredential` of several is looked for within a second, as in the default chain, and
//!   passed over where there is none.
//! - Requests to this computer go past the proxy, as in Go, unless the program hands in a transport of its own.
//! - `az` is asked for a token of the subscription that [`Options::subscription`](crate::Options::subscription) names.
//! - With the feature `token-cache` the tokens of the developers' tools are kept for the next program.
