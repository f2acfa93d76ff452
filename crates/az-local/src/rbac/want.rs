//! What is asked of Azure role-based access control.

/// What somebody wants to do.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Want<'a> {
    /// An action of Resource Manager, as `Microsoft.Compute/virtualMachines/read`.
    Action(&'a str),
    /// An action on data, as `Microsoft.KeyVault/vaults/secrets/getSecret/action`.
    Data(&'a str),
}
