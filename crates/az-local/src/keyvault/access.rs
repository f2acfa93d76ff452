//! Who may do what with a vault's secrets: by Azure roles, or by the vault's own access policies.

use super::error::Error;
use crate::rbac;
use crate::rbac::want::Want;
use crate::request::Context;
use crate::request::Principal;
use crate::state::Resource;
use crate::state::people;
use crate::state::vaults::Vault;

/// What can be done with secrets, as roles and as access policies name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    Get,
    Set,
    /// Lists, and secrets without their values.
    List,
    Update,
    Delete,
    Recover,
    Purge,
    Backup,
    Restore,
}

impl Act {
    /// <https://learn.microsoft.com/azure/role-based-access-control/permissions/security#microsoftkeyvault>
    fn data_action(self) -> &'static str {
        match self {
            Act::Get => "Microsoft.KeyVault/vaults/secrets/getSecret/action",
            Act::Set => "Microsoft.KeyVault/vaults/secrets/setSecret/action",
            Act::List => "Microsoft.KeyVault/vaults/secrets/readMetadata/action",
            Act::Update => "Microsoft.KeyVault/vaults/secrets/update/action",
            Act::Delete => "Microsoft.KeyVault/vaults/secrets/delete",
            Act::Recover => "Microsoft.KeyVault/vaults/secrets/recover/action",
            Act::Purge => "Microsoft.KeyVault/vaults/secrets/purge/action",
            Act::Backup => "Microsoft.KeyVault/vaults/secrets/backup/action",
            Act::Restore => "Microsoft.KeyVault/vaults/secrets/restore/action",
        }
    }

    /// <https://learn.microsoft.com/rest/api/keyvault/secrets#permissions>
    fn permission(self) -> &'static str {
        match self {
            Act::Get => "get",
            Act::Set | Act::Update => "set",
            Act::List => "list",
            Act::Delete => "delete",
            Act::Recover => "recover",
            Act::Purge => "purge",
            Act::Backup => "backup",
            Act::Restore => "restore",
        }
    }
}

/// One caller at one vault.
pub(crate) struct Access<'a> {
    pub(crate) cx: &'a Context<'a>,
    pub(crate) principal: &'a Principal,
    pub(crate) vault: &'a Resource,
}

impl Access<'_> {
    /// Refuses unless the caller may do this with the secret (or, without one, with the vault's secrets).
    pub(crate) fn require(&self, act: Act, secret: Option<&str>) -> Result<(), Error> {
        if Vault::of(self.vault).goes_by_roles() {
            self.by_role(act, secret)
        } else {
            self.by_policy(act)
        }
    }

    fn by_role(&self, act: Act, secret: Option<&str>) -> Result<(), Error> {
        let scope = match secret {
            Some(secret) => format!("{}/secrets/{secret}", self.vault.id),
            None => self.vault.id.clone(),
        };
        if rbac::allows(
            self.cx,
            self.principal,
            &scope,
            Want::Data(act.data_action()),
        )? {
            return Ok(());
        }
        Err(Error::Forbidden {
            inner: "ForbiddenByRbac",
            message: format!(
                "Caller is not authorized to perform action on resource.\r\nIf role assignments, deny assignments or role \
                 definitions were changed recently, please observe propagation time.\r\nCaller: \
                 {}\r\nAction: '{}'\r\nResource: \
                 '{}'\r\nAssignment: (not found)\r\nDenyAssignmentId: null\r\nDecisionReason: null \r\nVault: \
                 {};location={}\r\n",
                self.principal.as_caller(),
                act.data_action(),
                scope.to_ascii_lowercase(),
                self.vault.name(),
                self.vault.location(),
            ),
        })
    }

    fn by_policy(&self, act: Act) -> Result<(), Error> {
        let policies = Vault::of(self.vault).policies();
        // A policy may be for a group.
        let holders = people::with_groups(self.cx.tx, &self.principal.object_id)?;
        let own = policies.filter(|policy| holders.iter().any(|id| policy.is_for(id)));
        let mut allowed = own.flat_map(|policy| policy.secrets());
        if allowed.any(|word| {
            word.eq_ignore_ascii_case("all") || word.eq_ignore_ascii_case(act.permission())
        }) {
            return Ok(());
        }
        Err(Error::Forbidden {
            inner: "AccessDenied",
            message: format!(
                "The user, group or application '{}' \
                 does not have secrets {} permission on key vault '{};location={}'. For help resolving this issue, please \
                 see https://go.microsoft.com/fwlink/?linkid=2125287",
                self.principal.as_caller(),
                act.permission(),
                self.vault.name(),
                self.vault.location(),
            ),
        })
    }
}
