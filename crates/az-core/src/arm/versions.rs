//! The API versions that the tools speak, in one table.
//!
//! Each is a published version: <https://learn.microsoft.com/azure/templates/>.

/// Subscriptions and tenants.
pub const SUBSCRIPTIONS: &str = "2022-12-01";
/// Resource groups, resource lists, resource providers.
pub const RESOURCES: &str = "2024-11-01";
/// Virtual machines, image and size catalogues.
pub const COMPUTE: &str = "2025-04-01";
/// Virtual networks, security groups, public IP addresses, network interfaces.
pub const NETWORK: &str = "2024-05-01";
/// Key vaults, deleted vaults.
pub const KEY_VAULT: &str = "2026-02-01";
/// User-assigned managed identities.
pub const MANAGED_IDENTITY: &str = "2024-11-30";
/// Role assignments and role definitions.
pub const AUTHORIZATION: &str = "2022-04-01";
